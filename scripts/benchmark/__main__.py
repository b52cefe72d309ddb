# SPDX-License-Identifier: Apache-2.0
"""Measures, in one run of several rounds, pods on two hosts joined in several ways, and the daemon.

Prints medians over the rounds and their ratios to kernel VXLAN. Everything runs in network
namespaces of this machine; compare figures of one run only."""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys

from netlab import netns
from netlab.lab import ROOT

from . import daemon, traffic, variants

DAEMON_RUNS = {"idle": "resident_mb core_percent", "connect": "connect_s"}


def machine():
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if "model name" in line), "?")
    return {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release()}


def medians(rounds):
    return {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}


def run_traffic(names, rounds, seconds, loss=None):
    """Variants in turn within each round, so that a change of the machine's mood hits all. With
    `loss`, in percent, only what loss changes most."""
    results = {name: [] for name in names}
    for number in range(1, rounds + 1):
        for name in names:
            if loss is None:
                with variants.ALL[name]() as pods:
                    figures = traffic.measure(pods, seconds)
            else:
                with variants.lossy(name, loss) as pods:
                    figures = traffic.measure_loss(pods, seconds)
            results[name].append(figures)
            print(f"round {number} {name:14}" + "  ".join(
                f"{key} {value:.3g} {traffic.FIGURES[key][0]}" for key, value in figures.items()),
                file=sys.stderr)
    return results


def run_daemon(names, rounds, idle_seconds):
    results = {}
    if "idle" in names:
        results["idle"] = [daemon.idle(idle_seconds)]
    if "connect" in names:
        results["connect"] = [daemon.connect() for _ in range(rounds)]
    return results


def print_table(results, shown):
    base = medians(results["vxlan"]) if "vxlan" in results else None
    header = "".join(f"{f'{key} {unit}':>22}" for key, (unit, _) in shown.items())
    print(f"{'':14}{header}")
    for name, rounds in results.items():
        cells = []
        for key, value in medians(rounds).items():
            ratio = f" ({value / base[key]:.3f})" if base and base[key] else ""
            cells.append(f"{f'{value:.4g}{ratio}':>22}")
        print(f"{name:14}{''.join(cells)}")
    if base:
        print("in brackets: ratio to kernel VXLAN in this run; cpu is of the whole machine")


def main():
    known = [*variants.ALL, *DAEMON_RUNS]
    parser = argparse.ArgumentParser(prog="bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-t", "--seconds", type=int, default=5, help="per measurement (5)")
    parser.add_argument("-r", "--rounds", type=int, default=3, help="rounds (3)")
    parser.add_argument("--loss", type=float, action="append", default=[], metavar="PERCENT",
                        help="TCP over a wire that loses packets, too, e.g. 0.1 (repeatable)")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    parser.add_argument("--idle-seconds", type=int, default=30, help="of watching (30)")
    parser.add_argument("what", nargs="*", help=f"all unless named: {' '.join(known)}")
    options = parser.parse_args()
    unknown = [name for name in options.what if name not in known]
    if unknown or options.rounds < 1 or options.seconds < 1:
        parser.error(f"unknown: {' '.join(unknown)}" if unknown else "at least 1, please")
    wanted = options.what or known
    if os.geteuid() != 0:
        print("bench: needs root (it makes network namespaces)", file=sys.stderr)
        return 1
    if "WEFT_BIN" not in os.environ:
        subprocess.run([f"{ROOT}/scripts/build"], check=True, stdout=subprocess.DEVNULL)
    try:
        paths = run_traffic([n for n in variants.ALL if n in wanted], options.rounds,
                            options.seconds)
        lossy = {loss: run_traffic([n for n in variants.ALL if n in wanted], options.rounds,
                                   options.seconds, loss) for loss in options.loss}
        alone = run_daemon(wanted, options.rounds, options.idle_seconds)
    except (netns.LabError, TimeoutError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    if options.output == "json":
        print(json.dumps({"machine": machine(), "seconds": options.seconds, "rounds": paths,
                          "medians": {k: medians(v) for k, v in {**paths, **alone}.items()},
                          "loss": {f"{loss:g} %": {k: medians(v) for k, v in found.items()}
                                   for loss, found in lossy.items()},
                          "daemon": alone}, indent=2))
        return 0
    if paths:
        print_table(paths, traffic.FIGURES)
    for loss, found in lossy.items():
        print(f"with {loss:g} % of packets lost:")
        print_table(found, traffic.LOSS_FIGURES)
    for name, rounds in alone.items():
        print(f"{name:14}" + "  ".join(f"{k} {v:.3g}" for k, v in medians(rounds).items())
              + f"  (three hosts; {'worst host' if name == 'idle' else 'median'})")
    return 0


if __name__ == "__main__":
    sys.exit(main())

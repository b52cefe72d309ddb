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

from levels import builds
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


def run_traffic(names, rounds, wire, figures, seconds):
    """Variants in turn within each round, so that a change of the machine's mood hits all."""
    results = {name: [] for name in names}
    for number in range(1, rounds + 1):
        for name in names:
            with variants.over(name, wire) as pods:
                found = traffic.measure(pods, figures, seconds)
            results[name].append(found)
            print(f"round {number} {name:14}" + "  ".join(
                f"{key} {value:.3g} {traffic.FIGURES[key][0]}" for key, value in found.items()),
                file=sys.stderr)
    return results


def run_daemon(names, rounds, idle_seconds):
    results = {}
    if "idle" in names:
        results["idle"] = [daemon.idle(idle_seconds)]
    if "connect" in names:
        results["connect"] = [daemon.connect() for _ in range(rounds)]
    return results


def print_table(results):
    base = medians(results["vxlan"]) if "vxlan" in results else None
    shown = medians(next(iter(results.values())))
    header = "".join(f"{f'{key} {traffic.FIGURES[key][0]}':>22}" for key in shown)
    print(f"{'':14}{header}")
    for name, rounds in results.items():
        cells = []
        for key, value in medians(rounds).items():
            ratio = f" ({value / base[key]:.3f})" if base and base[key] else ""
            cells.append(f"{f'{value:.4g}{ratio}':>22}")
        print(f"{name:14}{''.join(cells)}")
    if base:
        print("in brackets: ratio to kernel VXLAN in this run; cpu is of the whole machine")


def arguments():
    known = [*variants.ALL, *DAEMON_RUNS]
    left_out = [name for name in variants.ALL if name not in variants.BY_DEFAULT]
    parser = argparse.ArgumentParser(prog="bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-t", "--seconds", type=int, default=5, help="per measurement (5)")
    parser.add_argument("-r", "--rounds", type=int, default=3, help="rounds (3)")
    parser.add_argument("-f", "--figure", action="append", choices=traffic.FIGURES, default=[],
                        help="measure only this (repeatable); cpu comes with tcp1")
    parser.add_argument("--cut", action="store_true",
                        help="measure again over a wire that single packets cross")
    parser.add_argument("--loss", type=float, action="append", default=[], metavar="PERCENT",
                        help="one TCP stream over a wire that loses packets, too (repeatable)")
    parser.add_argument("--extra-rounds", type=int, metavar="N",
                        help="rounds with --cut and --loss (as many as others)")
    parser.add_argument("--micro", choices=("gossip", "swift"),
                        help="only run these micro-benchmarks (tests/bench)")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    parser.add_argument("--idle-seconds", type=int, default=30, help="of watching (30)")
    parser.add_argument("what", nargs="*", help=f"of {' '.join(known)}; unless named all but "
                        f"{' '.join(left_out)}")
    options = parser.parse_args()
    unknown = [name for name in options.what if name not in known]
    if unknown or options.rounds < 1 or options.seconds < 1:
        parser.error(f"unknown: {' '.join(unknown)}" if unknown else "at least 1, please")
    options.what = options.what or [*variants.BY_DEFAULT, *DAEMON_RUNS]
    return options


def measure_paths(options):
    """Text about a wire → variant → figures of each round."""
    names = [name for name in variants.ALL if name in options.what]
    if not names:
        return {}
    figures = [key for key in traffic.FIGURES if key in options.figure or not options.figure]
    extra = options.extra_rounds or options.rounds
    plan = [(variants.Wire(), options.rounds, figures)]
    if options.cut:
        plan.append((variants.Wire(cut=True), extra, figures))
    for percent in options.loss:
        plan.append((variants.Wire(cut=True, loss=percent), extra, traffic.LOSS_FIGURES))
    return {wire.text: run_traffic(names, rounds, wire, wanted, options.seconds)
            for wire, rounds, wanted in plan}


def show(options, paths, alone):
    if options.output == "json":
        print(json.dumps({"machine": machine(), "seconds": options.seconds,
                          "wires": [{"wire": text, "rounds": found,
                                     "medians": {k: medians(v) for k, v in found.items()}}
                                    for text, found in paths.items()],
                          "daemon": {k: medians(v) for k, v in alone.items()}}, indent=2))
        return
    print("  ".join(f"{key}: {value}" for key, value in machine().items()))
    for text, found in paths.items():
        print(f"\n{text}:")
        print_table(found)
    for name, rounds in alone.items():
        print(f"{name:14}" + "  ".join(f"{k} {v:.3g}" for k, v in medians(rounds).items())
              + f"  (three hosts; {'worst host' if name == 'idle' else 'median'})")


def become_micro(name):
    builds.build(builds.BENCH, [f"tests/bench/bench_{name}"])
    program = f"{builds.BENCH.folder}/tests/bench/bench_{name}"
    os.execv(program, [program])


def main():
    options = arguments()
    if options.micro:
        become_micro(options.micro)
    if os.geteuid() != 0:
        print("bench: needs root (it makes network namespaces)", file=sys.stderr)
        return 1
    if "WEFT_BIN" not in os.environ:
        subprocess.run([f"{ROOT}/scripts/build"], check=True, stdout=subprocess.DEVNULL)
    try:
        paths = measure_paths(options)
        alone = run_daemon(options.what, options.rounds, options.idle_seconds)
    except (netns.LabError, TimeoutError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    show(options, paths, alone)
    return 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""Runs weft-scale for each size of mesh and writes the table of docs/scale.md."""
import math
import os
import subprocess

from . import sim
from .tally import ROOT

TARGET = f"{ROOT}/docs/scale.md"
# Peers, connection limit (0: none, a full mesh), and whether delta gossip is on.
ROWS = [(10, 0, True), (10, 0, False), (100, 0, True), (100, 0, False), (300, 0, True),
        (1000, 30, True)]
# Hundreds of peers in one process free and take again what a single one would not: glibc's own
# caches are too small for that, and the figures are to be those of the peers.
ENVIRONMENT = {"GLIBC_TUNABLES": "glibc.malloc.tcache_max=65536:glibc.malloc.tcache_count=4000"}
# Whole topologies are measured up to here; beyond, their bytes follow from the size: each peer
# sends all connections to 2 log2(peers) others every 30 s. So many bytes each were measured with
# 100 peers; with 10 it is 47, the peers themselves included.
CONNECTION_BYTES = 31

BEGIN, END = "<!-- table -->", "<!-- end of table -->"


def churn_seconds(peers, delta):
    """How long hosts come and go, one a second: enough for a figure."""
    return 60 if peers <= (100 if delta else 10) else 20


def play(program, peers, limit, delta):
    command = [str(program), "--peers", str(peers), "--conn-limit", str(limit), "--churn",
               str(churn_seconds(peers, delta))]
    if not delta:
        command.append("--no-delta")
    print("playing:", " ".join(command[1:]), flush=True)
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False,
                            env=dict(os.environ, **ENVIRONMENT)).stdout
    print(output, end="", flush=True)
    return parse(output)


def parse(output):
    """Scenario name -> its figures, by name. The last value of a line may hold spaces."""
    scenarios = {}
    for line in output.splitlines():
        pairs = dict(part.split("=", 1) for part in line.split(" ", 7))
        scenarios[pairs.pop("scenario")] = pairs
    return scenarios


def figure(scenarios, scenario, name, digits=1):
    if scenario not in scenarios:
        return "–"
    value = scenarios[scenario]
    if name == "seconds" and value["converged"] != "yes":
        return "not in " + value["seconds"]
    return f"{float(value[name]):,.{digits}f}"


def rate(scenarios, scenario):
    """CPU milliseconds per peer and second of virtual time."""
    if scenario not in scenarios:
        return "–"
    figures = scenarios[scenario]
    return f"{1000 * float(figures['cpu_s_per_peer']) / float(figures['seconds']):.2f}"


def row(peers, limit, delta, scenarios):
    way = "differences" if delta else "whole topologies"
    cells = [f"{peers:,}" + (f", limit {limit}" if limit else ""), way]
    cells += [figure(scenarios, s, "seconds") for s in ("cold", "changed", "join", "loss")]
    cells += [figure(scenarios, s, "bytes_per_s_per_peer", 0)
              for s in ("quiet", "allocations", "churn")]
    cells.append(figure(scenarios, "cold", "cpu_s_per_peer", 3))
    cells += [rate(scenarios, s) for s in ("quiet", "churn")]
    cells.append(figure(scenarios, "cold", "mb_per_peer"))
    return "| " + " | ".join(cells) + " |"


def extrapolated(peers, connections):
    """Quiet bytes per second of whole topologies, where they are not measured."""
    partners = (peers * peers).bit_length() - 1
    return round(partners * connections * 2 * CONNECTION_BYTES / 30)


def power_law(results, name):
    """What the cold start of whole topologies takes as a function of the peers in a full mesh: the
    line through the smallest and the largest mesh measured, in logarithms. None: one is missing."""
    known = [(peers, float(scenarios["cold"][name])) for (peers, limit, delta), scenarios in results
             if not delta and not limit and "cold" in scenarios]
    if len(known) < 2 or min(figure for _, figure in known) <= 0:
        return None
    (few, low), (many, high) = min(known), max(known)
    exponent = math.log(high / low) / math.log(many / few)
    return lambda peers: high * (peers / many) ** exponent


def beyond(results):
    """Sentences about whole topologies in meshes that were played with differences only."""
    seconds, cpu = power_law(results, "seconds"), power_law(results, "cpu_s_per_peer")
    sentences = []
    for (peers, limit, delta), scenarios in results:
        if not delta or peers <= 100 or "quiet" not in scenarios:
            continue
        whole = extrapolated(peers, int(scenarios["quiet"]["connections"]))
        quiet = float(scenarios["quiet"]["bytes_per_s_per_peer"])
        text = (f"With whole topologies {peers:,} peers" + (f" (limit {limit})" if limit else "")
                + f" would send {whole:,} B/s each when quiet (extrapolated): "
                  f"{whole / quiet:,.0f} times as much.")
        if seconds and cpu:
            text += (f" A full mesh of them would converge from a cold start in "
                     f"{seconds(peers):,.0f} s, for which each would compute {cpu(peers):,.0f} s.")
        sentences.append(text)
    return sentences


def table(results):
    lines = ["| peers | gossip | cold start, s | one connection changed, s | a join, s "
             "| a third lost, s | quiet, B/s | an allocation each second, B/s "
             "| churn of one a second, B/s | CPU cold, s "
             "| CPU quiet, ms/s | CPU churn, ms/s | memory, MB |",
             "|---|---|---|---|---|---|---|---|---|---|---|---|---|"]
    lines += [row(*key, scenarios) for key, scenarios in results]
    lines += ["", *beyond(results)]
    return "\n".join(lines) + "\n"


def write(results):
    """Between its marks; what people wrote around the table stays."""
    with open(TARGET, encoding="utf-8") as file:
        before, rest = file.read().split(BEGIN)
        after = rest.split(END)[1]
    with open(TARGET, "w", encoding="utf-8") as out:
        out.write(f"{before}{BEGIN}\n\n{table(results)}\n{END}{after}")


def run(rows=None):
    program, = sim.build("weft-scale")
    results = []
    for key in rows or ROWS:
        results.append((key, play(program, *key)))
        write(results)
    print("written:", TARGET)

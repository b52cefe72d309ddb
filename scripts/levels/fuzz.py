# SPDX-License-Identifier: Apache-2.0
"""Builds and runs the libFuzzer targets: executables named fuzz_*, seeds in tests/fuzz/corpus/*."""
import concurrent.futures
import os
import subprocess
import time

from . import builds
from .programs import SANITIZERS
from .tally import ROOT, Outcome


def build(wanted=()):
    """Builds the targets (all, or those named with or without fuzz_) and gives their paths."""
    known = {name: path for name, path in builds.executables(builds.FUZZ).items()
             if name.startswith("fuzz_")}
    names = [name if name.startswith("fuzz_") else f"fuzz_{name}" for name in wanted] or [*known]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(f"fuzz: no target {', '.join(unknown)}; there are: {' '.join(known)}")
    if names:
        builds.build(builds.FUZZ, [known[name] for name in names])
    return {name: f"{builds.FUZZ.folder}/{known[name]}" for name in names}


def run(tally, targets, seconds):
    """Runs every target for so many seconds, as many at once as there are cores."""
    with concurrent.futures.ThreadPoolExecutor(int(builds.JOBS)) as pool:
        for outcome in pool.map(lambda item: _run_one(*item, seconds), targets.items()):
            tally.add(outcome)


def _run_one(name, program, seconds):
    short = name.removeprefix("fuzz_")
    found = f"{builds.FUZZ.folder}/corpus/{short}"
    crashes = f"{builds.FUZZ.folder}/crashes/"
    seeds = f"{ROOT}/tests/fuzz/corpus/{short}"
    os.makedirs(found, exist_ok=True)
    os.makedirs(crashes, exist_ok=True)
    argv = [program, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048",
            f"-artifact_prefix={crashes}{short}-", "-print_final_stats=1", found]
    if os.path.isdir(seeds):
        argv.append(seeds)
    start = time.monotonic()
    done = subprocess.run(argv, env=dict(os.environ, **SANITIZERS), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")
    runs = next((line.split()[-1] for line in done.stdout.splitlines()
                 if line.startswith("stat::number_of_executed_units")), "?")
    good = done.returncode == 0
    return Outcome("fuzz", builds.FUZZ.name, short, int(good), int(not good),
                   seconds=time.monotonic() - start, log=done.stdout, note=f"{runs} runs")

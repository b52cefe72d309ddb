# SPDX-License-Identifier: Apache-2.0
"""Builds and tests everything; the last line is "N passed, N failed" over all levels.

The quick matrix runs style, g++ with ASan+UBSan, 5 s per fuzz target, and the namespace tests on
the release build. --all adds clang, release builds, TSan, clang-tidy and 60 s per fuzz target."""
import argparse
import os
import subprocess
import sys
import time

from . import builds, deploy, fuzz, namespaces, programs, sim, style
from .tally import ROOT, Outcome, Tally

LEVELS = ("style", "unit", "golden", "sim", "fuzz", "deploy", "netns")
PROGRAM_LEVELS = ("unit", "golden", "sim")


def build_or_count(tally, levels, config, make):
    """Runs make(); a build that fails is one failure of each level that needed it."""
    try:
        return make()
    except builds.BuildFailed as failure:
        for index, level in enumerate(levels):
            tally.add(Outcome(level, config, "build", failed=1, note="does not build",
                              log=str(failure) if index == 0 else ""))
        return None


def built(config, targets=()):
    builds.build(config, targets)
    return True


def run_programs(tally, levels, configs):
    wanted = [level for level in PROGRAM_LEVELS if level in levels]
    for config in configs if wanted else ():
        ready = build_or_count(tally, wanted, config.name, lambda c=config: built(c))
        for level in wanted if ready else ():
            if config is not builds.TSAN or level == "unit":
                programs.run_suite(tally, config, level)


# Whole weavers under load, for the thread sanitizer.
THREADED_NETNS = ("kill", "swift_peers")


def run_sanitized(tally, config, names):
    os.environ["WEFT_TEST_SANITIZED"] = "1"  # memory bounds are not those of the product then
    os.environ.update(programs.SANITIZERS)
    namespaces.run(tally, config.name, namespaces.sanitized_binaries(config), names)


# Histories played by every run; scripts/sim plays others.
SIM_SEEDS = (1, 1000)


def run_sim(tally):
    try:
        sim.run(tally, *SIM_SEEDS)
        sim.run_mutants(tally)
    except builds.BuildFailed as failure:
        tally.add(Outcome("sim", sim.CONFIG.name, "build", failed=1, log=str(failure)))


def run_fuzz(tally, seconds):
    targets = build_or_count(tally, ["fuzz"], "fuzz", fuzz.build)
    if targets == {}:
        print("fuzz   there are no tests of this level yet")
    elif targets:
        fuzz.run(tally, targets, seconds)


# What is also worth running on sanitized programs: hostile input, crashes, many at once.
SANITIZED_NETNS = ("cni_parallel", "garbage", "kill")


def product(tally, level):
    """Builds what users get. False, and one failure of the level, if it does not build."""
    start = time.monotonic()
    done = subprocess.run([f"{ROOT}/scripts/build"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode != 0:
        tally.add(Outcome(level, "release", "build", failed=1, log=done.stdout))
        return False
    print(f"{'build':7}{'release':14}{'':48}{time.monotonic() - start:7.1f} s", flush=True)
    return True


def run_namespaces(tally, only_tests, whole):
    """The libraries' own tests that need namespaces, then the whole product's."""
    if not only_tests and build_or_count(tally, ["netns"], "asan", lambda: built(builds.ASAN)):
        programs.run_suite(tally, builds.ASAN, "netns")
    if not product(tally, "netns"):
        return
    namespaces.run(tally, "release", f"{ROOT}/build/bin", only_tests, with_large=whole)
    if whole and build_or_count(tally, ["netns"], "asan", lambda: built(builds.ASAN)):
        run_sanitized(tally, builds.ASAN, SANITIZED_NETNS)
    programs_only = [*namespaces.PROGRAMS.values()]
    if whole and build_or_count(tally, ["netns"], "tsan",
                                lambda: built(builds.TSAN, programs_only)):
        run_sanitized(tally, builds.TSAN, THREADED_NETNS)


def main():
    parser = argparse.ArgumentParser(prog="test", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="the whole matrix")
    parser.add_argument("--only", action="append", choices=LEVELS, metavar="LEVEL",
                        help=f"only this level, may be repeated: {' '.join(LEVELS)}")
    parser.add_argument("tests", nargs="*", help="with --only netns or deploy: only these")
    options = parser.parse_args()
    levels = options.only or LEVELS
    tally = Tally()
    if "style" in levels:
        style.run(tally, with_tidy=options.all)
    configs = [builds.ASAN]
    if options.all:
        configs += [builds.CLANG_ASAN, builds.GCC_RELEASE, builds.CLANG_RELEASE, builds.TSAN]
    run_programs(tally, levels, configs)
    if "sim" in levels:
        run_sim(tally)
    if "fuzz" in levels:
        run_fuzz(tally, 60 if options.all else 5)
    if "deploy" in levels and product(tally, "deploy"):
        deploy.run(tally, f"{ROOT}/build/bin", options.tests)
    if "netns" in levels:
        run_namespaces(tally, options.tests, options.all)
    print(tally.closing_line())
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())

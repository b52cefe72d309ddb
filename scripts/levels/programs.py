# SPDX-License-Identifier: Apache-2.0
"""Runs the test programs that meson knows (levels unit, golden, sim) and counts their cases."""
import json
import os
import re
import subprocess

from . import builds
from .tally import Outcome

DOCTEST_TOTALS = re.compile(
    r"\[doctest\] test cases:\s*\d+ \|\s*(\d+) passed \|\s*(\d+) failed \|\s*(\d+) skipped")
# What a case says that passes without having looked at a file, for it is not there.
NO_FILE = re.compile(r"skipped: no \S")
SANITIZERS = {
    "ASAN_OPTIONS": "halt_on_error=1:abort_on_error=1:detect_leaks=1:print_summary=1",
    "UBSAN_OPTIONS": "halt_on_error=1:abort_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:abort_on_error=1:second_deadlock_stack=1",
}


def run_suite(tally, config, suite):
    """All tests of one meson suite, on a configuration that has been built."""
    if not _has_tests(config, suite):
        print(f"{suite:7}{config.name:14}there are no tests of this level yet")
        return
    subprocess.run(["meson", "test", "-C", config.folder, "--suite", suite, "--no-rebuild",
                    "--num-processes", builds.JOBS, "--logbase", f"log-{suite}",
                    "--timeout-multiplier", "3"],
                   env=dict(os.environ, **SANITIZERS), capture_output=True)
    with open(f"{config.folder}/meson-logs/log-{suite}.json") as file:
        for line in file:
            tally.add(_outcome(json.loads(line), config, suite))


def _has_tests(config, suite):
    text = subprocess.run(["meson", "introspect", "--tests", config.folder], check=True,
                          capture_output=True, text=True).stdout
    return any(name.split(":")[-1] == suite for test in json.loads(text) for name in test["suite"])


def cases_without_file(log):
    """How many test cases did not find a file that they are about; doctest calls them passed."""
    found = set()
    for part in log.split("TEST CASE:")[1:]:
        if NO_FILE.search(part):
            found.add(part.splitlines()[0].strip())
    return len(found)


def _outcome(result, config, suite):
    log = result.get("stdout", "") + result.get("stderr", "")
    name = result["name"].split(" / ")[-1].split(":")[-1]
    outcome = Outcome(suite, config.name, name, seconds=result["duration"], log=log)
    totals = DOCTEST_TOTALS.search(log)
    if totals:
        outcome.passed, outcome.failed, outcome.skipped = (int(n) for n in totals.groups())
        unseen = min(cases_without_file(log), outcome.passed)
        outcome.passed -= unseen
        outcome.skipped += unseen
    if result["result"] == "SKIP":
        outcome.skipped += 1
    elif result["result"] != "OK" and outcome.failed == 0:
        outcome.failed, outcome.note = 1, result["result"]
    elif not totals:
        outcome.passed = 1
    return outcome

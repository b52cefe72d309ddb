# SPDX-License-Identifier: Apache-2.0
"""Level deploy: tests/deploy/*_test.py, which hold what is installed against what it installs."""
import concurrent.futures
import glob
import os
import re
import subprocess
import sys
import time

from .tally import ROOT, Outcome

TIMEOUT_SECONDS = 900
AT_ONCE = 2


def run(tally, bin_dir, wanted=()):
    paths = sorted(glob.glob(f"{ROOT}/tests/deploy/*_test.py"))
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for outcome in pool.map(lambda path: _run_one(path, bin_dir),
                                [path for path in paths if not wanted or _name(path) in wanted]):
            tally.add(outcome)


def _name(path):
    return os.path.basename(path).removesuffix("_test.py")


def _run_one(path, bin_dir):
    start = time.monotonic()
    try:
        done = subprocess.run([sys.executable, path], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace",
                              env=dict(os.environ, WEFT_BIN=bin_dir), timeout=TIMEOUT_SECONDS)
        log, code = done.stdout, done.returncode
    except subprocess.TimeoutExpired as late:
        log, code = (late.stdout or b"").decode(errors="replace"), 1
    count = {word: int(number) for word, number in re.findall(
        r"\b(failures|errors|skipped)=(\d+)", log.rstrip().rpartition("\n")[2])}
    ran = re.search(r"^Ran (\d+) tests?", log, re.MULTILINE)
    failed = count.get("failures", 0) + count.get("errors", 0)
    skipped = count.get("skipped", 0)
    passed = int(ran[1]) - failed - skipped if ran else 0
    if failed == 0 and (code != 0 or not ran):
        failed = 1
    return Outcome("deploy", "", _name(path), passed, failed, skipped,
                   time.monotonic() - start, log)

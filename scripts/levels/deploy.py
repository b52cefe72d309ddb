# SPDX-License-Identifier: Apache-2.0
"""Level deploy: tests/deploy/*_test.py, which hold what is installed against what it installs."""
import glob
import os
import re
import subprocess
import sys
import time

from .tally import ROOT, Outcome

TIMEOUT_SECONDS = 900


def run(tally, bin_dir, wanted=()):
    for path in sorted(glob.glob(f"{ROOT}/tests/deploy/*_test.py")):
        name = os.path.basename(path).removesuffix("_test.py")
        if not wanted or name in wanted:
            tally.add(_run_one(path, name, bin_dir))


def _run_one(path, name, bin_dir):
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
    return Outcome("deploy", "", name, passed, failed, skipped, time.monotonic() - start, log)

# SPDX-License-Identifier: Apache-2.0
"""Runs the programs tests/cluster/*_test.py one after the other and counts what they check."""
import collections
import glob
import os
import re
import subprocess
import sys
import threading
import time

from . import cluster as cluster_of

FOLDER = f"{cluster_of.ROOT}/tests/cluster"
NODES = 3
# Seconds; the longest waits for 20 pods a minute, twice.
TIMEOUT_SECONDS = 1200
MARK = re.compile(r"^(PASS|FAIL|SKIP): ", re.MULTILINE)


def run(cluster, names):
    """On the cluster that is up, which stays; else on one of its own, which does not."""
    own = cluster.state is None
    count = collections.Counter()
    if own:
        cluster.up(NODES)
    try:
        for path in _programs(names):
            count += _run_one(path)
    finally:
        if own:
            cluster_of.Cluster(cluster.settings).down()
    skipped = f", {count['SKIP']} skipped" if count["SKIP"] else ""
    print(f"{count['PASS']} passed, {count['FAIL']} failed{skipped}")
    return 0 if count["FAIL"] == 0 and count["PASS"] + count["SKIP"] > 0 else 1


def _programs(names):
    """In the order of their names, which begin with a number."""
    paths = sorted(glob.glob(f"{FOLDER}/*_test.py"))
    return [path for path in paths
            if not names or any(name in os.path.basename(path) for name in names)]


def _run_one(path):
    start = time.monotonic()
    print(f"== {os.path.basename(path)}", flush=True)
    env = dict(os.environ, PYTHONUNBUFFERED="1")
    with subprocess.Popen([sys.executable, path], env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace") as program:
        killer = _after(TIMEOUT_SECONDS, program.kill)
        count = collections.Counter()
        for line in program.stdout:
            print(line, end="", flush=True)
            count.update(MARK.findall(line))
        killer.cancel()
    if program.returncode != 0 and not count["FAIL"]:
        count["FAIL"] = 1
        print(f"FAIL: {os.path.basename(path)} ended with {program.returncode}")
    print(f"   {time.monotonic() - start:.0f} s", flush=True)
    return count


def _after(seconds, action):
    timer = threading.Timer(seconds, action)
    timer.daemon = True
    timer.start()
    return timer

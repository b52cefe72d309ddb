# SPDX-License-Identifier: Apache-2.0
"""Level netns: the programs tests/netns/*_test.py, two at a time, against real binaries."""
import concurrent.futures
import glob
import os
import re
import subprocess
import sys
import time

from .tally import ROOT, Outcome

TIMEOUT_SECONDS = 900
# Most of them wait most of the time; these measure, and run by themselves.
ALONE = ("pods", "reference", "swift", "swift_kernel", "swift_peers", "thousand")
AT_ONCE = 2
LARGE = ("thousand",)  # minutes of a core: only with --all, or by name
LARGE_TIMEOUT_SECONDS = 3600
# Begun first, so that none is left to run alone.
LONG = ("cni_cycles", "swift_paths", "kube", "kube_turns", "relay", "paths")
# The product's programs, and what makes each in a build folder.
PROGRAMS = {"weaver": "router/daemon/weaver", "weave": "router/cli/weave",
            "weave-net": "plugin/cni/weave-net", "weave-ipam": "plugin/cni/weave-net",
            "weave-kube": "plugin/kube/agent/weave-kube"}
LOGS = f"{ROOT}/build/logs"
MARK = re.compile(r"^(PASS|FAIL|SKIP): ", re.MULTILINE)


def programs(wanted=()):
    paths = sorted(glob.glob(f"{ROOT}/tests/netns/*_test.py"))
    return [p for p in paths if not wanted or _name(p) in wanted]


def sanitized_binaries(config):
    """A folder like build/bin, of a build with sanitizers."""
    folder = f"{config.folder}/bin"
    os.makedirs(folder, exist_ok=True)
    for name, path in PROGRAMS.items():
        if os.path.lexists(f"{folder}/{name}"):
            os.remove(f"{folder}/{name}")
        os.symlink(f"{config.folder}/{path}", f"{folder}/{name}")
    return folder


def run(tally, config_name, bin_dir, wanted=(), with_large=False):
    paths = [path for path in programs(wanted)
             if wanted or with_large or _name(path) not in LARGE]
    if os.geteuid() != 0:
        for path in paths:
            tally.add(Outcome("netns", config_name, _name(path), skipped=1, note="needs root"))
        return
    for path in paths:
        if _name(path) in ALONE:
            tally.add(_run_one(path, config_name, bin_dir))
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for outcome in pool.map(lambda path: _run_one(path, config_name, bin_dir),
                                sorted((path for path in paths if _name(path) not in ALONE),
                                       key=_turn)):
            tally.add(outcome)


def _turn(path):
    return LONG.index(_name(path)) if _name(path) in LONG else len(LONG)


def _name(path):
    return os.path.basename(path).removesuffix("_test.py")


def _keep(log, config_name, name):
    """What a program printed, its figures among it, also if all is well."""
    os.makedirs(LOGS, exist_ok=True)
    with open(f"{LOGS}/netns-{config_name}-{name}.log", "w", encoding="utf-8") as file:
        file.write(log)


def _run_one(path, config_name, bin_dir):
    start = time.monotonic()
    # A lab of its own for each: short, since names of interfaces and namespaces come from it.
    number = programs().index(path)
    env = dict(os.environ, WEFT_BIN=bin_dir, PYTHONUNBUFFERED="1",
               WEFT_LAB_DIR=f"/tmp/weft-lab-test-{number}", WEFT_LAB_PREFIX=f"wf-t{number}-")
    try:
        done = subprocess.run([sys.executable, path], env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace",
                              timeout=LARGE_TIMEOUT_SECONDS if _name(path) in LARGE
                              else TIMEOUT_SECONDS)
        log, code, note = done.stdout, done.returncode, ""
    except subprocess.TimeoutExpired as late:
        log, code = (late.stdout or b"").decode(errors="replace"), 1
        note = f"over {TIMEOUT_SECONDS} s"
    _keep(log, config_name, _name(path))
    marks = MARK.findall(log)
    outcome = Outcome("netns", config_name, _name(path), marks.count("PASS"), marks.count("FAIL"),
                      marks.count("SKIP"), time.monotonic() - start, log, note)
    if outcome.failed == 0 and (code != 0 or not marks):
        outcome.failed = 1
    return outcome

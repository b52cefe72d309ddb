#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""STATUS is asked every few seconds by runtimes that know it: it answers in milliseconds while the
daemon is up, refuses as quickly when it is down, and waits for a daemon that hangs only shortly."""
import json
import os
import signal
import statistics
import subprocess
import time

from harness import check, main, netns, running, state, wait_for

CONFIG = json.dumps({"cniVersion": "1.1.0", "name": "weave", "type": "weave-net"})
CALLS = 20
# Far above what is measured, for machines that do other things: it is to catch waiting.
QUICK_SECONDS = 0.1
HANGS_SECONDS = 2.0  # the plugin waits 0.4 s


def call(host, bin_dir):
    """One call: (seconds of the whole process, exit code, what it printed)."""
    env = dict(os.environ, CNI_COMMAND="STATUS", CNI_PATH=bin_dir,
               WEAVE_HTTP_ADDR=host.record["http"], WEFT_CNI_STATE_DIR=f"{host.folder}/cni")
    start = time.monotonic()
    done = netns.inside(host.ns, lambda: subprocess.run(
        [f"{bin_dir}/weave-net"], input=CONFIG, env=env, capture_output=True, text=True))
    printed = json.loads(done.stdout) if done.stdout.strip() else {}
    return time.monotonic() - start, done.returncode, printed


def median(calls):
    return statistics.median(seconds for seconds, _, _ in calls)


def answers():
    with running("--hosts", "1"):
        host, bin_dir = state().host("h1"), state().settings.bin
        up = [call(host, bin_dir) for _ in range(CALLS)]
        check("STATUS: the daemon is up, and nothing is printed",
              all((code, printed) == (0, {}) for _, code, printed in up), up[0][1:])
        check("STATUS: answers in milliseconds", median(up) < QUICK_SECONDS,
              f"median of {CALLS}: {median(up) * 1000:.1f} ms")
        host.signal(signal.SIGSTOP)
        seconds, code, printed = call(host, bin_dir)
        host.signal(signal.SIGCONT)
        check("STATUS: a daemon that hangs is not waited for", code == 1
              and printed["code"] == 51 and seconds < HANGS_SECONDS, f"{seconds * 1000:.0f} ms")
        wait_for("STATUS: one that goes on again is as before", 5,
                 lambda: call(host, bin_dir)[1] == 0)
        host.kill()
        down = [call(host, bin_dir) for _ in range(CALLS)]
        said = down[0][2]
        check("STATUS: the daemon is down: code 51, and the message names CNI, plugin and cure",
              all(code == 1 and printed["code"] == 51 for _, code, printed in down)
              and said["msg"].startswith("CNI plugin weave-net: STATUS: cannot reach the daemon")
              and "Start it" in said["details"], said)
        check("STATUS: the refusal takes milliseconds, too", median(down) < QUICK_SECONDS,
              f"median of {CALLS}: {median(down) * 1000:.1f} ms")


main(answers)

# SPDX-License-Identifier: Apache-2.0
"""What is measured of the daemon alone: memory and CPU when idle, and the time to connect."""
import http.client
import os
import re
import time

from . import variants

HOSTS = 3


def idle(seconds):
    """Memory and share of a core of each of three connected, encrypted, quiet weavers."""
    with variants.running_lab(HOSTS, "bench", pods=False) as lab:
        lab.launch_all()
        lab.wait_ready()
        time.sleep(2)
        pids = [host.record["weaver"] for host in lab.hosts()]
        before = [_cpu_seconds(pid) for pid in pids]
        time.sleep(seconds)
        after = [_cpu_seconds(pid) for pid in pids]
        return {"resident_mb": max(_resident_mb(pid) for pid in pids),
                "core_percent": max((b - a) / seconds * 100 for a, b in zip(before, after))}


def connect():
    """Seconds from the last of three launches until every link of the mesh is established."""
    with variants.running_lab(HOSTS, "bench", pods=False) as lab:
        lab.launch_all()
        start = time.monotonic()
        waiting = lab.hosts()
        while waiting:
            waiting = [host for host in waiting if not _all_established(host)]
            if time.monotonic() > start + 30:
                raise TimeoutError("not connected within 30 s")
            time.sleep(0.005)
        return {"connect_s": time.monotonic() - start}


def _all_established(host):
    try:
        text = host.http("GET", "/status/connections")[1]
    except (OSError, http.client.HTTPException):
        return False
    return len(re.findall(r"\bestablished\b", text)) == HOSTS - 1


def _resident_mb(pid):
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) / 1024


def _cpu_seconds(pid):
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as file:
            total += int(file.read().split()[0])
    return total / 1e9

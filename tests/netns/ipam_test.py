#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Addresses when things went wrong: leaks are found and mended, a damaged state file is set aside,
a host without its state is a new peer whose containers keep their addresses, what of the host's own
is in the way of the range is told, and a host that Weave served goes on under Weave's name."""
import glob
import json
import os
import re
import shutil
import subprocess

from harness import (ROOT, check, lab, main, netns, pod_address, running, state, status,
                     wait_for)

RANGE = "10.32.0.0/12"


def ipam_check(host, *options):
    """What `weave ipam check` says: exit code and report."""
    done = subprocess.run([f"{ROOT}/scripts/lab", "weave", host, "ipam", "check", "-o", "json",
                           *options], capture_output=True, text=True, timeout=60)
    return done.returncode, json.loads(done.stdout)


def holds(host, address):
    return f'"{address}/' in state().host(host).http("GET", "/ip")[1]


def name_of(host):
    return re.search(r"Name: (\S+?)\(", status(host))[1]


def log_of(host):
    with open(state().host(host).log, errors="replace") as file:
        return file.read()


def last_run(host):
    """The log since the last start."""
    return log_of(host).rsplit("options:", 1)[-1]


def files_of(host):
    return glob.glob(f"{state().host(host).folder}/weft.*")


# Addresses of its own: an address that is alive in a lab beside this one is in use on this machine.
APART = "10.48.0.0/12"


def leaks():
    with running("--hosts", "2", "--", "--ipalloc-range", APART):
        code, report = ipam_check("h1")
        check("check: a host on which all is well", code == 0 and report["clean"], report)
        check("check: every namespace was seen", report["complete"] and report["living"] == 1)
        answer, ghost = (part if isinstance(part, int) else part.strip()
                         for part in state().host("h1").http("POST", "/ip/ghost"))
        code, report = ipam_check("h1")
        found = [(f["fault"], f["ident"], f["address"]) for f in report["findings"]]
        check("check: an address without a container is found", code == 3
              and found == [("leaked", "ghost", ghost)],
              f"allocated: {answer} {ghost}; exit code {code}, report {report}")
        code, report = ipam_check("h1", "--fix")
        check("check: it is released",
              code == 0 and [f["fixed"] for f in report["findings"]] == [True], report)
        check("check: then it is free", not holds("h1", ghost.split("/")[0]))
        check("check: the living container keeps its own", holds("h1", pod_address("p1")))


def lost_state(damage):
    what = "damaged" if damage else "lost"
    with running("--hosts", "2"):
        old, mine = name_of("h1"), pod_address("p1")
        wait_for(f"{what}: both hosts have their share", 30,
                 lambda: "unreachable" not in status("h2", "ipam") and old in status("h2", "ipam"))
        lab("stop", "h1")
        for file in files_of("h1"):
            if not damage:
                os.remove(file)
            elif file.endswith("weft.db"):
                with open(file, "r+b") as database:
                    database.write(b"\xff" * 4096)
        lab("start", "h1")
        new = name_of("h1")
        check(f"{what}: the host is a new peer", new != old, f"{old}, {new}")
        check(f"{what}: the log names the cure", f"weave rmpeer {old}" in log_of("h1"))
        aside = [file for file in files_of("h1") if "damaged" in file]
        check(f"{what}: the old file is kept aside", bool(aside) == damage, aside)
        wait_for(f"{what}: the old peer is told of as unreachable", 30,
                 lambda: f"{old}" in status("h1", "ipam") and "unreachable" in status("h1", "ipam"))
        lab("weave", "h1", "rmpeer", old)
        wait_for(f"{what}: the living container's address is claimed", 20,
                 lambda: holds("h1", mine))
        given = [state().host("h1").http("POST", f"/ip/new{n}")[1].strip() for n in range(5)]
        check(f"{what}: it is not given again", f"{mine}/12" not in given, given)


def moved_in():
    with running("--hosts", "1"):
        host = state().host("h1")
        lab("stop", "h1")
        for file in files_of("h1"):
            os.remove(file)
        weave = f"{host.folder}/weave-netdata.db"
        shutil.copy(f"{ROOT}/tests/golden/weave-netdata-host1.db", weave)
        with open(weave, "rb") as file:
            before = file.read()
        lab("start", "h1")
        check("moving in: the name is Weave's", name_of("h1") == "7a:00:00:00:00:01")
        check("moving in: its addresses are held", "weave:expose" in host.http("GET", "/ip")[1])
        check("moving in: its ring is ours", "7a:00:00:00:00:02" in status("h1", "ipam"))
        lab("stop", "h1")
        lab("start", "h1")
        with open(weave, "rb") as file:
            check("moving in: its file is as it was", file.read() == before)
        check("moving in: the second start takes our own state",
              "moved in" not in last_run("h1"))
        lab("stop", "h1")
        shutil.copy(f"{ROOT}/tests/golden/weave-netdata-host2.db", weave)
        lab("start", "h1")
        check("moving in: nor does it take a newer file, as after a time back with Weave",
              "moved in" not in last_run("h1") and name_of("h1") == "7a:00:00:00:00:01")


def in_the_way():
    with running("--hosts", "1"):
        host = state().host("h1")
        lab("stop", "h1")
        netns.ip(host.ns, "link add spare type veth peer name other", "link set spare up",
                 "link set other up", "route add 10.40.0.0/16 dev spare")
        lab("start", "h1")
        warned = [line for line in last_run("h1").splitlines() if "10.40.0.0/16" in line]
        check("range: a route of the host's inside it is a warning that names it",
              len(warned) == 1 and "level=warn" in warned[0]
              and f"--ipalloc-range {RANGE} overlaps" in warned[0], warned)
        shown = [line for line in status("h1").splitlines() if "Degraded" in line]
        check("range: status names it, too", any("10.40.0.0/16" in line for line in shown), shown)
        check("range: the host serves all the same", holds("h1", pod_address("p1")))
        lab("stop", "h1")
        netns.ip(host.ns, "address add 10.41.0.1/16 dev spare")
        lab("start", "h1", fails=True)
        check("range: an address of the host's inside it is fatal, and named",
              not host.running() and "10.41.0.1/16 is on this host" in last_run("h1"),
              last_run("h1")[-300:])


def lost():
    lost_state(damage=False)


def damaged():
    lost_state(damage=True)


main(leaks, in_the_way, lost, damaged, moved_in)

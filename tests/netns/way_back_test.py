#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One host from Weave to Weft, back to Weave and forward again, beside one that runs Weft: as
docs/migrating-from-weave.md says. Needs the real Weave's weaver (2.8), which WEFT_REAL_WEAVE names;
without it there is nothing to go back to, and the test says so."""
import contextlib
import glob
import hashlib
import json
import os
import re
import shlex
import subprocess
import time

from harness import (ROOT, UNIVERSE, check, failures, lab, main, netns, ping, pod_address,
                     ring_total, state, status, wait_for)

REAL = os.environ.get("WEFT_REAL_WEAVE", "")
NAME = "7a:00:00:00:00:01"  # of the host that moves, as Weave calls it
HEADING = "Command line options:"

# Our flags are Weave's, but for these.
WRAPPER = """#!/bin/sh
count=$#
while [ $count -gt 0 ]; do
  flag=$1; shift; count=$((count - 1))
  case $flag in
    --cni-state-dir=*) ;;
    --db-prefix=*) set -- "$@" "${flag}weave-net" ;;
    --password-file=*) set -- "$@" "--password=$(cat "${flag#*=}")" ;;
    *) set -- "$@" "$flag" ;;
  esac
done
export CHECKPOINT_DISABLE=1
exec REAL --name=NAME --no-fastdp --no-dns --docker-api= --log-level=debug "$@"
"""


def log_of(host):
    with open(state().host(host).log, errors="replace") as file:
        return file.read()


def last_run(host, heading):
    return log_of(host).rsplit(heading, 1)[-1]


def holds(host, address):
    return f'"{address}/' in state().host(host).http("GET", "/ip")[1]


def give(host, ident):
    answer, body = state().host(host).http("POST", f"/ip/{ident}", 30)
    return body.strip().split("/")[0] if answer == 200 else f"{answer} {body}"


def shares_add_up():
    text = status("h2", "ipam")
    return ring_total(text) == UNIVERSE and "unreachable" not in text


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def database():
    return f"{state().host('h1').folder}/weave-netdata.db"


def start_weave():
    """Launches Weave where it is h1's turn, until its HTTP answers."""
    mesh = state()
    path = f"{mesh.settings.folder}/weave-of-old"
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o755), "w") as file:
        file.write(WRAPPER.replace("REAL", shlex.quote(REAL)).replace("NAME", NAME))
    os.environ["WEFT_LAB_WEAVER_h1"] = path
    try:
        mesh.start_host("h1", ready="/status")
    finally:
        del os.environ["WEFT_LAB_WEAVER_h1"]


@contextlib.contextmanager
def weave_and_weft():
    """h1 under Weave, h2 under Weft, connected, with a ring."""
    lab("down", fails=True)
    failed_before = len(failures())
    ended = False
    try:
        state().prepare(2, "x", "full", [])
        start_weave()
        state().start_host("h2")
        yield
        ended = True
    finally:
        if not ended or len(failures()) > failed_before:
            for host in state().hosts():
                print(f"--- {host.name}: end of its log\n{host.log_tail(60)}")
        lab("down", fails=True)


@contextlib.contextmanager
def living_in(pod):
    """A process of the pod's that its host sees, as a container runtime would have one."""
    record = state().pod(pod)
    host = state().host(record["host"])
    process = subprocess.Popen(host.command(
        "nsenter", f"--net={netns.path(record['netns'])}", "sleep", "1000"))
    try:
        yield
    finally:
        process.kill()
        process.wait()


def reach(when):
    for source, target in (("p1", "p2"), ("p2", "p1")):
        wait_for(f"{when}: {source} reaches {target}", 30,
                 lambda s=source, t=target: ping(s, pod_address(t), 1) > 0)


def ipam_is_well():
    done = subprocess.run([f"{ROOT}/scripts/lab", "weave", "h1", "ipam", "check", "-o", "json"],
                          capture_output=True, text=True, timeout=60)
    return done.returncode == 0 and json.loads(done.stdout)["clean"]


def move_in():
    wait_for("Weave: one ring of both kinds", 30, lambda: give("h1", "before").startswith("10."))
    before = give("h1", "before")
    lab("stop", "h1")
    weaves = digest(database())
    lab("start", "h1")
    check("moved in: the name is Weave's, and what it had given is held",
          f"moved in: the name {NAME}" in last_run("h1", "options:") and holds("h1", before))
    state().host("h1").http("DELETE", "/ip/before")
    lab("pod", "add", "p1", "h1")
    lab("pod", "add", "p2", "h2")
    reach("moved in")
    check("moved in: Weave's file is as it was", digest(database()) == weaves)


def remove_from_ring():
    """rmpeer on the other host; it is refused until the links of the stopped one have closed."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        said = lab("weave", "h2", "rmpeer", "h1", fails=True)
        if "taken over" in said:
            return int(re.search(r"(\d+) IPs", said)[1])
        time.sleep(0.5)
    return 0


def back():
    lab("stop", "h1")
    os.rename(database(), database() + ".old")
    check("back: the other host takes over what was the old name's", remove_from_ring() > 0)
    start_weave()
    mine = pod_address("p1")
    wait_for("back: Weave claims the living container's address", 30,
             lambda: f"Claimed {mine}/12 for _" in last_run("h1", HEADING))
    check("back: it holds it", holds("h1", mine))
    wait_for("back: the shares add up", 40, shares_add_up)
    reach("back")
    given = [give(host, f"new{n}") for host in ("h1", "h2") for n in range(3)]
    used = [mine, pod_address("p2"), *given]
    check("back: no address is given twice", len(set(used)) == len(used), used)
    check("back: Weave has no panic", "panic" not in last_run("h1", HEADING))


def forward_again():
    lab("stop", "h1")
    newer = digest(database())
    ours = max(os.path.getmtime(f) for f in glob.glob(f"{state().host('h1').folder}/weft.db*"))
    check("forward again: Weave's file is newer than our state",
          os.path.getmtime(database()) > ours)
    lab("start", "h1")
    log = last_run("h1", "options:")
    check("forward again: the name is the same, and nothing was taken from Weave's newer file",
          f"Name: {NAME}(h1)" in status("h1") and "moved in" not in log)
    wait_for("forward again: all is well with the addresses", 90, ipam_is_well)
    check("forward again: the living container's is held", holds("h1", pod_address("p1")))
    wait_for("forward again: the shares add up", 40, shares_add_up)
    reach("forward again")
    check("forward again: Weave's file is as it was", digest(database()) == newer)


def old_file_left():
    """What the page warns of: the first file comes to life again. Weave refuses the ring of now, or
    panics over it, by which of its ranges it gave from; the others' ring is not harmed."""
    def shares():
        return re.findall(r"^(\S+) +(\d+) IPs", status("h2", "ipam"), re.MULTILINE)

    before = shares()
    lab("stop", "h1")
    os.replace(database() + ".old", database())
    with contextlib.suppress(netns.LabError):  # it may be gone before it says that it runs
        start_weave()
    wait_for("old file: Weave meets a ring that it does not own", 30,
             lambda: "Received update for IP range I own" in last_run("h1", HEADING)
             or "panic: Assertion failure" in last_run("h1", HEADING))
    check("old file: nobody's share was changed by it", shares() == before,
          f"{before}, {shares()}")


def way_back():
    if not REAL:
        print("SKIP: the way back: WEFT_REAL_WEAVE names no weaver of Weave's")
        return
    with weave_and_weft():
        move_in()
        with living_in("p1"):
            back()
            forward_again()
            old_file_left()


main(way_back)

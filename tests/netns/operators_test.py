#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What operators get wrong: two hosts with one name, subnets trusted on one side only, a clock that
is hours off. Nothing breaks that need not, and status or log names the cure."""
import datetime
import glob
import os
import re

from harness import (UNIVERSE, capture, check, lab, main, ping, pod_address, ring_total, running,
                     send_datagrams, state, status, wait_for)

CANARY = b"canary-of-the-trusted-subnet"


def log_of(host):
    with open(state().host(host).log, errors="replace") as file:
        return file.read()


def collision_told(text, name):
    """Whether a sentence of the status is about that name, with both addresses and the cure."""
    parts = ("Degraded: peer names collision", name, "10.99.0.1", "10.99.0.3",
             "give one of them another --name")
    return any(all(part in line for part in parts) for line in text.splitlines())


def log_times(host):
    """When a host wrote each line of its log, by its own clock."""
    return [datetime.datetime.fromisoformat(line.split(" ")[0])
            for line in log_of(host).splitlines() if re.match(r"\d{4}-\d\d-\d\dT", line)]


def same_name():
    with running("--hosts", "3", "--password", "x"):
        name = re.search(r"Name: (\S+?)\(", status("h1"))[1]
        lab("stop", "h3")
        # A cloned host: the name of another, and no memory of its own.
        for file in os.listdir(state().host("h3").folder):
            if "weft.db" in file:
                os.remove(f"{state().host('h3').folder}/{file}")
        lab("start", "h3", "--", f"--name={name}", fails=True)
        wait_for("same name: the clone says who else has the name", 30,
                 lambda: re.search(name, status("h3", "connections"))
                 and re.search("same name|own name|ourselves|collision", log_of("h3")))
        told = status("h1", "connections") + log_of("h1") + status("h3", "connections")
        check("same name: both are named, by address", "10.99.0.3" in told and "10.99.0.1" in told)
        for host in ("h1", "h2", "h3"):
            wait_for(f"same name: {host}'s status names both hosts and the cure", 30,
                     lambda h=host: collision_told(status(h), name))
        check("same name: the second host is not told that the name is its own",
              "our peer name" not in status("h2"), status("h2").strip())
        check("same name: the others go on", ping("p1", pod_address("p2")) > 0)
        check("same name: the first keeps its connection to the second",
              "established" in status("h1", "connections"), status("h1", "connections").strip())


def plain_on_wire(folder):
    file = f"{folder}/trusted.pcap"
    with capture("h1", file):
        check("trusted: datagrams arrive", send_datagrams("p1", "p2", CANARY, 20) > 0)
    with open(file, "rb") as pcap:
        return CANARY in pcap.read()


def trusted_one_side():
    with running("--hosts", "2", "--password", "x"):
        folder = state().settings.folder
        lab("stop", "h1")
        lab("start", "h1", "--", "--trusted-subnets=10.99.0.0/24")
        wait_for("trusted on one side: pods reach each other", 30,
                 lambda: ping("p1", pod_address("p2"), 1) > 0)
        check("trusted on one side: the link is encrypted all the same", not plain_on_wire(folder))
        for host in ("h1", "h2"):
            text = status(host, "connections")
            check(f"trusted on one side: {host} shows it encrypted",
                  " encrypted" in text and "unencrypted" not in text, text.strip())
        lab("stop", "h2")
        lab("start", "h2", "--", "--trusted-subnets=10.99.0.0/24")
        wait_for("trusted on both sides: pods reach each other", 30,
                 lambda: ping("p1", pod_address("p2"), 1) > 0)
        check("trusted on both sides: frames go plain", plain_on_wire(folder))
        check("trusted on both sides: status says unencrypted",
              "unencrypted" in status("h1", "connections"), status("h1", "connections").strip())
        check("trusted on both sides: status shows the subnets",
              "10.99.0.0/24" in status("h1"))


def faketime_wrapper(folder):
    """A weaver that believes it is two hours later."""
    path = f"{folder}/late-weaver"
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o755), "w") as file:
        file.write("#!/bin/sh\nexport FAKETIME=+2h FAKETIME_DONT_FAKE_MONOTONIC=1\n"
                   f"export LD_PRELOAD={glob.glob('/usr/lib/*/faketime/libfaketimeMT.so.1')[0]}\n"
                   f'exec "{state().settings.bin}/weaver" "$@"\n')
    return path


def clock():
    with running("--hosts", "2", "--password", "x"):
        lab("stop", "h2")
        lines_before = len(log_times("h2"))
        started = datetime.datetime.now()
        os.environ["WEFT_LAB_WEAVER_h2"] = faketime_wrapper(state().settings.folder)
        try:
            lab("start", "h2")
        finally:
            del os.environ["WEFT_LAB_WEAVER_h2"]
        ahead = (log_times("h2")[lines_before] - started).total_seconds()
        check("clock: the second host is two hours ahead", abs(ahead - 7200) < 60, f"{ahead:.1f} s")
        wait_for("clock: two hours apart, both are connected", 30,
                 lambda: all("established" in status(h, "connections") for h in ("h1", "h2")))
        lab("pod", "add", "q2", "h2")
        check("clock: addresses are given on both", pod_address("q2") != pod_address("p2"))
        wait_for("clock: pods reach each other", 30,
                 lambda: ping("p1", pod_address("q2"), 1) > 0)
        for host in ("h1", "h2"):
            check(f"clock: {host} has nothing to complain of, and the range adds up",
                  ring_total(status(host, "ipam")) == UNIVERSE
                  and "Connections: 1 (1 established)" in status(host), status(host).strip())
        lab("stop", "h2")
        lab("start", "h2")
        lab("pod", "add", "r2", "h2")
        check("clock: set right again, what was given meanwhile is still held",
              len({pod_address(p) for p in ("p1", "p2", "q2", "r2")}) == 4)


main(same_name, trusted_one_side, clock)

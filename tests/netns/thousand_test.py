#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One real weaver in a mesh of a thousand: the 999 others are simulated by weft-feed, and their
connections with it are real ones, gossip and sleeve. It gets as many as it may, since some of the
others have room for it. When all is quiet it must be small and idle.
Takes minutes, most of them for the others to find one another."""
import os
import subprocess
import time

from harness import (PREFIX, check, cpu_seconds, lab, main, netns, resident_mb, running, state,
                     status, wait_for)

from levels import scale, sim

PEERS = 1000
LIMIT = 30
WITH_ROOM = 30
CONNECTIONS_MIN = 25
FEED = f"{PREFIX}feed"
SETTLE_SECONDS = 90
QUIET_SECONDS = 60
SANITIZED = os.environ.get("WEFT_TEST_SANITIZED") is not None


def seeds():
    """Names of all the others, who divide the range among them as weft-feed says."""
    first = 0x7A0000000001
    names = (f"{first + n:012x}" for n in range(PEERS - 1))
    return ",".join(":".join(name[i:i + 2] for i in range(0, 12, 2)) for name in names)


def join_networks(host):
    """A namespace where all of 10.101.0.0/16 is local, and a cable from the host to it."""
    netns.sh("ip", "netns", "add", FEED)
    netns.sh("ip", "link", "add", "feed", "netns", host, "type", "veth", "peer", "name", "feed",
             "netns", FEED)
    netns.ip(host, "addr add 10.100.0.1/30 dev feed", "link set feed up",
             "route add 10.101.0.0/16 via 10.100.0.2")
    netns.ip(FEED, "link set lo up", "addr add 10.100.0.2/30 dev feed", "link set feed up",
             "route add local 10.101.0.0/16 dev lo")


def begin(program):
    command = netns.command(FEED, program, str(PEERS - 1), str(LIMIT), str(WITH_ROOM))
    feed = subprocess.Popen(command, stdout=subprocess.PIPE, text=True,
                            env=dict(os.environ, **scale.ENVIRONMENT))
    line = feed.stdout.readline()
    check("feed: 999 simulated peers agree", line.startswith("ready:"), line.strip())
    return feed


def addresses():
    """Of the hosts that have room, the last ones of 10.101.0.1 and onwards."""
    numbers = range(PEERS - WITH_ROOM, PEERS)
    return [f"10.101.{n >> 8}.{n & 255}" for n in numbers]


def measure():
    before = cpu_seconds("h1")
    time.sleep(QUIET_SECONDS)
    percent = (cpu_seconds("h1") - before) / QUIET_SECONDS * 100
    check("quiet: the weaver uses less than 5 % of a core", percent < 5, f"{percent:.2f} %")
    size = resident_mb("h1")
    check("quiet: the weaver takes less than 150 MB", size < 150 or SANITIZED, f"{size:.0f} MB")


def established():
    return status("h1", "connections").count("established")


def thousand():
    program, = sim.build("weft-feed")
    with running("--hosts", "1", "--no-password", "--no-pods", "--", f"--conn-limit={LIMIT}",
                 f"--ipalloc-init=seed={seeds()}"):
        feed = None
        try:
            join_networks(state().host("h1").ns)
            feed = begin(program)
            lab("weave", "h1", "connect", *addresses())
            wait_for("join: it knows all thousand", 120,
                     lambda: f"Peers: {PEERS} " in status("h1"))
            wait_for("join: it has nearly as many connections as it may", 60,
                     lambda: established() >= CONNECTIONS_MIN)
            time.sleep(SETTLE_SECONDS)
            count = established()
            check("join: it keeps them, and to its limit", CONNECTIONS_MIN <= count <= LIMIT,
                  str(count))
            measure()
            code, text = state().host("h1").http("POST", "/ip/somebody")
            check("quiet: another peer gives it space at once", code == 200, text.strip())
        finally:
            if feed:
                feed.terminate()
                feed.wait()
            netns.sh("ip", "netns", "del", FEED)


main(thousand)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Four hosts in a line, each reaching only its neighbours: the ends talk through two relays."""
from harness import (Transfer, check, lab, main, ping, pod_address, running, status,
                     wait_for)


LINE = ("--hosts", "4", "--topology", "line", "--password", "x")


def ends_talk(name, megabytes):
    check(f"{name}: the first host has one connection",
          status("h1", "connections").count("established") == 1)
    check(f"{name}: the first host knows all four", "Peers: 4" in status("h1"))
    check(f"{name}: the ends ping each other", ping("p1", pod_address("p4"), 5) > 0)
    check(f"{name}: and the other way", ping("p4", pod_address("p1"), 5) > 0)
    moved = Transfer("p1", "p4", megabytes * 1_000_000)
    good = moved.finish(120)
    check(f"{name}: {megabytes} MB pass two relays unharmed", good, moved.text)


def line():
    with running(*LINE):
        ends_talk("line", 10)
        lab("cut", "h2", "h3")
        wait_for("cut: the first host sees the far half go", 40, lambda: "Peers: 2" in status("h1"))
        check("cut: the ends no longer reach each other", ping("p1", pod_address("p4"), 2) == 0)
        lab("heal")
        wait_for("heal: the ends reach each other again", 90,
                 lambda: ping("p1", pod_address("p4"), 1) > 0)


def line_by_sleeve():
    """Without swift: frames are taken by libpcap and relayed by the control thread."""
    with running(*LINE, "--", "--overlays=sleeve", "--capture=pcap"):
        check("sleeve: carries the first link", " sleeve " in status("h1", "connections"))
        ends_talk("sleeve", 3)


main(line, line_by_sleeve)

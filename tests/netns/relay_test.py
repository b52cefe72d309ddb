#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Four hosts in a line, each reaching only its neighbours: the ends talk through two relays."""
from harness import (Transfer, check, lab, main, ping, pod_address, running, status,
                     wait_for)


def line():
    with running("--hosts", "4", "--topology", "line", "--password", "x"):
        text = status("h1", "connections")
        check("line: the first host has one connection", text.count("established") == 1)
        check("line: the first host knows all four", "Peers: 4" in status("h1"))
        check("line: the ends ping each other", ping("p1", pod_address("p4"), 5) > 0)
        check("line: and the other way", ping("p4", pod_address("p1"), 5) > 0)
        moved = Transfer("p1", "p4", 10_000_000)
        good = moved.finish(120)
        check("line: 10 MB pass two relays unharmed", good, moved.text)
        lab("cut", "h2", "h3")
        wait_for("cut: the first host sees the far half go", 40, lambda: "Peers: 2" in status("h1"))
        check("cut: the ends no longer reach each other", ping("p1", pod_address("p4"), 2) == 0)
        lab("heal")
        wait_for("heal: the ends reach each other again", 90,
                 lambda: ping("p1", pod_address("p4"), 1) > 0)


main(line)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""--pkt-debug tells of every frame what was decided, whichever overlay carries it."""
from harness import check, main, ping, pod_address, running, state, wait_for


def lines_of(host, wanted):
    with open(state().host(host).log, errors="replace") as file:
        return [line for line in file if "component=packet" in line and wanted in line]


def decisions(overlays):
    with running("--hosts", "2", "--password", "x", "--", "--pkt-debug",
                 f"--overlays={overlays}"):
        wait_for(f"{overlays}: p1 reaches p2", 10, lambda: ping("p1", pod_address("p2"), 1) > 0)
        # The first may be flooded: one worker learns a MAC a moment after the other has delivered
        # the frame that told of it.
        wait_for(f"{overlays}: an echo request is relayed, and logged as such", 5,
                 lambda: ping("p1", pod_address("p2"), 1) > 0 and
                 any("relay to" in line for line in lines_of("h1", "98 bytes, type 0x0800")))
        wait_for(f"{overlays}: its arrival is logged at the other host", 5,
                 lambda: any(": inject" in line for line in lines_of("h2", "98 bytes")))
        check(f"{overlays}: address resolution is flooded", bool(lines_of("h1", "0x0806")))


def by_swift():
    decisions("swift,sleeve")


def by_sleeve():
    decisions("sleeve")


main(by_swift, by_sleeve)

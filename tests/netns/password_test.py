#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hosts whose passwords differ do not connect, and both say why."""
from harness import check, lab, main, ping, pod_address, running, status, wait_for

def differ():
    with running("--hosts", "2", "--password", "right"):
        check("same password: pods reach each other", ping("p1", pod_address("p2")) > 0)
        lab("stop", "h2")
        lab("start", "h2", "--password", "wrong")
        for host in ("h1", "h2"):
            wait_for(f"other password: {host} says that the password differs", 30,
                     lambda h=host: "password differs" in status(h, "connections"))
            established = "established" in status(host, "connections")
            check(f"other password: {host} has no connection", not established,
                  status(host, "connections").strip().replace("\n", "; "))
        check("other password: pods do not reach each other", ping("p1", pod_address("p2"), 2) == 0)
        lab("stop", "h2")
        lab("start", "h2")
        wait_for("right password again: pods reach each other", 60,
                 lambda: ping("p1", pod_address("p2"), 1) > 0)


main(differ)

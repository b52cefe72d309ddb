#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Five hosts, each with room for two connections: all reach all, by relays. A host that has no
connection at all is let in even where there is no room, so a host may have one more."""
from harness import check, main, ping, pod_address, running, status, wait_for

HOSTS = [f"h{n}" for n in range(1, 6)]


def limit():
    with running("--hosts", "5", "--password", "x", "--", "--conn-limit=2"):
        wait_for("limit of 2: every host knows all five", 90,
                 lambda: all("Peers: 5" in status(h) for h in HOSTS))
        for host in HOSTS:
            text = status(host, "connections")
            count = text.count("established")
            check(f"limit of 2: {host} keeps to it, or let a lonely host in", 1 <= count <= 3,
                  text.strip())
            check(f"limit of 2: {host} says why it is not connected to the others",
                  count == 4 or "connection limit" in text)
        for target in range(2, 6):
            wait_for(f"limit of 2: the first pod reaches pod {target}", 60,
                     lambda t=target: ping("p1", pod_address(f"p{t}"), 1) > 0)


main(limit)

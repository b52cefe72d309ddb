#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Five hosts, each with room for two connections: all reach all, by relays. A host that has no
other way into the mesh is let in even where there is no room; what is one too many is given up once
it is not needed any more."""
from harness import check, main, ping, pod_address, running, status, wait_for

HOSTS = [f"h{n}" for n in range(1, 6)]


def limit():
    with running("--hosts", "5", "--password", "x", "--", "--conn-limit=2"):
        wait_for("limit of 2: every host knows all five", 90,
                 lambda: all("Peers: 5" in status(h) for h in HOSTS))
        counts = {}

        def settled():
            counts.update({h: status(h, "connections").count("established") for h in HOSTS})
            return all(1 <= count <= 2 for count in counts.values())

        wait_for("limit of 2: nobody is alone, and every host comes to keep to it", 30, settled)
        texts = [status(host, "connections") for host in HOSTS]
        check("limit of 2: status says why some are not connected",
              any("connection limit (2)" in text for text in texts), " / ".join(texts))
        for target in range(2, 6):
            wait_for(f"limit of 2: the first pod reaches pod {target}", 60,
                     lambda t=target: ping("p1", pod_address(f"p{t}"), 1) > 0)


main(limit)

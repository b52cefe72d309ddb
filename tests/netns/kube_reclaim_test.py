#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Nodes that leave for good: their addresses come back, also when nobody could look for a while."""
import re
import signal
import time

from harness import UNIVERSE, check, main, ring_total, wait_for
from kube_lab import Cluster

NODES = 8
GONE = 5


def reclaimed(host):
    found = re.search(r"^weave_ipam_reclaimed_total (\d+)", host.get("/metrics")[1], re.MULTILINE)
    return int(found[1])


def five_nodes_gone():
    with Cluster(NODES, tls=False) as cluster:
        api = cluster.api
        cluster.api_up()
        for host in cluster.hosts:
            host.start()
        wait_for("every node is ready", 60, lambda: all(h.ready() for h in cluster.hosts))
        stay, leave = cluster.hosts[:NODES - GONE], cluster.hosts[NODES - GONE:]
        # Each has asked for an address, so each owns a part of the ring.
        wait_for("every peer owns addresses", 20,
                 lambda: stay[0].weave("ipam").count("IPs (") == NODES)
        api.fault(r" /apis/coordination", 503, times=10 ** 9)  # nobody gets the Lease
        for host in leave:
            host.signal(signal.SIGTERM)
        for host in leave:
            host.ended(10)
            api.store.delete("nodes", host.name)
        time.sleep(5)
        check("paused: nothing is taken over", sum(reclaimed(h) for h in stay) == 0)
        start = time.monotonic()
        api.faults.clear()
        wait_for("resumed: all addresses are back within two minutes", 120, lambda: all(
            ring_total(h.weave("ipam")) == UNIVERSE and "unreachable" not in h.weave("ipam")
            for h in stay))
        took = time.monotonic() - start
        total = sum(reclaimed(h) for h in stay)
        check("resumed: what was taken over is counted", total > 0, f"{total} in {took:.0f} s")
        listed = api.store.get("configmaps", "weave-net", "kube-system")["metadata"]["annotations"]
        wait_for("the list of peers has those that are left", 20,
                 lambda: api.store.get("configmaps", "weave-net", "kube-system")["metadata"][
                     "annotations"]["kube-peers.weave.works/peers"].count("PeerName") == 3)
        check("no lock is left", not [k for k in listed if re.search(r"(\w\w_){5}", k)], listed)
        check("RBAC: nothing was asked that the manifest does not grant", not api.rights.refused,
              sorted(map(str, api.rights.refused)))
        check("RBAC: a node was looked up before its space was taken",
              "get nodes" not in api.rights.unused())
        check("Events tell of it",
              any("AddressesReclaimed" in api.reasons(h.name) for h in stay))


main(five_nodes_gone)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Paths that are not straight: a host behind NAT, one whose address changes, a mesh that falls in
two halves. Pods reach each other wherever they can, and status says what is wrong meanwhile."""
from harness import check, lab, main, netns, ping, pod_address, running, state, status, wait_for

# Nobody gets in unasked, and what goes out leaves from a port that nobody chose.
NAT = """table ip lab_nat {
  chain out {
    type nat hook postrouting priority srcnat
    oifname "eth0" meta l4proto { tcp, udp } masquerade to :40000-60000 random
  }
  chain in {
    type filter hook input priority filter
    iifname "eth0" ct state new meta l4proto { tcp, udp } drop
  }
}
"""


def in_host(host, *argv, stdin=None):
    return netns.sh(*netns.command(state().host(host).ns, *argv), stdin=stdin)


def nat():
    with running("--hosts", "3", "--password", "x"):
        lab("stop", "h1")
        in_host("h1", "nft", "-f", "-", stdin=NAT)
        lab("start", "h1")
        wait_for("nat: the host behind it connects to both others", 30,
                 lambda: status("h1", "connections").count("established") == 2)
        wait_for("nat: pods behind it are reached", 30,
                 lambda: ping("p2", pod_address("p1"), 1) > 0)
        check("nat: and reach others", ping("p1", pod_address("p3")) > 0)
        text = status("h2", "connections")
        established = [line for line in text.splitlines() if "established" in line and "h1" in line]
        check("nat: status shows the port that the NAT chose",
              len(established) == 1 and ":6783 " not in established[0], text.strip())


def partition():
    """Two halves, and at the same moment a host of one half gets another address."""
    with running("--hosts", "4", "--password", "x"):
        for one in ("h1", "h2"):
            for other in ("h3", "h4"):
                lab("cut", one, other)
        netns.ip(state().host("h2").ns, "addr del 10.99.0.2/24 dev eth0",
                 "addr add 10.99.0.52/24 dev eth0")
        wait_for("new address: h1 has h2 at the new one", 60,
                 lambda: "10.99.0.52:" in status("h1", "connections"))
        wait_for("partition: each half sees itself alone", 40,
                 lambda: "Peers: 2" in status("h1") and "Peers: 2" in status("h4"))
        text = status("h1", "connections")
        check("partition: status shows the attempts to reach every lost host",
              all(any(f"10.99.0.{n}:6783" in line and ("retrying" in line or "connecting" in line)
                      for line in text.splitlines()) for n in (3, 4)), text.strip())
        wait_for("partition: pods of one half reach each other", 60,
                 lambda: ping("p1", pod_address("p2"), 1) > 0)
        check("partition: status says whose space is out of reach",
              status("h1", "ipam").count("unreachable") == 2, status("h1", "ipam").strip())
        for pod, host in (("q1", "h1"), ("q4", "h4")):
            lab("pod", "add", pod, host)
        check("partition: both halves go on giving addresses, none twice",
              pod_address("q1") != pod_address("q4"))
        lab("heal")
        wait_for("heal: all see all", 90,
                 lambda: all("Peers: 4" in status(h) for h in ("h1", "h2", "h3", "h4")))
        wait_for("heal: pods of both halves reach each other", 60,
                 lambda: ping("q1", pod_address("q4"), 1) > 0)
        check("heal: nothing is out of reach any more",
              "unreachable" not in status("h1", "ipam"), status("h1", "ipam").strip())
        check("new address: known across the halves, too", ping("p4", pod_address("p2")) > 0)


main(nat, partition)

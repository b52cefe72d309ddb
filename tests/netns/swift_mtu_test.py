#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Swift over a path that carries less than its ends' devices: a hop between the hosts drops what is
larger, without a word. The tunnel finds out, pods are told or served in fragments, and connections
go on."""
import re
import subprocess

from harness import (PREFIX, Transfer, check, in_pod, main, metric, netns, pod_address, running,
                     state, status, wait_for)

NARROW = 1400
PRECISION = 4  # of the tunnel's search
OVERHEAD = 90  # of a pod's packet in swift, in bytes of the underlay's
SIX = {"p1": "fd00:77::1", "p2": "fd00:77::2"}


def tunnel_mtu():
    found = re.search(r" swift .*\bmtu=(\d+)", status("h1", "connections"))
    return int(found[1]) if found else None


def narrow_hop():
    netns.sh(*netns.command(f"{PREFIX}sw", "nft", "-f", "-"), stdin=f"""table bridge lab_hop {{
  chain crossing {{
    type filter hook forward priority 0
    ether type ip ip length > {NARROW} drop
  }}
}}
""")


def single_packets_on_the_wire():
    """Or a whole train would be one packet at the hop."""
    for host in state().hosts():
        netns.sh(*netns.command(host.ns, "ethtool", "-K", "eth0", "tx-udp-segmentation", "off"))


def pinged(address, size, *more):
    done = subprocess.run(in_pod("p1", "ping", "-c", "3", "-i", "0.2", "-W", "2", "-s", str(size),
                                 *more, address), capture_output=True, text=True)
    return done.returncode == 0, done.stdout + done.stderr


def path_mtu():
    with running("--hosts", "2", "--password", "x"):
        single_packets_on_the_wire()
        for pod, address in SIX.items():
            netns.ip(state().pod(pod)["netns"], f"addr add {address}/64 dev eth0 nodad")
        wide = 1500 - OVERHEAD
        wait_for("wide: the tunnel carries what pods send", 15, lambda: tunnel_mtu() == wide)
        moving = Transfer("p1", "p2", 40_000_000, 3, 9700)
        narrow_hop()
        check("narrowed under a transfer: it arrives unharmed", moving.finish(90), moving.text)
        right = range(NARROW - OVERHEAD - PRECISION, NARROW - OVERHEAD + 1)
        wait_for("narrow: status shows what the path carries", 30, lambda: tunnel_mtu() in right)
        carried = tunnel_mtu()
        # The transfer has told p1's kernel.
        netns.ip(state().pod("p1")["netns"], "route flush cache")
        sent, text = pinged(pod_address("p2"), wide - 28, "-M", "do")
        check("narrow: more with DF is answered with the size that fits",
              not sent and f"mtu = {carried}" in text, text)
        sent, text = pinged(pod_address("p2"), carried - 28, "-M", "do")
        check("narrow: which passes", sent, text)
        sent, text = pinged(SIX["p2"], wide - 48, "-M", "do")
        check("narrow: IPv6 is answered likewise", not sent and f"mtu={carried}" in text, text)
        sent, text = pinged(SIX["p2"], carried - 48, "-M", "do")
        check("narrow: and passes", sent, text)
        netns.ip(state().pod("p1")["netns"], "route flush cache")
        for size in (wide - 28, 4000):
            sent, text = pinged(pod_address("p2"), size, "-M", "dont")
            check(f"narrow: {size} bytes without DF pass in fragments", sent, text)
        answers = metric("h1", "weft_worker_actions_total.*too_big_answered")
        check("narrow: it was answered", answers > 0)
        check("narrow: still on swift", tunnel_mtu() == carried)


main(path_mtu)

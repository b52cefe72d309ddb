#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Swift over paths that drop all source ports but one, translate them, or change the translation:
frames go on, by fewer ports, and status says so."""
import contextlib
import re
import subprocess
import time

from harness import (PREFIX, Transfer, check, in_pod, lab, main, netns, pod_address, running, state,
                     status, wait_for)


def nft(ns, text):
    netns.sh(*netns.command(ns, "nft", "-f", "-"), stdin=text)


def all_on_swift():
    wait_for("all links are on swift", 15,
             lambda: all(" swift " in status(h.name, "connections") for h in state().hosts()))


def one_port(host):
    return "one-source-port" in status(host, "connections")


def narrow_paths():
    with running("--hosts", "2", "--password", "x", "--", "--workers=2"):
        all_on_swift()
        wait_for("each worker sends from a port of its own", 10,
                 lambda: not one_port("h1") and not one_port("h2"))
        with load("4M", 4, "-P", "12"):
            time.sleep(1)
            ports = sources("h2") - {"6783"}
        check("the flows of a pair of hosts come from several ports", len(ports) == 2,
              " ".join(sorted(ports)))
        # A firewall between the hosts that knows port 6783 only.
        nft(f"{PREFIX}sw", """table bridge lab_ports {
  chain crossing {
    type filter hook forward priority 0
    ether type ip ip protocol udp udp sport != 6783 udp dport 6783 drop
  }
}
""")
        wait_for("extra ports dropped: one source port serves, and status says so", 20,
                 lambda: one_port("h1") and one_port("h2"))
        moving = Transfer("p1", "p2", 20_000_000, 8, 9800)
        check("extra ports dropped: a transfer arrives unharmed", moving.finish(60), moving.text)
        check("extra ports dropped: still on swift", " swift " in status("h1", "connections"))
        nft(f"{PREFIX}sw", "delete table bridge lab_ports\n")
        wait_for("extra ports open again: they are used", 80,
                 lambda: not one_port("h1") and not one_port("h2"))


def nat_rules(first):
    return f"""table ip lab_nat
delete table ip lab_nat
table ip lab_nat {{
  chain out {{
    type nat hook postrouting priority 150
    oifname "eth0" udp dport 6783 masquerade to :{first}-{first + 99} random
  }}
}}
"""


def behind_nat():
    with running("--hosts", "2", "--password", "x"):
        all_on_swift()
        lab("stop", "h1")
        nft(f"{PREFIX}h1", nat_rules(21000))
        netns.sysctl(f"{PREFIX}h1", net__netfilter__nf_conntrack_udp_timeout=1,
                     net__netfilter__nf_conntrack_udp_timeout_stream=1)
        # Only who is behind a NAT can dial out of it.
        lab("stop", "h2")
        lab("start", "h2", "--", "--resume=true")
        lab("start", "h1")
        all_on_swift()
        wait_for("NAT: one source port serves, and status says so", 20, lambda: one_port("h1"))
        with load("50M", 12):
            time.sleep(2)
            ports = sources("h2")
            rebind()
            wait_for("NAT rebinding: the datagrams come from other ports", 15,
                     lambda: sources("h2") and not sources("h2") & ports)
            all_on_swift()
        moving = Transfer("p1", "p2", 5_000_000, 9, 9900)
        check("NAT rebinding: a transfer arrives unharmed", moving.finish(60), moving.text)


@contextlib.contextmanager
def load(speed, seconds, *arguments):
    """TCP between the pods during the block and longer; a check that its connections last."""
    server = subprocess.Popen(in_pod("p2", "iperf3", "-s", "-1"), stdout=subprocess.DEVNULL)
    time.sleep(0.5)
    client = subprocess.Popen(in_pod("p1", "iperf3", "-b", speed, "-t", str(seconds), "-c",
                                     pod_address("p2"), *arguments), stdout=subprocess.DEVNULL)
    yield
    check("the connections last", client.wait(seconds + 60) == 0)
    server.wait(30)


def sources(host):
    """The ports from which swift's datagrams come to a host just now."""
    command = netns.command(f"{PREFIX}{host}", "timeout", "1.2", "tcpdump", "-i", "eth0", "-Q",
                            "in", "-nn", "-c", "400", "udp dst port 6783 and udp[8] & 1 == 1")
    text = subprocess.run(command, capture_output=True, text=True).stdout
    return set(re.findall(r"IP [\d.]+\.(\d+) > ", text))


def rebind():
    """The NAT forgets its mappings in a second of silence and takes other ports."""
    nft(f"{PREFIX}h1", """table ip lab_silence {
  chain out {
    type filter hook output priority -300
    oifname "eth0" udp dport 6783 drop
  }
  chain in {
    type filter hook prerouting priority -300
    iifname "eth0" ip protocol udp drop
  }
}
""")
    nft(f"{PREFIX}h1", nat_rules(31000))
    time.sleep(1.8)
    nft(f"{PREFIX}h1", "delete table ip lab_silence\n")


main(narrow_paths, behind_nat)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The swift overlay between real hosts: it is chosen, whole frames leave it, it gives way to sleeve
and comes back, changes keys under load, and uses all its workers."""
import re
import subprocess
import time

from harness import (PREFIX, Transfer, capture, check, lab, main, netns, ping, pod_address, running,
                     send_datagrams, state, status, wait_for)

CANARY = b"weft-canary-swift-71c0d9-not-on-the-wire"
PORT = 6783
# In the hosts: what swift sends and takes, which sleeve does not.
CUT_SWIFT = f"""table inet cut_swift {{
  chain arrival {{
    type filter hook prerouting priority -300
    udp dport {PORT} @th,64,8 & 1 == 1 drop
  }}
}}
"""


def overlay(host):
    found = re.search(r"\b(swift|sleeve|none)\b", status(host, "connections"))
    return found[1] if found else "?"


def all_on(name, seconds=15):
    return wait_for(f"all links are on {name}", seconds,
                    lambda: all(overlay(h.name) == name for h in state().hosts()))


def metric(host, pattern):
    """The sum of a host's samples whose name and labels match."""
    _, text = state().host(host).http("GET", "/metrics")
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
               if re.match(pattern, line))


def nft(host, text):
    netns.sh(*netns.command(f"{PREFIX}{host}", "nft", "-f", "-"), stdin=text)


def in_pod(name, *argv):
    return netns.command(state().pod(name)["netns"], *argv)


def host_end(host, pod):
    """The host's end of a pod's veth pair."""
    links = netns.sh("ip", "-n", f"{PREFIX}{host}", "-o", "link", "show", "type", "veth")
    inside = netns.sh("ip", "-n", state().pod(pod)["netns"], "-o", "link", "show", "eth0")
    index = re.search(r"eth0@if(\d+)", inside)[1]
    return re.search(rf"^{index}: ([^@:]+)", links, re.MULTILINE)[1]


def wrong_packets(pod, size):
    """What a pod's tcpdump says of the packets of a transfer: how many, how many with a wrong
    checksum, and how many longer than the MTU."""
    command = in_pod(pod, "tcpdump", "-i", "eth0", "-Q", "in", "-nn", "-vv", "-s", "0", "tcp")
    dump = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(0.5)
    good = Transfer("p1", "p2", size, port=9200).finish(60)
    time.sleep(0.3)
    dump.terminate()
    text, _ = dump.communicate(timeout=20)
    lengths = [int(n) for n in re.findall(r"\blength (\d+)\)", text)]
    return good, len(lengths), len(re.findall(r"\(incorrect|bad cksum", text)), sum(
        n > 1500 for n in lengths)


def chosen():
    with running("--hosts", "2", "--password", "x"):
        all_on("swift")
        check("pods reach each other", ping("p1", pod_address("p2")) == 100)
        moving = Transfer("p1", "p2", 100_000_000)
        check("a transfer arrives unharmed", moving.finish(60), moving.text)
        both = [Transfer("p1", "p2", 30_000_000, 2, 9001),
                Transfer("p2", "p1", 30_000_000, 3, 9002)]
        check("both ways at once", all(t.finish(60) for t in both), both[0].text)
        for offloads in ("on", "off"):
            # The host's end then completes and cuts what it hands to the pod.
            netns.sh(*netns.command(f"{PREFIX}h2", "ethtool", "-K", host_end("h2", "p2"), "tx",
                                    "off", "tso", "off", "gso", "off"))
            netns.sh(*in_pod("p1", "ethtool", "-K", "eth0", "tx", offloads, "tso", offloads,
                             "gso", offloads), check=False)
            good, count, wrong, long = wrong_packets("p2", 3_000_000)
            check(f"sender's offloads {offloads}: arrives unharmed", good)
            check(f"sender's offloads {offloads}: every checksum is right and no packet too long",
                  count > 100 and wrong == 0 and long == 0,
                  f"{count} packets, {wrong} wrong, {long} too long")
        lab("loss", "1")
        moving = Transfer("p1", "p2", 20_000_000, 4, 9003)
        check("1 % loss: a transfer arrives unharmed", moving.finish(120), moving.text)


def gives_way():
    with running("--hosts", "2", "--password", "x"):
        all_on("swift")
        moving = Transfer("p1", "p2", 400_000_000)
        wait_for("the transfer is under way", 20, lambda: moving.received > 5_000_000)
        nft("h2", CUT_SWIFT)
        all_on("sleeve", 8)
        wait_for("the reason is told", 5, lambda: "swift" in status("h1", "connections"))
        before = moving.received
        wait_for("the transfer goes on by sleeve", 20, lambda: moving.received > before + 1_000_000)
        nft("h2", "delete table inet cut_swift\n")
        all_on("swift", 60)
        check("the transfer arrives unharmed", moving.finish(120), moving.text)
        for port, flag in ((9004, "--overlays=sleeve"), (9006, "--capture=pcap")):
            lab("stop", "h2")
            lab("start", "h2", "--", flag)
            all_on("sleeve")
            wait_for(f"{flag} at one host: pods reach each other", 20,
                     lambda: ping("p1", pod_address("p2"), 1) == 100)
            moving = Transfer("p2", "p1", 10_000_000, 5, port)
            good = moving.finish(60)
            check(f"{flag} at one host: a transfer arrives unharmed", good, moving.text)
            ports = netns.sh("ip", "-n", f"{PREFIX}h2", "-o", "link", "show", "master", "weave")
            check(f"{flag}: one capture port", len(re.findall("vethwe-(tap|bridge)", ports)) == 1)


def new_keys():
    with running("--hosts", "2", "--password", "x", "--", "--rekey-interval=1"):
        all_on("swift")
        file = f"{state().settings.folder}/keys.pcap"
        seconds = 15
        with capture("h1", file):
            server = subprocess.Popen(in_pod("p2", "iperf3", "-s", "-1"), stdout=subprocess.DEVNULL)
            time.sleep(0.5)
            load = subprocess.Popen(in_pod("p1", "iperf3", "-b", "500M", "-t", str(seconds), "-c",
                                           pod_address("p2")), stdout=subprocess.DEVNULL)
            moving = Transfer("p1", "p2", 5_000_000, 6, 9005)
            time.sleep(seconds / 2)
            shown = send_datagrams("p1", "p2", CANARY)
            good = moving.finish(seconds + 60)
            check("new keys under load: the load's connection lasts", load.wait(90) == 0)
            server.wait(30)
        check("new keys under load: a transfer arrives unharmed", good, moving.text)
        with open(file, "rb") as captured:
            check("new keys under load: the canary arrives, and the wire does not show it",
                  shown > 0 and CANARY not in captured.read(), f"{shown} datagrams")
        epochs = set()
        dump = subprocess.run(["tcpdump", "-r", file, "-nn", "-x", f"udp dst port {PORT} and "
                               "udp[8] & 1 == 1"], capture_output=True, text=True).stdout
        for packet in re.findall(r"0x0010:((?: +[0-9a-f]{4}){8})", dump):
            epochs.add(packet.split()[7])
        check("new keys under load: the wire shows ten epochs and more", len(epochs) >= 10,
              f"{len(epochs)}")
        for reason in ("tampered", "stale_epoch", "no_key", "counter_exhausted"):
            lost = sum(metric(h, f'weft_worker_dropped_total.*"{reason}"') for h in ("h1", "h2"))
            check(f"new keys under load: nothing is lost as {reason}", lost == 0, f"{lost:.0f}")


def all_workers():
    with running("--hosts", "2", "--password", "x", "--", "--workers=2"):
        all_on("swift")
        flows = [Transfer("p1", "p2", 2_000_000, n, 9300 + n) for n in range(24)]
        check("24 flows arrive unharmed", all([flow.finish(120) for flow in flows]))
        for worker in (0, 1):
            sent = metric("h1", f'weft_worker_actions_total.*worker="{worker}".*"sent_bytes"')
            check(f"worker {worker} has its share", sent > 2_000_000, f"{sent:.0f} bytes")
        stray = metric("h2", 'weft_worker_dropped_total.*"foreign_stream"')
        check("every stream comes to its worker", stray == 0)


main(chosen, gives_way, new_keys, all_workers)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The swift overlay between real hosts: it is chosen, whole frames leave it, it gives way to sleeve
and comes back, changes keys under load, and uses all its workers."""
import contextlib
import re
import socket
import subprocess
import tempfile
import time

import order
from harness import (PREFIX, Transfer, check, in_pod, lab, main, metric, netns, ping,
                     pod_address, running, send_datagrams, state, status, wait_for)

CANARY = b"weft-canary-swift-71c0d9-not-on-the-wire"
PORT = 6783
KEYS_SECONDS = 56
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


def nft(host, text):
    netns.sh(*netns.command(f"{PREFIX}{host}", "nft", "-f", "-"), stdin=text)


def chosen():
    with running("--hosts", "2", "--password", "x"):
        all_on("swift")
        check("pods reach each other", ping("p1", pod_address("p2")) == 100)
        moving = Transfer("p1", "p2", 100_000_000)
        check("a transfer arrives unharmed", moving.finish(60), moving.text)
        both = [Transfer("p1", "p2", 30_000_000, 2, 9001),
                Transfer("p2", "p1", 30_000_000, 3, 9002)]
        check("both ways at once", all(t.finish(60) for t in both), both[0].text)
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


@contextlib.contextmanager
def small_packets(host, file):
    """What a busy uplink carries in pieces below 3,000 bytes, trains included: acknowledgements,
    heartbeats, and whatever a pod says in few words."""
    command = netns.command(f"{PREFIX}{host}", "tcpdump", "-i", "eth0", "-s", "0", "-B", "65536",
                            "-w", file, f"udp port {PORT} and less 3000")
    dump = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    dump.stderr.readline()
    try:
        yield
    finally:
        dump.terminate()
        dump.communicate(timeout=20)


def epochs_in(file):
    """The key epochs of the swift datagrams in a capture."""
    text = subprocess.run(["tcpdump", "-r", file, "-nn", "-x", f"udp dst port {PORT} and "
                           "udp[8] & 1 == 1"], capture_output=True, text=True).stdout
    return {packet.split()[7] for packet in re.findall(r"0x0010:((?: +[0-9a-f]{4}){8})", text)}


def new_keys():
    with running("--hosts", "2", "--password", "x", "--", "--rekey-interval=1"):
        all_on("swift")
        file = f"{state().settings.folder}/keys.pcap"
        with small_packets("h1", file):
            server = subprocess.Popen(in_pod("p2", "iperf3", "-s", "-1"), stdout=subprocess.DEVNULL)
            time.sleep(0.5)
            load = subprocess.Popen(in_pod("p1", "iperf3", "-t", str(KEYS_SECONDS), "-c",
                                           pod_address("p2")), stdout=subprocess.PIPE, text=True)
            moving = Transfer("p2", "p1", 5_000_000, 6, 9005)
            time.sleep(KEYS_SECONDS / 2)
            shown = send_datagrams("p1", "p2", CANARY)
            good = moving.finish(KEYS_SECONDS + 60)
            said, _ = load.communicate(timeout=KEYS_SECONDS + 90)
            speed = re.findall(r"([\d.]+ \wbits/sec)", said)[-1:]
            check("new keys under full load: its connection lasts", load.returncode == 0,
                  " ".join(speed))
            server.wait(30)
        check("new keys under full load: a transfer arrives unharmed", good, moving.text)
        with open(file, "rb") as captured:
            check("new keys under full load: the canary arrives, and the wire does not show it",
                  shown > 0 and CANARY not in captured.read(), f"{shown} datagrams")
        epochs = epochs_in(file)
        check("new keys under full load: the wire shows fifty epochs and more", len(epochs) > 50,
              f"{len(epochs)}")
        for reason in ("tampered", "stale_epoch", "no_key", "counter_exhausted"):
            lost = sum(metric(h, f'weft_worker_dropped_total.*"{reason}"') for h in ("h1", "h2"))
            check(f"new keys under full load: nothing is lost as {reason}", lost == 0, str(lost))


def numbered_flows(count, datagrams):
    """UDP flows in turn, each with numbers: for each whether they came in order, and how many."""
    address = pod_address("p2")
    receivers, senders = [], []
    for n in range(count):
        receivers.append(netns.inside(state().pod("p2")["netns"], lambda n=n: bound(9400 + n)))
        senders.append(netns.inside(state().pod("p1")["netns"], lambda: bound(0)))
    came = [[] for _ in range(count)]
    for number in range(datagrams):
        for n, sender in enumerate(senders):
            sender.sendto(number.to_bytes(4, "big") * 200, (address, 9400 + n))
        if number % 20 == 19:
            time.sleep(0.005)
    time.sleep(0.5)
    for n, receiver in enumerate(receivers):
        with contextlib.suppress(BlockingIOError):
            while True:
                came[n].append(int.from_bytes(receiver.recv(2048)[:4], "big"))
    for made in (*receivers, *senders):
        made.close()
    return all(numbers == sorted(set(numbers)) for numbers in came), sum(map(len, came))


def bound(port):
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
    made.bind(("", port))
    made.setblocking(False)
    return made


def swapped(seen):
    """The same, but the second segment of a flow comes before the first."""
    first = next(n for n in range(len(seen)) if seen[n].flow in {s.flow for s in seen[n + 1:]})
    second = next(n for n in range(first + 1, len(seen)) if seen[n].flow == seen[first].flow)
    out = list(seen)
    out[first], out[second] = out[second], out[first]
    return out


def all_workers():
    with running("--hosts", "2", "--password", "x", "--", "--workers=2"):
        all_on("swift")
        ports = range(9300, 9324)
        with tempfile.TemporaryDirectory() as folder, order.watched(
                ("h1", "h2"), ports, folder) as seen:
            flows = [Transfer("p1", "p2", 2_000_000, port, port) for port in ports]
            check("24 flows arrive unharmed", all([flow.finish(120) for flow in flows]))
        near, far = seen["h1"], seen["h2"]
        changed = order.overtaken(near, far)
        check("24 flows of TCP: no segment overtakes another between the hosts",
              not changed and len({segment.flow for segment in far}) == 24,
              f"{len(near)} and {len(far)} segments of {len({s.flow for s in far})} flows; "
              f"{changed[:3]}")
        check("one that does would be noticed", order.overtaken(near, swapped(far)))
        ordered, count = numbered_flows(24, 400)
        check("24 flows of UDP: each in order", ordered and count > 24 * 400 * 0.9,
              f"{count} datagrams")
        for worker in (0, 1):
            sent = metric("h1", f'weft_worker_actions_total.*worker="{worker}".*"sent_bytes"')
            check(f"worker {worker} has its share", sent > 2_000_000, f"{sent:.0f} bytes")
        stray = metric("h2", 'weft_worker_dropped_total.*"foreign_stream"')
        check("every stream comes to its worker", stray == 0)


main(chosen, gives_way, new_keys, all_workers)

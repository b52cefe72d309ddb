#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The kernels of the pods agree with swift: right checksums and lengths for TCP and UDP over IPv4
and IPv6 whatever is offloaded, other frames whole, trains of datagrams, and a gigabyte over a wire
that loses and reorders."""
import contextlib
import re
import socket
import struct
import subprocess
import tempfile
import time

from harness import (PREFIX, Transfer, check, host_end, in_pod, main, metric, netns, ping,
                     pod_address, running, state, status, wait_for)
from netlab import underlay

SOL_UDP, UDP_SEGMENT, UDP_GRO = 17, 103, 104
V6 = {"p1": "fd00:77::1", "p2": "fd00:77::2"}
# A QUIC-like sender: trains of datagrams, each with its number and a pattern made of it.
DATAGRAM = 1200
TRAIN = 40
TRAINS = 500


def inside_pod(name, work):
    return netns.inside(state().pod(name)["netns"], work)


def all_on_swift():
    wait_for("all links are on swift", 15,
             lambda: all(" swift " in status(h.name, "connections") for h in state().hosts()))


def offloads(ns, device, setting):
    names = ("tx", "tso", "gso", "tx-udp-segmentation")
    for name in names if setting == "off" else reversed(names):
        netns.sh(*netns.command(ns, "ethtool", "-K", device, name, setting), check=False)


class Watch:
    """A pod's tcpdump, which checks what comes in: counts of packets, of wrong checksums, and of
    packets longer than the MTU."""

    def __init__(self, pod, expression):
        command = in_pod(pod, "tcpdump", "-i", "eth0", "-Q", "in", "-nn", "-vv", "-s", "0",
                         "-B", "65536", expression)
        self._said = tempfile.TemporaryFile("w+")  # a pipe that nobody reads would stop it
        self._dump = subprocess.Popen(command, stdout=self._said, stderr=subprocess.PIPE, text=True)
        self._dump.stderr.readline()

    def finish(self):
        time.sleep(0.3)
        self._dump.terminate()
        self._dump.communicate(timeout=30)
        self._said.seek(0)
        text = self._said.read()
        self._said.close()
        right = len(re.findall(r"\(correct\)|udp sum ok", text))
        wrong = len(re.findall(r"\(incorrect|bad cksum|bad udp cksum", text))
        sizes = [int(n) for n in re.findall(r"\blength:? (\d+)\)", text)]
        sizes += [int(n) + 40 for n in re.findall(r"payload length: (\d+)\)", text)]
        return right, wrong, max(sizes, default=0)


def addresses(version):
    return V6["p2"] if version == 6 else pod_address("p2")


def prepare_v6():
    for pod, address in V6.items():
        netns.sh(*in_pod(pod, "sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=0"), check=False)
        netns.ip(state().pod(pod)["netns"], f"addr add {address}/64 dev eth0 nodad")
    wait_for("pods reach each other over IPv6", 10, lambda: ping("p1", V6["p2"], 1) == 100)


def stream(version, size, port):
    """Bytes over TCP; whether all arrived as sent."""
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    command = ["python3", "-c", STREAM_SERVER, str(family.value), str(port)]
    server = subprocess.Popen(in_pod("p2", *command), stdout=subprocess.PIPE, text=True)
    server.stdout.readline()
    sent = netns.sh(*in_pod("p1", "python3", "-c", STREAM_CLIENT, str(family.value),
                            addresses(version), str(port), str(size)))
    said, _ = server.communicate(timeout=60)
    return said.split() == sent.split()


STREAM_SERVER = """
import hashlib, socket, sys
family, port = int(sys.argv[1]), int(sys.argv[2])
with socket.create_server(("", port), family=family) as server:
    print("ready", flush=True)
    with server.accept()[0] as s:
        h, n = hashlib.sha256(), 0
        while chunk := s.recv(1 << 18):
            h.update(chunk)
            n += len(chunk)
print(n, h.hexdigest())
"""
STREAM_CLIENT = """
import hashlib, random, socket, sys
family, address, port, size = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
data = random.Random(port).randbytes(size)
with socket.create_connection((address, port), 30) as s:
    s.sendall(data)
    s.shutdown(socket.SHUT_WR)
    s.recv(1)
print(len(data), hashlib.sha256(data).hexdigest())
"""


def pattern(number):
    return struct.pack("!I", number) * (DATAGRAM // 4)


def trains(version, port, count=TRAINS):
    """Trains of datagrams by UDP_SEGMENT to a receiver with UDP_GRO: how many datagrams arrived as
    sent, how many damaged, and how many in a wrong order."""
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    receiver = inside_pod("p2", lambda: socket.socket(family, socket.SOCK_DGRAM))
    sender = inside_pod("p1", lambda: socket.socket(family, socket.SOCK_DGRAM))
    arrived = damaged = disordered = 0
    newest = -1

    def take():
        nonlocal arrived, damaged, disordered, newest
        with contextlib.suppress(BlockingIOError):
            while True:
                data, extra, _, _ = receiver.recvmsg(1 << 16, 64, socket.MSG_DONTWAIT)
                each = next((struct.unpack("i", d[:4])[0] for _, kind, d in extra
                             if kind == UDP_GRO), len(data))
                for at in range(0, len(data), each):
                    part = data[at:at + each]
                    number = struct.unpack("!I", part[:4])[0]
                    damaged += part != pattern(number)
                    disordered += number <= newest
                    newest = max(newest, number)
                    arrived += 1

    with receiver, sender:
        receiver.setsockopt(SOL_UDP, UDP_GRO, 1)
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        receiver.bind(("", port))
        sender.setsockopt(SOL_UDP, UDP_SEGMENT, DATAGRAM)
        sender.connect((addresses(version), port))
        for train in range(count):
            sender.send(b"".join(pattern(train * TRAIN + i) for i in range(TRAIN)))
            time.sleep(0.001)
            take()
        time.sleep(0.5)
        take()
    return arrived, damaged, disordered


def check_trains(what, version, port, count=TRAINS):
    arrived, damaged, disordered = trains(version, port, count)
    check(f"{what}: trains of UDP over IPv{version} arrive whole and in order",
          arrived > count * TRAIN * 0.98 and damaged == 0 and disordered == 0,
          f"{arrived} of {count * TRAIN}, {damaged} damaged, {disordered} disordered")


def checksums():
    with running("--hosts", "2", "--password", "x"):
        all_on_swift()
        prepare_v6()
        port = 9500
        for receiver in ("on", "off"):
            # Off: the host completes and cuts what it hands to the pod, which can then be checked.
            offloads(f"{PREFIX}h2", host_end("h2", "p2"), receiver)
            for sender in ("on", "off"):
                offloads(state().pod("p1")["netns"], "eth0", sender)
                what = f"offloads {sender} at the sender, {receiver} at the receiver"
                for version in (4, 6):
                    port += 2
                    watch = Watch("p2", "tcp or udp") if receiver == "off" else None
                    good = stream(version, 3_000_000, port)
                    check(f"{what}: TCP over IPv{version} arrives unharmed", good)
                    check_trains(what, version, port + 1, 50)
                    if watch:
                        right, wrong, longest = watch.finish()
                        check(f"{what}, IPv{version}: each checksum is right, no packet too long",
                              right > 2000 and wrong == 0 and longest <= 1500,
                              f"{right} right, {wrong} wrong, longest {longest}")


def other_frames():
    """802.1Q tags, an unknown EtherType, and UDP in IP fragments, from raw sockets."""
    with running("--hosts", "2", "--password", "x"):
        all_on_swift()
        check("pods reach each other", ping("p1", pod_address("p2")) == 100)
        macs = {}
        for pod in ("p1", "p2"):
            text = netns.sh("ip", "-n", state().pod(pod)["netns"], "link", "show", "eth0")
            macs[pod] = bytes.fromhex(re.search(r"ether (\S+)", text)[1].replace(":", ""))
        sender = inside_pod("p1", lambda: raw_socket(0))
        for what, header in (("EtherType 0x88b5", b"\x88\xb5"),
                             ("802.1Q", b"\x81\x00\x00\x07\x88\xb5")):
            receiver = inside_pod("p2", lambda: raw_socket(3))
            with receiver:
                for size in (46, 700, 1380):
                    body = bytes(i % 251 for i in range(size))
                    sender.send(macs["p2"] + macs["p1"] + header + body)
                    check(f"{what}: a frame with {size} bytes arrives whole",
                          whole(receiver, body))
        sender.close()
        netns.sh(*in_pod("p2", "sh", "-c", "ping -q -c 3 -i 0.2 -s 9000 -M dont "
                         + pod_address("p1")))
        check("IP fragments of a large packet come together", True)


def raw_socket(protocol):
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(protocol))
    made.bind(("eth0", protocol))
    made.settimeout(2)
    return made


def whole(receiver, body):
    """Whether a frame with this body comes: the kernel takes a VLAN tag off before."""
    end = time.monotonic() + 3
    while time.monotonic() < end:
        with contextlib.suppress(TimeoutError):
            if receiver.recv(65536)[14:].removeprefix(b"\x00\x07\x88\xb5") == body:
                return True
    return False


def quic_like():
    with running("--hosts", "2", "--password", "x"):
        all_on_swift()
        prepare_v6()
        for version in (4, 6):
            check_trains("QUIC-like", version, 9600 + version)
        if "USO" in status("h1"):
            sent = metric("h1", 'weft_worker_actions_total.*"tap_reads"')
            check("trains come to the workers whole, not cut", sent < TRAINS * TRAIN, f"{sent:.0f}")


def rough_wire():
    with running("--hosts", "2", "--password", "x"):
        all_on_swift()
        hosts = {n: f"{PREFIX}h{n}" for n in (1, 2)}
        underlay.lose_and_reorder(f"{PREFIX}sw", hosts, loss=1, late=0.3)
        moving = Transfer("p1", "p2", 1_000_000_000, 7, 9700)
        good = moving.finish(300)
        check("1 % loss, and reordering: a gigabyte arrives unharmed", good, moving.text)
        counts = netns.sh(*in_pod("p1", "nstat", "-az", "TcpExtTCPSACKReorder",
                                  "TcpExtTCPTSReorder", "TcpExtTCPLostRetransmit",
                                  "TcpRetransSegs"))
        seen = {name: float(value) for name, value in re.findall(r"(\w+) +(\d+)", counts)}
        check("the wire did lose and reorder", seen.get("TcpRetransSegs", 0) > 100 and
              seen.get("TcpExtTCPSACKReorder", 0) + seen.get("TcpExtTCPTSReorder", 0) > 0,
              str(seen))
        tampered = metric("h2", 'weft_worker_dropped_total.*"(tampered|malformed|truncated)"')
        check("nothing is taken for forged", tampered == 0, f"{tampered:.0f}")


main(checksums, other_frames, quic_like, rough_wire)

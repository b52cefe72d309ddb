# SPDX-License-Identifier: Apache-2.0
"""Do the segments of TCP flows leave the overlay in the order in which it was handed them? Seen at
the TAP devices of both hosts: what changes places before or after them is the kernel's doing, whose
veth pairs have a queue per CPU, so that a sender which moves to another CPU overtakes itself."""
import contextlib
import struct
import subprocess
import time
from dataclasses import dataclass

from harness import PREFIX, netns

ETHERTYPE_IPV4 = b"\x08\x00"


@dataclass(frozen=True)
class Segment:
    flow: tuple  # source and destination port
    seq: int
    size: int  # of payload


@contextlib.contextmanager
def watched(hosts, ports, folder):
    """The segments with payload to a range of ports, at the TAP device of each host; the lists are
    filled when the block ends."""
    files = {host: f"{folder}/{host}.pcap" for host in hosts}
    started = [_tcpdump(host, ports, file) for host, file in files.items()]
    seen = {host: [] for host in hosts}
    try:
        yield seen
        time.sleep(0.5)
    finally:
        for tcpdump in started:
            tcpdump.terminate()
            tcpdump.communicate(timeout=20)
    for host, file in files.items():
        seen[host] += segments(file)


def _tcpdump(host, ports, file):
    tcpdump = subprocess.Popen(
        netns.command(f"{PREFIX}{host}", "tcpdump", "-n", "-i", "vethwe-tap", "-U", "-B", "65536",
                      "--immediate-mode", "-s", "120", "-Z", "root", "-w", file,
                      f"tcp dst portrange {ports[0]}-{ports[-1]}"),
        stderr=subprocess.PIPE, text=True)
    for line in tcpdump.stderr:
        if "listening on" in line:
            return tcpdump
    raise AssertionError(f"tcpdump does not start on {host}")


def segments(file):
    """Those of a pcap file of Ethernet that have payload; half a packet at its end is left out."""
    with open(file, "rb") as opened:
        data = opened.read()
    at, found = 24, []
    while at + 16 <= len(data):
        captured, = struct.unpack_from("<I", data, at + 8)
        packet = data[at + 16:at + 16 + captured]
        at += 16 + captured
        if len(packet) < 54 or packet[12:14] != ETHERTYPE_IPV4:
            continue
        tcp = 14 + (packet[14] & 15) * 4
        total, = struct.unpack_from(">H", packet, 16)
        source, target, seq = struct.unpack_from(">HHI", packet, tcp)
        size = total - (tcp - 14) - (packet[tcp + 12] >> 4) * 4
        if size > 0:
            found.append(Segment((source, target), seq, size))
    return found


def late(seen):
    """Those that begin before something of their flow that was seen earlier."""
    top, found = {}, []
    for segment in seen:
        if segment.flow in top and _before(segment.seq, top[segment.flow]):
            found.append(segment)
        else:
            top[segment.flow] = segment.seq
    return found


def overtaken(near, far):
    """Those that are late at the far end and were not at the near one, where they may have been
    part of a larger segment."""
    known = late(near)
    return [segment for segment in late(far) if not any(
        segment.flow == other.flow and (segment.seq - other.seq) % (1 << 32) < other.size
        for other in known)]


def _before(one, other):
    return (one - other) % (1 << 32) > 1 << 31

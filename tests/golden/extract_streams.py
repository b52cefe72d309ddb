#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes mesh_streams.json out of recordings of three hosts that ran Weave: what each TCP connection
carried, byte by byte as captured, with the private keys of both ends; what operators and pods asked
of each host, from its log; and what each host said of mesh and ring when it was asked for a report.

  extract_streams.py FOLDER >mesh_streams.json

FOLDER has plain/ and encrypted/, as their README describes them. Times are in ms from the first
packet of a session. Reading the captures needs no library: they are Ethernet, IPv4, TCP."""
import calendar
import glob
import json
import re
import struct
import sys
import time

MESH_PORT = 6783
FIN, SYN, RST, ACK = 1, 2, 4, 16
HEADING = re.compile(r"^\w+: (\d{4}/\d\d/\d\d \d\d:\d\d:\d\d)\.(\d{6}) (.*)")
ALLOCATED = re.compile(r"Allocated (\S+) for (\S+) in 10\.32\.0\.0/12$")
CLAIMING = re.compile(r"requesting address \S+ from other peer")
CLAIMED = re.compile(r"Claimed (\S+) for (\S+)$")
TAKEN_OVER = re.compile(r"^(\d+) IPs taken over from (\S+)$", re.M)
HTTP = re.compile(r"\[http\] (\S+) (\S+)$")


def packets(path):
    """(time, sender, receiver, flags, sequence number, payload) of every TCP segment."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:4] != b"\xd4\xc3\xb2\xa1":
        raise SystemExit(f"{path}: not a little-endian pcap with microseconds")
    at = 24
    while at < len(data):
        seconds, micros, length = struct.unpack("<III", data[at:at + 12])
        frame = data[at + 16:at + 16 + length]
        at += 16 + length
        if frame[12:14] != b"\x08\x00" or frame[23] != 6:
            continue
        ip_end = 14 + struct.unpack(">H", frame[16:18])[0]
        tcp = frame[14 + (frame[14] & 15) * 4:ip_end]
        source, target, sequence = struct.unpack(">HHI", tcp[:8])
        yield (seconds + micros / 1e6, (frame[29] - 10, source), (frame[33] - 10, target),
               tcp[13], sequence, tcp[(tcp[12] >> 4) * 4:])


class Connection:
    """One connection that was accepted; hosts are numbers from 1."""

    def __init__(self, dialler, listener):
        self.ends = (dialler, listener)
        self.json = {"dialler": dialler[0], "port": dialler[1], "listener": listener[0],
                     "pieces": []}
        self.expected = {}  # end → its next sequence number

    def take(self, at, sender, flags, sequence, payload):
        if flags & SYN:
            self.expected[sender] = (sequence + 1) % 2**32
            if flags & ACK:
                self.json["opened"] = at
            return
        expected = self.expected.get(sender, sequence)  # an end that refuses has none
        ahead = (sequence - expected + 2**31) % 2**32 - 2**31
        if ahead > 0 and payload:
            raise SystemExit(f"{self.ends}: bytes are missing in the middle")
        if ahead > 0 and flags & (FIN | RST):  # said between two captures, and nothing after
            self.json["missing"] = [sender[0], ahead]
        payload = payload[-ahead:]  # what was sent again is not new
        if payload:
            self.expected[sender] = (expected + len(payload)) % 2**32
            self.json["pieces"].append([at, sender[0], payload.hex()])
        if flags & (FIN | RST) and "closed_by" not in self.json:
            self.json |= {"closed": at, "closed_by": sender[0]}


def connections(captures, start):
    live, out = {}, []
    for path in captures:
        for when, sender, receiver, flags, sequence, payload in packets(path):
            key = frozenset((sender, receiver))
            at = round((when - start) * 1000)
            if flags & SYN and not flags & ACK:
                live[key] = Connection(sender, receiver)
                out.append(live[key])
            live[key].take(at, sender, flags, sequence, payload)
    return [connection for connection in out if "opened" in connection.json]  # not those refused


def add_keys(found, keylog):
    with open(keylog) as file:
        lines = [dict(word.split("=", 1) for word in line.split()[1:]) for line in file]
    for connection in found:
        dialler, listener = (f"192.168.77.{host + 10}:{port}" for host, port in connection.ends)
        for line in lines:
            if (line["local"], line["remote"]) == (dialler, listener):
                connection.json["dialler_key"] = line["priv"]
            elif (line["local"], line["remote"]) == (listener, dialler):
                connection.json["listener_key"] = line["priv"]


def log_lines(path, start):
    with open(path, errors="replace") as file:
        for line in file:
            found = HEADING.match(line)
            if found:
                whole = calendar.timegm(time.strptime(found[1], "%Y/%m/%d %H:%M:%S"))
                yield round((whole + int(found[2]) / 1e6 - start) * 1000), found[3].strip()


def view(path):
    """What a report says of the mesh, and of the ring if there is one."""
    with open(path) as file:
        report = json.load(file)
    peers = {}
    for peer in report["Router"]["Peers"]:
        ends = [[c["Name"], c["Address"], c["Outbound"], c["Established"]]
                for c in peer["Connections"]]
        peers[peer["Name"]] = {"nickname": peer["NickName"], "uid": peer["UID"],
                               "connections": sorted(ends)}
    ipam = report.get("IPAM", {})
    router = report["Router"]
    return {"unicast": {route["Dest"]: route["Via"] for route in router["UnicastRoutes"]},
            "broadcast": {route["Source"]: sorted(route["Via"] or [])
                          for route in router["BroadcastRoutes"]},
            "peers": peers, "active": ipam.get("ActiveIPs", 0),
            "ring": [[e["Token"], e["Size"], e["Peer"]] for e in ipam.get("Entries") or []]}


def life(path, host, start, reports):
    """One run of a daemon: what was asked of it, and what came of it."""
    out = {"host": host, "acts": [], "views": []}
    for at, text in log_lines(path, start):
        out.setdefault("from", at)
        if found := HTTP.search(text):
            if (found[1], found[2]) == ("GET", "/report"):
                out["views"].append({"at": at, **view(next(reports))})
            elif found[1] != "GET" and not found[2].startswith("/expose"):
                out["acts"].append({"at": at, "do": f"{found[1]} {found[2]}"})
        elif found := ALLOCATED.search(text):
            asked = next(act for act in out["acts"]
                         if act["do"] == f"POST /ip/{found[2]}" and "got" not in act)
            asked["got"] = found[1] + "/12"
        elif found := CLAIMING.search(text):  # its claimant is known when it was granted
            out["acts"].append({"at": at, "do": "PUT"})
        elif found := CLAIMED.search(text):
            if not out["acts"] or out["acts"][-1]["do"] != "PUT":
                out["acts"].append({"at": at})
            out["acts"][-1] |= {"do": f"PUT /ip/{found[2]}", "got": found[1]}
    return out


def add_taken_over(lives, path):
    with open(path) as file:
        counts = {name: int(count) for count, name in TAKEN_OVER.findall(file.read())}
    for act in (act for life_ in lives for act in life_["acts"]):
        if act["do"].startswith("DELETE /peer/"):
            act["got"] = counts[act["do"].removeprefix("DELETE /peer/")]


def session(folder):
    captures = sorted(glob.glob(f"{folder}/*-underlay-*.pcap"))
    start = next(packets(captures[0]))[0]
    found = connections(captures, start)
    keylog = glob.glob(f"{folder}/keylog.txt")
    if keylog:
        add_keys(found, keylog[0])
    lives = []
    for host in (1, 2, 3):
        reports = iter(sorted(glob.glob(f"{folder}/*-host{host}-report.json")))
        logs = glob.glob(f"{folder}/weaver-host{host}-debug.log*")
        logs.sort(key=lambda path: next(log_lines(path, start))[0])
        lives += [life(path, host, start, reports) for path in logs]
    add_taken_over(lives, f"{folder}/api-04-rmpeer-host3-on-host1.txt")
    return {"connections": [connection.json for connection in found], "lives": lives}


def main():
    out = {"note": "Three hosts running Weave Net 2.8.1: see extract_streams.py"}
    for name in ("plain", "encrypted"):
        out[name] = session(f"{sys.argv[1]}/{name}")
    text = json.dumps(out, sort_keys=True, separators=(",", ":"))
    # One piece, act or peer to a line, so that changes can be seen.
    print(re.sub(r"([\[,])([\[{])", r"\1\n\2", text))


if __name__ == "__main__":
    main()

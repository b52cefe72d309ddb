#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A container sends in its own name only: forged frames end at its port, its own pass. The rules
follow ADD, CHECK, DEL and GC, outlive the daemon, come back after a flush, and leave nothing."""
import contextlib
import json
import socket
import struct
import time

from harness import (PREFIX, check, lab, main, netns, pod, pod_address, running, send_datagrams,
                     state)
from conflist import Network, PluginError, run_plugin

BROADCAST = "ff:ff:ff:ff:ff:ff"
MARK = b"weft-spoof-%d"
PLAIN = [{"type": "weave-net"}]


def mac_bytes(text):
    return bytes(int(part, 16) for part in text.split(":"))


def mac_of(ns, ifname="eth0"):
    out = json.loads(netns.sh("ip", "-n", ns, "-j", "link", "show", ifname))
    return out[0]["address"]


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ethernet(dst, src, kind, payload):
    return mac_bytes(dst) + mac_bytes(src) + struct.pack("!H", kind) + payload


def udp(src, dst, payload, ports=(4000, 4001)):
    body = struct.pack("!HHHH", *ports, 8 + len(payload), 0) + payload
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 1, 0, 64, 17, 0,
                       socket.inet_aton(src), socket.inet_aton(dst))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def ipv6(protocol, payload):
    return (struct.pack("!IHBB", 6 << 28, len(payload), protocol, 255)
            + socket.inet_pton(socket.AF_INET6, "fe80::1")
            + socket.inet_pton(socket.AF_INET6, "ff02::1") + payload)


def arp(op, src_mac, src_ip, dst_mac, dst_ip, payload):
    return (struct.pack("!HHBBH", 1, 0x0800, 6, 4, op) + mac_bytes(src_mac)
            + socket.inet_aton(src_ip) + mac_bytes(dst_mac) + socket.inet_aton(dst_ip) + payload)


def raw_socket(ns, ifname="eth0"):
    def make():
        made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        made.bind((ifname, 0))
        made.settimeout(0.4)
        return made
    return netns.inside(ns, make)


class Station:
    """A pod's interface, for sending any frame and seeing which arrive."""

    def __init__(self, ns, address, ifname="eth0"):
        self.ns, self.address, self.ifname = ns, address, ifname
        self.mac = mac_of(ns, ifname)
        self.socket = raw_socket(ns, ifname)

    def arrives(self, mark):
        """Whether a frame with that mark comes in within half a second."""
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            with contextlib.suppress(TimeoutError):
                if mark in self.socket.recv(65536):
                    return True
        return False


_marks = iter(range(1, 10000))


def crosses(sender, receivers, make_frame):
    """Sends one frame of make_frame(mark): at which of the receivers it arrives."""
    mark = MARK % next(_marks)
    sender.socket.send(make_frame(mark))
    return [receiver.arrives(mark) for receiver in receivers]


def own_frames(a, b):
    """What a container may send: name, frame."""
    return {
        "UDP with its own addresses": lambda m: ethernet(
            b.mac, a.mac, 0x800, udp(a.address, b.address, m)),
        "a broadcast with its own address": lambda m: ethernet(
            BROADCAST, a.mac, 0x800, udp(a.address, "255.255.255.255", m)),
        "a multicast with its own address": lambda m: ethernet(
            "01:00:5e:00:00:fb", a.mac, 0x800, udp(a.address, "224.0.0.251", m)),
        "an ARP request in its own name": lambda m: ethernet(
            BROADCAST, a.mac, 0x806, arp(1, a.mac, a.address, BROADCAST, "10.40.1.1", m)),
        "an ARP probe": lambda m: ethernet(
            BROADCAST, a.mac, 0x806, arp(1, a.mac, "0.0.0.0", BROADCAST, a.address, m)),
        "a DHCP client's request": lambda m: ethernet(
            BROADCAST, a.mac, 0x800, udp("0.0.0.0", "255.255.255.255", m, (68, 67))),
        "IPv6": lambda m: ethernet(b.mac, a.mac, 0x86dd, ipv6(59, m)),
        "a neighbour advertisement": lambda m: ethernet(
            b.mac, a.mac, 0x86dd, ipv6(58, struct.pack("!BBHI", 136, 0, 0, 0) + m)),
        "a VLAN's frame": lambda m: ethernet(
            b.mac, a.mac, 0x8100, struct.pack("!HH", 5, 0x800)
            + udp("192.0.2.9", b.address, m)),
        "another protocol": lambda m: ethernet(b.mac, a.mac, 0x88b5, m.ljust(46, b"\0")),
    }


def forged_frames(a, b, other):
    """What it may not: `other` is whom it pretends to be."""
    inner = udp(other.address, b.address, b"")
    return {
        "a tag without a number around another's IPv4 source": lambda m: ethernet(
            b.mac, a.mac, 0x8100, struct.pack("!HH", 0, 0x800) + inner + m),
        "the same with a provider's tag": lambda m: ethernet(
            b.mac, a.mac, 0x88a8, struct.pack("!HH", 0xe000, 0x800) + inner + m),
        "two tags without numbers": lambda m: ethernet(
            b.mac, a.mac, 0x8100, struct.pack("!HHHH", 0, 0x8100, 0, 0x800) + inner + m),
        "another's MAC source in IPv6": lambda m: ethernet(
            b.mac, other.mac, 0x86dd, ipv6(59, m)),
        "a router's advertisement": lambda m: ethernet(
            b.mac, a.mac, 0x86dd, ipv6(58, struct.pack("!BBHI", 134, 0, 0, 0) + m)),
        "a redirect": lambda m: ethernet(
            b.mac, a.mac, 0x86dd, ipv6(58, struct.pack("!BBHI", 137, 0, 0, 0) + m)),
        "another's IPv4 source": lambda m: ethernet(
            b.mac, a.mac, 0x800, udp(other.address, b.address, m)),
        "another's MAC source": lambda m: ethernet(
            b.mac, other.mac, 0x800, udp(a.address, b.address, m)),
        "another's MAC and IPv4 source": lambda m: ethernet(
            b.mac, other.mac, 0x800, udp(other.address, b.address, m)),
        "an ARP reply for another's address": lambda m: ethernet(
            b.mac, a.mac, 0x806, arp(2, a.mac, other.address, b.mac, b.address, m)),
        "a gratuitous ARP for another's address": lambda m: ethernet(
            BROADCAST, a.mac, 0x806, arp(1, a.mac, other.address, BROADCAST, other.address, m)),
        "an ARP reply with another's MAC inside": lambda m: ethernet(
            b.mac, a.mac, 0x806, arp(2, other.mac, a.address, b.mac, b.address, m)),
        "an ARP probe with another's MAC inside": lambda m: ethernet(
            BROADCAST, a.mac, 0x806, arp(1, other.mac, "0.0.0.0", BROADCAST, b.address, m)),
        "an address from outside": lambda m: ethernet(
            b.mac, a.mac, 0x800, udp("192.0.2.1", b.address, m)),
        "no address, and no DHCP": lambda m: ethernet(
            b.mac, a.mac, 0x800, udp("0.0.0.0", b.address, m)),
        "another's MAC source in another protocol": lambda m: ethernet(
            b.mac, other.mac, 0x88b5, m.ljust(46, b"\0")),
    }


def table(host):
    """The sets of our table: name → list of elements; None: no table."""
    out = netns.sh(*netns.command(state().host(host).ns, "nft", "-j", "list", "table", "bridge",
                                  "weft"), check=False)
    if not out.strip():
        return None
    sets = [entry["set"] for entry in json.loads(out)["nftables"] if "set" in entry]
    return {entry["name"]: entry.get("elem", []) for entry in sets}


def guarded(host):
    return sorted((table(host) or {}).get("guarded", []))


def station(name):
    return Station(state().pod(name)["netns"], pod_address(name))


def new_pod(number):
    ns = f"{PREFIX}p{number}"
    netns.add(ns)
    return pod.container_id(ns), ns


def frames():
    lab("pod", "add", "p3", "h1")
    a, far, near = station("p1"), station("p2"), station("p3")
    for name, frame in own_frames(a, near).items():
        got = crosses(a, [near], frame)
        check(f"allowed, on the same host: {name}", got == [True])
    got = crosses(a, [far], lambda m: ethernet(far.mac, a.mac, 0x800,
                                               udp(a.address, far.address, m)))
    check("allowed, to another host: UDP with its own addresses", got == [True])
    for name, frame in forged_frames(a, near, far).items():
        got = crosses(a, [near, far], frame)
        check(f"stopped: {name}", got == [False, False], str(got))
    dropped = (table("h1") or {}).get("dropped", [])
    counts = [entry["elem"]["counter"]["packets"] for entry in dropped if "elem" in entry]
    check("what was stopped is counted by port", counts and counts[0] >= 10, str(dropped))
    check("and the victim is reached as before",
          send_datagrams("p3", "p2", b"x" * 100, 20) >= 19)


def opt_out():
    """Each way to do without, and that a word that is neither is refused."""
    host, bin_dir = state().host("h1"), state().settings.bin
    annotation = {"io.kubernetes.cri.pod-annotations": {"weave.works/anti-spoofing": "false"}}
    declared = {name: True for name in annotation}
    ways = {
        "configuration": ([{"type": "weave-net", "antiSpoofing": False}], None),
        "args": ([{"type": "weave-net", "args": {"cni": {"antiSpoofing": False}}}], None),
        "annotation": ([{"type": "weave-net", "capabilities": declared}], annotation),
    }
    near = station("p3")
    for number, (way, (plugins, capabilities)) in enumerate(ways.items()):
        container, ns = new_pod(40 + number)
        net = Network(host, bin_dir, plugins)
        result = net.add(container, ns, capabilities=capabilities)
        a = Station(ns, result["ips"][0]["address"].split("/")[0])
        got = crosses(a, [near], lambda m: ethernet(near.mac, a.mac, 0x800,
                                                    udp("192.0.2.7", near.address, m)))
        check(f"opt-out by {way}: a foreign source passes", got == [True])
        net.check(container, ns, result, capabilities=capabilities)
        net.delete(container, ns, result, capabilities=capabilities)
        netns.delete(ns)
    container, ns = new_pod(44)
    try:
        Network(host, bin_dir, [{"type": "weave-net", "capabilities": declared}]).add(
            container, ns, capabilities={"io.kubernetes.cri.pod-annotations":
                                         {"weave.works/anti-spoofing": "no"}})
        check("opt-out: a word that is neither true nor false is refused", False)
    except PluginError as error:
        check("opt-out: a word that is neither true nor false is refused", error.code == 7,
              str(error))
    # Undeclared, the runtime hands nothing on, and the pod's author has no say.
    net = Network(host, bin_dir, PLAIN)
    net.add(container, ns, capabilities=annotation)
    check("opt-out: an annotation counts only where the configuration asks for annotations",
          len(guarded("h1")) == 3, str(guarded("h1")))
    net.delete(container, ns)
    netns.delete(ns)


def several_interfaces():
    host, bin_dir = state().host("h1"), state().settings.bin
    container, ns = new_pod(50)
    net = Network(host, bin_dir, PLAIN)
    first = net.add(container, ns)
    second = net.add(container, ns, "net1", capabilities=None)
    addresses = [r["ips"][0]["address"].split("/")[0] for r in (first, second)]
    far = state().pod("p2")["netns"]
    for address in addresses:
        out = netns.sh(*netns.command(far, "ping", "-c", "3", "-i", "0.2", "-W", "1", address),
                       check=False)
        check(f"two interfaces: {address} answers", " 0% packet loss" in out)
    check("two interfaces: the default route stays with the first",
          first["routes"] and "routes" not in second, str(second.get("routes")))
    net.check(container, ns, first)
    net.check(container, ns, second, "net1")
    near, a = station("p3"), Station(ns, addresses[0])
    net.delete(container, ns, second, "net1")
    got = crosses(a, [near], lambda m: ethernet(near.mac, a.mac, 0x800,
                                                udp(addresses[1], near.address, m)))
    check("two interfaces: the address of one that is gone may not be used", got == [False])
    net.delete(container, ns, first)
    netns.delete(ns)


def lifetime():
    host, bin_dir = state().host("h1"), state().settings.bin
    before = guarded("h1")
    container, ns = new_pod(60)
    net = Network(host, bin_dir, PLAIN, version="1.1.0")
    result = net.add(container, ns)
    check("ADD makes the rules", len(guarded("h1")) == len(before) + 1)
    lab("kill", "h1")
    check("they outlive the daemon", len(guarded("h1")) == len(before) + 1)
    lab("start", "h1")
    net.check(container, ns, result)
    check("and its restart", len(guarded("h1")) == len(before) + 1)
    near, a = station("p3"), Station(ns, result["ips"][0]["address"].split("/")[0])
    got = crosses(a, [near], forged_frames(a, near, near)["an address from outside"])
    check("a forged frame is stopped after the restart", got == [False])
    netns.sh(*netns.command(host.ns, "nft", "delete", "table", "bridge", "weft"))
    try:
        net.check(container, ns, result)
        check("CHECK sees that they are gone", False)
    except PluginError as error:
        check("CHECK sees that they are gone", error.code == 103, str(error))
    other, other_ns = new_pod(61)
    net.add(other, other_ns)
    check("the next ADD puts all of them back", len(guarded("h1")) == len(before) + 2,
          str(guarded("h1")))
    net.check(container, ns, result)
    netns.delete(other_ns)  # takes the interface with it; no DEL
    net.delete(container, ns, result)
    check("DEL removes them, and those of whatever is gone", guarded("h1") == before)
    netns.delete(ns)
    container, ns = new_pod(62)
    net.add(container, ns)
    valid = [{"containerID": record["container"], "ifname": "eth0"}
             for record in state().state["pods"].values()]
    run_plugin(host, bin_dir, "GC", "weave-net",
               {"cniVersion": "1.1.0", "name": "weave", "type": "weave-net",
                "cni.dev/valid-attachments": valid}, "")
    check("GC removes them", guarded("h1") == before)
    netns.delete(ns)
    for name in ("p1", "p3"):
        lab("pod", "del", name)
    left = table("h1")
    check("nothing is left in the sets but the counters of the day",
          all(not left[name] for name in ("guarded", "macs", "addresses")), str(left))
    lab("weave", "h1", "reset", "--force")
    check("weave reset removes the table", table("h1") is None)


def spoofing():
    with running("--hosts", "2", "--password", "x"):
        frames()
        opt_out()
        several_interfaces()
        lifetime()


main(spoofing)

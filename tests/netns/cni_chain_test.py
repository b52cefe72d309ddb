#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""weave-net in a chain with Debian's plugins, before and after it, and addresses handed out by and
for others; every statement is about packets that were really sent."""
import json
import re
import socket
import threading
import time

from harness import PREFIX, active, check, main, netns, pod, pod_address, running, state, status
from conflist import Network, shipped

WEAVE = {"type": "weave-net"}
PORTMAP = {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True}


class Container:
    """A namespace that is plugged in for the time of a block; afterwards nothing may be left."""

    _number = 70

    def __init__(self, host, plugins, ifname="eth0", capabilities=None, name="weave"):
        Container._number += 1
        self.host, self.ifname, self.capabilities = host, ifname, capabilities
        self.net = Network(host, state().settings.bin, plugins, name)
        self.ns = f"{PREFIX}p{Container._number}"
        self.id = pod.container_id(self.ns)

    def __enter__(self):
        netns.add(self.ns)
        self.before = traces(self.host)
        self.result = self.net.add(self.id, self.ns, self.ifname, self.capabilities)
        self.address = self.result["ips"][-1]["address"].split("/")[0]
        return self

    def __exit__(self, kind, *_):
        self.net.delete(self.id, self.ns, self.result, self.ifname, self.capabilities)
        left = traces(self.host)
        netns.delete(self.ns)
        if kind is None and left != self.before:
            check("after DEL nothing is left", False, f"{self.before} then {left}")

    def links(self):
        return json.loads(netns.sh("ip", "-n", self.ns, "-j", "addr"))

    def routes(self):
        return json.loads(netns.sh("ip", "-n", self.ns, "-j", "route"))


def traces(host):
    """Interfaces, rules of other plugins, and addresses in use on a host."""
    links = sorted(l["ifname"] for l in json.loads(netns.sh("ip", "-n", host.ns, "-j", "link"))
                   if l["ifname"] != "br9")
    guards = netns.sh(*netns.command(host.ns, "nft", "list", "set", "bridge", "weft", "guarded"),
                      check=False)
    nat = netns.sh(*netns.command(host.ns, "iptables-save", "-t", "nat"), check=False)
    mapped = sum("CNI-DN-" in line and line.startswith("-A") for line in nat.splitlines())
    return links, sorted(re.findall(r'"(\w+)"', guards)), mapped, active(status(host.name, "ipam"))


def pings(ns, address):
    out = netns.sh(*netns.command(ns, "ping", "-c", "3", "-i", "0.2", "-W", "2", address),
                   check=False)
    return " 0% packet loss" in out


class Server:
    """Answers each connection to a port of a namespace with its peer's address and a text."""

    def __init__(self, ns, port, text=b"here"):
        self._listener = netns.inside(ns, lambda: socket.create_server(("", port)))
        self._text = text
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                connection, peer = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.sendall(peer[0].encode() + b" " + self._text)

    def close(self):
        self._listener.close()


def fetch(ns, address, port):
    """What the server says to a client in a namespace; "" if it cannot be reached."""
    try:
        client = netns.inside(ns, lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        with client:
            client.settimeout(3)
            client.connect((address, port))
            return client.recv(1000).decode()
    except OSError:
        return ""


def portmap():
    h1, h2 = state().host("h1"), state().host("h2")
    mapping = {"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]}
    with Container(h1, [WEAVE, PORTMAP], capabilities=mapping) as c:
        server = Server(c.ns, 80)
        far = state().pod("p2")["netns"]
        check("portmap: the port answers on the underlay",
              "here" in fetch(h2.ns, "10.99.0.1", 8080))
        check("portmap: the container is reached by its address",
              "here" in fetch(far, c.address, 80))
        check("portmap: the port answers a container of another host",
              "here" in fetch(far, "10.99.0.1", 8080))
        check("portmap: the container reaches itself through its own port",
              "here" in fetch(c.ns, "10.99.0.1", 8080))
        server.close()
    check("portmap: after DEL the port is closed", fetch(h2.ns, "10.99.0.1", 8080) == "")


def bandwidth():
    h1 = state().host("h1")
    limit = {"bandwidth": {"ingressRate": 1_000_000, "ingressBurst": 800_000,
                           "egressRate": 1_000_000, "egressBurst": 800_000}}  # bits
    plugin = {"type": "bandwidth", "capabilities": {"bandwidth": True}}
    for capabilities, slow in ((None, False), (limit, True)):
        with Container(h1, [WEAVE, plugin], capabilities=capabilities) as c:
            seconds = transfer_seconds(state().pod("p2")["netns"], c.ns, c.address, 500_000)
            what = "are held to 1 Mbit/s" if slow else "are quicker without a limit"
            check(f"bandwidth: 500 kB {what}", (seconds > 2.5) == slow, f"{seconds:.2f} s")


def transfer_seconds(source, target, address, size, port=9300):
    listener = netns.inside(target, lambda: socket.create_server(("", port)))
    client = netns.inside(source, lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))

    def send():
        with client:
            client.settimeout(60)
            client.connect((address, port))
            client.sendall(b"x" * size)

    start = time.monotonic()
    sender = threading.Thread(target=send)
    sender.start()
    with listener, listener.accept()[0] as connection:
        connection.settimeout(60)
        while connection.recv(1 << 16):
            pass
    sender.join()
    return time.monotonic() - start


def tuning():
    h1 = state().host("h1")
    after = {"type": "tuning", "mtu": 1200, "sysctl": {"net.ipv4.conf.eth0.log_martians": "1"}}
    with Container(h1, [WEAVE, after]) as c:
        link = next(l for l in c.links() if l["ifname"] == "eth0")
        check("tuning after us: its MTU holds", link["mtu"] == 1200)
        check("tuning after us: the overlay works", pings(state().pod("p2")["netns"], c.address))
        c.net.check(c.id, c.ns, c.result)
    mac = "0e:44:55:66:77:88"
    both = [{**WEAVE, "capabilities": {"mac": True}},
            {"type": "tuning", "capabilities": {"mac": True}}]
    with Container(h1, both, capabilities={"mac": mac}) as c:
        link = next(l for l in c.links() if l["ifname"] == "eth0")
        check("tuning and we are asked for a MAC: it holds and passes the rules",
              link["address"] == mac and pings(state().pod("p2")["netns"], c.address))


def after_another():
    """ptp makes eth0 and the default route; then come we, then tuning and portmap."""
    h1, h2 = state().host("h1"), state().host("h2")
    ptp = {"type": "ptp", "ipam": {"type": "host-local", "subnet": "10.66.0.0/24",
                                   "dataDir": f"{h1.folder}/host-local",
                                   "routes": [{"dst": "0.0.0.0/0"}]}, "ipMasq": True}
    mapping = {"portMappings": [{"hostPort": 8081, "containerPort": 81, "protocol": "tcp"}]}
    chain = [ptp, WEAVE, {"type": "tuning", "sysctl": {"net.ipv4.conf.ethwe.log_martians": "1"}},
             PORTMAP]
    with Container(h1, chain, capabilities=mapping) as c:
        names = {l["ifname"] for l in c.links()}
        check("after ptp: we add ethwe beside its eth0", {"eth0", "ethwe"} <= names, str(names))
        default = [r for r in c.routes() if r["dst"] == "default"]
        check("after ptp: the default route is still its own",
              len(default) == 1 and default[0]["dev"] == "eth0", str(default))
        check("after ptp: the underlay is reached through ptp", pings(c.ns, "10.99.0.2"))
        check("after ptp: containers elsewhere through us", pings(c.ns, pod_address("p2")))
        server = Server(c.ns, 81)
        check("after ptp: its published port answers", "here" in fetch(h2.ns, "10.99.0.1", 8081))
        server.close()


def no_default_route():
    with Container(state().host("h1"), [{**WEAVE, "defaultRoute": False}]) as c:
        default = [r for r in c.routes() if r["dst"] == "default"]
        check("defaultRoute false: there is none, and the overlay works",
              not default and pings(c.ns, pod_address("p2")), str(default))


def capabilities():
    h1 = state().host("h1")
    wanted = {"mac": "0e:11:22:33:44:55", "ips": ["10.32.77.7/12"],
              "dns": {"servers": ["10.32.0.53"], "searches": ["weave.local"],
                      "options": ["ndots:2"]}}
    plugins = shipped()["plugins"]
    with Container(h1, plugins, capabilities=wanted) as c:
        link = next(l for l in c.links() if l["ifname"] == "eth0")
        check("capability mac: the interface has it", link["address"] == wanted["mac"])
        check("capability ips: the address is given, and is reached from another host",
              c.address == "10.32.77.7" and pings(state().pod("p2")["netns"], c.address))
        check("capability dns: the result says so", c.result["dns"] == {
            "nameservers": ["10.32.0.53"], "search": ["weave.local"], "options": ["ndots:2"]},
            str(c.result["dns"]))
    both = {"ips": ["10.32.77.8/12", "10.32.77.9/12"]}
    with Container(h1, plugins, capabilities=both) as c:
        far = state().pod("p2")["netns"]
        check("capability ips: two addresses on one interface both answer",
              pings(far, "10.32.77.8") and pings(far, "10.32.77.9"))
    with Container(h1, [WEAVE], ifname="net7") as c:
        check("another interface name: it is reached",
              any(l["ifname"] == "net7" for l in c.links())
              and pings(state().pod("p2")["netns"], c.address))


def taken_over():
    """An address passes from container to container: each tells of its MAC, and others on another
    host, who know the last holder's, need no time-out to reach the new one."""
    h1, far = state().host("h1"), state().pod("p2")["netns"]
    plugin = {**WEAVE, "capabilities": {"ips": True}}
    seconds = []
    for _ in range(8):
        with Container(h1, [plugin], capabilities={"ips": ["10.32.77.6/12"]}) as c:
            seconds.append(transfer_seconds(far, c.ns, c.address, 1))
    check("an address that passes to another container: it is reached at once", max(seconds) < 0.9,
          " ".join(f"{s:.3f}" for s in seconds) + " s")


def delegated():
    h1 = state().host("h1")
    ipam = {"type": "host-local", "subnet": "10.50.0.0/24", "dataDir": f"{h1.folder}/host-local",
            "routes": [{"dst": "10.32.0.0/12"}]}
    plugins = [{**WEAVE, "ipam": ipam}]
    with Container(h1, plugins) as a, Container(h1, plugins) as b:
        check("host-local under us: the addresses are its own", a.address.startswith("10.50.0."),
              a.address)
        check("host-local under us: two containers reach each other", pings(a.ns, b.address))
    bridge = {"type": "bridge", "bridge": "br9", "isGateway": False,
              "ipam": {"type": "weave-ipam", "weaveHttpAddr": h1.record["http"]}}
    held = active(status("h1", "ipam"))
    with Container(h1, [bridge], name="other") as a, Container(h1, [bridge], name="other") as b:
        check("weave-ipam under bridge: the addresses are of our range",
              all(x.address.split(".")[0] == "10" and 32 <= int(x.address.split(".")[1]) < 48
                  for x in (a, b)), f"{a.address} {b.address}")
        check("weave-ipam under bridge: the daemon counts them",
              active(status("h1", "ipam")) == held + 2)
        check("weave-ipam under bridge: two containers reach each other", pings(a.ns, b.address))
    check("weave-ipam under bridge: DEL gives them back", active(status("h1", "ipam")) == held)


def comes_back(ns):
    """Whether a broadcast that a container sends returns to it by its own port."""
    def listen():
        made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        made.bind(("eth0", 0))
        made.settimeout(0.5)
        return made
    mark = b"weft-hairpin"
    with netns.inside(ns, listen) as ear:
        sender = netns.inside(ns, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        with sender:
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            sender.sendto(mark, ("10.47.255.255", 4444))
        end = time.monotonic() + 1
        while time.monotonic() < end:
            try:
                data, address = ear.recvfrom(65536)
            except TimeoutError:
                return False
            if mark in data and address[2] != socket.PACKET_OUTGOING:
                return True
    return False


def hairpin():
    for wanted in (True, False):
        with Container(state().host("h1"), [{**WEAVE, "hairpinMode": wanted}]) as c:
            check(f"hairpin {'on: a frame may return by its port' if wanted else 'off: none does'}",
                  comes_back(c.ns) == wanted)


def chains():
    with running("--hosts", "2", "--password", "x"):
        for test in (portmap, bandwidth, tuning, after_another, no_default_route, capabilities,
                     taken_over, delegated, hairpin):
            try:
                test()
            except Exception as error:  # the next may do all the same
                check(f"{test.__name__} runs to its end", False, f"{type(error).__name__}: {error}")


main(chains)

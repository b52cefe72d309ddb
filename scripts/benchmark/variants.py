# SPDX-License-Identifier: Apache-2.0
"""Ways to join a pod on one host with a pod on another. Each is a context manager that gives the
namespaces of the two pods and the address of the second; all run over the same wire."""
import contextlib
import dataclasses
import os
import time

from netlab import lab as lab_of
from netlab import netns, underlay

from . import others

PREFIX = os.environ.get("WEFT_BENCH_PREFIX", "wf-b-")
FOLDER = os.environ.get("WEFT_BENCH_DIR", "/tmp/weft-bench")
VXLAN_OVERHEAD = 50
OVERLAY_SECONDS_MAX = 15


@dataclasses.dataclass(frozen=True)
class Wire:
    """How the two hosts are joined. `cut`: packets cross singly, as over a wire, instead of whole
    super-frames; loss in percent, each packet by itself, which needs single packets."""
    cut: bool = False
    loss: float = 0.0

    @property
    def text(self):
        if self.loss:
            return f"single packets on the wire, {self.loss:g} % of them lost"
        return "single packets on the wire" if self.cut else "super-frames cross whole"

    def build(self, switch, hosts):
        if self.loss:
            underlay.build(switch, hosts)
        else:
            underlay.pair(hosts)
        self.shape(switch, hosts)

    def shape(self, switch, hosts):
        if self.loss:
            underlay.lose(switch, hosts, self.loss)
        elif self.cut:
            underlay.cut_trains(hosts)


_WIRE = [Wire()]  # the last one holds


@contextlib.contextmanager
def over(name, wire):
    """A variant over such a wire."""
    _WIRE.append(wire)
    try:
        with ALL[name]() as pods:
            yield pods
    finally:
        _WIRE.pop()


@dataclasses.dataclass(frozen=True)
class Pods:
    first: str
    second: str
    address: str  # of the second


def settings():
    made = lab_of.Settings(dict(os.environ, WEFT_LAB_DIR=FOLDER, WEFT_LAB_PREFIX=PREFIX))
    return made


@contextlib.contextmanager
def running_lab(hosts, password, pods=True, flags=()):
    """A lab of weavers; gives it before anything waits for readiness if `pods` is False."""
    lab_of.Lab(settings()).down()
    lab = lab_of.Lab(settings())
    wire = "switch" if hosts != 2 or _WIRE[-1].loss else "pair"
    try:
        lab.prepare(hosts, password, "full", list(flags), wire)
        _WIRE[-1].shape(f"{PREFIX}sw", {n: f"{PREFIX}h{n}" for n in range(1, hosts + 1)})
        if pods:
            lab.launch_all()
            lab.wait_ready()
            for number in (1, 2):
                lab.add_pod(f"p{number}", f"h{number}")
        yield lab
    finally:
        lab.down()


@contextlib.contextmanager
def _bare(mtu):
    """Two hosts without weaver, and two pods, each on a bridge of its host, without addresses."""
    lab_of.Lab(settings()).down()
    hosts = {n: f"{PREFIX}h{n}" for n in (1, 2)}
    pods = {n: f"{PREFIX}p{n}" for n in (1, 2)}
    try:
        _WIRE[-1].build(f"{PREFIX}sw", hosts)
        for n, ns in hosts.items():
            netns.add(pods[n])
            netns.ip(ns, "link add br0 type bridge", f"link set br0 mtu {mtu} up",
                     f"link add vp{n} mtu {mtu} type veth peer name eth0 mtu {mtu} "
                     f"netns {pods[n]}", f"link set vp{n} master br0 up")
            netns.ip(pods[n], "link set eth0 up")
        yield hosts, pods
    finally:
        for ns in [*pods.values(), *hosts.values(), f"{PREFIX}sw"]:
            if netns.exists(ns):
                netns.delete(ns)


@contextlib.contextmanager
def direct():
    """No overlay: the hosts route between the pods."""
    with _bare(underlay.MTU) as (hosts, pods):
        for n, ns in hosts.items():
            netns.ip(ns, f"addr add 10.40.{n}.1/24 dev br0",
                     f"route add 10.40.{3 - n}.0/24 via {underlay.address(3 - n)}")
            netns.ip(pods[n], f"addr add 10.40.{n}.2/24 dev eth0",
                     f"route add default via 10.40.{n}.1")
        yield Pods(pods[1], pods[2], "10.40.2.2")


@contextlib.contextmanager
def vxlan():
    """The kernel's VXLAN, plain: the measure of all ratios."""
    mtu = underlay.MTU - VXLAN_OVERHEAD
    with _bare(mtu) as (hosts, pods):
        for n, ns in hosts.items():
            netns.ip(ns, f"link add ov0 type vxlan id 7 dstport 4789 dev eth0 local "
                     f"{underlay.address(n)} remote {underlay.address(3 - n)}",
                     f"link set ov0 mtu {mtu} master br0 up")
            netns.ip(pods[n], f"addr add 10.40.0.{n}/16 dev eth0")
        yield Pods(pods[1], pods[2], "10.40.0.2")


@contextlib.contextmanager
def _weft(password, *flags):
    with running_lab(2, password, flags=flags) as lab:
        _wait_overlay(lab, "sleeve" if any("sleeve" in flag for flag in flags) else "swift")
        first, second = lab.pod("p1"), lab.pod("p2")
        yield Pods(first["netns"], second["netns"], second["address"].split("/")[0])


def _wait_overlay(lab, name):
    """Until frames between the two hosts go by the overlay that is to be measured."""
    end = time.monotonic() + OVERLAY_SECONDS_MAX
    for host in lab.hosts():
        while f" {name} " not in host.http("GET", "/status/connections")[1]:
            if time.monotonic() > end:
                raise netns.LabError(f"{host.name}: no {name} in {OVERLAY_SECONDS_MAX} s")
            time.sleep(0.05)


def swift():
    """Weft's swift overlay, encrypted by the machine's fastest cipher."""
    return _weft("bench")


def swift_chacha():
    """Weft's swift overlay, encrypted by ChaCha20-Poly1305."""
    return _weft("bench", "--ciphers=chacha20-poly1305")


def swift_plain():
    """Weft's swift overlay without a password."""
    return _weft(None)


def sleeve():
    """Weft's sleeve overlay, encrypted."""
    return _weft("bench", "--overlays=sleeve")


def sleeve_plain():
    """Weft's sleeve overlay without a password."""
    return _weft(None, "--overlays=sleeve")


def sleeve_pcap():
    """Weft's sleeve overlay, encrypted, frames taken by libpcap."""
    return _weft("bench", "--overlays=sleeve", "--capture=pcap")


def _other(build):
    @contextlib.contextmanager
    def variant():
        with build(_bare) as (first, second, address):
            yield Pods(first, second, address)
    variant.__doc__ = build.__doc__
    return variant


ALL = {"direct": direct, "vxlan": vxlan, "swift": swift, "swift-chacha": swift_chacha,
       "swift-plain": swift_plain, "sleeve": sleeve, "sleeve-plain": sleeve_plain,
       "sleeve-pcap": sleeve_pcap, **{name: _other(build) for name, build in others.ALL.items()}}
BY_DEFAULT = [name for name in ALL if name not in ("sleeve-plain", "sleeve-pcap")]

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Several weave-kube on one node, as rollouts bring them: a standby bridges the time without the
pod of weave-net and hands over to the next; one serves at a time, and pods hardly notice."""
import base64
import os
import re
import signal
import subprocess
import time

from harness import check, main, netns, wait_for
from kube_lab import Cluster, KubeHost

STANDBY_PORT = 6786
# For as long as the kubelet takes to replace a pod.
POD_SECONDS = 8.0
GAP_SECONDS_MAX = 4.0


class Pings:
    """One pod pings another 20 times a second."""

    def __init__(self, ns, address):
        self._start = time.time()
        self._ping = subprocess.Popen(
            netns.command(ns, "ping", "-D", "-n", "-i", "0.05", address),
            stdout=subprocess.PIPE, text=True)

    def gap(self):
        """Ends; seconds of the longest silence, be it the first or the last."""
        time.sleep(1)
        end = time.time()
        self._ping.send_signal(signal.SIGINT)
        out, _ = self._ping.communicate(timeout=10)
        answered = re.findall(r"^\[([\d.]+)\] \d+ bytes", out, re.MULTILINE)
        times = [self._start, *map(float, answered), end]
        return max(b - a for a, b in zip(times, times[1:]))


def shut(host, number=signal.SIGTERM):
    """What a kubelet does to a container: all of its processes end with the first."""
    weaver = host.weaver() if number == signal.SIGKILL else None
    host.signal(number)
    if weaver:
        netns.signal_pid(weaver, number)


def stands_by(standby):
    return "Role: standby, waits" in standby.status()


def serves(standby):
    return "Role: standby, serves" in standby.status() and standby.ready()


def checked_gap(what, pings):
    gap = pings.gap()
    check(f"{what}: pods are cut off for moments at most", gap < GAP_SECONDS_MAX, f"{gap:.2f} s")


def waits_at_first(standby):
    standby.start()
    wait_for("standby: it waits where nothing served before, and says so", 20,
             lambda: stands_by(standby))
    check("standby: alive and ready for the kubelet",
          standby.get("/healthz")[0] == 200 and standby.ready())
    time.sleep(1)
    check("standby: it starts no weaver", standby.weaver() is None)


def rollout(primary, standby, pod, address):
    pings = Pings(pod, address)
    first = primary.weaver()
    shut(primary)
    check("rollout: the old pod ends by itself", primary.ended(10))
    wait_for("rollout: the standby serves in its place", 20, lambda: serves(standby))
    second = standby.weaver()
    check("rollout: with a weaver of its own", second not in (None, first))
    ns, _ = primary.attach("p8")
    check("rollout: a pod gets its network meanwhile", bool(ns))
    time.sleep(POD_SECONDS)
    primary.start()
    wait_for("rollout: the new pod serves, and the standby waits again", 20,
             lambda: primary.ready() and stands_by(standby))
    check("rollout: one weaver runs", primary.weaver() not in (None, second))
    checked_gap("rollout", pings)


def killed(primary, standby, pod, address):
    pings = Pings(pod, address)
    shut(primary, signal.SIGKILL)
    wait_for("kill -9: the standby serves", 20, lambda: serves(standby))
    primary.start()
    wait_for("kill -9: and hands over again", 20, lambda: primary.ready() and stands_by(standby))
    checked_gap("kill -9", pings)


def back_at_once(primary, standby):
    """The new pod is there while the standby has hardly begun."""
    for delay in (0.0, 0.03, 0.06, 0.1, 0.2):
        begun = standby.times_logged("serves this node from now on")
        shut(primary, signal.SIGKILL)
        end = time.monotonic() + 10
        while standby.times_logged("serves this node from now on") == begun:
            if time.monotonic() > end:
                raise AssertionError("the standby does not serve")
            time.sleep(0.01)
        time.sleep(delay)
        primary.start()
        wait_for(f"back after {delay} s: the standby hands over, however far it has come", 20,
                 lambda: primary.ready() and stands_by(standby))


def without_api(cluster, primary, standby, pod, address):
    pings = Pings(pod, address)
    cluster.api.stop()
    shut(primary)
    primary.ended(10)
    wait_for("without the API server: the standby serves", 20, lambda: serves(standby))
    primary.start(WEAVE_PASSWORD="a new one")
    wait_for("without the API server: and hands over", 20,
             lambda: primary.ready() and stands_by(standby))
    checked_gap("without the API server", pings)
    cluster.api_up()


def restarted(primary, standby):
    """While no pod of weave-net is there."""
    shut(primary)
    wait_for("standby restarted: it served", 20, lambda: serves(standby))
    shut(standby, signal.SIGKILL)
    standby.ended(5)
    standby.start()
    time.sleep(2)
    check("standby restarted: it waits for weave-net at first", stands_by(standby))
    wait_for("standby restarted: and serves when that does not come", 60, lambda: serves(standby))


def folder_cleaned(primary, standby):
    """As for a cloned node: somebody removes the state with everything beside it."""
    before = primary.weaver()
    os.remove(f"{primary.root}/weavedb/weave-netweft-kube.turn")
    time.sleep(2)
    check("file of turns removed: the same weaver serves on",
          primary.weaver() == before and stands_by(standby))


def both_at_once(primary, standby, pod, address):
    """The rollouts of both DaemonSets meet at this node."""
    pings = Pings(pod, address)
    shut(primary)
    shut(standby)
    check("both at once: the standby's pod ends at once", standby.ended(5))
    time.sleep(4)
    check("both at once: the other waits for it and goes on", primary.alive() and primary.ready())
    standby.start()
    wait_for("both at once: until it is back and serves", 20,
             lambda: not primary.alive() and serves(standby))
    shut(standby)
    time.sleep(3)
    check("both at once: the standby goes on, too, while the other is not there",
          standby.alive() and serves(standby))
    primary.start()
    wait_for("both at once: and ends when it is", 20,
             lambda: not standby.alive() and primary.ready())
    checked_gap("both at once", pings)
    standby.start()
    wait_for("both at once: a new standby waits", 10, lambda: stands_by(standby))


def surge(cluster, primary, standby, pod, address):
    """As with maxSurge: the new pod is there before the old one goes."""
    pings = Pings(pod, address)
    new = KubeHost(cluster, primary.name, "weave-net-new")
    cluster.hosts.append(new)
    new.start()
    wait_for("surge: the new pod waits beside the old one", 10, lambda: new.logged(
        "another weave-kube serves this node; waiting until it hands over"))
    before = primary.weaver()
    shut(primary)
    check("surge: the old one ends", primary.ended(10))
    wait_for("surge: the new one serves", 20,
             lambda: new.ready() and new.weaver() not in (None, before))
    check("surge: and the standby does not", stands_by(standby))
    checked_gap("surge", pings)
    shut(new)
    new.ended(10)
    wait_for("surge: the standby serves after it", 20, lambda: serves(standby))
    primary.start()
    wait_for("surge: and hands over", 20, lambda: primary.ready() and stands_by(standby))


def new_password(cluster, hosts, standby, password_file):
    """The standby's pod is older than the password."""
    password = base64.b64encode(b"a new one").decode()
    cluster.api.store.put("secrets", {"metadata": {"name": "weave-passwd",
                                                   "namespace": "kube-system"},
                                      "data": {"weave-passwd": password}})
    with open(password_file, "w") as file:
        file.write("a new one")
    hosts[1].signal(signal.SIGTERM)
    hosts[1].ended(10)
    hosts[1].start(WEAVE_PASSWORD="a new one")
    shut(hosts[0])
    wait_for("password: the standby serves with that of now", 30, lambda: serves(standby)
             and "established encrypted" in standby.weave("connections"))
    check("password: for which it asked nobody", standby.ready())


def long_away(standby, host):
    wait_for("long away: weave status says that weave-net's pod is missing", 80,
             lambda: "Degraded: weave-kube: weave-net's pod is away from this node, which its "
             "standby serves" in host.operator("status")[1])
    host.start(WEAVE_PASSWORD="a new one")
    wait_for("long away: it is no longer when it is back", 20,
             lambda: host.ready() and stands_by(standby))


def story():
    with Cluster(2) as cluster:
        cluster.api_up()
        host = cluster.hosts[0]
        password_file = f"{host.root}/weavedb/password"
        standby = KubeHost(cluster, host.name, "weave-net-standby", ["--standby"], STANDBY_PORT)
        variables = {"WEFT_PASSWORD_FILE": password_file}
        start = standby.start
        standby.start = lambda: start(**variables)
        cluster.hosts.append(standby)
        waits_at_first(standby)
        for one in cluster.hosts[:2]:
            one.start()
        wait_for("both nodes are ready", 45, lambda: all(h.ready() for h in cluster.hosts[:2]))
        pod, _ = host.attach("p1")
        _, address = cluster.hosts[1].attach("p2")
        wait_for("pods of both reach each other", 20, lambda: subprocess.run(
            netns.command(pod, "ping", "-c", "1", "-W", "1", address),
            capture_output=True).returncode == 0)
        rollout(host, standby, pod, address)
        killed(host, standby, pod, address)
        back_at_once(host, standby)
        folder_cleaned(host, standby)
        both_at_once(host, standby, pod, address)
        surge(cluster, host, standby, pod, address)
        new_password(cluster, cluster.hosts[:2], standby, password_file)
        host.start(WEAVE_PASSWORD="a new one")
        wait_for("password: the new pod serves", 20, host.ready)
        without_api(cluster, host, standby, pod, address)
        restarted(host, standby)
        long_away(standby, host)
        shut(host)
        shut(standby)
        check("both go: the standby at once", standby.ended(5))
        check("both go: the other after a while without it", host.ended(55))


main(story)

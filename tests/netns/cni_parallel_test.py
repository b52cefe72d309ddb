#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""200 CNI ADDs at once over three hosts give 200 addresses, and DEL of all gives all back."""
import concurrent.futures
import threading
import time

from harness import (PREFIX, UNIVERSE, active, check, main, netns, pod, ring_total, running, state,
                     status)

COUNT = 200
NAMES = ("h1", "h2", "h3")


class Watch:
    """Asks every host for `status ipam` all the time, until the end of the block, and keeps what
    did not add up."""

    def __init__(self):
        self.wrong, self.looks = [], 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _run(self):
        while not self._over.is_set():
            for host in NAMES:
                total = ring_total(status(host, "ipam"))
                self.looks += 1
                if total != UNIVERSE:
                    self.wrong.append(f"{host}: {total}")
            time.sleep(0.02)


def everywhere(verb, containers):
    """One verb for all containers at once; results in order."""
    lab = state()
    hosts = [lab.host(name) for name in NAMES]

    def one(item):
        number, (container, ns) = item
        return pod.call(hosts[number % 3], lab.settings.bin, verb, container, ns)

    with concurrent.futures.ThreadPoolExecutor(COUNT) as pool:
        return list(pool.map(one, enumerate(containers)))


def parallel():
    with running("--hosts", "3", "--password", "x"):
        # One pod on each host, and the gateway's address: that is the state to return to.
        before = [active(status(host, "ipam")) for host in NAMES]
        containers = [(pod.container_id(f"c{n}"), f"{PREFIX}p{1000 + n}") for n in range(COUNT)]
        for _, ns in containers:
            netns.add(ns)
        with Watch() as watch:
            start = time.monotonic()
            results = everywhere("ADD", containers)
            took = time.monotonic() - start
            given = {result["ips"][0]["address"] for result in results}
            check(f"add: {COUNT} at once succeed", len(results) == COUNT, f"{took:.1f} s")
            check(f"add: {COUNT} distinct addresses", len(given) == COUNT, f"{len(given)}")
            during = [active(status(host, "ipam")) for host in NAMES]
            check("add: status ipam counts them", sum(during) == sum(before) + COUNT, str(during))
            everywhere("DEL", containers)
        after = [active(status(host, "ipam")) for host in NAMES]
        check("del: all space is free again", after == before, f"{before} then {after}")
        check("status ipam adds up to the range at every moment", not watch.wrong and watch.looks,
              f"{watch.looks} looks {watch.wrong[:3] or ''}")
        everywhere("DEL", containers)
        check("del: a second DEL succeeds", True)
        for host in state().hosts():
            links = netns.sh("ip", "-n", host.ns, "-o", "link", "show", "type", "veth")
            left = [line for line in links.splitlines() if "vethwepl" in line]
            check(f"del: one pod's link is left on {host.name}", len(left) == 1, str(len(left)))


main(parallel)

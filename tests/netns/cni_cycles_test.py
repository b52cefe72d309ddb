#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""100 ADDs at once on one host, then hundreds of ADD and DEL in a row: each ADD is quick, and no
link, address, rule, file or descriptor is left over. WEFT_CNI_CYCLES sets how many."""
import concurrent.futures
import json
import os
import statistics
import subprocess
import time

from harness import (PREFIX, active, check, main, netns, pod, resident_mb, running, state, status)

AT_ONCE = 100
CYCLES = int(os.environ.get("WEFT_CNI_CYCLES", "1000"))
ADD_SECONDS_MAX = 0.050  # the median
SANITIZED = bool(os.environ.get("WEFT_TEST_SANITIZED"))

# Runs in the host: as little as possible besides the plugin. Prints the seconds of each ADD.
LOOP = r"""
export CNI_IFNAME=eth0
for n in $(seq "$1"); do
  CNI_CONTAINERID=$(printf 'cafe%060x' "$n")
  export CNI_CONTAINERID
  begin=$EPOCHREALTIME
  CNI_COMMAND=ADD "$2" <"$3" >"$3.out" || { cat "$3.out"; exit 1; }
  echo $begin $EPOCHREALTIME
  CNI_COMMAND=DEL "$2" <"$3" >"$3.out" || { cat "$3.out"; exit 1; }
done
"""


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Traces:
    """All that a container may leave on a host."""

    def __init__(self, host):
        self.links = sorted(link["ifname"] for link in json.loads(
            netns.sh("ip", "-n", host.ns, "-j", "link", "show")))
        self.held = active(status(host.name, "ipam"))
        rules = netns.sh(*netns.command(host.ns, "nft", "-j", "list", "table", "bridge", "weft"),
                         check=False)
        sets = [e["set"] for e in json.loads(rules or '{"nftables": []}')["nftables"] if "set" in e]
        self.elements = sum(len(s.get("elem", [])) for s in sets)
        self.rules = rules.count('"rule"')
        self.files = sorted(os.path.join(folder, name) for folder, _, names in
                            os.walk(f"{host.folder}/cni") for name in names
                            if name != "pending.lock")  # which stays
        self.descriptors = descriptors(host.record["weaver"])

    def differences(self, other):
        return {name: (value, getattr(other, name)) for name, value in vars(self).items()
                if value != getattr(other, name)}


def at_once(host, bin_dir):
    before = Traces(host)
    containers = [(pod.container_id(f"c{n}"), f"{PREFIX}p{1000 + n}") for n in range(AT_ONCE)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda c: netns.add(c[1]), containers))
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        start = time.monotonic()
        results = list(pool.map(lambda c: pod.call(host, bin_dir, "ADD", *c), containers))
        took = time.monotonic() - start
        during = Traces(host)
        check(f"at once: {AT_ONCE} ADDs give as many addresses",
              len({r["ips"][0]["address"] for r in results}) == AT_ONCE, f"{took:.1f} s")
        check("at once: each has its link and its three rules",
              len(during.links) == len(before.links) + AT_ONCE
              and during.elements == before.elements + 3 * AT_ONCE,
              f"{len(during.links)} links, {during.elements} elements")
        list(pool.map(lambda c: pod.call(host, bin_dir, "DEL", *c), containers))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda c: netns.delete(c[1]), containers))
    settle(host, before, "at once: DEL of all leaves nothing")


def settle(host, before, statement):
    """Idle connections to the daemon close within seconds."""
    end = time.monotonic() + 10
    left = before.differences(Traces(host))
    while left and time.monotonic() < end:
        time.sleep(0.2)
        left = before.differences(Traces(host))
    check(statement, not left, str(left or ""))


def in_a_row(host, bin_dir):
    ns = f"{PREFIX}p2000"
    netns.add(ns)
    config = f"{host.folder}/cycle.json"
    with open(config, "w") as file:
        file.write(pod.CONFIG)
    env = dict(os.environ, CNI_NETNS=netns.path(ns), CNI_PATH=bin_dir,
               WEAVE_HTTP_ADDR=host.record["http"], WEFT_CNI_STATE_DIR=f"{host.folder}/cni")
    before, memory = Traces(host), resident_mb(host.name)
    done = subprocess.run(host.command("bash", "-c", LOOP, "bash", str(CYCLES),
                                       f"{bin_dir}/weave-net", config),
                          env=env, capture_output=True, text=True)
    check(f"in a row: {CYCLES} times ADD and DEL succeed", done.returncode == 0,
          (done.stdout + done.stderr)[-300:] if done.returncode else "")
    times = [float(b) - float(a) for a, b in (line.split() for line in done.stdout.splitlines()
                                              if line.count(" ") == 1)]
    if times:
        median = statistics.median(times)
        worst = sorted(times)[int(len(times) * 0.99)]
        check("in a row: the median ADD takes less than 50 ms",
              median < ADD_SECONDS_MAX or SANITIZED,
              f"median {median * 1e3:.1f} ms, 99 % in {worst * 1e3:.1f} ms")
    settle(host, before, "in a row: no link, address, rule, file or descriptor is left")
    grown = resident_mb(host.name) - memory
    check("in a row: the daemon has not grown by more than 3 MB", grown < 3 or SANITIZED,
          f"{grown:.1f} MB")


def cycles():
    with running("--hosts", "1", "--password", "x"):
        host, bin_dir = state().host("h1"), state().settings.bin
        at_once(host, bin_dir)
        in_a_row(host, bin_dir)


main(cycles)

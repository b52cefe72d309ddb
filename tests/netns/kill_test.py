#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL for a weaver under a running transfer: after its start the addresses are held, the
transfer goes on, and no address is given twice."""
import re
import time

from harness import (PREFIX, Transfer, check, lab, main, netns, running, state, status, wait_for)


def held(host):
    """Everything that a host's weaver says is allocated there, by owner."""
    code, body = state().host(host).http("GET", "/ip")
    assert code == 200, body
    return body


def in_kernel(host):
    """The links of a host with their masters, and its nftables tables, whose order says nothing."""
    links = netns.sh("ip", "-n", f"{PREFIX}{host}", "-o", "link", "show")
    rules = netns.sh(*netns.command(f"{PREFIX}{host}", "nft", "list", "ruleset"))
    tables = sorted(re.split(r"^(?=table )", rules, flags=re.MULTILINE))
    return sorted((name.split("@")[0], master) for name, master in re.findall(
        r"^\d+: (\S+): .*?(?:master (\S+) )?state", links, re.MULTILINE)), tables


def allocate_everywhere(count):
    """Addresses that all hosts give to new containers, one after the other."""
    given = []
    for number in range(count):
        for host in state().hosts():
            code, body = host.http("POST", f"/ip/probe-{host.name}-{number}")
            assert code == 200, body
            given.append(body.strip())
    return given


def killed():
    with running("--hosts", "3", "--password", "x"):
        for number in range(3):
            lab("pod", "add", f"extra{number}", "h2")
        before = held("h2")
        kernel_before = in_kernel("h2")
        namespaces_before = netns.names(".*")
        moving = Transfer("p2", "p1", 300_000_000)
        wait_for("kill: the transfer is under way", 20, lambda: moving.received > 5_000_000)
        lab("kill", "h2")
        stopped_at = moving.received
        time.sleep(1)
        check("kill: nothing moves without the daemon", moving.received < stopped_at + 2_000_000)
        check("kill: the transfer was not over before", moving.received < moving.size)
        lab("start", "h2")
        check("start: the same addresses are held", held("h2") == before, before.strip()[:120])
        good = moving.finish(120)
        check("start: the transfer goes on to its end", good, moving.text)
        for _ in range(3):
            lab("kill", "h2")
            lab("start", "h2")
        check("start: as often as it is killed, links and rules are those from before",
              in_kernel("h2") == kernel_before, f"{kernel_before[0]} {in_kernel('h2')[0]}")
        ours = [name for name in netns.names(".*") if name not in namespaces_before]
        check("start: no namespace is left", not [n for n in ours if n.startswith(PREFIX)],
              " ".join(ours))
        given = allocate_everywhere(30)
        given += [pod["address"] for pod in state().state["pods"].values()]
        check("start: no address was given twice", len(given) == len(set(given)),
              f"{len(given)} addresses")
        wait_for("start: all hosts are connected", 30,
                 lambda: all(status(h, "connections").count("established") == 2
                             for h in ("h1", "h2", "h3")))


main(killed)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Peers come and go while two others carry traffic at full load: nothing of it is lost, and no
weaver dies of it. With thread-sanitized binaries a data race ends the weaver that has it."""
from harness import (Transfer, check, lab, main, ping, pod_address, running, state, status,
                     wait_for)

ROUNDS = 3


def on_swift(host, count):
    return status(host, "connections").count(" swift ") == count


def weavers():
    return {host.name: host.record["weaver"] for host in state().hosts()}


def comes_back(how):
    wait_for(f"{how}: h3 is on swift again with both", 40, lambda: on_swift("h3", 2))
    wait_for(f"{how}: its pod reaches both others", 10, lambda: all(
        ping("p3", pod_address(name), count=2) == 100 for name in ("p1", "p2")))


def come_and_go():
    with running("--hosts", "3", "--password", "x", "--", "--workers=2"):
        wait_for("all are on swift", 20, lambda: all(on_swift(h, 2) for h in ("h1", "h2", "h3")))
        moving = [Transfer("p1", "p2", 1 << 40, port=9001),
                  Transfer("p2", "p1", 1 << 40, seed=2, port=9002)]
        wait_for("both transfers are under way", 20,
                 lambda: all(t.received > 1_000_000 for t in moving))
        before = {name: weavers()[name] for name in ("h1", "h2")}
        for number in range(ROUNDS):
            lab("kill" if number % 2 else "stop", "h3")
            lab("start", "h3")
            comes_back(f"round {number + 1}, restart")
            lab("cut", "h1", "h3")
            wait_for(f"round {number + 1}, cut: swift is left", 20, lambda: not on_swift("h1", 2))
            lab("heal")
            lab("weave", "h1", "forget", "10.99.0.3")
            lab("weave", "h1", "connect", "10.99.0.3")
            lab("pod", "add", f"guest{number}", "h3")
            check(f"round {number + 1}: a pod that is new reaches p1",
                  ping(f"guest{number}", pod_address("p1"), count=2) == 100)
            lab("pod", "del", f"guest{number}")
            comes_back(f"round {number + 1}, healed")
        for transfer in moving:
            transfer.size = transfer.sent + 1_000_000
        for transfer, way in zip(moving, ("p1 to p2", "p2 to p1")):
            good = transfer.finish(120)
            check(f"the transfer from {way} arrives unharmed", good, transfer.text)
        check("the weavers between them are those from before",
              {name: weavers()[name] for name in before} == before)
        reports = [host.name for host in state().hosts() if "Sanitizer" in host.log_tail(100000)]
        check("no sanitizer has anything to say", not reports, " ".join(reports))


main(come_and_go)

# SPDX-License-Identifier: Apache-2.0
"""Weft is restarted and killed under steady traffic between the pods of all nodes."""
import time

from flows import Flows
from harness import (SYSTEM, all_ready, check, cluster, ensure_installed, kubectl, main, start_web,
                     until, wait_for, weave_pods)

READY_AGAIN_SECONDS = 60


def test_rolling_restart():
    with Flows(list(start_web().values())) as flows:
        check("traffic flows between the pods of all nodes", flows.all_move())
        before = weave_pods()
        start = time.monotonic()
        kubectl("rollout", "restart", "ds/weave-net", "-n", SYSTEM)
        kubectl("rollout", "status", "ds/weave-net", "-n", SYSTEM, "--timeout=240s")
        good, error = until(30, all_ready)
        after = weave_pods()
        check("kubectl rollout restart replaces the pod of every node",
              good and set(before) == set(after) and
              not set(before.values()) & set(after.values()),
              error or f"in {time.monotonic() - start:.0f} s")
        flows.check("rolling restart")


def test_kill():
    with Flows(list(start_web().values())) as flows:
        check("traffic flows between the pods of all nodes", flows.all_move())
        for node in cluster().nodes():
            old = node.processes("weaver")
            killed = node.kill("weaver")
            check(f"{node.name}: kill -9 of weaver", killed == 1, f"{killed} processes")
            wait_for(f"{node.name}: another weaver runs and Weft's pod is ready",
                     READY_AGAIN_SECONDS, lambda node=node, old=old: node.processes("weaver") not in
                     ([], old) and node.name in weave_pods())
            flows.check(f"after kill -9 of {node.name}'s weaver")


def test_kill_all_at_once():
    with Flows(list(start_web().values())) as flows:
        check("traffic flows between the pods of all nodes", flows.all_move())
        for node in cluster().nodes():
            node.kill("weaver")
        wait_for("all weavers run again", READY_AGAIN_SECONDS, lambda: all_ready() and all(
            node.processes("weaver") for node in cluster().nodes()))
        flows.check("after kill -9 of all weavers at once")


if __name__ == "__main__":
    ensure_installed()
    main(test_rolling_restart, test_kill, test_kill_all_at_once)

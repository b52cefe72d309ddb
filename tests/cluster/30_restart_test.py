# SPDX-License-Identifier: Apache-2.0
"""Weft is restarted, deleted and killed under steady traffic between the pods of all nodes."""
import time

from flows import Flows
from harness import (SYSTEM, all_ready, check, cluster, ensure_installed, kubectl, main, start_web,
                     until, wait_for, weave_pods)

READY_AGAIN_SECONDS = 60
STANDBY = "weave-net-standby"
# Half a second without a path, twice, and TCP's wait before it sends again.
SILENCE_SECONDS_MAX = 3


def roll(*names):
    """Restarts DaemonSets at once; their pods before and after, by name and node."""
    before = {name: weave_pods(name) for name in names}
    kubectl("rollout", "restart", "daemonset", *names, "-n", SYSTEM)
    for name in names:
        kubectl("rollout", "status", f"ds/{name}", "-n", SYSTEM, "--timeout=300s")
    good, error = until(30, lambda: all_ready() and all(
        set(weave_pods(name)) == set(before[name]) for name in names))
    after = {name: weave_pods(name) for name in names}
    replaced = all(set(before[name]) == set(after[name]) and
                   not set(before[name].values()) & set(after[name].values()) for name in names)
    return good and replaced, error


def standbys_wait():
    """The standby of every node has seen weave-net's pod serve, and waits."""
    return all("Role: standby, waits" in node.sh("curl", "-s", "http://127.0.0.1:6786/status")
               for node in cluster().nodes())


def test_rolling_restart():
    with Flows(list(start_web().values())) as flows:
        check("traffic flows between the pods of all nodes", flows.all_move())
        wait_for("a standby waits on every node", READY_AGAIN_SECONDS, standbys_wait)
        start = time.monotonic()
        good, error = roll("weave-net")
        check("kubectl rollout restart replaces the pod of every node", good,
              error or f"in {time.monotonic() - start:.0f} s")
        flows.check("rolling restart", SILENCE_SECONDS_MAX)
        check("afterwards the standby of every node waits again", standbys_wait())


def test_rolling_restart_of_both():
    with Flows(list(start_web().values())) as flows:
        check("traffic flows between the pods of all nodes", flows.all_move())
        start = time.monotonic()
        good, error = roll("weave-net", STANDBY)
        check("both DaemonSets at once: all pods are replaced", good,
              error or f"in {time.monotonic() - start:.0f} s")
        flows.check("rolling restart of both", SILENCE_SECONDS_MAX)


def test_pods_deleted():
    """As after an eviction: all pods of weave-net go at once."""
    with Flows(list(start_web().values())) as flows:
        check("traffic flows between the pods of all nodes", flows.all_move())
        wait_for("a standby waits on every node", READY_AGAIN_SECONDS, standbys_wait)
        before = set(weave_pods().values())
        kubectl("delete", "pods", "-n", SYSTEM, "-l", "name=weave-net", "--wait=false")
        wait_for("kubectl delete pods: there are others", READY_AGAIN_SECONDS, lambda: all_ready()
                 and not before & set(weave_pods().values()))
        flows.check("all pods of weave-net deleted at once", SILENCE_SECONDS_MAX)


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
    main(test_rolling_restart, test_rolling_restart_of_both, test_pods_deleted, test_kill,
         test_kill_all_at_once)

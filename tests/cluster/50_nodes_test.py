# SPDX-License-Identifier: Apache-2.0
"""Nodes leave and join while 20 pods a minute come and go."""
import re
import time

from flows import Churn
from harness import (WEB_PORT, all_ready, api, check, cluster, ensure_installed, fetch, main,
                     start_web, status, until, wait_for, web_pods)

RECLAIM_SECONDS = 120
JOIN_SECONDS = 30
UNIVERSE = 1 << 20  # addresses in 10.32.0.0/12
RUN_IN_SECONDS = 60


def shares(node):
    """Addresses owned, by nickname, as one node's weaver sees it."""
    return {name: int(count) for name, count in re.findall(
        r"\(([\w.-]+)\) +(\d+) IPs", status(node, "ipam"))}


def test_node_deleted_and_added():
    start_web()
    names = [node.name for node in cluster().nodes()]
    with Churn(names, patience=RUN_IN_SECONDS) as churn:
        wait_for("pods come and go on all nodes", 90, lambda: churn.worked >= 2 * len(names))
        leaver = names[-1]
        survivors = [node for node in cluster().nodes() if node.name != leaver]
        wait_for(f"{leaver} owns a part of the range", 30,
                 lambda: shares(survivors[0]).get(leaver, 0) > 0)
        churn.drop(leaver)
        start = time.monotonic()
        cluster().remove_node(leaver)
        for node in survivors:
            wait_for(f"{node.name}: what {leaver} owned is reclaimed within {RECLAIM_SECONDS} s "
                     "of its deletion", max(0, RECLAIM_SECONDS - (time.monotonic() - start)),
                     lambda node=node: leaver not in shares(node) and
                     sum(shares(node).values()) == UNIVERSE)
        joiner = add_node()
        churn.nodes.append(joiner)
        before = churn.worked
        wait_for("pods still come and go", 90, lambda: churn.worked >= before + len(names))
        rate = 60 * churn.started / (time.monotonic() - churn.began)
    check(f"of {churn.started} pods, {rate:.0f} a minute, none failed to run within "
          f"{RUN_IN_SECONDS} s", not churn.failed, "; ".join(churn.failed[:3]) or
          f"the slowest took {churn.slowest:.1f} s")
    wait_for("all is well", 60, all_ready)


def add_node():
    (joiner,) = cluster().add_nodes(1)
    start = time.monotonic()  # registered with the API server
    wait_for(f"a pod on {joiner} works within {JOIN_SECONDS} s of its registration", JOIN_SECONDS,
             lambda: joiner in web_pods())
    good, error = until(max(0, JOIN_SECONDS - (time.monotonic() - start)), lambda: all(
        fetch(web_pods()[joiner].netns(), pod.address, WEB_PORT) for pod in web_pods().values()))
    check("and reaches those of all nodes", good,
          error or f"after {time.monotonic() - start:.1f} s")
    return joiner


def test_nothing_is_leaked():
    """After all that: addresses in use are those of pods that are there, and each node's own."""
    def counts():
        found = {}
        for node in cluster().nodes():
            found[node.name] = int(re.search(r"\((\d+) active\)", status(node, "ipam"))[1])
        return found

    def expected():
        pods = api().items("/api/v1/pods")
        return {node.name: 1 + sum(pod["spec"].get("nodeName") == node.name and
                                   not pod["spec"].get("hostNetwork") for pod in pods)
                for node in cluster().nodes()}
    wait_for("every node has as many addresses in use as it has pods, and one of its own", 90,
             lambda: counts() == expected())
    print(f"   in use {counts()}, pods and node {expected()}")


if __name__ == "__main__":
    ensure_installed()
    main(test_node_deleted_and_added, test_nothing_is_leaked)

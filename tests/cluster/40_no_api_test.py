# SPDX-License-Identifier: Apache-2.0
"""Nodes start over while Weft cannot reach the API server; their pods get their network.

A kubelet that starts learns of its pods from the API server alone, so there are two tests: the API
server is stopped and every container killed beneath kubelets that live; and all nodes are booted
with the API server in reach of kubelet and hidden from Weft (the service's address is dropped)."""
import contextlib
import re

from harness import (SPACE, WEB_PORT, all_ready, api, cluster, ensure_installed, fetch, main,
                     start_web, status, wait_for, web_pods)
from kubelab.control_plane import SERVICE_ADDRESS
from netlab import netns

SECONDS = 180
HIDE = f"""table ip hide_api {{
  chain output {{
    type filter hook output priority -200
    ip daddr {SERVICE_ADDRESS} drop
  }}
}}
"""


def test_containers_killed():
    old = start_web()
    sandboxes = {node.name: sandbox_of(node, old[node.name].name) for node in cluster().nodes()}
    plane = cluster().control_plane()
    plane.stop_api()
    try:
        for node in cluster().nodes():
            for name in ("pause", "weave-kube", "weaver", "busybox", "httpd"):
                node.kill(name)
        pods = [(node, old[node.name].name) for node in cluster().nodes()]
        wait_for("with the API server away, every killed pod gets a new sandbox with a network",
                 SECONDS, lambda: all(sandbox_of(node, name) not in (None, sandboxes[node.name])
                                      and address_in(node, name) for node, name in pods))
        addresses = {node.name: address_in(node, name) for node, name in pods}
        for node, name in pods:
            wait_for(f"the pod on {node.name} reaches those of all nodes", SECONDS,
                     lambda node=node, name=name: all(fetch(
                         node.pod_netns(SPACE, name), address, WEB_PORT).split()[2] == other
                         for other, address in addresses.items()))
    finally:
        cluster_now = cluster()
        plane = cluster_now.control_plane()
        plane.start_api()
        cluster_now.state["control-plane"] = plane.record
        cluster_now.save()
    wait_for("with the API server back, all is well", SECONDS, all_ready)


def sandbox_of(node, pod):
    """The id of the pod's newest sandbox that runs."""
    info = node.sandbox(SPACE, pod)
    name = info["ID"] if info else "-"
    running = re.search(rf"^{name} +\d+ +RUNNING", node.ctr("tasks", "ls"), re.MULTILINE)
    return name if running else None


def address_in(node, pod):
    """The pod's address, as its own network namespace has it."""
    words = netns.sh(*netns.command(node.pod_netns(SPACE, pod), "ip", "-4", "-o", "addr", "show",
                                    "dev", "eth0")).split()
    return words[words.index("inet") + 1].split("/")[0] if "inet" in words else None


def test_nodes_rebooted():
    start_web()
    names = [node.name for node in cluster().nodes()]
    for name in names:
        cluster().power_off(name)
    wait_for("the cluster sees its nodes gone", 90, lambda: not api().nodes_ready())
    one = cluster()
    one.boot(*names, before_kubelet=lambda node: netns.sh(
        *netns.command(node.ns, "nft", "-f", "-"), stdin=HIDE))
    try:
        wait_for("all nodes are booted, Weft does not reach the API: web servers run on all",
                 SECONDS, lambda: set(fetched(names)) == set(names))
        for node in cluster().nodes():
            wait_for(f"{node.name}: the mesh is whole", SECONDS, lambda node=node: status(
                node, "connections").count("established") == len(names) - 1)
            wait_for(f"a pod on {node.name} reaches those of all nodes", SECONDS,
                     lambda node=node: all(fetch(web_pods()[node.name].netns(), pod.address,
                                                 WEB_PORT) for pod in web_pods().values()))
    finally:
        for node in cluster().nodes():
            netns.sh(*netns.command(node.ns, "nft", "delete", "table", "ip", "hide_api"))
    wait_for("with the API server back, all is well", SECONDS, all_ready)


def fetched(names):
    """The nodes whose web server answers its own node."""
    found = []
    pods = web_pods()
    for name in names:
        with contextlib.suppress(OSError, KeyError):
            found.append(fetch(cluster().node(name).ns, pods[name].address, WEB_PORT).split()[2])
    return found


if __name__ == "__main__":
    ensure_installed()
    main(test_containers_killed, test_nodes_rebooted)

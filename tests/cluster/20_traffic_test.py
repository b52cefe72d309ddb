# SPDX-License-Identifier: Apache-2.0
"""Pods of all nodes reach each other by address, ClusterIP and NodePort; the wire sees cipher."""
import os
import tempfile

from harness import (SPACE, WEB_PORT, all_web_pods, capture, check, cluster, ensure_installed,
                     fetch, kubectl, main, service, start_web, until)

CANARY = "weft-canary-in-the-coal-mine"


def test_pod_addresses():
    pods = start_web()
    for source in pods.values():
        ns = source.netns()
        answers = {target.node: fetch(ns, target.address, WEB_PORT).split()
                   for target in pods.values()}
        right = {target.node: [source.address, target.name, target.node]
                 for target in pods.values()}
        check(f"a pod on {source.node} reaches pods of all nodes, which see its own address",
              answers == right, answers if answers != right else ", ".join(
                  target.address for target in pods.values()))


def test_from_nodes():
    pods = all_web_pods()
    for node in cluster().nodes():
        answers = [fetch(node.ns, pod.address, WEB_PORT).split()[1] for pod in pods.values()]
        check(f"{node.name} itself reaches pods of all nodes",
              answers == [pod.name for pod in pods.values()])


def test_cluster_ip():
    pods = all_web_pods()
    address = service("web")["clusterIP"]
    for source in pods.values():
        check_spread(f"a pod on {source.node} reaches pods of all nodes by ClusterIP",
                     source.netns(), address, 80, pods,
                     lambda seen, asked, source=source: seen == source.address or
                     asked == source.name)  # itself, which kube-proxy hides
    for node in cluster().nodes():
        check_spread(f"{node.name} itself reaches pods of all nodes by ClusterIP", node.ns, address,
                     80, pods, lambda seen, asked: True)


def check_spread(statement, ns, address, port, pods, good_source):
    """Asks until every pod has answered. kube-proxy picks one of them at random each time; with
    three, 40 times without one of them happens once in ten million."""
    left = {pod.name for pod in pods.values()}
    wrong = []
    for _ in range(40):
        seen, name, _ = fetch(ns, address, port).split()
        left.discard(name)
        if not good_source(seen, name):
            wrong.append(f"{name} saw {seen}")
        if not left:
            break
    check(statement, not left and not wrong, "; ".join(wrong) or
          (f"no answer of {left}" if left else ""))


def test_hairpin():
    """A pod that is the only one of a service reaches itself through it."""
    pod = next(iter(all_web_pods().values()))
    kubectl("label", "pod", pod.name, "alone=yes", "--overwrite")
    kubectl("delete", "service", "alone", "-n", SPACE, "--ignore-not-found")
    kubectl("create", "service", "clusterip", "alone", f"--tcp=80:{WEB_PORT}", "-n", SPACE)
    kubectl("set", "selector", "service", "alone", "alone=yes", "-n", SPACE)
    good, error = until(20, lambda: pod.name in fetch(pod.netns(), service("alone")["clusterIP"],
                                                      80, timeout=2))
    check("a pod reaches itself through its own service", good, str(error or ""))
    kubectl("delete", "service", "alone", "-n", SPACE)


def test_node_port():
    pods = all_web_pods()
    port = service("web-node")["ports"][0]["nodePort"]
    outside = cluster().control_plane()
    for node in cluster().nodes():
        check_spread(f"from outside, pods of all nodes answer on {node.name}'s NodePort",
                     outside.ns, node.address, port, pods, lambda seen, asked: True)
    source = next(iter(pods.values()))
    for node in cluster().nodes():
        check_spread(f"a pod reaches pods of all nodes by {node.name}'s NodePort", source.netns(),
                     node.address, port, pods, lambda seen, asked: True)
    kubectl("patch", "service", "web-node", "-n", SPACE, "-p",
            '{"spec": {"externalTrafficPolicy": "Local"}}')
    for node in cluster().nodes():
        right = [outside.address, pods[node.name].name, node.name]
        until(15, lambda node=node, right=right: fetch(
            outside.ns, node.address, port).split() == right)
        answer = fetch(outside.ns, node.address, port).split()
        check(f"with externalTrafficPolicy Local, {node.name}'s own pod sees the client's address",
              answer == right, f"{answer}")
    kubectl("patch", "service", "web-node", "-n", SPACE, "-p",
            '{"spec": {"externalTrafficPolicy": "Cluster"}}')


def test_ciphertext():
    pods = sorted(all_web_pods().values(), key=lambda pod: pod.node)
    source, target = pods[0], pods[1]
    with tempfile.TemporaryDirectory() as folder:
        wire, inside = f"{folder}/wire", f"{folder}/inside"
        with capture(cluster().node(source.node).ns, "eth0", wire), \
                capture(target.netns(), "eth0", inside):
            for _ in range(20):
                fetch(source.netns(), target.address, WEB_PORT, f"/cgi-bin/me?{CANARY}")
        texts = [open(path, "rb").read() for path in (wire, inside)]
        sizes = [os.path.getsize(path) for path in (wire, inside)]
    check("in the pod the text is seen", texts[1].count(CANARY.encode()) >= 20,
          f"{texts[1].count(CANARY.encode())} times in {sizes[1]} bytes")
    check("on the wire there is traffic without it", sizes[0] > sizes[1] // 2 and
          CANARY.encode() not in texts[0], f"0 times in {sizes[0]} bytes")


if __name__ == "__main__":
    ensure_installed()
    main(test_pod_addresses, test_from_nodes, test_cluster_ip, test_hairpin, test_node_port,
         test_ciphertext)

# SPDX-License-Identifier: Apache-2.0
"""kubectl apply of the one file, and what the commands of an operator's guide then show."""
import re
import time

from harness import (READY_SECONDS, SYSTEM, api, api_of, check, cluster, fresh_nodes, kubectl,
                     main, start_web, status, wait_for, weave_pods, weft)
from harness import all_ready


def test_apply():
    if weft.installed(cluster()):
        print("Weft is installed already; its nodes give way to new ones")
        fresh_nodes()
    check("without Weft no node is Ready", not api().nodes_ready())
    archive = weft.image(cluster())
    cluster().import_image(archive)
    start = time.monotonic()
    weft.apply(cluster())
    wait_for(f"all nodes are Ready within {READY_SECONDS} s of kubectl apply",
             READY_SECONDS - (time.monotonic() - start),
             lambda: len(api().nodes_ready()) == len(cluster().nodes()))
    wait_for("a ready pod of Weft is on every node", READY_SECONDS, all_ready)


def test_conditions():
    def reasons():
        return {(c["status"], c["reason"]) for node in api().items("/api/v1/nodes")
                for c in node["status"]["conditions"] if c["type"] == "NetworkUnavailable"}
    wait_for("every node's NetworkUnavailable is False, because WeaveIsUp", 30,
             lambda: reasons() == {("False", "WeaveIsUp")} and all(
                 api_of.condition(node, "NetworkUnavailable")
                 for node in api().items("/api/v1/nodes")))


def test_mesh():
    count = len(cluster().nodes())
    for node in cluster().nodes():
        wait_for(f"{node.name}: all others are connected, encrypted", 30,
                 lambda node=node: len(re.findall(r"established +encrypted",
                                                  status(node, "connections"))) == count - 1)


def test_commands():
    """Those of the guide that concern a pod network."""
    names = weave_pods()
    node = cluster().nodes()[0]
    pod = names[node.name]
    link = node.sh("ip", "link", "show", "weave")
    check("ip link show weave: is there and up", re.search(r"weave: <.*\bUP\b", link), link[:80])
    bridge = node.sh("ip", "link", "show", "type", "bridge")
    check("ip link show type bridge: lists weave", ": weave:" in bridge)
    route = node.sh("ip", "route")
    check("ip route: 10.32.0.0/12 dev weave proto kernel scope link src ADDRESS",
          re.search(r"10\.32\.0\.0/12 dev weave proto kernel scope link src 10\.(3[2-9]|4[0-7])\.",
                    route), route.strip())
    logs = kubectl("logs", "-n", SYSTEM, pod)
    lines = [line for line in logs.splitlines() if "ipalloc-range" in line]
    check("kubectl logs POD | grep ipalloc-range: says 10.32.0.0/12",
          any("10.32.0.0/12" in line for line in lines), lines[0][:120] if lines else "no line")
    described = kubectl("describe", "ds", "weave-net", "-n", SYSTEM)
    check("kubectl describe ds weave-net: shows IPALLOC_RANGE 10.32.0.0/12",
          re.search(r"IPALLOC_RANGE: +10\.32\.0\.0/12", described))
    listed = kubectl("get", "pods", "-n", SYSTEM)
    check("kubectl get pods -n kube-system | grep weave: weave-net-xxxxx of every node, Running",
          len(re.findall(r"^weave-net-\w+ +\d/\d +Running", listed, re.MULTILINE)) == len(names))
    shown = kubectl("exec", "-n", SYSTEM, pod, "--", "/home/weave/weave", "--local", "status")
    check("kubectl exec POD -- /home/weave/weave --local status: shows the range",
          "Range: 10.32.0.0/12" in shown)
    forwarding = node.sh("cat", "/proc/sys/net/ipv4/ip_forward").strip()
    check("cat /proc/sys/net/ipv4/ip_forward: 1", forwarding == "1", forwarding)
    plugins = node.sh("ls", "/opt/cni/bin").split()
    check("ls /opt/cni/bin: weave-net and weave-ipam", {"weave-net", "weave-ipam"} <= set(plugins))
    conf = node.sh("ls", "/etc/cni/net.d").split()
    check("ls /etc/cni/net.d: 10-weave.conflist", "10-weave.conflist" in conf, conf)


def test_pods():
    pods = start_web()
    node, pod = next(iter(sorted(pods.items())))
    wide = kubectl("get", "pods", "-o", "wide")
    check("kubectl get pods -o wide: addresses in 10.32.0.0/12",
          all(re.match(r"10\.(3[2-9]|4[0-7])\.", p.address) and p.address in wide
              for p in pods.values()))
    route = kubectl("exec", pod.name, "--", "ip", "route")
    check("kubectl exec POD -- ip route: default via 10.32.x.y dev eth0",
          re.search(r"^default via 10\.(3[2-9]|4[0-7])\.\d+\.\d+ dev eth0", route, re.MULTILINE),
          route.strip().splitlines()[0])
    address = kubectl("exec", pod.name, "--", "ip", "addr", "show", "eth0")
    check("kubectl exec POD -- ip addr show eth0: the address that Kubernetes shows",
          f"inet {pod.address}/12" in address)
    links = cluster().node(node).sh("bridge", "link", "show")
    check("bridge link show: vethwepl… on the bridge weave",
          re.search(r"vethwepl\w+.*master weave", links))
    listening = cluster().node(node).sh("ss", "-Hltn")
    check("netstat -plnt: 6783, 127.0.0.1:6784", ":6783 " in listening and
          "127.0.0.1:6784" in listening)


if __name__ == "__main__":
    main(test_apply, test_conditions, test_mesh, test_commands, test_pods)

# SPDX-License-Identifier: Apache-2.0
"""kubectl delete of the one file and what it leaves, the file that takes the rest from the nodes,
and an installation afterwards."""
import time

from harness import (READY_SECONDS, SPACE, SYSTEM, all_ready, api, check, cluster,
                     ensure_installed, fetch, kubectl, main, start_web, wait_for, web_pods,
                     WEB_PORT, weft)

OURS, STANDBY = "weave-net", "weave-net-standby"
KINDS = ("daemonset,service,serviceaccount,configmap,secret,lease,role,rolebinding,clusterrole,"
         "clusterrolebinding")
UNINSTALLER = f"{weft.DEPLOY}/kubernetes/weave-uninstall-k8s.yaml"
END_SECONDS = 60
# A kubelet tells of the end of a pod's containers late, up to 48 s as measured.
PODS_END_SECONDS = 120


def left_on(node):
    """What a node has of Weft: links, tables and rules, files."""
    links = [line.split()[0] for line in node.sh("ip", "-br", "link").splitlines()]
    rules = node.sh("nft", "list", "tables") + node.sh("iptables-save") + node.sh(
        "iptables-legacy-save")
    files = node.sh("find", "/var/lib/weave", "/etc/cni/net.d", "/opt/cni/bin", "-mindepth", "1",
                    check=False).split()
    return ([link for link in links if link.startswith(("weave", "vethwe"))] +
            [line for line in rules.splitlines() if "weave" in line.lower() or "weft" in line] +
            [file for file in files if "weave" in file])


def test_too_early():
    kubectl("apply", "-f", UNINSTALLER)
    wait_for("applied while Weft runs, the uninstaller waits and says so", 30, lambda: said().count(
        "Weft runs on this node: waiting") == len(cluster().nodes()))
    kubectl("delete", "-f", UNINSTALLER)
    wait_for("and goes when it is deleted", PODS_END_SECONDS,
             lambda: not api().pods(SYSTEM, "name=weave-uninstall"))
    check("and Weft runs on", all_ready())


def said():
    return kubectl("logs", "-n", SYSTEM, "-l", "name=weave-uninstall", "-c", "clean")


def test_delete():
    start_web()
    weft.uninstall(cluster())
    wait_for("kubectl delete -f: Weft's pods end", PODS_END_SECONDS,
             lambda: not any(api().pods(SYSTEM, f"name={name}") for name in (OURS, STANDBY)))
    left = [line for line in kubectl("get", KINDS, "-A", "-o", "name").split() if OURS in line]
    # The token goes with its account, a moment later.
    left = [name for name in left if "-token-" not in name]
    check("kubectl delete -f: nothing of the name is left in the cluster", not left, left)
    for node in cluster().nodes():
        found = left_on(node)
        check(f"{node.name}: bridge, rules, configuration and plugin are still there", {
            "weave", "table ip weft", "/etc/cni/net.d/10-weave.conflist",
            "/opt/cni/bin/weave-net"} <= set(found), len(found))


def test_uninstaller():
    kubectl("apply", "-f", UNINSTALLER)
    start = time.monotonic()
    kubectl("rollout", "status", "ds/weave-uninstall", "-n", SYSTEM, f"--timeout={END_SECONDS}s")
    print(f"   all nodes say that they are clean after {time.monotonic() - start:.1f} s")
    for node in cluster().nodes():
        found = left_on(node)
        check(f"{node.name}: no link, rule or file of Weft is left", not found, "; ".join(found))
        names = node.sh("ls", "/opt/cni/bin").split()
        check(f"{node.name}: the plugins of others are", {"portmap", "bridge"} <= set(names))
    check("kubectl logs: each says what it removed", said().count(
        "nothing of Weft is left on this node; removed") == len(cluster().nodes()))
    kubectl("delete", "-f", UNINSTALLER)
    kubectl("delete", "ds", "web", "-n", SPACE)
    wait_for("pods that had their network from Weft can be deleted afterwards", END_SECONDS,
             lambda: not api().pods(SPACE, "app=web"))


def test_again():
    start = time.monotonic()
    weft.apply(cluster())
    wait_for(f"installed again, all nodes are ready within {READY_SECONDS} s",
             READY_SECONDS - (time.monotonic() - start), all_ready)
    start_web()
    pods = web_pods()
    for source in pods.values():
        seen = {fetch(source.netns(), pod.address, WEB_PORT).split()[2] for pod in pods.values()}
        check(f"a pod on {source.node} reaches those of all nodes", seen == set(pods), seen)


if __name__ == "__main__":
    ensure_installed()
    main(test_too_early, test_delete, test_uninstaller, test_again)

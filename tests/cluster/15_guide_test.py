# SPDX-License-Identifier: Apache-2.0
"""What else an operator's guide to Kubernetes' networks has one type: about a node's links, ports
and rules, about a pod as the container runtime knows it, and from inside a pod."""
import base64
import json
import re
import signal
import time

from harness import (SPACE, SYSTEM, WEB_PORT, all_web_pods, api, api_of, apply, check, cluster,
                     ensure_installed, fetch, images, kubectl, main, pod_spec, service, start_web,
                     until, wait_for, weave_pods, web_container)
from kubelab.control_plane import DNS_ADDRESS
from netlab import netns

# A kubelet may take its time for that, 48 s as measured.
SANDBOX_SECONDS = 120
HOST_PORT = 18080
NAME = f"web.{SPACE}.svc.cluster.local"


def one():
    """A node and the web server on it."""
    name, pod = next(iter(sorted(all_web_pods().items())))
    return cluster().node(name), pod


def other():
    return sorted(all_web_pods().items())[1][1]


def inside(pod, *command):
    return kubectl("exec", pod.name, "-n", SPACE, "--", *command)


def weave(node, *words):
    return kubectl("exec", "-n", SYSTEM, weave_pods()[node.name], "--", "/home/weave/weave", *words)


def test_kubectl():
    wide = kubectl("get", "nodes", "-o", "wide")
    check("kubectl get nodes -o wide: all Ready, each with its address", all(
        re.search(rf"^{node.name} +Ready +.* {re.escape(node.address)} ", wide, re.MULTILINE)
        for node in cluster().nodes()), wide.splitlines()[1])
    node, _ = one()
    described = kubectl("describe", "node", node.name)
    check("kubectl describe node: NetworkUnavailable False, WeaveIsUp", re.search(
        r"NetworkUnavailable +False .* WeaveIsUp +Weave pod has set this", described))
    described = kubectl("describe", "service", "web", "-n", SPACE)
    check("kubectl describe service: the pods' addresses are its endpoints", all(
        f"{pod.address}:{WEB_PORT}" in described for pod in all_web_pods().values()))


def test_node_links():
    node, pod = one()
    table = node.sh("brctl", "show", "weave")
    check("brctl show weave: has vethwepl… and our own port as interfaces",
          re.search(r"vethwepl\w+", table) and re.search(r"vethwe-(tap|bridge)", table))
    own = weave(node, "ps", "weave:expose").split()[-1]
    address = node.sh("ip", "addr", "show", "weave")
    check("ip addr show weave: the address that weave ps says", f"inet {own} " in address, own)
    fetch(node.ns, pod.address, WEB_PORT)
    known = node.sh("arp", "-n")
    check("arp -n: a pod that was asked, on weave", re.search(
        rf"^{re.escape(pod.address)} +ether +\S+ +C +weave", known, re.MULTILINE))


def test_node_ports():
    node, _ = one()
    lines = node.sh("netstat", "-plnt").splitlines()
    for address, program in (("0.0.0.0:6783", "weaver"), ("0.0.0.0:6782", "weaver"),
                             ("127.0.0.1:6784", "weaver"), ("0.0.0.0:6785", "weave-kube")):
        check(f"netstat -plnt: {address} is {program}'s", any(
            re.search(rf" {re.escape(address)} .*/{program}\b", line) for line in lines))


def test_plugin_by_hand():
    node, _ = one()
    plugins = node.sh("ls", "/opt/cni/bin").split()
    check("ls /opt/cni/bin: weave-plugin-VERSION beside the two names",
          any(re.fullmatch(r"weave-plugin-\d+\.\d+\.\d+", name) for name in plugins))
    conf = json.loads(node.sh("cat", "/etc/cni/net.d/10-weave.conflist"))
    check("cat /etc/cni/net.d/10-weave.conflist: weave-net, then portmap",
          [plugin["type"] for plugin in conf["plugins"]] == ["weave-net", "portmap"])
    said = node.sh("sh", "-c", "/opt/cni/bin/weave-net add id /run/netns/x 2>&1; echo rc=$?")
    check("/opt/cni/bin/weave-net add ID NETNS: says how it is run, and fails",
          "CNI_COMMAND" in said and "rc=0" not in said, said.splitlines()[-1])


def test_rules():
    """kube-proxy's are as it wrote them; none of ours among them."""
    node, pod = one()
    nat = node.sh("iptables", "-t", "nat", "-L", "-n")
    check("iptables -t nat -L -n | grep POD-ADDRESS: kube-proxy's KUBE-SEP, with the endpoint",
          re.search(rf"DNAT .* to:{re.escape(pod.address)}:{WEB_PORT}", nat))
    saved = node.sh("iptables-save")
    check("iptables-save: no chain or rule of Weave's or ours",
          not re.search("weave|weft", saved, re.IGNORECASE))
    tables = node.sh("nft", "list", "tables")
    check("nft list tables: ours is weft", "table ip weft" in tables)


def test_runtime():
    """What crictl inspectp would show, by ctr: Debian has no crictl."""
    node, pod = one()
    info = node.sandbox(SPACE, pod.name)
    kept = info["Extensions"]["io.cri-containerd.sandbox.metadata"]["value"]
    sandbox = json.loads(base64.b64decode(kept))["Metadata"]
    result = sandbox["CNIResult"]
    gateway = weave(node, "ps", "weave:expose").split()[-1].split("/")[0]
    eth0 = result["Interfaces"]["eth0"]
    check("containerd's record of the pod: eth0 with address, gateway and MAC",
          eth0["IPConfigs"] == [{"IP": pod.address, "Gateway": gateway}] and
          eth0["Mac"] in inside(pod, "ip", "link", "show", "eth0"), eth0)
    check("containerd's record of the pod: host's end, bridge and default route",
          "weave" in result["Interfaces"] and
          any(name.startswith("vethwepl") for name in result["Interfaces"]) and
          result["Routes"] == [{"dst": "0.0.0.0/0", "gw": gateway}], result["Routes"])
    name = sandbox["NetNSPath"].rsplit("/", 1)[1]
    route = node.sh("ip", "netns", "exec", name, "ip", "route")
    check("ip netns exec NETNS ip route: default by the node's own address on weave",
          route.startswith(f"default via {gateway} dev eth0"), route.splitlines()[0])
    held = weave(node, "ps")
    check("weave ps: the pod, with the same MAC and address",
          f"{eth0['Mac']} {pod.address}/12" in held)
    shares = weave(node, "status", "ipam")
    check("weave status ipam: how the range is shared out",
          len(re.findall(r"\d+ IPs \(\d+\.\d% of total\)", shares)) == len(cluster().nodes()))


def test_from_a_pod():
    _, pod = one()
    target = other()
    said = inside(pod, "ping", "-c", "2", "-W", "2", target.address)
    check("kubectl exec POD -- ping: a pod on another node answers", " 0% packet loss" in said)
    said = inside(pod, "wget", "-qO-", f"http://{target.address}:{WEB_PORT}/cgi-bin/me")
    check("kubectl exec POD -- wget: and its web server, which sees the pod's own address",
          said.split() == [pod.address, target.name, target.node], said.strip())
    said = inside(pod, "wget", "-qO-", f"http://{service('web')['clusterIP']}/cgi-bin/me")
    check("kubectl exec POD -- wget: a service answers", said.split()[1].startswith("web-"))


def test_names():
    """A DNS server in a pod, behind the service whose address kubelet writes into every pod."""
    cluster().import_image(images.make_dns(cluster().settings.cache))
    node, pod = one()
    address = service("web")["clusterIP"]
    start_dns(node, address)
    for client in all_web_pods().values():
        good, error = until(30, lambda client=client: address in inside(
            client, "nslookup", NAME).split("Name:")[1])
        check(f"a pod on {client.node}: nslookup {NAME} gives the service's address", good,
              error or address)
    said = inside(pod, "wget", "-qO-", "http://web/cgi-bin/me")
    check("kubectl exec POD -- wget http://web: by name", said.split()[1].startswith("web-"))
    kubectl("delete", "pod,service", "kube-dns", "-n", SYSTEM)


def start_dns(node, address):
    labels = {"k8s-app": "kube-dns"}
    meta = {"name": "kube-dns", "namespace": SYSTEM, "labels": labels}
    serve = ("echo root:x:0:0::/:/bin/sh >/etc/passwd; exec /usr/sbin/dnsmasq --keep-in-foreground "
             "--user=root --pid-file=/tmp/pid --no-resolv --no-hosts --local=/cluster.local/ "
             f"--host-record={NAME},{address}")
    container = {"name": "dns", "image": images.DNS, "imagePullPolicy": "Never",
                 "command": ["/bin/sh", "-c", serve]}
    apply({"apiVersion": "v1", "kind": "Pod", "metadata": meta,
           "spec": pod_spec(container, nodeName=node.name)},
          {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {
              "clusterIP": DNS_ADDRESS, "selector": labels,
              "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}]}})


def test_host_port():
    node, pod = one()
    container = web_container()
    container["ports"] = [{"containerPort": WEB_PORT, "hostPort": HOST_PORT}]
    apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "published", "namespace": SPACE},
           "spec": pod_spec(container, nodeName=node.name)})
    outside = cluster().control_plane()
    for what, ns in (("from outside", outside.ns), ("a pod on another node", other().netns()),
                     ("a pod on the node", pod.netns()), ("the node itself", node.ns)):
        good, error = until(30, lambda ns=ns: fetch(
            ns, node.address, HOST_PORT).split()[1:] == ["published", node.name])
        check(f"hostPort, by portmap: {what} reaches the pod by the node's address", good,
              error or "")
    sandbox = node.sandbox(SPACE, "published")["ID"]
    kubectl("delete", "pod", "published", "-n", SPACE)
    wait_for("hostPort: the kubelet ends the pod's sandbox", SANDBOX_SECONDS,
             lambda: sandbox not in node.ctr("tasks", "ls"))
    wait_for("hostPort: nothing is left of it in iptables then", 2,
             lambda: f"dport {HOST_PORT}" not in node.sh("iptables-save"))


def test_node_port_local():
    node, _ = one()
    port = service("web-node")["ports"][0]["nodePort"]
    seen = {fetch(node.ns, "127.0.0.1", port).split()[2] for _ in range(30)}
    check("curl localhost:NODEPORT on a node: pods of all nodes answer",
          seen == {node.name for node in cluster().nodes()}, sorted(seen))


def test_complaint():
    """A pod that gets no network, because the daemon hangs: what the kubelet's journal says."""
    node, _ = one()
    name = f"unlucky-{int(time.time())}"  # the journal has those of earlier times
    for pid in node.processes("weaver"):
        netns.signal_pid(pid, signal.SIGSTOP)
    try:
        apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": SPACE},
               "spec": pod_spec(web_container(), nodeName=node.name)})
        wait_for("journalctl -u kubelet | grep CNI: names the plugin and the pod", 25, lambda: any(
            "CNI" in line and "weave-net" in line and name in line
            for line in open(node.log("kubelet"))))
        wait_for("kubectl describe pod: says the same", 10, lambda: re.search(
            "FailedCreatePodSandBox.*weave-net.*CNI",
            kubectl("describe", "pod", name, "-n", SPACE)))
    finally:
        for pid in node.processes("weaver"):
            netns.signal_pid(pid, signal.SIGCONT)
    wait_for("and when the daemon answers again, the pod runs", 60, lambda: api_of.condition(
        api().get(f"/api/v1/namespaces/{SPACE}/pods/{name}"), "Ready") == "True")
    kubectl("delete", "pod", name, "-n", SPACE)


if __name__ == "__main__":
    ensure_installed()
    start_web()
    main(test_kubectl, test_node_links, test_node_ports, test_plugin_by_hand, test_rules,
         test_runtime, test_from_a_pod, test_names, test_host_port, test_node_port_local,
         test_complaint)

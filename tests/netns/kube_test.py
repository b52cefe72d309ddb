#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""weave-kube on three nodes with an API server that misbehaves: installation without an API server
in sight, one seed of many, pods, what the node is told of, faults of server and files, and an end
and a beginning without the server."""
import base64
import glob
import json
import os
import re
import signal
import subprocess
import time

from harness import ROOT, check, main, netns, wait_for
from kube_lab import Cluster, clean, seed_of
from netlab import underlay


def read(path):
    with open(path) as file:
        return file.read()


def established(host):
    return host.weave("connections").count("established encrypted")


def ping(source, address):
    return subprocess.run(netns.command(source, "ping", "-q", "-c", "2", "-i", "0.2", "-W", "2",
                                        address), capture_output=True).returncode == 0


def told(said):
    """What is degraded, of what `weave status` printed."""
    return " | ".join(re.findall(r"Degraded: (.*)", said[1]))


def without_api(hosts):
    """Nothing can be decided, so nothing is begun; and nobody gives up."""
    # One has a password that is set but empty, as of a Secret whose value was cleared.
    for host, variables in zip(hosts, ({"WEAVE_PASSWORD": ""}, {}, {})):
        host.start(**variables)
    wait_for("no API: every agent lives and says so", 20,
             lambda: all(h.get("/healthz")[0] == 200 for h in hosts))
    wait_for("no API: it is told why pods are not served", 10,
             lambda: all("API server" in h.get("/readyz")[1] for h in hosts))
    time.sleep(1)
    check("no API: weave status says what is waited for, though there is no weaver", all(
        "Status: weaver is not started" in (said := h.operator("status"))[1]
        and "Degraded: weave-kube: weaver is not started: the API server has not said" in said[1]
        for h in hosts), told(hosts[0].operator("status")))
    code, out, _ = hosts[0].operator("-o", "json", "status")
    check("no API: for programs, too", code == 0 and json.loads(out)["Ready"] is False
          and "API server" in json.loads(out)["Degraded"][0], repr(out))
    code, _, err = hosts[0].operator("status", "--check")
    check("no API: status --check fails with the reason",
          code == 3 and "degraded: weave-kube: " in err, repr(err))
    code, _, err = hosts[0].operator("ps")
    check("no API: other commands tell it, too", code == 1 and "weaver is not started" in err,
          repr(err))
    check("no API: weaver waits", not any(h.weaver() for h in hosts))
    check("no API: no CNI configuration", not any(os.path.exists(h.conflist) for h in hosts))
    check("no API: the plugin is there", all(
        os.readlink(f"{h.root}/opt/cni/bin/weave-net").startswith("weave-plugin-") for h in hosts))


def comes_up(cluster, hosts):
    api = cluster.api
    api.fault(r"^GET /api/v1/nodes\?", (429, {"Retry-After": 1}.items()), times=2)
    api.fault(r"^GET /api/v1/nodes\?", "half")
    api.fault(r"^PUT .*/configmaps/", 409)
    api.fault(r"^GET .*networkpolicies", "hang")
    cluster.api_up()
    wait_for("every node is ready", 45, lambda: all(h.ready() for h in hosts))
    seed = seed_of(api)
    check("seed: one peer was written, whoever was first", len(seed["peers"]) == 1, str(seed))
    rings = {found.rstrip(":") for h in hosts
             for found in re.findall(r"--ipalloc-init=(seed=[0-9a-f:]+|observer)", read(h.log))}
    check("seed: all start from it", rings <= {f"seed={seed['peers'][0]}", "observer"}, str(rings))
    wait_for("peers: each found the two others among the nodes, encrypted", 20,
             lambda: all(established(h) == 2 for h in hosts))
    secret = api.store.get("secrets", "weave-passwd", "kube-system")
    check("password: it is in the Secret", len(secret["data"]["weave-passwd"]) > 40)
    wait_for("condition: the network of every node is available", 10, lambda: all(
        api.condition(h.name).get("status") == "False"
        and api.condition(h.name)["reason"] == "WeaveIsUp" for h in hosts))
    for host in hosts:
        plugins = json.loads(read(host.conflist))["plugins"]
        check(f"CNI: {host.name} has weave-net and portmap",
              [p["type"] for p in plugins] == ["weave-net", "portmap"])
    check("log: the range is in it", hosts[0].logged("ipalloc-range=10.32.0.0/12"))


def pods(hosts):
    made = [host.attach(f"p{number}") for number, host in enumerate(hosts, 1)]
    for host, (ns, _) in zip(hosts, made):
        route = subprocess.run(["ip", "-n", ns, "route"], capture_output=True, text=True).stdout
        gateway = re.search(r"Gateway: ([\d.]+)/12", host.status())
        check(f"pods: the default route of {host.name}'s is the bridge's address",
              bool(gateway) and f"default via {gateway[1]} dev eth0" in route, route.strip())
    check("pods: they reach one another", all(
        ping(made[a][0], made[b][1]) for a, b in ((0, 1), (1, 2), (2, 0))))
    mac = "0e:11:22:33:44:55"
    ns, address = hosts[1].attach("p7", {"ips": ["10.32.77.7/12"], "mac": mac})
    link = subprocess.run(["ip", "-n", ns, "link", "show", "eth0"], capture_output=True, text=True)
    check("pods: one that asks for an address and a MAC gets them",
          address == "10.32.77.7" and mac in link.stdout and ping(made[0][0], address), address)
    return made


def configuration(api, host):
    api.fault(r"^POST .*/events", 500, times=2)  # on the node and on the pod
    os.remove(host.conflist)
    wait_for("CNI: a configuration that was removed is back", 8,
             lambda: os.path.exists(host.conflist))
    with open(host.conflist, "w") as file:
        file.write("{}")
    wait_for("CNI: one that was changed is mended", 8,
             lambda: "weave-net" in read(host.conflist))
    wait_for("Events: one that was refused at first is told all the same", 8,
             lambda: "CniConfigMended" in api.reasons(host.name))
    other = os.path.dirname(host.conflist) + "/05-other.conf"
    with open(other, "w") as file:
        file.write("{}")
    wait_for("CNI: a file that sorts before ours is told of, in status and Events", 8,
             lambda: "05-other.conf" in host.status()
             and {"CniConfigShadowed", "CniConfigMended"} <= api.reasons(host.name))
    shadowed = "weave-kube: CNI configuration: 05-other.conf sorts before ours"
    wait_for("CNI: and in weaver's status", 8, lambda: shadowed in told(host.operator("status")))
    os.remove(other)
    wait_for("CNI: which no longer says so once it is gone", 8,
             lambda: "weave-kube" not in host.operator("status")[1])
    os.remove(host.conflist)
    os.mkdir(host.conflist)
    wait_for("CNI: one that cannot be written is told of in both, and the node is not ready", 8,
             lambda: not host.ready() and "CNI configuration: cannot write" in host.status()
             and "weave-kube: CNI configuration: cannot write" in host.operator("status")[1])
    os.rmdir(host.conflist)
    wait_for("CNI: and is ready again when it can", 8, lambda: host.ready() and json.loads(
        read(host.conflist))["name"] == "weave")


def faults(cluster, hosts):
    api = cluster.api
    api.fault(r"nodes\?.*watch", "gone", times=3)
    api.fault(r"nodes\?.*watch", (429, {"Retry-After": 1}.items()))
    api.drop_watches()
    api.add_node("h9", "10.99.0.9")
    wait_for("faults: 410 and 429 at watches, and a new node is dialled by all", 25,
             lambda: all("10.99.0.9" in h.weave("targets") for h in hosts))
    api.store.delete("nodes", "h9")
    wait_for("faults: a node that went is forgotten", 15,
             lambda: not any("10.99.0.9" in h.weave("targets") for h in hosts))
    cluster.set_token("second")
    api.tokens = {"second"}
    api.drop_watches()
    api.add_node("h8", "10.99.0.8")
    wait_for("faults: with a token that was changed everything goes on", 15,
             lambda: all("10.99.0.8" in h.weave("targets") for h in hosts))
    good = api.certificate
    api.certificate = cluster.certificates.issue("old", days_ago=10)
    api.drop_connections()
    wait_for("faults: an expired certificate is not believed, and status says so", 15,
             lambda: all("certificate has expired" in h.status() for h in hosts))
    wait_for("faults: weaver's status, too", 8, lambda: all(
        "Degraded: weave-kube: API server: " in h.operator("status")[1] for h in hosts))
    check("faults: nodes are served all the same", all(h.ready() for h in hosts))
    api.certificate = good
    api.store.delete("nodes", "h8")
    wait_for("faults: with a good one all is well again", 40,
             lambda: not any("certificate" in h.status() or "10.99.0.8" in h.weave("targets")
                             for h in hosts))


def crash(host, made):
    before = host.weaver()
    os.kill(before, signal.SIGKILL)
    wait_for("weaver killed: it is started again and pods are served", 20,
             lambda: host.weaver() not in (None, before) and host.ready())
    check("weaver killed: counted", "Restarts: 1" in host.status())
    wait_for("weaver killed: its pods are reached", 15, lambda: ping(made[1][0], made[0][1]))


def ends(host):
    weaver = host.weaver()
    host.signal(signal.SIGTERM)
    check("SIGTERM: the agent ends", host.ended(10))
    check("SIGTERM: weaver ended first", not netns.alive(weaver))
    check("SIGTERM: the CNI configuration stays", os.path.exists(host.conflist))


def begins_without_api(cluster, host):
    cluster.api.stop()
    secret = cluster.api.store.get("secrets", "weave-passwd", "kube-system")
    password = base64.b64decode(secret["data"]["weave-passwd"]).decode()
    # The password as the kubelet gives it once it is in the Secret; a peer that is named is not in
    # the way of those that are stored.
    host.start(WEAVE_PASSWORD=password, KUBE_PEERS="10.99.0.77")
    wait_for("no API at a later start: ready from what is stored", 30, host.ready)
    wait_for("no API at a later start: connected to the peers of the last run", 20,
             lambda: established(host) == 2)
    targets = host.weave("targets")
    check("no API at a later start: which were stored, and not those that are named besides",
          "10.99.0.1" in targets and "10.99.0.77" not in targets, targets)
    ns, _ = host.attach("p9")
    check("no API at a later start: a pod gets its network", bool(ns))
    check("no API at a later start: told of", "Problem: API server" in host.status())
    cluster.api_up()


def refuses(cluster, host):
    """A node that Weft never served, in a cluster with policies."""
    ends(host)
    clean(f"{host.root}/weavedb")
    os.makedirs(f"{host.root}/weavedb")
    for file in glob.glob(f"{host.root}/etc/cni/net.d/*"):
        os.remove(file)
    policy = {"metadata": {"name": "deny", "namespace": "default"}, "spec": {}}
    cluster.api.store.put("networkpolicies", policy)
    host.start()
    wait_for("NetworkPolicy: a new node is refused, with the reason in status and Event", 20,
             lambda: "default/deny" in host.get("/readyz")[1]
             and "TakeoverRefused" in cluster.api.reasons(host.name))
    another = {"metadata": {"name": "another", "namespace": "default"}, "spec": {}}
    cluster.api.store.put("networkpolicies", another)
    wait_for("NetworkPolicy: of a second one status knows", 5,
             lambda: "there are 2 NetworkPolicies" in host.get("/readyz")[1])
    cluster.api.store.delete("networkpolicies", "another", "default")
    wait_for("NetworkPolicy: and that it has gone", 5,
             lambda: "there is a NetworkPolicy" in host.get("/readyz")[1])
    told_so = [event for event in cluster.api.store.all("events")
               if event["reason"] == "TakeoverRefused"
               and event["involvedObject"]["name"] == host.name]
    check("NetworkPolicy: which is no news for Events", len(told_so) == 1, len(told_so))
    wait_for("NetworkPolicy: the log has the reason", 5,
             lambda: read(host.log).count("this node is not taken over: there is a NetworkPolicy"))
    said = host.operator("status")
    check("NetworkPolicy: weave status says why, and what to do",
          "Degraded: weave-kube: weaver is not started: this node is not taken over: there is a "
          "NetworkPolicy (default/deny)" in said[1]
          and "WEFT_ALLOW_UNENFORCED_POLICIES=1" in said[1], told(said))
    answer = host.get("/status", 6784)
    check("NetworkPolicy: a probe of Weave's manifest is not satisfied",
          answer[0] == 503 and "default/deny" in answer[1], answer[0])
    code, fault = host.cni_status()
    check("NetworkPolicy: a runtime that asks for STATUS is told",
          code == 50 and "default/deny" in fault, f"{code} {fault}")
    check("NetworkPolicy: neither weaver nor configuration",
          host.weaver() is None and not os.path.exists(host.conflist))
    wait_for("NetworkPolicy: the condition says so", 10,
             lambda: cluster.api.condition(host.name).get("status") == "True")
    cluster.api.store.delete("networkpolicies", "deny", "default")
    wait_for("NetworkPolicy: without policies it is taken over", 30, host.ready)
    check("NetworkPolicy: weaver answers at its address itself",
          "Service: router" in host.operator("status")[1])
    cluster.api.store.put("networkpolicies", policy)
    wait_for("NetworkPolicy: one that comes later is told of by weaver's status", 8,
             lambda: "Degraded: weave-kube: NetworkPolicy: there is a NetworkPolicy (default/deny)"
             in host.operator("status")[1])
    cluster.api.store.delete("networkpolicies", "deny", "default")
    wait_for("NetworkPolicy: and no longer when it has gone", 8,
             lambda: "NetworkPolicy" not in host.operator("status")[1])


def repeated(api, host):
    """The same Event told again, a minute later at the soonest."""
    def count():
        os.path.exists(host.conflist) and os.remove(host.conflist)
        return max([event["count"] for event in api.store.all("events")
                    if event["reason"] == "CniConfigMended"])
    wait_for("Events: one that is told again counts up", 75,
             lambda: count() > 1 and api.requests["PATCH events"])


def goes_silent(api, host):
    """The watch of one host's agent is as if its connection's other end were gone."""
    api.fault(rf"nodes\?.*watch.* from {underlay.address(host.host.number)}$", "silent")
    api.drop_watches()
    wait_for("half-open watch: it is accepted", 60, lambda: not any(
        what == "silent" and left for _, what, left in api.faults))
    api.add_node("h7", "10.99.0.7")


def not_deaf(host):
    wait_for("half-open watch: a node that was added meanwhile is dialled all the same", 100,
             lambda: "10.99.0.7" in host.weave("targets"))


def rights(api):
    """Of the manifest's rights all are used here but that of looking one node up, before its space
    is reclaimed (kube_reclaim_test)."""
    check("RBAC: nothing was asked that the manifest does not grant", not api.rights.refused,
          sorted(map(str, api.rights.refused)))
    check("RBAC: nothing is granted that is not used", api.rights.unused() == {"get nodes"},
          sorted(api.rights.unused()))


def story():
    with Cluster(3) as cluster:
        hosts = cluster.hosts
        without_api(hosts)
        comes_up(cluster, hosts)
        made = pods(hosts)
        configuration(cluster.api, hosts[0])
        netns.sysctl(hosts[0].host.ns, net__ipv4__ip_forward=0)
        faults(cluster, hosts)
        crash(hosts[0], made)
        ends(hosts[1])
        begins_without_api(cluster, hosts[1])
        goes_silent(cluster.api, hosts[0])
        refuses(cluster, hosts[2])
        repeated(cluster.api, hosts[0])
        not_deaf(hosts[0])
        wait_for("Events: what weaver's status says for long is told", 130,
                 lambda: "WeaverDegraded" in cluster.api.reasons(hosts[0].name))
        rights(cluster.api)
        metrics = set(re.findall(r"^# TYPE (\w+)", hosts[0].get("/metrics")[1], re.MULTILINE))
        page = read(f"{ROOT}/docs/reference/weave-kube.md")
        documented = set(re.findall(r"^\| `(we[a-z]+_\w+)`", page, re.MULTILINE))
        check("metrics: those of the page", metrics == documented, str(metrics ^ documented))


def weave_without_password():
    """A node of a cluster whose other nodes Weave still runs, without encryption."""
    peers = {"Peers": [{"PeerName": "7a:00:00:00:00:09", "NodeName": "node9"}]}
    with Cluster(1) as cluster:
        host = cluster.hosts[0]
        cluster.api.store.put("configmaps", {
            "metadata": {"name": "weave-net", "namespace": "kube-system",
                         "annotations": {"kube-peers.weave.works/peers": json.dumps(peers)}}})
        cluster.api_up()
        host.start()
        wait_for("Weave without password: weaver serves, without encryption", 20,
                 lambda: host.logged("traffic between peers is NOT encrypted"))
        wait_for("Weave without password: an Event says so, and what to do", 10,
                 lambda: "NotEncrypted" in cluster.api.reasons(host.name))
        secret = cluster.api.store.get("secrets", "weave-passwd", "kube-system")
        check("Weave without password: none is made", not (secret or {}).get("data"))
        seed = seed_of(cluster.api)
        check("Weave without password: nodes that come later know", seed.get("fromWeave"),
              str(seed))


def tells():
    """What keeps a node from serving, or its pods from reaching all that they should."""
    with Cluster(1) as cluster:
        host = cluster.hosts[0]
        netns.sysctl(host.host.ns, net__ipv4__ip_forward=0)
        cluster.api.fault(r"^GET .*networkpolicies", 403, times=1000)
        cluster.api_up()
        host.start()
        wait_for("telling: why NetworkPolicies cannot be listed, in what is waited for", 20,
                 lambda: "403" in host.get("/readyz")[1])
        check("telling: and as a problem",
              re.search(r"Problem: NetworkPolicies: .*403", host.status()), host.status())
        kernel = "weave-kube: kernel: net.ipv4.ip_forward is 0"
        wait_for("telling: a node that does not forward, in status and Event", 10,
                 lambda: kernel in told(host.operator("status"))
                 and "IpForwardOff" in cluster.api.reasons(host.name))
        cluster.api.faults.clear()
        wait_for("telling: once they can, it serves", 45, host.ready)
        wait_for("telling: weaver tells of the node that does not forward, too", 10,
                 lambda: told(host.operator("status")).count("net.ipv4.ip_forward is 0") == 2)


main(story, weave_without_password, tells)

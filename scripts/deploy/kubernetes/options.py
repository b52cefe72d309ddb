# SPDX-License-Identifier: Apache-2.0
"""The options of the chart, each stated once: values.yaml, values.schema.json, the table in
docs/kubernetes.md and the defaults of weave-daemonset-k8s.yaml are made from this list."""
from dataclasses import dataclass

TEXT = {"type": "string"}
SWITCH = {"type": "boolean"}
TABLE = {"type": "object"}
LIST = {"type": "array"}
# JSON Schema has no notion of a prefix length's bound; the daemon checks the rest.
CIDR = {"type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]{1,3}){3}/[0-9]{1,2}$"}
LOOPBACK = {"type": "string", "pattern": r"^127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$"}
PORT = {"type": "integer", "minimum": 1, "maximum": 65535}
FOLDER = {"type": "string", "pattern": "^/"}


@dataclass(frozen=True)
class Option:
    path: str  # dots between the levels of values.yaml
    default: object
    schema: dict
    text: str


OPTIONS = [
    Option("image.repository", "localhost/weft/weave-kube", TEXT,
           "The image, without its tag. The default is what scripts/deploy/image makes, loaded "
           "into every node's runtime; else name your registry."),
    Option("image.tag", "", TEXT, "Its tag; empty: the chart's appVersion."),
    Option("image.pullPolicy", "IfNotPresent", {"enum": ["Always", "IfNotPresent", "Never"]},
           "When the kubelet pulls it."),
    Option("image.pullSecrets", [], LIST, "As a pod's imagePullSecrets: a list of `name: …`."),
    Option("ipam.range", "10.32.0.0/12", CIDR,
           "Range of pod addresses, IPALLOC_RANGE. The same for ever: it cannot be changed while "
           "the mesh lives."),
    Option("encryption.enabled", True, SWITCH,
           "Encrypt what passes between nodes. False while a mesh of Weave's without a password "
           "is being taken over."),
    Option("encryption.secretName", "weave-passwd", TEXT,
           "Secret in the same namespace whose key of the same name holds the password. If it has "
           "no such key, the first node to start makes a password of 32 random bytes."),
    Option("encryption.createSecret", True, SWITCH,
           "Ship that Secret, empty. False: it is there already, made by somebody else."),
    Option("mtu", 0, {"type": "integer", "minimum": 0, "maximum": 65535},
           "MTU of pods, WEAVE_MTU; 0: from the underlay."),
    Option("connectionLimit", 200, {"type": "integer", "minimum": 0},
           "Connections of a node at most, CONN_LIMIT; 0: no limit. Nodes beyond are reached "
           "through others."),
    Option("keepSourceAddresses", True, SWITCH,
           "NO_MASQ_LOCAL: what comes from outside to a pod on the node that it arrived at keeps "
           "its source address."),
    Option("hairpin", True, SWITCH,
           "HAIRPIN_MODE: a pod reaches itself through its own Service."),
    Option("cni.antiSpoofing", "true", {"enum": ["true", "false", "annotation"]},
           "WEFT_CNI_ANTI_SPOOFING: hold pods to their own MAC and addresses; false: none; "
           "annotation: a pod's annotation `weave.works/anti-spoofing: \"false\"` lets it off, so "
           "everybody who may create pods may."),
    Option("cni.chain", [], LIST,
           "WEFT_CNI_CHAIN: CNI plugins that come after weave-net and portmap, such as "
           "`{type: bandwidth, capabilities: {bandwidth: true}}`. Nodes must have their programs."),
    Option("moveFromWeave", True, SWITCH,
           "Let the nodes' service account read pods and namespaces, which Weave's network policy "
           "controller must on nodes whose turn has not come. False: no node runs Weave."),
    Option("allowUnenforcedPolicies", False, SWITCH,
           "WEFT_ALLOW_UNENFORCED_POLICIES: run although NetworkPolicy objects exist, which "
           "nothing enforces."),
    Option("peers", [], {"type": "array", "items": TEXT},
           "KUBE_PEERS: addresses of peers beside the cluster's nodes."),
    Option("env", {}, {"type": "object", "additionalProperties": TEXT},
           "Further variables of weave-kube by name, such as `EXTRA_ARGS: --log-level=debug`."),
    Option("apiServer.host", "", TEXT,
           "KUBERNETES_SERVICE_HOST: an API server that is reached without kube-proxy."),
    Option("apiServer.port", 6443, PORT, "KUBERNETES_SERVICE_PORT, if a host is named."),
    Option("http.host", "127.0.0.1", LOOPBACK, "Loopback address of the daemon's API."),
    Option("http.port", 6784, PORT, "Its TCP port."),
    Option("metrics.enabled", True, SWITCH,
           "Serve metrics on all of the node's addresses, WEAVE_METRICS_ADDR; weave-kube's pages "
           "too. False: those on loopback alone, which the probes need."),
    Option("metrics.port", 6782, PORT, "TCP port of the daemon's."),
    Option("metrics.kubePort", 6785, PORT,
           "TCP port of weave-kube's pages, WEFT_KUBE_STATUS_ADDR."),
    Option("metrics.service", True, SWITCH,
           "Make the headless Service weave-net with the ports weave-net-metrics and "
           "weave-kube-metrics, by which Prometheus finds all nodes."),
    Option("paths.cniBin", "/opt/cni/bin", FOLDER, "Where the node's runtime looks for plugins."),
    Option("paths.cniConfig", "/etc/cni/net.d", FOLDER, "Where it looks for their configuration."),
    Option("paths.netns", "/run/netns", FOLDER,
           "Where the node's runtime mounts network namespaces; /run/docker/netns with Docker."),
    Option("maxUnavailable", 1, {"type": ["integer", "string"]},
           "Nodes whose pod of weave-net, and of weave-net-standby, is replaced at once."),
    Option("standby.enabled", True, SWITCH,
           "Make the DaemonSet weave-net-standby, whose pod serves a node while that of weave-net "
           "is replaced. False: pods cannot reach other nodes for the ten seconds and more of "
           "that."),
    Option("standby.port", 6786, PORT, "TCP port of its pages, on loopback."),
    Option("standby.resources", {"requests": {"cpu": "10m", "memory": "32Mi"}}, TABLE,
           "Of its container, which sleeps nearly always."),
    Option("priorityClassName", "system-node-critical", TEXT, "Priority class of the pods."),
    Option("nodeSelector", {}, TABLE, "Labels of the nodes to run on; with none, on all Linux."),
    Option("tolerations", [{"operator": "Exists"}], LIST,
           "Taints to run in spite of. A node without a network is tainted for that reason."),
    Option("resources", {"requests": {"cpu": "50m", "memory": "64Mi"}}, TABLE,
           "Of the container. A limit on memory would let the kernel kill the node's network."),
    Option("seccompProfile", {"type": "RuntimeDefault"}, TABLE, "Seccomp profile of the pods."),
    Option("seLinuxOptions", {}, TABLE,
           "Of the container, such as `type: spc_t` where SELinux guards the node's folders."),
]


def tree():
    """The defaults, as values.yaml nests them."""
    values = {}
    for option in OPTIONS:
        *groups, last = option.path.split(".")
        at = values
        for group in groups:
            at = at.setdefault(group, {})
        at[last] = option.default
    return values

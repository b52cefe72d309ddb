# SPDX-License-Identifier: Apache-2.0
"""A node of the cluster: containerd, kubelet and kube-proxy on a machine of its own."""
import json
import os
import secrets
import shutil
import signal

from netlab import netns

from . import control_plane, images, machine

POD_RANGE = "10.32.0.0/12"
CNI_PLUGINS = ("loopback", "portmap", "bandwidth", "tuning", "bridge", "host-local", "ptp")
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
RUNTIME_SECONDS = 30

CONTAINERD = """\
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  disable_hugetlb_controller = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
"""


class Node(machine.Machine):
    def __init__(self, *arguments, binaries, authority, server):
        super().__init__(*arguments)
        self.binaries = binaries
        self.authority = authority
        self.server = server

    def boot(self, before_kubelet=None):
        """Machine, container runtime, kubelet and kube-proxy; what an earlier boot left in /etc,
        /opt and /var/lib is there again."""
        self._issue()
        self.power_on()
        # The way out of the underlay; a service's address needs a route before it is translated.
        # Kubelet asks the clouds' metadata server who it is; it shall not wait for an answer.
        netns.ip(self.ns, f"route add default via {self.record['gateway']}",
                 "route add unreachable 169.254.0.0/16")
        if not self.record.get("prepared"):
            self._prepare()
            self.record["prepared"] = True
        self._start_containerd()
        if before_kubelet:
            before_kubelet(self)
        self.start_kubelet()
        self.start_proxy()

    def _issue(self):
        user = f"kubelet-{self.name}"
        self.authority.issue(user, f"system:node:{self.name}", "system:nodes",
                             [f"DNS:{self.name}", f"IP:{self.address}"])
        self.authority.kubeconfig(user, self.server)

    def _prepare(self):
        """Before its first boot: a machine with an identity, CNI plugins, and no network of its
        own, whatever the real machine has."""
        with open(self.path("/etc/machine-id"), "w") as file:
            file.write(secrets.token_hex(16) + "\n")
        for folder in ("/etc/cni", "/opt/cni"):
            shutil.rmtree(self.path(folder), ignore_errors=True)
        os.makedirs(self.path("/etc/cni/net.d"))
        os.makedirs(self.path("/opt/cni/bin"))
        for plugin in CNI_PLUGINS:
            shutil.copy(f"/usr/lib/cni/{plugin}", self.path("/opt/cni/bin"))
        open(f"{self.folder}/resolv.conf", "w").close()

    def _start_containerd(self):
        config = f"{self.folder}/containerd.toml"
        with open(config, "w") as file:
            file.write(CONTAINERD.format(socket=CONTAINERD_SOCKET, pause=images.PAUSE))
        self.start("containerd", ["containerd", "--config", config])
        self.wait_for("answer of containerd", RUNTIME_SECONDS, self._runtime_answers, "containerd")

    def _runtime_answers(self):
        try:
            self.ctr("version")
            return True
        except netns.LabError:
            return False

    def start_kubelet(self):
        pki = self.authority
        config = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
            "authentication": {"x509": {"clientCAFile": pki.ca}, "anonymous": {"enabled": False},
                               "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            "tlsCertFile": pki.certificate(f"kubelet-{self.name}"),
            "tlsPrivateKeyFile": pki.key(f"kubelet-{self.name}"),
            "cgroupDriver": "cgroupfs", "cgroupRoot": f"/{self.cgroup()}",
            "enforceNodeAllocatable": [], "failSwapOn": False, "oomScoreAdj": 0,
            "evictionHard": {"memory.available": "0%", "nodefs.available": "0%",
                             "nodefs.inodesFree": "0%", "imagefs.available": "0%"},
            "imageGCHighThresholdPercent": 100, "imageGCLowThresholdPercent": 99,
            "resolvConf": f"{self.folder}/resolv.conf", "clusterDomain": "cluster.local",
            "clusterDNS": [control_plane.DNS_ADDRESS],
            "staticPodPath": f"{self.folder}/static-pods", "maxPods": 60,
            "nodeStatusUpdateFrequency": "5s", "serializeImagePulls": False,
            "kubeAPIQPS": 50, "kubeAPIBurst": 100, "registryPullQPS": 0,
        }
        os.makedirs(f"{self.folder}/static-pods", exist_ok=True)
        with open(f"{self.folder}/kubelet.json", "w") as file:
            json.dump(config, file, indent=2)
        for controller in ("cpu", "cpuacct", "cpuset", "memory", "pids", "systemd"):
            os.makedirs(f"/sys/fs/cgroup/{controller}/{self.cgroup()}", exist_ok=True)
        self._share_cpuset()
        self.start("kubelet", [
            f"{self.binaries}/kubelet", "--v=1", f"--config={self.folder}/kubelet.json",
            f"--kubeconfig={pki.folder}/kubelet-{self.name}.kubeconfig",
            f"--hostname-override={self.name}", f"--node-ip={self.address}",
            "--container-runtime=remote",
            f"--container-runtime-endpoint=unix://{CONTAINERD_SOCKET}",
            "--root-dir=/var/lib/kubelet", "--cert-dir=/var/lib/kubelet/pki",
            "--volume-plugin-dir=/var/lib/kubelet/volumeplugins",
            "--runtime-request-timeout=1m"])

    def _share_cpuset(self):
        """A new cpuset has no CPU and no memory node until it is given some."""
        root = "/sys/fs/cgroup/cpuset"
        for setting in ("cpuset.cpus", "cpuset.mems"):
            with open(f"{root}/{setting}") as source:
                value = source.read()
            with open(f"{root}/{self.cgroup()}/{setting}", "w") as target:
                target.write(value)

    def start_proxy(self):
        self.start("kube-proxy", [
            f"{self.binaries}/kube-proxy", "--v=1", "--proxy-mode=iptables",
            f"--kubeconfig={self.authority.folder}/kube-proxy.kubeconfig",
            f"--hostname-override={self.name}", f"--cluster-cidr={POD_RANGE}",
            "--conntrack-max-per-core=0", "--conntrack-min=0", "--oom-score-adj=0",
            "--conntrack-tcp-timeout-established=0s", "--conntrack-tcp-timeout-close-wait=0s",
            "--iptables-min-sync-period=100ms"])

    # What is asked of the container runtime.

    def ctr(self, *arguments):
        return self.sh("ctr", "-a", CONTAINERD_SOCKET, "-n", "k8s.io", *arguments)

    def import_image(self, archive):
        self.ctr("images", "import", archive)

    def sandbox(self, namespace, pod):
        """The newest sandbox of a pod: its record in containerd, or None."""
        label = "io.kubernetes"
        chosen = None
        for container in self.ctr(
                "containers", "ls", "-q", f'labels."io.cri-containerd.kind"==sandbox,'
                f'labels."{label}.pod.namespace"=={namespace},'
                f'labels."{label}.pod.name"=={pod}').split():
            info = json.loads(self.ctr("containers", "info", container))
            if chosen is None or info["CreatedAt"] > chosen["CreatedAt"]:
                chosen = info
        return chosen

    def pod_netns(self, namespace, pod):
        """A path by which netlab.netns enters the pod's network namespace."""
        info = self.sandbox(namespace, pod)
        if info is None:
            raise netns.LabError(f"{self.name}: no sandbox of pod {namespace}/{pod}")
        for entry in info["Spec"]["linux"]["namespaces"]:
            if entry["type"] == "network" and entry.get("path"):
                return self.path(os.path.realpath("/var/run") + entry["path"].removeprefix(
                    "/var/run"))
        return self.ns

    def processes(self, name):
        """Pids, as seen from outside, of this machine's processes of that name."""
        found = []
        for entry in os.scandir("/proc"):
            if not entry.name.isdigit():
                continue
            try:
                with open(f"{entry.path}/comm") as file:
                    if file.read().strip() == name and self._has(int(entry.name)):
                        found.append(int(entry.name))
            except OSError:
                continue  # it has ended meanwhile
        return sorted(found)

    def _has(self, pid):
        """Whether a process lives in this machine: its pid namespace or one made inside it."""
        return f"/{self.cgroup()}/" in _text(f"/proc/{pid}/cgroup")

    def kill(self, name):
        """SIGKILL for containers' processes of that name; gives how many there were."""
        pids = self.processes(name)
        for pid in pids:
            netns.signal_pid(pid, signal.SIGKILL)
        return len(pids)


def _text(path):
    with open(path) as file:
        return file.read()

# SPDX-License-Identifier: Apache-2.0
"""The control plane's machine: etcd, kube-apiserver, kube-controller-manager, kube-scheduler."""
import ssl
import urllib.error
import urllib.request

from netlab import netns

from . import machine

SERVICE_RANGE = "10.96.0.0/16"
SERVICE_ADDRESS = "10.96.0.1"  # the first of the range is the API server's
DNS_ADDRESS = "10.96.0.10"  # kubelet wants one to write into pods
PORT = 6443
READY_SECONDS = 120


class ControlPlane(machine.Machine):
    def __init__(self, *arguments, binaries, authority):
        super().__init__(*arguments)
        self.binaries = binaries
        self.authority = authority
        self.server = f"https://{self.address}:{PORT}"

    def boot(self):
        self._issue()
        self.power_on()
        self._start_etcd()
        self.start_api()
        for name in ("kube-controller-manager", "kube-scheduler"):
            self._start_client(name)

    def _issue(self):
        pki = self.authority
        names = ["DNS:kubernetes", "DNS:kubernetes.default", "DNS:kubernetes.default.svc",
                 "DNS:kubernetes.default.svc.cluster.local", "DNS:localhost", "IP:127.0.0.1",
                 f"IP:{SERVICE_ADDRESS}", f"IP:{self.address}"]
        pki.issue("apiserver", "kube-apiserver", "system:masters", names)
        pki.issue("admin", "admin", "system:masters")
        pki.kubeconfig("admin", self.server)
        for name in ("kube-controller-manager", "kube-scheduler", "kube-proxy"):
            pki.issue(name, f"system:{name}")
            pki.kubeconfig(name, self.server)

    def _start_etcd(self):
        """In memory: nothing here needs to survive a power cut, and disks are slow to sync."""
        data = "/run/etcd"
        self.start("etcd", [
            "etcd", "--data-dir", data, "--listen-client-urls", "http://127.0.0.1:2379",
            "--advertise-client-urls", "http://127.0.0.1:2379", "--listen-peer-urls",
            "http://127.0.0.1:2380", "--quota-backend-bytes", str(256 << 20)])

    def start_api(self):
        pki = self.authority
        self.start("kube-apiserver", [
            f"{self.binaries}/kube-apiserver", "--v=1", "--etcd-servers=http://127.0.0.1:2379",
            f"--advertise-address={self.address}", f"--secure-port={PORT}",
            f"--service-cluster-ip-range={SERVICE_RANGE}", "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
            f"--client-ca-file={pki.ca}", f"--tls-cert-file={pki.certificate('apiserver')}",
            f"--tls-private-key-file={pki.key('apiserver')}",
            f"--kubelet-client-certificate={pki.certificate('apiserver')}",
            f"--kubelet-client-key={pki.key('apiserver')}",
            "--kubelet-preferred-address-types=InternalIP",
            f"--service-account-key-file={pki.folder}/service-accounts.pub",
            f"--service-account-signing-key-file={pki.key('service-accounts')}",
            "--service-account-issuer=https://kubernetes.default.svc", "--profiling=false"])
        self.wait_for("ready API server", READY_SECONDS, self.api_ready, "kube-apiserver")

    def stop_api(self):
        self.stop("kube-apiserver", seconds=30)

    def api_ready(self):
        context = ssl.create_default_context(cafile=self.authority.ca)
        context.load_cert_chain(self.authority.certificate("admin"), self.authority.key("admin"))

        def ask():
            with urllib.request.urlopen(f"{self.server}/readyz", timeout=5,
                                        context=context) as answer:
                return answer.status == 200

        try:
            return netns.inside(self.ns, ask)
        except (OSError, urllib.error.URLError):
            return False

    def _start_client(self, name):
        pki = self.authority
        argv = [f"{self.binaries}/{name}", "--v=1", "--leader-elect=false", "--profiling=false",
                f"--kubeconfig={pki.folder}/{name}.kubeconfig"]
        if name == "kube-controller-manager":
            argv += [f"--root-ca-file={pki.ca}", "--use-service-account-credentials=true",
                     f"--service-account-private-key-file={pki.key('service-accounts')}",
                     f"--cluster-signing-cert-file={pki.ca}",
                     f"--cluster-signing-key-file={pki.folder}/ca.key"]
        # It ends itself when the API server is away for long, as it would be restarted elsewhere.
        loop = 'while :; do "$@"; sleep 2; done'
        self.start(name, ["/bin/sh", "-c", loop, name, *argv])

    def kubectl(self, *arguments):
        """An argv that runs kubectl as the cluster's administrator."""
        return netns.command(self.ns, f"{self.binaries}/kubectl",
                             f"--kubeconfig={self.authority.folder}/admin.kubeconfig", *arguments)

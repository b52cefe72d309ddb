# SPDX-License-Identifier: Apache-2.0
"""Hosts of the lab with weave-kube on them, and the scripted API server on their switch."""
import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess

import harness
from harness import PREFIX, ROOT, lab_of, netns, pod
from kube_api import ApiServer
from netlab import underlay

API_ADDRESS = "10.99.0.254"
API_PORT = 6443
STATUS_PORT = 6785
RANGE = "10.32.0.0/12"


class Certificates:
    """An authority of the test's own and what it signs."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.ca = f"{folder}/ca.crt"
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                      "-nodes", "-keyout", f"{folder}/ca.key", "-out", self.ca, "-days", "30",
                      "-subj", "/CN=test authority")

    def issue(self, name, days_ago=0):
        """A certificate for the API server's address, valid for two days: (file, key file)."""
        base = f"{self.folder}/{name}"
        with open(f"{base}.ext", "w") as file:
            file.write(f"subjectAltName=IP:{API_ADDRESS}\n")
        self._openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                      "-nodes", "-keyout", f"{base}.key", "-out", f"{base}.csr", "-subj", "/CN=api")
        past = ["faketime", "-f", f"-{days_ago}d"] if days_ago else []
        self._openssl("x509", "-req", "-in", f"{base}.csr", "-CA", self.ca, "-CAkey",
                      f"{self.folder}/ca.key", "-CAcreateserial", "-days", "2", "-extfile",
                      f"{base}.ext", "-out", f"{base}.crt", before=past)
        return f"{base}.crt", f"{base}.key"

    def _openssl(self, *arguments, before=()):
        subprocess.run([*before, "openssl", *arguments], check=True, capture_output=True)


class KubeHost:
    """weave-kube on one host, with a folder in place of the host's file system. `pod` tells several
    on one host apart."""

    def __init__(self, cluster, name, pod="weave-net", flags=(), status_port=STATUS_PORT):
        self.cluster = cluster
        self.name = name
        self.pod = pod
        self.flags = [*cluster.flags, *flags]
        self.status_port = status_port
        self.host = cluster.lab.host(name)
        self.host.record["http"] = "127.0.0.1:6784"
        self.root = f"{self.host.folder}/root"
        self.log = f"{self.host.folder}/{pod}.log"
        self.conflist = f"{self.root}/etc/cni/net.d/10-weave.conflist"
        for folder in ("etc/cni/net.d", "opt/cni/bin", "weavedb"):
            os.makedirs(f"{self.root}/{folder}", exist_ok=True)
        self.pid = None

    def start(self, **variables):
        folder = self.cluster.lab.settings.bin
        env = {"PATH": os.environ["PATH"], "HOSTNAME": self.name, "HOST_ROOT": self.root,
               "DB_PREFIX": f"{self.root}/weavedb/weave-net", "POD_NAMESPACE": "kube-system",
               "POD_NAME": f"{self.pod}-{self.name}", "POD_UID": f"{self.pod}-{self.name}",
               "WEFT_KUBE_STATUS_ADDR": f"0.0.0.0:{self.status_port}",
               "IPALLOC_RANGE": RANGE, "WEFT_PASSWORD_SECRET": "weave-passwd",
               **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}, **variables}
        argv = [f"{folder}/weave-kube", "--weaver", f"{folder}/weaver", "--plugin",
                f"{folder}/weave-net", "--server", self.cluster.url, *self.flags]
        self.pid = netns.spawn(self.host.record["holder"], argv, env, self.log)

    def alive(self):
        return netns.alive(self.pid)

    def signal(self, number):
        netns.signal_pid(self.pid, number)

    def ended(self, seconds):
        return netns.wait_gone(self.pid, seconds)

    def weaver(self):
        """weaver's pid as this machine counts, or None."""
        for entry in os.listdir("/proc"):
            with contextlib.suppress(OSError):
                if entry.isdigit() and netns.share_pids(int(entry), self.host.record["holder"]):
                    with open(f"/proc/{entry}/cmdline", "rb") as file:
                        if file.read().split(b"\0")[0].endswith(b"/weaver") and netns.alive(
                                int(entry)):
                            return int(entry)
        return None

    def get(self, path, port=None, timeout=5.0):
        """(status, body) of weave-kube's own pages, or of weaver's."""
        def work():
            connection = http.client.HTTPConnection("127.0.0.1", port or self.status_port,
                                                    timeout=timeout)
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                return answer.status, answer.read().decode()
            finally:
                connection.close()
        return netns.inside(self.host.ns, work)

    def ready(self):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.get("/readyz")[0] == 200
        return False

    def status(self):
        return self.get("/status")[1]

    def weave(self, view):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.get(f"/status/{view}", 6784)[1]
        return ""

    def operator(self, *arguments):
        """What somebody on the node sees of the command `weave`: (exit code, stdout, stderr)."""
        done = subprocess.run(self.host.command(f"{self.cluster.lab.settings.bin}/weave",
                                                *arguments),
                              capture_output=True, text=True, timeout=30)
        return done.returncode, done.stdout, done.stderr

    def cni_status(self):
        """What the plugin that was installed answers to STATUS: (code, message)."""
        config = json.dumps({"cniVersion": "1.1.0", "name": "weave", "type": "weave-net"})
        done = subprocess.run(self.host.command(f"{self.root}/opt/cni/bin/weave-net"),
                              input=config, capture_output=True, text=True, timeout=30,
                              env=dict(os.environ, CNI_COMMAND="STATUS", CNI_PATH="/opt/cni/bin"))
        printed = json.loads(done.stdout) if done.stdout.strip() else {}
        return printed.get("code", 0), printed.get("msg", "")

    def logged(self, text):
        return self.times_logged(text) > 0

    def times_logged(self, text):
        with open(self.log, errors="replace") as file:
            return file.read().count(text)

    def attach(self, name, asked=None):
        """A pod, by the plugin that was installed and the configuration that was written; what is
        `asked` for is handed on where the capability is declared, as a runtime does."""
        with open(self.conflist) as file:
            listed = json.load(file)
        plugin = listed["plugins"][0]
        config = json.dumps({"cniVersion": listed["cniVersion"], "name": listed["name"], **plugin,
                             "runtimeConfig": {name: value for name, value in (asked or {}).items()
                                               if plugin["capabilities"].get(name)}})
        ns = PREFIX + name
        netns.add(ns)
        result = pod.call(self.host, f"{self.root}/opt/cni/bin", "ADD", pod.container_id(name), ns,
                          config=config)
        return ns, result["ips"][0]["address"].split("/")[0]


class Cluster:
    """`count` hosts, each a node, and an API server; everything goes away with it."""

    def __init__(self, count, tls=True):
        self.lab = lab_of.Lab(lab_of.Settings())
        self.tls = tls
        self.count = count
        self.flags = []

    def __enter__(self):
        self.lab.down()
        self.lab.prepare(self.count, None, "full", [])
        self.switch = PREFIX + "sw"
        netns.ip(self.switch, f"addr add {API_ADDRESS}/24 dev br0")
        self.api = ApiServer()
        scheme = "https" if self.tls else "http"
        self.url = f"{scheme}://{API_ADDRESS}:{API_PORT}"
        if self.tls:
            self._prepare_tls()
        self.hosts = [KubeHost(self, host.name) for host in self.lab.hosts()]
        for host in self.hosts:
            self.api.add_node(host.name, underlay.address(host.host.number))
        # As the manifest ships it; nobody may create it.
        self.api.store.put("secrets", {"metadata": {"name": "weave-passwd",
                                                    "namespace": "kube-system"}})
        return self

    def _prepare_tls(self):
        self.certificates = Certificates(f"{self.lab.settings.folder}/pki")
        self.api.certificate = self.certificates.issue("api")
        self.token_file = f"{self.lab.settings.folder}/token"
        self.set_token("first")
        self.api.tokens = {"first"}
        self.flags = ["--ca-file", self.certificates.ca, "--token-file", self.token_file]

    def set_token(self, token):
        with open(self.token_file + ".new", "w") as file:
            file.write(token + "\n")
        os.replace(self.token_file + ".new", self.token_file)

    def api_up(self):
        listener = netns.inside(self.switch, lambda: socket.create_server(
            (API_ADDRESS, API_PORT), backlog=128))
        self.api.listen(listener)

    def __exit__(self, kind, error, trace):
        if error is not None or harness.failures():
            for host in self.hosts:
                with contextlib.suppress(OSError), open(host.log, errors="replace") as file:
                    print(f"--- {host.name}: end of its log\n" + "".join(file.readlines()[-120:]))
        self.api.stop()
        running = [host for host in self.hosts if host.pid]
        for host in running:
            host.signal(15)
        for host in running:
            if not host.ended(5):
                host.signal(9)
        self.lab.down()


def seed_of(api):
    config = api.store.get("configmaps", "weave-net", "kube-system")
    data = config.get("data") or {} if config else {}
    found = [value for key, value in data.items() if key.startswith("ipam-seed.")]
    return json.loads(found[0]) if found else None


def clean(folder):
    shutil.rmtree(folder, ignore_errors=True)


__all__ = ["ApiServer", "Cluster", "KubeHost", "ROOT", "clean", "seed_of"]

# SPDX-License-Identifier: Apache-2.0
"""What the tests with real container runtimes share: a lab's host dressed as a machine with a
runtime, an image made here from a static busybox, and what a container must not leave behind."""
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile

from harness import active, netns, status
from netlab.netns import LabError

BUSYBOX = "/bin/busybox"
IMAGE = "docker.io/library/weft-test:latest"
APPLETS = ("sh", "httpd", "nc", "tail", "ping", "ip")
# Debian's static busybox cannot resolve names, not even addresses as such, so its wget crashes.
FETCH = b"#!/bin/sh\nprintf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 $1 $2 | tail -n 1\n"


def missing(*programs):
    """Which of the programs this machine lacks, in words; "" if none."""
    lacking = [p for p in programs if shutil.which(p) is None]
    return f"not installed: {' '.join(lacking)} (scripts/install-deps runtimes)" if lacking else ""


def make_image(path):
    """Writes an OCI archive with busybox and a page that tells nothing but that it is there."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.add(BUSYBOX, "bin/busybox")
        for applet in APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        _put(tar, "www/index.html", b"here\n")
        _put(tar, "bin/fetch", FETCH, 0o755)
        for folder in ("etc", "tmp", "proc", "sys", "dev"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
    with tarfile.open(path, "w") as archive:
        blob = _blob(archive, layer.getvalue())
        config = _blob(archive, json.dumps({
            "architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/sh"]},
            "rootfs": {"type": "layers", "diff_ids": [blob["digest"]]}}).encode())
        kind = "application/vnd.oci.image"
        manifest = _blob(archive, json.dumps({
            "schemaVersion": 2, "mediaType": f"{kind}.manifest.v1+json",
            "config": {"mediaType": f"{kind}.config.v1+json", **config},
            "layers": [{"mediaType": f"{kind}.layer.v1.tar", **blob}]}).encode())
        _put(archive, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        names = {"io.containerd.image.name": IMAGE, "org.opencontainers.image.ref.name": IMAGE}
        _put(archive, "index.json", json.dumps({
            "schemaVersion": 2, "manifests": [{"mediaType": f"{kind}.manifest.v1+json", **manifest,
                                               "annotations": names}]}).encode())


def _put(tar, name, data, mode=0o644):
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), mode
    tar.addfile(entry, io.BytesIO(data))


def _blob(archive, data):
    digest = hashlib.sha256(data).hexdigest()
    _put(archive, f"blobs/sha256/{digest}", data)
    return {"digest": f"sha256:{digest}", "size": len(data)}


class Machine:
    """A host of the lab with CNI folders of its own at the usual paths."""

    def __init__(self, host, bin_dir, network):
        self.host = host
        self.bin_dir = bin_dir
        self.run("mount -t tmpfs tmpfs /opt && mkdir -p /opt/cni/bin /var/lib/netd && "
                 "mkdir -p /etc/cni/net.d && mount --bind /var/lib/netd /etc/cni/net.d && "
                 f"cp /usr/lib/cni/* {bin_dir}/weave-net /opt/cni/bin/ && "
                 "ln -sf weave-net /opt/cni/bin/weave-ipam")
        with open(f"{host.folder}/var-lib/netd/10-weave.conflist", "w") as file:
            json.dump(network, file)

    def run(self, line, check=True, background=False, seconds=120):
        """A shell line in the host: what it printed."""
        env = dict(os.environ, CONTAINERS_CONF=self.file("podman.conf"))
        argv = self.host.command("sh", "-c", line)
        if background:
            log = open(self.file("background.log"), "a")
            return subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=seconds)
        if check and done.returncode != 0:
            raise LabError(f"{self.host.name}: {line}: {(done.stderr + done.stdout).strip()}")
        return done.stdout

    def file(self, name):
        return f"{self.host.folder}/{name}"

    def traces(self):
        """What a container adds to a host: interfaces, our rules, published ports, addresses held,
        namespaces and our own records."""
        ns = self.host.ns
        links = sorted(link["ifname"] for link in json.loads(
            netns.sh("ip", "-n", ns, "-j", "link", "show")))
        rules = netns.sh(*netns.command(ns, "nft", "list", "set", "bridge", "weft", "guarded"),
                         check=False)
        nat = netns.sh(*netns.command(ns, "iptables-save", "-t", "nat"), check=False)
        records = sorted(name for folder in ("attached", "pending")
                         for name in self._names(self.file(f"var-lib/weave/cni/{folder}")))
        return {"links": links, "rules": rules.count("vethwepl"),
                "published": sum("--dport" in line for line in nat.splitlines()
                                 if line.startswith("-A CNI-DN-")),
                "held": active(status(self.host.name, "ipam")),
                "records": records}

    @staticmethod
    def _names(folder):
        return os.listdir(folder) if os.path.isdir(folder) else []

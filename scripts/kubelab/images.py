# SPDX-License-Identifier: Apache-2.0
"""Container images made here, as archives that `ctr images import` reads: no registry is asked."""
import hashlib
import io
import json
import os
import re
import subprocess
import tarfile

from netlab import netns

PAUSE = "weft.test/pause:1"
TOOLS = "weft.test/tools:1"
DNS = "weft.test/dns:1"
# Under the names by which the end-to-end tests of Kubernetes 1.20 ask for them.
E2E_PAUSE = "k8s.gcr.io/pause:3.2"
E2E_AGNHOST = "k8s.gcr.io/e2e-test-images/agnhost:2.21"

# Holds a pod's namespaces, reaps its orphans, ends when told to.
PAUSE_SOURCE = """\
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
static void end(int number) { (void)number; _exit(0); }
static void reap(int number) {
  (void)number;
  while (waitpid(-1, NULL, WNOHANG) > 0) {}
}
int main(void) {
  signal(SIGTERM, end);
  signal(SIGINT, end);
  signal(SIGCHLD, reap);
  for (;;) pause();
}
"""


def make(cache):
    """The archives of all images, made when they are not in the cache; their paths."""
    folder = f"{cache}/images"
    os.makedirs(folder, exist_ok=True)
    makers = {"pause": _pause, "tools": _tools}
    return {name: _cached(folder, name, maker) for name, maker in makers.items()}


def _cached(folder, name, maker):
    archive = f"{folder}/{name}.tar"
    if not os.path.exists(archive):
        maker(folder, archive)
    return archive


def _pause(folder, archive):
    netns.sh("gcc", "-O2", "-static", "-o", f"{folder}/pause", "-x", "c", "-", stdin=PAUSE_SOURCE)
    write(archive, [PAUSE, E2E_PAUSE], [(f"{folder}/pause", "pause")], [], {"Cmd": ["/pause"]})


def _tools(folder, archive):
    write(archive, [TOOLS], *busybox(folder), {"Cmd": ["/bin/sh"]})


def busybox(folder):
    """Files and links: Debian's static busybox under all of its names. Taken out of its package
    without installing it, since it would replace the machine's own busybox."""
    subprocess.run(["apt-get", "-qq", "download", "busybox-static"], cwd=folder, check=True)
    package = next(f for f in os.listdir(folder) if f.startswith("busybox-static_"))
    netns.sh("dpkg-deb", "-x", f"{folder}/{package}", f"{folder}/busybox-static")
    program = f"{folder}/busybox-static/bin/busybox"
    names = netns.sh(program, "--list").split()
    links = [(f"bin/{name}", "/bin/busybox") for name in names if name != "busybox"]
    return [(program, "bin/busybox")], links


def make_e2e(cache):
    """The image that Kubernetes' end-to-end tests of the network use, with what they call in it:
    the test server itself, a shell, curl, wget, nc."""
    return _cached(f"{cache}/images", "agnhost-dash", _agnhost)


def make_dns(cache):
    """dnsmasq and a shell, to answer for the cluster's names: Debian has no CoreDNS."""
    return _cached(f"{cache}/images", "dns", _dns)


def _dns(folder, archive):
    files, links = busybox(folder)
    write(archive, [DNS], files + with_libraries("/usr/sbin/dnsmasq"), links, {"Cmd": ["/bin/sh"]})


def with_libraries(program):
    """A program of this machine's and what it is linked with, at the same places in the image."""
    # ldd fails of a static program, which needs none.
    libraries = re.findall(r"(/\S+) \(0x", netns.sh("ldd", program, check=False))
    return [(path, path.lstrip("/")) for path in (program, *libraries)]


def _agnhost(folder, archive):
    files, links = busybox(folder)
    # The static busybox has no resolver; its wget dies even of an address, its nc knows no -z, and
    # its shell takes no others.
    names = {"bin/sh": "/usr/bin/dash", "bin/wget": "/usr/bin/wget",
             "bin/nc": "/usr/bin/nc.openbsd"}
    links = [link for link in links if link[0] not in names]
    links += names.items()
    programs = ("/usr/bin/curl", *names.values())
    files += [(f"{folder}/../bin/agnhost", "agnhost"),
              *dict.fromkeys(file for program in programs for file in with_libraries(program))]
    write(archive, [E2E_AGNHOST], files, links, {"Entrypoint": ["/agnhost"], "Cmd": ["pause"]})


def write(archive, tags, files, links, run):
    """An image of one layer in the format of `docker save`. files: (source, name in the image);
    links: (name, target); run: Entrypoint and Cmd as in an image's configuration."""
    layer = _layer(files, links)
    digest = hashlib.sha256(layer).hexdigest()
    config = json.dumps({
        "architecture": netns.sh("dpkg", "--print-architecture").strip(), "os": "linux",
        "config": {**run, "Env": ["PATH=/bin:/usr/bin:/"], "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }).encode()
    name = hashlib.sha256(config).hexdigest()
    manifest = json.dumps([{"Config": f"{name}.json", "RepoTags": tags,
                            "Layers": [f"{digest}.tar"]}]).encode()
    with tarfile.open(archive + ".new", "w") as tar:
        for member, content in ((f"{digest}.tar", layer), (f"{name}.json", config),
                                ("manifest.json", manifest)):
            _add(tar, member, content, 0o644)
    os.replace(archive + ".new", archive)


def _layer(files, links):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        folders = {"tmp", "etc", "www"}
        for _, name in files:
            while name := os.path.dirname(name):
                folders.add(name)
        for folder in sorted(folders):
            info = tarfile.TarInfo(folder)
            info.type, info.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(info)
        for source, name in files:
            with open(source, "rb") as file:
                _add(tar, name, file.read(), 0o755)
        for name, target in links:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return buffer.getvalue()


def _add(tar, name, content, mode):
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), mode
    tar.addfile(info, io.BytesIO(content))

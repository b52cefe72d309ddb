# SPDX-License-Identifier: Apache-2.0
"""Container images made here, as archives that `ctr images import` reads: no registry is asked."""
import hashlib
import io
import json
import os
import subprocess
import tarfile

from netlab import netns

PAUSE = "weft.test/pause:1"
TOOLS = "weft.test/tools:1"

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
    for name, maker in makers.items():
        if not os.path.exists(f"{folder}/{name}.tar"):
            maker(folder, f"{folder}/{name}.tar")
    return {name: f"{folder}/{name}.tar" for name in makers}


def _pause(folder, archive):
    netns.sh("gcc", "-O2", "-static", "-o", f"{folder}/pause", "-x", "c", "-", stdin=PAUSE_SOURCE)
    write(archive, PAUSE, [(f"{folder}/pause", "pause")], [], ["/pause"])


def _tools(folder, archive):
    """Debian's static busybox under all of its names. Taken out of its package without installing
    it, since it would replace the machine's own busybox."""
    subprocess.run(["apt-get", "-qq", "download", "busybox-static"], cwd=folder, check=True)
    package = next(f for f in os.listdir(folder) if f.startswith("busybox-static_"))
    netns.sh("dpkg-deb", "-x", f"{folder}/{package}", f"{folder}/busybox-static")
    program = f"{folder}/busybox-static/bin/busybox"
    names = netns.sh(program, "--list").split()
    links = [(f"bin/{name}", "/bin/busybox") for name in names if name != "busybox"]
    write(archive, TOOLS, [(program, "bin/busybox")], links, ["/bin/sh"])


def write(archive, tag, files, links, entry):
    """An image of one layer in the format of `docker save`. files: (source, name in the image);
    links: (name, target)."""
    layer = _layer(files, links)
    digest = hashlib.sha256(layer).hexdigest()
    config = json.dumps({
        "architecture": netns.sh("dpkg", "--print-architecture").strip(), "os": "linux",
        "config": {"Cmd": entry, "Env": ["PATH=/bin"], "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }).encode()
    name = hashlib.sha256(config).hexdigest()
    manifest = json.dumps([{"Config": f"{name}.json", "RepoTags": [tag],
                            "Layers": [f"{digest}.tar"]}]).encode()
    with tarfile.open(archive + ".new", "w") as tar:
        for member, content in ((f"{digest}.tar", layer), (f"{name}.json", config),
                                ("manifest.json", manifest)):
            _add(tar, member, content, 0o644)
    os.replace(archive + ".new", archive)


def _layer(files, links):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        folders = {os.path.dirname(name) for _, name in files} - {""}
        for folder in sorted(folders | {"tmp", "etc", "www"}):
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

# SPDX-License-Identifier: Apache-2.0
"""Weave Net itself, to move away from. It is no part of this project: $WEFT_REAL_WEAVE is a folder
with what its images have, by name: weaver, weaveutil, kube-utils, weave-npc, weave, init.sh,
launch.sh, npc-launch.sh (weave-npc's launch.sh), weave-daemonset-k8s.yaml."""
import glob
import os
import re

from harness import cluster, images, kubectl

FOLDER = os.environ.get("WEFT_REAL_WEAVE", "")
TAGS = ("weaveworks/weave-kube:2.8.1", "weaveworks/weave-npc:2.8.1")
PLACES = {"weaver": "home/weave", "kube-utils": "home/weave", "weave": "home/weave",
          "init.sh": "home/weave", "launch.sh": "home/weave", "weaveutil": "usr/bin",
          "weave-npc": "usr/bin", "npc-launch.sh": "usr/bin"}
BINARIES = ("weaver", "kube-utils", "weaveutil", "weave-npc")
# What its scripts and programs run, beside busybox.
TOOLS = ("/usr/bin/curl", "/usr/bin/ip", "/usr/sbin/ipset", "/usr/sbin/conntrack",
         "/usr/sbin/xtables-legacy-multi", "/usr/sbin/xtables-nft-multi")
LOG_PIPE = "/var/log/ulogd.pcap"
# ulogd tells weave-npc by a pipe, in the format of pcap, what a policy drops: nothing here.
ULOGD = f"""#!/bin/sh
exec >{LOG_PIPE}
printf '\\324\\303\\262\\241\\002\\000\\004\\000'  # magic number, version 2.4
printf '\\000\\000\\000\\000\\000\\000\\000\\000\\377\\377\\000\\000\\145\\000\\000\\000'  # raw IP
exec sleep 1000000
"""


def missing():
    """What is not in the folder; empty: all is there."""
    if not FOLDER:
        return "WEFT_REAL_WEAVE is not set"
    lacking = [name for name in (*PLACES, "weave-daemonset-k8s.yaml")
               if not os.path.exists(f"{FOLDER}/{name}")]
    return f"{FOLDER} has no {', '.join(lacking)}" if lacking else ""


def _tools():
    """Files and links. Weave's launch.sh has /sbin/iptables and its like lead where the rules
    are."""
    files = [file for tool in TOOLS for file in images.with_libraries(tool)]
    for extension in glob.glob("/usr/lib/*-linux-gnu/xtables/*.so"):
        files += images.with_libraries(extension)
    links = {f"bin/{os.path.basename(tool)}": tool for tool in TOOLS}
    for verb in ("", "-save", "-restore"):
        for kind in ("-legacy", "-nft", ""):
            name = f"iptables{kind}{verb}"
            links[f"sbin/{name}"] = f"/usr/sbin/xtables{kind or '-legacy'}-multi"
            links[f"bin/{name}"] = f"/sbin/{name}"
    return files, links


def image(folder):
    """The archive of both images in one, made in `folder`."""
    files, links = _tools()
    box, names = images.busybox(f"{cluster().settings.cache}/images")
    with open(f"{folder}/ulogd", "w") as file:
        file.write(ULOGD)
    files += [*box, (f"{folder}/ulogd", "usr/sbin/ulogd")]
    for name, place in PLACES.items():
        files.append((f"{FOLDER}/{name}", f"{place}/{name}"))
        if name in BINARIES:
            files += images.with_libraries(f"{FOLDER}/{name}")[1:]
    archive = f"{folder}/weave.tar"
    unique = {name: source for source, name in files}
    images.write(archive, list(TAGS), [(source, name) for name, source in unique.items()],
                 list({**dict(names), **links}.items()), {
                     "Entrypoint": ["/bin/sh", "-c", f"mkdir -p /var/log; mkfifo {LOG_PIPE}; "
                                    "exec /usr/bin/npc-launch.sh"]})
    return archive


def apply(beside_weft=False):
    """Its own manifest, of the images that are on the nodes; `beside_weft`: with what the way back
    needs, which is a node at a time and a plain bridge."""
    with open(f"{FOLDER}/weave-daemonset-k8s.yaml") as file:
        text = file.read()
    text = re.sub(r"'(weaveworks/weave-\w+):\w+'", r"'\1:2.8.1'", text)
    if beside_weft:
        text = text.replace("type: RollingUpdate", "type: OnDelete")
        first = "- name: INIT_CONTAINER"
        lines = ("- name: WEAVE_NO_FASTDP", '  value: "1"', first)
        text = text.replace(first, f"\n{16 * ' '}".join(lines))
    kubectl("apply", "-f", "-", stdin=text.replace("imagePullPolicy: Always",
                                                   "imagePullPolicy: IfNotPresent"))

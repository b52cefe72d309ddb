# SPDX-License-Identifier: Apache-2.0
"""Pods: network namespaces that a host attaches through the CNI plugin, as a runtime would."""
import hashlib
import json
import os
import subprocess
import time

from . import netns

# WEFT_LAB_CNI adds fields to the plugin's configuration: '{"antiSpoofing": false}'.
CONFIG = json.dumps({"cniVersion": "1.0.0", "name": "weave", "type": "weave-net",
                     **json.loads(os.environ.get("WEFT_LAB_CNI", "{}"))})


def container_id(name):
    """64 hex digits, as runtimes give; new for each pod, even of the same name."""
    return hashlib.sha256(f"{name} {time.time_ns()}".encode()).hexdigest()


def call(host, bin_dir, verb, container, ns, ifname="eth0", config=CONFIG):
    """One call of weave-net on a host, in the host's namespaces: its result as JSON."""
    env = dict(os.environ, CNI_COMMAND=verb, CNI_CONTAINERID=container, CNI_IFNAME=ifname,
               CNI_NETNS=netns.path(ns), CNI_PATH=f"{bin_dir}:/usr/lib/cni",
               WEAVE_HTTP_ADDR=host.record["http"], WEFT_CNI_STATE_DIR=f"{host.folder}/cni")
    done = subprocess.run(host.command(f"{bin_dir}/weave-net"), input=config, env=env,
                          capture_output=True, text=True)
    if done.returncode != 0:
        said = " ".join((done.stdout + done.stderr).split())
        raise netns.LabError(f"CNI {verb} of {ns} on {host.name} failed: {said}")
    return json.loads(done.stdout) if done.stdout.strip() else {}


def attach(host, bin_dir, name, ns):
    """Makes the pod's namespace and attaches it; gives the record for lab.json."""
    netns.add(ns)
    record = {"host": host.name, "netns": ns, "container": container_id(name)}
    try:
        result = call(host, bin_dir, "ADD", record["container"], ns)
        record["address"] = result["ips"][0]["address"]
    except (netns.LabError, KeyError, IndexError) as error:
        netns.delete(ns)
        raise netns.LabError(str(error)) from error
    return record


def detach(host, bin_dir, record):
    """Kills what runs in the pod, gives its address back and removes its namespace."""
    netns.kill_inside(record["netns"])
    try:
        call(host, bin_dir, "DEL", record["container"], record["netns"])
    finally:
        netns.delete(record["netns"])

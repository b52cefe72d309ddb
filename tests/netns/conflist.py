# SPDX-License-Identifier: Apache-2.0
"""A container runtime of few lines: runs the plugins of a list as libcni does, in a lab's host."""
import json
import os
import subprocess

from netlab import netns

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEBIAN_PLUGINS = "/usr/lib/cni"


def shipped():
    """The network that packages install."""
    with open(f"{ROOT}/scripts/deploy/systemd/10-weave.conflist", encoding="utf-8") as file:
        return json.load(file)


class PluginError(Exception):
    """A plugin failed; `code` is the number it printed, or None."""

    def __init__(self, text, code):
        super().__init__(text)
        self.code = code


def run_plugin(host, bin_dir, verb, kind, config, container, ns="", ifname="eth0", args=""):
    """One call: what it printed as JSON. `ns` is a name under /run/netns, or nothing."""
    folder = bin_dir if kind.startswith("weave-") else DEBIAN_PLUGINS
    env = dict(os.environ, CNI_COMMAND=verb, CNI_CONTAINERID=container, CNI_IFNAME=ifname,
               CNI_NETNS=netns.path(ns) if ns else "", CNI_PATH=f"{bin_dir}:{DEBIAN_PLUGINS}",
               CNI_ARGS=args, WEAVE_HTTP_ADDR=host.record["http"],
               WEFT_CNI_STATE_DIR=f"{host.folder}/cni")
    done = subprocess.run(host.command(f"{folder}/{kind}"), input=json.dumps(config), env=env,
                          capture_output=True, text=True)
    printed = json.loads(done.stdout) if done.stdout.strip() else {}
    if done.returncode != 0:
        raise PluginError(f"{kind} {verb} of {ns}: {' '.join((done.stdout + done.stderr).split())}",
                          printed.get("code"))
    return printed


class Network:
    """A network configuration list on one host."""

    def __init__(self, host, bin_dir, plugins, name="weave", version="1.0.0"):
        self.host, self.bin_dir = host, bin_dir
        self.plugins, self.name, self.version = plugins, name, version

    def add(self, container, ns, ifname="eth0", capabilities=None, args=""):
        """The result of the last plugin."""
        result = None
        for plugin in self.plugins:
            result = self._run("ADD", plugin, container, ns, ifname, result, capabilities, args)
        return result

    def check(self, container, ns, result, ifname="eth0", capabilities=None):
        for plugin in self.plugins:
            self._run("CHECK", plugin, container, ns, ifname, result, capabilities)

    def delete(self, container, ns, result=None, ifname="eth0", capabilities=None):
        for plugin in reversed(self.plugins):
            self._run("DEL", plugin, container, ns, ifname, result, capabilities)

    def _run(self, verb, plugin, container, ns, ifname, previous, capabilities, args=""):
        wanted = {name: value for name, value in (capabilities or {}).items()
                  if plugin.get("capabilities", {}).get(name)}
        config = {"cniVersion": self.version, "name": self.name, **plugin}
        if wanted:
            config["runtimeConfig"] = wanted
        if previous is not None:
            config["prevResult"] = previous
        return run_plugin(self.host, self.bin_dir, verb, plugin["type"], config, container, ns,
                          ifname, args)

# SPDX-License-Identifier: Apache-2.0
"""The cluster as a whole: what is up, remembered in $WEFT_CLUSTER_DIR/cluster.json between
commands."""
import concurrent.futures
import contextlib
import json
import os
import re
import shutil
import time

from netlab import netns, underlay

from . import binaries, images, pki
from .control_plane import ControlPlane
from .node import Node

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CONTROL_PLANE_NUMBER = 250  # its address on the underlay ends so; nodes count from 1
REGISTERED_SECONDS = 60
MASKED = ("/run/", "/var/run/", "/var/lib/", "/var/log/", "/etc/", "/opt/")


class Settings:
    """Where a cluster lives; the environment may move it, so that two can stand side by side."""

    def __init__(self, environ=os.environ):
        self.folder = os.path.abspath(environ.get("WEFT_CLUSTER_DIR", "/tmp/weft-cluster"))
        self.cache = os.path.abspath(environ.get("WEFT_CLUSTER_CACHE", "/var/cache/weft-cluster"))
        self.prefix = environ.get("WEFT_CLUSTER_PREFIX", "wf-k")
        self.image = environ.get("WEFT_CLUSTER_IMAGE")
        self.manifest = environ.get("WEFT_CLUSTER_MANIFEST")
        for name, value in (("DIR", self.folder), ("CACHE", self.cache)):
            for masked in MASKED:
                if (value + "/").startswith(masked):
                    raise netns.LabError(f"WEFT_CLUSTER_{name}={value}: each machine of the "
                                         f"cluster has a {masked} of its own; choose another")


class Cluster:
    def __init__(self, settings):
        self.settings = settings
        self._file = f"{settings.folder}/cluster.json"
        self.state = None
        with contextlib.suppress(FileNotFoundError), open(self._file) as file:
            self.state = json.load(file)
        self.authority = pki.Authority(f"{settings.folder}/pki")
        self.binaries = f"{settings.cache}/bin"

    # What is there.

    def need_up(self):
        if self.state is None:
            raise netns.LabError(f"no cluster in {self.settings.folder}; `cluster up` makes one")

    def control_plane(self):
        self.need_up()
        return ControlPlane(CONTROL_PLANE_NUMBER, "cp", self._ns("cp"), self._ns("sw"),
                            f"{self.settings.folder}/cp", self.state["control-plane"],
                            binaries=self.binaries, authority=self.authority)

    def node(self, name):
        self.need_up()
        if name not in self.state["nodes"]:
            raise netns.LabError(f"no node {name}; there are {', '.join(self.state['nodes'])}")
        number = int(name[1:])
        return Node(number, name, self._ns(str(number)), self._ns("sw"),
                    f"{self.settings.folder}/{name}", self.state["nodes"][name],
                    binaries=self.binaries, authority=self.authority,
                    server=self.control_plane().server)

    def nodes(self):
        self.need_up()
        return [self.node(name) for name in self.state["nodes"]]

    def kubectl(self, *arguments, stdin=None, check=True):
        return netns.sh(*self.control_plane().kubectl(*arguments), stdin=stdin, check=check)

    # Up and down.

    def up(self, count):
        if self.state is not None or self._leftovers():
            raise netns.LabError(f"a cluster is up (or left over) under {self.settings.folder}; "
                                 "`cluster down` first")
        binaries.make(self.settings.cache)
        archives = images.make(self.settings.cache)
        os.makedirs(self.settings.folder, mode=0o700, exist_ok=True)
        self.state = {"control-plane": {}, "nodes": {}, "next": 1,
                      "images": list(archives.values())}
        self.save()
        self.authority.make()
        underlay.build(self._ns("sw"), {})
        with self._saved():
            self.control_plane().boot()
        self.add_nodes(count)

    def add_nodes(self, count):
        """Boots `count` more nodes and waits until they are registered; gives their names."""
        first = self.state["next"]  # no name is given twice
        self.state["next"] += count
        names = [f"k{number}" for number in range(first, first + count)]
        with self._saved():
            for name in names:
                self.state["nodes"][name] = {
                    "gateway": underlay.address(CONTROL_PLANE_NUMBER)}
            each([lambda name=name: self._boot_new(name) for name in names])
        self._wait_registered(names)
        return names

    def _boot_new(self, name):
        node = self.node(name)
        node.boot()
        for archive in self.state["images"]:
            node.import_image(archive)

    def _wait_registered(self, names):
        end = time.monotonic() + REGISTERED_SECONDS
        while True:
            known = self.kubectl("get", "nodes", "-o", "name", check=False).split()
            missing = [name for name in names if f"node/{name}" not in known]
            if not missing:
                return
            if time.monotonic() > end:
                raise netns.LabError(f"not registered within {REGISTERED_SECONDS} s: {missing}; "
                                     f"see kubelet.log in {self.settings.folder}/{missing[0]}")
            time.sleep(0.3)

    def import_image(self, archive):
        """Loads an image into all nodes, and into those that are added later."""
        archive = os.path.abspath(archive)
        each([lambda node=node: node.import_image(archive) for node in self.nodes()])
        with self._saved():
            self.state["images"] = [*(a for a in self.state["images"] if a != archive), archive]

    def power_off(self, name):
        with self._saved():
            self.node(name).power_off()

    def boot(self, *names, before_kubelet=None):
        """Boots nodes that are off, side by side; before_kubelet(node) is done in between."""
        with self._saved():
            each([lambda name=name: self.node(name).boot(before_kubelet) for name in names])

    def remove_node(self, name):
        """A node is gone for good: first its machine, then what the cluster knows of it."""
        with self._saved():
            self.node(name).erase()
            self.state["nodes"].pop(name)
        self.kubectl("delete", "node", name)

    def down(self):
        if self.state is not None:
            each([node.erase for node in self.nodes()])
            self.control_plane().erase()
        for ns in self._leftovers():
            netns.delete(ns)
        if self.state is not None or not os.path.isdir(self.settings.folder):
            shutil.rmtree(self.settings.folder, ignore_errors=True)
        self.state = None

    # The file.

    @contextlib.contextmanager
    def _saved(self):
        """Saves also what was done before a failure, so that `down` knows of it."""
        try:
            yield
        finally:
            self.save()

    def save(self):
        with open(self._file + ".new", "w") as file:
            json.dump(self.state, file, indent=2)
        os.replace(self._file + ".new", self._file)

    def _ns(self, name):
        return self.settings.prefix + name

    def _leftovers(self):
        return netns.names(re.escape(self.settings.prefix) + r"(sw|cp|\d+)")


def each(works):
    """Runs all side by side and raises the first failure when all have ended."""
    with concurrent.futures.ThreadPoolExecutor(max(1, len(works))) as pool:
        for future in [pool.submit(work) for work in works]:
            future.result()

# SPDX-License-Identifier: Apache-2.0
"""The lab as a whole: what is up, remembered in $WEFT_LAB_DIR/lab.json between commands."""
import contextlib
import fcntl
import json
import os
import re
import secrets
import shutil
import threading
import time

from . import host as hosts_of
from . import netns, pod, underlay

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# For routes that flags may prevent.
ROUTES_SECONDS = 5


class Settings:
    """Where a lab lives; the environment may move it, so that two can stand side by side."""

    def __init__(self, environ=os.environ):
        self.folder = os.path.abspath(environ.get("WEFT_LAB_DIR", "/tmp/weft-lab"))
        self.prefix = environ.get("WEFT_LAB_PREFIX", "wf-")
        self.bin = os.path.abspath(environ.get("WEFT_BIN", f"{ROOT}/build/bin"))
        self.ready_seconds = float(environ.get("WEFT_LAB_TIMEOUT", "30"))
        for masked in ("/run/", "/var/run/", "/var/lib/"):
            if (self.folder + "/").startswith(masked):
                raise netns.LabError(f"WEFT_LAB_DIR={self.folder}: each host has a {masked} of "
                                     "its own; choose another folder")

    def weaver_of(self, name):
        return os.path.abspath(os.environ.get(f"WEFT_LAB_WEAVER_{name}", f"{self.bin}/weaver"))


class Lab:
    def __init__(self, settings):
        self.settings = settings
        self._file = f"{settings.folder}/lab.json"
        self.state = None
        with contextlib.suppress(FileNotFoundError):
            self.state = self._read()

    # What is there.

    def need_up(self):
        if self.state is None:
            raise netns.LabError(f"no lab in {self.settings.folder}; `lab up` makes one")

    def host_numbers(self):
        return range(1, len(self.state["hosts"]) + 1)

    def host(self, name):
        self.need_up()
        if name not in self.state["hosts"]:
            raise netns.LabError(f"no host {name}; there are {', '.join(self.state['hosts'])}")
        number = int(name[1:])
        return hosts_of.Host(number, self._host_ns(number), f"{self.settings.folder}/{name}",
                             self.state["hosts"][name])

    def hosts(self):
        return [self.host(name) for name in self.state["hosts"]]

    def pod(self, name):
        self.need_up()
        if name not in self.state["pods"]:
            known = ", ".join(self.state["pods"]) or "none"
            raise netns.LabError(f"no pod {name}; there are: {known}")
        return self.state["pods"][name]

    def command(self, where, argv):
        """An argv that runs a command in a host or a pod."""
        self.need_up()
        if where in self.state["hosts"]:
            return self.host(where).command(*argv)
        return netns.command(self.pod(where)["netns"], *argv)

    # Up and down.

    def up(self, count, password, topology, flags, pods=True):
        self.prepare(count, password, topology, flags)
        self.launch_all()
        self.wait_ready()
        if pods:
            _each([lambda n=n: self.add_pod(f"p{n}", f"h{n}") for n in self.host_numbers()])

    def prepare(self, count, password, topology, flags, wire="switch"):
        """Hosts and underlay, nothing running on them yet. A password of "" is made up."""
        if self.state is not None or self._leftovers():
            raise netns.LabError(f"a lab is up (or left over) under {self.settings.folder}; "
                                 "`lab down` first")
        os.makedirs(self.settings.folder, mode=0o700, exist_ok=True)
        names = [f"h{number}" for number in range(1, count + 1)]
        self.state = {"hosts": {name: {"flags": flags} for name in names}, "pods": {},
                      "topology": topology, "cuts": [], "loss": 0, "password_file": None}
        if password is not None:
            self.state["password_file"] = self._write_password("password", password)
        self._save()
        if wire == "pair":
            underlay.pair(self._host_namespaces())
        else:
            underlay.build(self._ns("sw"), self._host_namespaces())
            self._apply_faults()
        for host in self.hosts():
            host.make()
            self._save()

    def launch_all(self):
        for host in self.hosts():
            self.launch(host)
        self._save()

    def launch(self, host, password_file=None):
        peers = [n for n in self.host_numbers() if n != host.number]
        host.start(self.settings.weaver_of(host.name), host.record["flags"], peers,
                   password_file or self.state["password_file"])

    def wait_ready(self):
        """/readyz of every weaver, then a formed ring (a weaver without IPAM has no /ring), and a
        route from every host to every other: a ring needs a majority only, and where frames are
        relayed topology takes seconds to travel. Where all reach all directly, flags may keep hosts
        apart on purpose, so that is waited for only briefly."""
        end = time.monotonic() + self.settings.ready_seconds
        _each([lambda h=h: h.wait_http("/readyz", {200}, end) for h in self.hosts()])
        _each([lambda h=h: h.wait_http("/ring", {200, 204, 404}, end) for h in self.hosts()])
        count = len(self.state["hosts"])
        if self.state["topology"] != "full":
            _each([lambda h=h: h.wait_routes(count, end) for h in self.hosts()])
            return
        soon = time.monotonic() + ROUTES_SECONDS
        with contextlib.suppress(netns.LabError):
            _each([lambda h=h: h.wait_routes(count, soon) for h in self.hosts()])

    def down(self):
        if self.state is not None:
            for host in self.hosts():
                host.signal(15)
            for host in self.hosts():
                netns.wait_gone(host.record.get("weaver"), 3)
            for record in self.state["pods"].values():
                netns.delete(record["netns"])
        for ns in self._leftovers():
            netns.delete(ns)
        if self.state is not None or not os.path.isdir(self.settings.folder):
            shutil.rmtree(self.settings.folder, ignore_errors=True)
        self.state = None

    # Changes.

    def start_host(self, name, flags=None, password=None, ready="/readyz"):
        host = self.host(name)
        if flags is not None:
            host.record["flags"] = flags
        file = self._write_password(f"password-{name}", password) if password else None
        self.launch(host, file)
        self._update(lambda state: state["hosts"][name].update(host.record))
        host.wait_http(ready, {200}, time.monotonic() + self.settings.ready_seconds)

    def add_pod(self, name, host_name):
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,30}", name) or re.fullmatch(r"h\d+|sw", name):
            raise netns.LabError(f"{name}: not a name for a pod")
        if name in self.state["pods"]:
            raise netns.LabError(f"pod {name} is there already")
        record = pod.attach(self.host(host_name), self.settings.bin, name, self._ns(name))
        self._update(lambda state: state["pods"].update({name: record}))
        return record

    def del_pod(self, name, host_name=None):
        """Of the host that is given, if one is: nobody is to delete another's by mistake."""
        record = self.pod(name)
        if host_name is not None and host_name != record["host"]:
            raise netns.LabError(f"pod {name} is on {record['host']}, not on {host_name}")
        pod.detach(self.host(record["host"]), self.settings.bin, record)
        self._update(lambda state: state["pods"].pop(name, None))

    def cut(self, first, second):
        pair = sorted((self.host(first).number, self.host(second).number))
        self._update(lambda state: state["cuts"].append(pair))
        self._apply_faults()

    def set_loss(self, percent):
        self.need_up()
        self._update(lambda state: state.update(loss=percent))
        self._apply_faults()

    def heal(self):
        self.need_up()
        self._update(lambda state: state.update(cuts=[], loss=0))
        self._apply_faults()

    # The file. Parallel commands of one lab change it one after the other.

    def _read(self):
        with open(self._file) as file:
            return json.load(file)

    def _save(self):
        with open(self._file + ".new", "w") as file:
            json.dump(self.state, file, indent=2)
        os.replace(self._file + ".new", self._file)

    def _update(self, change):
        with _write_lock, open(f"{self.settings.folder}/lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.state = self._read()
            change(self.state)
            self._save()

    def _write_password(self, name, password):
        file = f"{self.settings.folder}/{name}"
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write((password or secrets.token_urlsafe(18)) + "\n")
        return file

    # Names.

    def _ns(self, name):
        return self.settings.prefix + name

    def _host_ns(self, number):
        return self._ns(f"h{number}")

    def _host_namespaces(self):
        return {number: self._host_ns(number) for number in self.host_numbers()}

    def _leftovers(self):
        return netns.names(re.escape(self.settings.prefix) + r"(sw|h\d+|p\d+)")

    def _apply_faults(self):
        underlay.apply_faults(self._host_namespaces(), self.state["topology"], self.state["cuts"],
                              self.state["loss"])


_write_lock = threading.Lock()


def _each(works):
    """Runs all in threads, waits for all, and raises the first failure."""
    failures = []

    def guarded(work):
        try:
            work()
        except Exception as error:  # handed over to the caller's thread
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]

# SPDX-License-Identifier: Apache-2.0
"""One host: its own network, mount, pid, uts and ipc namespaces, and the weaver that runs there.

/run and /var/lib are folders of the lab inside a host, so that no two hosts share a socket, a pid
file or a state by accident; /run/netns alone is everybody's, since pods are attached by path."""
import http.client
import json
import os
import signal
import socket
import time

from . import netns, underlay

# Makes the host's view of the file system, then reaps what is orphaned.
INIT = """\
# Process 1 of a host of the lab.
mount --make-rslave /
mount -t proc proc /proc
mkdir -p "$LAB_HOST_DIR/run/netns" "$LAB_HOST_DIR/var-lib" "$LAB_HOST_DIR/cgroup"
if mount --rbind /sys/fs/cgroup "$LAB_HOST_DIR/cgroup" 2>/dev/null; then
  mount -t sysfs sysfs /sys
  mount --move "$LAB_HOST_DIR/cgroup" /sys/fs/cgroup
fi
mount --rbind /run/netns "$LAB_HOST_DIR/run/netns"
mount --rbind "$LAB_HOST_DIR/run" /run
mount --rbind "$LAB_HOST_DIR/var-lib" /var/lib
echo ready >&3
exec 3>&-
while :; do sleep 3600 & wait; done
"""


class Host:
    """Commands to one host; what must be remembered lives in the record (a part of lab.json)."""

    def __init__(self, number, ns, folder, record):
        self.number = number
        self.name = f"h{number}"
        self.ns = ns
        self.folder = folder
        self.record = record
        self.log = f"{folder}/weaver.log"

    def make(self):
        os.makedirs(self.folder, exist_ok=True)
        with open(f"{self.folder}/init", "w") as file:
            file.write(INIT)
        env = dict(os.environ, LAB_HOST_DIR=self.folder)
        self.record["holder"] = netns.make_holder(self.ns, self.name, file.name, env)

    def command(self, *argv):
        """An argv that runs a command in all namespaces of this host, in the same folder."""
        enter = ["nsenter", "-t", str(self.record["holder"]), "-m", "-u", "-i", "-n", "-p", "--"]
        return [*enter, "sh", "-c", 'cd "$1" 2>/dev/null; shift; exec "$@"', "sh", os.getcwd(),
                *argv]

    def running(self):
        pid = self.record.get("weaver")  # perhaps another's by now: pids come round again
        return netns.alive(pid) and netns.share_pids(pid, self.record["holder"])

    def start(self, binary, flags, peers, password_file):
        """Launches weaver with the lab's flags, save those that `flags` sets itself."""
        if self.running():
            raise netns.LabError(f"{self.name}: weaver runs already (pid {self.record['weaver']})")
        defaults = {
            "http-addr": "127.0.0.1:6784", "ipalloc-range": "10.32.0.0/12",
            "db-prefix": f"{self.folder}/", "nickname": self.name,
            "ipalloc-init": f"consensus={len(peers) + 1}",
            "cni-state-dir": f"{self.folder}/cni",
        }
        if password_file:
            defaults["password-file"] = password_file
        given = {flag.lstrip("-").split("=")[0] for flag in flags if flag.startswith("-")}
        if _value_of("ipalloc-range", flags) == "":
            given.add("ipalloc-init")  # IPAM is off
        argv = [binary, *(f"--{k}={v}" for k, v in defaults.items() if k not in given), *flags]
        self.record["http"] = _value_of("http-addr", flags) or defaults["http-addr"]
        env = {k: v for k, v in os.environ.items() if k != "WEAVE_PASSWORD"}
        argv += [] if "resume" in given else [underlay.address(n) for n in peers]
        self.record["weaver"] = netns.spawn(self.record["holder"], argv, env, self.log)

    def signal(self, number):
        if self.running():
            netns.signal_pid(self.record["weaver"], number)

    def stop(self, seconds=10):
        self.signal(signal.SIGTERM)
        if not netns.wait_gone(self.record.get("weaver"), seconds):
            self.kill()
            raise netns.LabError(f"{self.name}: weaver did not end within {seconds} s of SIGTERM")

    def kill(self):
        self.signal(signal.SIGKILL)
        netns.wait_gone(self.record.get("weaver"), 10)

    def http(self, method, target, timeout=5.0):
        """One request to this host's weaver: (status, body)."""
        def work():
            connection = _Connection(self._http_address(), timeout)
            try:
                connection.request(method, target)
                answer = connection.getresponse()
                return answer.status, answer.read().decode(errors="replace")
            finally:
                connection.close()
        return netns.inside(self.ns, work)

    def wait_http(self, target, good, end):
        """Asks until the answer's status is one of `good`; says why not when the time is over."""
        last = "no answer"
        while time.monotonic() < end:
            if not self.running():
                raise netns.LabError(f"{self.name}: weaver has ended; {self.log} ends with\n"
                                     + self.log_tail())
            try:
                status, body = self.http("GET", target, max(0.2, end - time.monotonic()))
                if status in good:
                    return
                last = f"{status} {body.strip()}"
            except (OSError, http.client.HTTPException) as error:
                last = str(error)
            time.sleep(0.02)
        raise netns.LabError(f"{self.name}: {target} not well in time ({last}); {self.log} ends "
                             "with\n" + self.log_tail())

    def wait_routes(self, count, end):
        """Waits until frames find a way to `count` hosts, this one included."""
        while time.monotonic() < end:
            _, body = self.http("GET", "/report?format=/Router/UnicastRoutes", 2)
            if len(json.loads(body)) >= count:
                return
            time.sleep(0.05)
        raise netns.LabError(f"{self.name}: no route to all {count} hosts in time: {body.strip()}")

    def log_tail(self, lines=15):
        try:
            with open(self.log, errors="replace") as file:
                return "".join("    " + line for line in file.readlines()[-lines:])
        except OSError as error:
            return f"    {error}"

    def _http_address(self):
        address = self.record["http"]
        if address.startswith("/run/"):
            return self.folder + address  # seen from outside the host
        return address


class _Connection(http.client.HTTPConnection):
    """HTTP over TCP or, for an address that is a path, over a unix socket."""

    def __init__(self, address, timeout):
        self._path = address if address.startswith("/") else None
        host, _, port = ("localhost", "", "80") if self._path else address.rpartition(":")
        super().__init__(host or "127.0.0.1", int(port), timeout=timeout)

    def connect(self):
        if self._path is None:
            super().connect()
            return
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _value_of(name, flags):
    for index, flag in enumerate(flags):
        key, equals, value = flag.partition("=")
        if key.lstrip("-") == name:
            return value if equals else (flags[index + 1] if index + 1 < len(flags) else None)
    return None

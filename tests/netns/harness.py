# SPDX-License-Identifier: Apache-2.0
"""What the namespace tests share: a lab of their own (beside one that a person may have up), checks
that print PASS and FAIL, transfers between pods, and a capture of the underlay."""
import contextlib
import hashlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, f"{ROOT}/scripts")
os.environ.setdefault("WEFT_LAB_DIR", "/tmp/weft-lab-test")
os.environ.setdefault("WEFT_LAB_PREFIX", "wf-t-")

from netlab import lab as lab_of  # noqa: E402  (the path comes first)
from netlab import netns, pod  # noqa: E402, F401  (pod: for the tests that call the plugin)

PREFIX = os.environ["WEFT_LAB_PREFIX"]  # of every namespace
UNIVERSE = 1 << 20  # addresses in 10.32.0.0/12
_failures = []


def check(statement, good, detail=""):
    """One checked statement, one line."""
    print(f"{'PASS' if good else 'FAIL'}: {statement}" + (f" ({detail})" if detail else ""))
    if not good:
        _failures.append(statement)
    return good


def failures():
    """Statements that did not hold so far."""
    return list(_failures)


def lab(*arguments, fails=False):
    """One scripts/lab command: its output. It must succeed unless `fails`."""
    done = subprocess.run([f"{ROOT}/scripts/lab", *arguments], capture_output=True, text=True,
                          timeout=180)
    if done.returncode != 0 and not fails:
        raise AssertionError(f"lab {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return done.stdout


def state():
    """The lab as it is now, for looking things up and for HTTP into its hosts."""
    return lab_of.Lab(lab_of.Settings())


def status(host, view=""):
    return state().host(host).http("GET", "/status" + (f"/{view}" if view else ""))[1]


def pod_address(name):
    return state().pod(name)["address"].split("/")[0]


@contextlib.contextmanager
def running(*arguments):
    """A lab for the time of the block; what the hosts logged is shown if a check in it fails."""
    lab("down", fails=True)
    failed_before = len(_failures)
    ended = False
    try:
        start = time.monotonic()
        lab("up", *arguments)
        yield time.monotonic() - start
        ended = True
    finally:
        if not ended or len(_failures) > failed_before:
            _show_logs()
        lab("down", fails=True)


def wait_for(statement, seconds, condition):
    """Polls until the condition holds; a check of its own that it did in time."""
    start = time.monotonic()
    while time.monotonic() < start + seconds:
        with contextlib.suppress(OSError):
            if condition():
                return check(statement, True, f"after {time.monotonic() - start:.1f} s")
        time.sleep(0.05)
    return check(statement, False, f"not within {seconds} s")


def ping(where, address, count=3, interval=0.2):
    """Percent of echo requests that were answered."""
    done = subprocess.run(
        netns.command(state().pod(where)["netns"], "ping", "-q", "-c", str(count), "-i",
                      str(interval), "-W", "2", address), capture_output=True, text=True)
    lost = re.search(r"([\d.]+)% packet loss", done.stdout)
    return 100 - float(lost[1]) if lost else 0.0


class Transfer:
    """Random bytes over one TCP connection between two pods; both ends hash what they handled."""

    def __init__(self, source, target, size, seed=1, port=9000):
        self.size = size
        self.sent = self.received = 0
        self.error = None
        self._hashes = [hashlib.sha256(), hashlib.sha256()]
        address = pod_address(target)
        listener = netns.inside(state().pod(target)["netns"],
                                lambda: socket.create_server(("", port), backlog=1))
        client = netns.inside(state().pod(source)["netns"],
                              lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        for end in (listener, client):
            end.settimeout(120)
        self.start = time.monotonic()
        self._threads = [
            threading.Thread(target=self._guard, args=(self._receive, listener), daemon=True),
            threading.Thread(target=self._guard, args=(self._send, client, address, port, seed),
                             daemon=True)]
        for thread in self._threads:
            thread.start()

    def finish(self, seconds):
        """Whether everything arrived unharmed in time; `text` says how it went."""
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        took = time.monotonic() - self.start
        self.text = (f"{self.received} of {self.size} bytes in {took:.1f} s, "
                     f"{self.received * 8e-6 / took:.0f} Mbit/s"
                     + (f", {self.error}" if self.error else ""))
        same = self._hashes[0].digest() == self._hashes[1].digest()
        return self.received == self.size and same and self.error is None

    def _guard(self, work, *arguments):
        try:
            work(*arguments)
        except OSError as error:
            self.error = self.error or error

    def _send(self, client, address, port, seed):
        with client:
            client.connect((address, port))
            numbers = random.Random(seed)
            while self.sent < self.size:
                chunk = numbers.randbytes(min(1 << 16, self.size - self.sent))
                self._hashes[0].update(chunk)
                client.sendall(chunk)
                self.sent += len(chunk)
            client.shutdown(socket.SHUT_WR)
            client.recv(1)  # until the other end has read all and closes

    def _receive(self, listener):
        with listener, listener.accept()[0] as connection:
            connection.settimeout(120)
            while chunk := connection.recv(1 << 18):
                self._hashes[1].update(chunk)
                self.received += len(chunk)


@contextlib.contextmanager
def capture(host, file):
    """tcpdump on a host's uplink for the time of the block."""
    tcpdump = subprocess.Popen([f"{ROOT}/scripts/lab", "capture", host, "-s", "0", "-w", file],
                               stderr=subprocess.PIPE, text=True, start_new_session=True)
    for line in tcpdump.stderr:
        if "listening on" in line:
            break
    try:
        yield
        time.sleep(0.3)
    finally:
        os.killpg(tcpdump.pid, signal.SIGINT)
        tcpdump.communicate(timeout=10)


def send_datagrams(source, target, payload, count=50, port=9100):
    """UDP datagrams between two pods, one in 10 ms: how many arrived as sent."""
    listener = netns.inside(state().pod(target)["netns"], lambda: _udp(port))
    sender = netns.inside(state().pod(source)["netns"], lambda: _udp(0))
    address = pod_address(target)
    arrived = 0
    with listener, sender:
        listener.settimeout(0.01)
        for _ in range(count):
            sender.sendto(payload, (address, port))
            with contextlib.suppress(TimeoutError):
                arrived += listener.recv(65536) == payload
    return arrived


def _udp(port):
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("", port))
    return made


def in_pod(name, *argv):
    """An argv that runs a command in a pod's network."""
    return netns.command(state().pod(name)["netns"], *argv)


def host_end(host, pod_name):
    """The host's end of a pod's veth pair."""
    links = netns.sh("ip", "-n", f"{PREFIX}{host}", "-o", "link", "show", "type", "veth")
    inside = netns.sh("ip", "-n", state().pod(pod_name)["netns"], "-o", "link", "show", "eth0")
    index = re.search(r"eth0@if(\d+)", inside)[1]
    return re.search(rf"^{index}: ([^@:]+)", links, re.MULTILINE)[1]


def metric(host, pattern):
    """The sum of a host's samples whose name and labels match."""
    _, text = state().host(host).http("GET", "/metrics")
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
               if re.match(pattern, line))


def resident_mb(host):
    with open(f"/proc/{state().host(host).record['weaver']}/status") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) / 1024


def cpu_seconds(host):
    pid = state().host(host).record["weaver"]
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as file:
            total += int(file.read().split()[0])
    return total / 1e9


def ring_total(text):
    """The sum of the shares in the text of `status ipam`."""
    return sum(int(n) for n in re.findall(r"(\d+) IPs \(", text))


def active(text):
    """The addresses in use on the host itself, from the text of `status ipam`."""
    found = re.search(r"\((\d+) active\)", text)
    return int(found[1]) if found else 0


def _show_logs():
    with contextlib.suppress(Exception):
        for host in state().hosts():
            print(f"--- {host.name}: end of its log\n{host.log_tail(40)}")


def main(*tests):
    """Runs the tests of one file; the exit code says whether all held."""
    for test in tests:
        try:
            test()
        except Exception as error:  # a test that breaks is a test that fails
            check(f"{test.__name__} runs to its end", False, f"{type(error).__name__}: {error}")
    sys.exit(1 if _failures else 0)

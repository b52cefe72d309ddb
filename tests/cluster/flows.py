# SPDX-License-Identifier: Apache-2.0
"""Load for the tests: TCP connections that never rest, and pods that come and go."""
import socket
import threading
import time

import harness
from netlab import netns

PORT = 9000
PERIOD_SECONDS = 0.05
# A connection that is silent for so long counts as lost, whatever TCP may think. It waits longer
# before each repetition, so one may be silent for twice as long as its path was away.
SILENCE_SECONDS_MAX = 60


class Flow:
    """A number goes from one pod to another and back, 20 times a second, over one connection."""

    def __init__(self, source, target, port):
        self.name = f"{source.node} to {target.node}"
        self.count = 0
        self.longest = 0.0  # seconds between two answers
        self.error = None
        self._stop = threading.Event()
        listener = netns.inside(target.netns(), lambda: socket.create_server(("", port)))
        client = netns.inside(source.netns(),
                              lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        self._address = (target.address, port)
        self._threads = [threading.Thread(target=self._guard, args=(work, end), daemon=True)
                         for work, end in ((self._echo, listener), (self._ask, client))]
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(SILENCE_SECONDS_MAX + 5)

    def _guard(self, work, end):
        try:
            with end:
                end.settimeout(SILENCE_SECONDS_MAX)
                work(end)
        except OSError as error:
            if not self._stop.is_set():
                self.error = self.error or error

    def _echo(self, listener):
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(SILENCE_SECONDS_MAX)
            while text := connection.recv(4096):
                connection.sendall(text)

    def _ask(self, client):
        client.connect(self._address)
        last = time.monotonic()
        while not self._stop.is_set():
            question = self.count.to_bytes(8, "big")
            client.sendall(question)
            answer = b""
            while len(answer) < len(question):
                piece = client.recv(len(question) - len(answer))
                if not piece:
                    raise ConnectionError("the other end has closed")
                answer += piece
            if answer != question:
                raise ConnectionError(f"sent {question.hex()}, received {answer.hex()}")
            self.count += 1
            self.longest = max(self.longest, time.monotonic() - last)
            last = time.monotonic()
            time.sleep(PERIOD_SECONDS)


class Flows:
    """One between the pods of any two nodes, in both directions, for the time of the block."""

    def __init__(self, pods, port=PORT):
        pairs = [(a, b) for a in pods for b in pods if a.node != b.node]
        self.all = [Flow(a, b, port + number) for number, (a, b) in enumerate(pairs)]

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        for flow in self.all:
            flow._stop.set()
        for flow in self.all:
            flow.stop()

    def counts(self):
        return [flow.count for flow in self.all]

    def all_move(self, seconds=SILENCE_SECONDS_MAX):
        """Has every connection carried something more in this time?"""
        before = self.counts()
        good, _ = harness.until(seconds, lambda: all(
            now > then for now, then in zip(self.counts(), before)))
        return good

    def check(self, what, silent_max=None):
        """That not one is lost: all still move and none has failed; nor, if it is said, was silent
        for more seconds."""
        moving = self.all_move()
        lost = [f"{flow.name}: {flow.error}" for flow in self.all if flow.error]
        longest = max(flow.longest for flow in self.all)
        harness.check(f"{what}: none of {len(self.all)} TCP connections is lost",
                      moving and not lost,
                      "; ".join(lost) or f"{sum(self.counts())} exchanges, the longest wait "
                      f"{longest:.1f} s")
        if silent_max:
            harness.check(f"{what}: none was silent for more than {silent_max} s",
                          longest <= silent_max, f"{longest:.1f} s")


class Churn:
    """Pods that come and go, one every `period` seconds, for the time of the block. Each lives for
    `life` seconds from the moment that it runs, and counts as failed if it does not in time."""

    def __init__(self, nodes, period=3.0, life=12.0, patience=30.0):
        self.nodes = list(nodes)  # may be changed meanwhile
        self.started = self.worked = 0
        self.failed = []
        self.slowest = 0.0
        self._period, self._life, self._patience = period, life, patience
        self._living = {}  # name: (node, since when, or when it ran)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *unused):
        self._stop.set()
        self._thread.join(60)
        harness.kubectl("delete", "pods", "-l", "app=churn", "-n", harness.SPACE, "--wait=false",
                        check=False)

    def drop(self, node):
        """The node is gone, and so are its pods: neither failure nor success."""
        self.nodes.remove(node)

    def _run(self):
        while not self._stop.is_set():
            try:
                while self.started < (time.monotonic() - self.began) / self._period:
                    self._start_one()
                self._look()
            except (OSError, harness.api_of.ApiError, netns.LabError) as error:
                self.failed.append(str(error))
            self._stop.wait(0.5)

    def _start_one(self):
        node = self.nodes[self.started % len(self.nodes)]
        name = f"churn-{int(time.time()) % 100000}-{self.started}"
        self.started += 1
        spec = harness.pod_spec(harness.web_container(), nodeName=node)
        harness.api().call("POST", f"/api/v1/namespaces/{harness.SPACE}/pods", {
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "labels": {"app": "churn"}}, "spec": spec})
        self._living[name] = (node, time.monotonic(), None)

    def _look(self):
        now = time.monotonic()
        running = {pod["metadata"]["name"] for pod in harness.api().pods(harness.SPACE, "app=churn")
                   if harness.api_of.condition(pod, "Ready") == "True"}
        for name, (node, since, ran) in list(self._living.items()):
            if node not in self.nodes:
                self._delete(name)
            elif ran is None and name in running:
                self._living[name] = (node, since, now)
                self.worked += 1
                self.slowest = max(self.slowest, now - since)
            elif ran is None and now - since > self._patience:
                self.failed.append(f"{name} on {node} does not run after {self._patience:.0f} s")
                self._delete(name)
            elif ran is not None and now - ran > self._life:
                self._delete(name)

    def _delete(self, name):
        del self._living[name]
        harness.api().call("DELETE", f"/api/v1/namespaces/{harness.SPACE}/pods/{name}")

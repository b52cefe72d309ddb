# SPDX-License-Identifier: Apache-2.0
"""What is measured between two pods: throughput, packets per second, round trip and CPU time."""
import contextlib
import json
import re
import subprocess
import sys
import time

from netlab import netns

# name → (unit, whether more is better)
FIGURES = {
    "tcp1": ("Gbit/s", True), "tcp4": ("Gbit/s", True), "both": ("Gbit/s", True),
    "udp64": ("kpps", True), "udp1400": ("Gbit/s", True), "rtt": ("us", False),
    "loaded": ("us p99", False), "cpu": ("s/GB", False), "conns": ("1/s", True),
}
LOSS_FIGURES = ("tcp1", "cpu")
CONNECT_SECONDS_MAX = 60  # fastd and tinc repeat a lost handshake after some 20 s
PINGS = 500
IPERF_TRIES = 10
# Bytes of UDP payload, so that packets are of 1,400 bytes.
LARGE_DATAGRAM = 1372
# Opens, speaks a byte each way and closes TCP connections for a while; prints how many a second.
CONNECTOR = """
import socket, sys, time
end = time.monotonic() + float(sys.argv[2])
start, count = time.monotonic(), 0
while time.monotonic() < end:
    with socket.create_connection((sys.argv[1], 5202), 5) as s:
        s.sendall(b"x")
        s.recv(1)
    count += 1
print(count / (time.monotonic() - start))
"""
ANSWERER = """
import socket
with socket.create_server(("", 5202), backlog=128) as server:
    while True:
        with server.accept()[0] as s:
            s.sendall(s.recv(1))
"""


def measure(pods, figures, seconds):
    """The figures that are wanted, of one variant in one round."""
    found = {}
    with _servers(pods):
        for key in figures:
            if key not in found:
                found.update(_MEASURES[key](pods, seconds))
    return {key: found[key] for key in figures}


@contextlib.contextmanager
def _servers(pods):
    _wait_connected(pods)
    servers = [subprocess.Popen(netns.command(pods.second, *argv), stdout=subprocess.DEVNULL)
               for argv in (("iperf3", "-s"), (sys.executable, "-c", ANSWERER))]
    try:
        _wait_listening(pods.second, 5201)
        _wait_listening(pods.second, 5202)
        yield
    finally:
        for server in servers:
            server.kill()
            server.wait()


def _one_stream(pods, seconds):
    """Gbit/s of one TCP stream, and seconds of the whole machine per GB of it."""
    busy = _machine_busy_seconds()
    received = _iperf(pods, seconds)["sum_received"]
    busy = _machine_busy_seconds() - busy
    return {"tcp1": received["bits_per_second"] / 1e9, "cpu": busy / (received["bytes"] / 1e9)}


def _four_streams(pods, seconds):
    return {"tcp4": _iperf(pods, seconds, "-P", "4")["sum_received"]["bits_per_second"] / 1e9}


def _both_ways(pods, seconds):
    ends = _iperf(pods, seconds, "--bidir")
    keys = ("sum_received", "sum_received_bidir_reverse")
    return {"both": sum(ends[key]["bits_per_second"] for key in keys) / 1e9}


def _small_datagrams(pods, seconds):
    return {"udp64": _arrived(_iperf(pods, seconds, "-u", "-l", "64", "-b", "0")["sum"]) / 1e3}


def _large_datagrams(pods, seconds):
    ends = _iperf(pods, seconds, "-u", "-l", str(LARGE_DATAGRAM), "-b", "0")
    return {"udp1400": _arrived(ends["sum"]) * LARGE_DATAGRAM * 8 / 1e9}


def _arrived(udp):
    """Datagrams a second that were not lost."""
    return (udp["packets"] - udp["lost_packets"]) / udp["seconds"]


def _iperf(pods, seconds, *arguments):
    command = netns.command(pods.first, "iperf3", "-J", "-t", str(seconds), "-c", pods.address,
                            *arguments)
    for _ in range(IPERF_TRIES):
        answer = json.loads(subprocess.run(command, capture_output=True, text=True).stdout)
        if not any(word in answer.get("error", "") for word in ("busy", "reset")):
            break
        time.sleep(0.5)  # the server has not seen yet that the last test is over
    if "error" in answer:
        raise netns.LabError(f"iperf3: {answer['error']}")
    return answer["end"]


def _connections(pods, seconds):
    text = netns.sh(*netns.command(pods.first, sys.executable, "-c", CONNECTOR, pods.address,
                                   str(min(seconds, 3))))
    return {"conns": float(text)}


def _loaded_round_trip(pods, seconds):
    """The 99th percentile while one TCP stream runs as fast as it can."""
    load = subprocess.Popen(netns.command(pods.first, "iperf3", "-t", str(seconds + 1), "-c",
                                          pods.address), stdout=subprocess.DEVNULL)
    try:
        time.sleep(0.5)  # until the stream is at full speed
        text = netns.sh(*netns.command(pods.first, "ping", "-i", "0.002", "-c",
                                       str(int(seconds / 0.002)), pods.address), check=False)
    finally:
        load.wait()
    times = sorted(float(ms) for ms in re.findall(r"time=([\d.]+) ms", text))
    if not times:
        raise netns.LabError("no ping came back under load")
    return {"loaded": times[int(len(times) * 0.99)] * 1000}


def _round_trip(pods, _seconds):
    text = netns.sh(*netns.command(pods.first, "ping", "-q", "-i", "0.002", "-c", str(PINGS),
                                   pods.address))
    return {"rtt": float(re.search(r"rtt [^=]+= [\d.]+/([\d.]+)/", text)[1]) * 1000}


def _wait_connected(pods):
    end = time.monotonic() + CONNECT_SECONDS_MAX
    command = netns.command(pods.first, "ping", "-c", "1", "-W", "1", "-q", pods.address)
    while subprocess.run(command, capture_output=True).returncode != 0:
        if time.monotonic() > end:
            raise netns.LabError(f"the pods do not reach each other in {CONNECT_SECONDS_MAX} s")


def _wait_listening(ns, port):
    def listens():
        with open("/proc/thread-self/net/tcp6") as six, open("/proc/thread-self/net/tcp") as four:
            return f":{port:04X} 0" in six.read() + four.read()
    while not netns.inside(ns, listens):
        time.sleep(0.02)


def _machine_busy_seconds():
    """User, nice, system, irq, softirq and steal time of all cores."""
    with open("/proc/stat") as file:
        ticks = [int(word) for word in file.readline().split()[1:]]
    return sum(ticks[i] for i in (0, 1, 2, 5, 6, 7)) / 100


_MEASURES = {
    "tcp1": _one_stream, "cpu": _one_stream, "tcp4": _four_streams, "both": _both_ways,
    "udp64": _small_datagrams, "udp1400": _large_datagrams, "rtt": _round_trip,
    "loaded": _loaded_round_trip, "conns": _connections,
}

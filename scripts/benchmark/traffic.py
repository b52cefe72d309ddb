# SPDX-License-Identifier: Apache-2.0
"""What is measured between two pods: throughput, packets per second, round trip and CPU time."""
import json
import re
import subprocess
import time

from netlab import netns

# name → (unit, whether more is better)
FIGURES = {
    "tcp1": ("Gbit/s", True), "tcp4": ("Gbit/s", True), "udp64": ("kpps", True),
    "rtt": ("us", False), "cpu": ("s/GB", False),
}
CONNECT_SECONDS_MAX = 20
PINGS = 1000


def measure(pods, seconds):
    """All figures of one variant in one round."""
    _wait_connected(pods)
    server = subprocess.Popen(netns.command(pods.second, "iperf3", "-s"),
                              stdout=subprocess.DEVNULL)
    try:
        _wait_listening(pods.second, 5201)
        busy = _machine_busy_seconds()
        one = _iperf(pods, seconds)
        busy = _machine_busy_seconds() - busy
        four = _iperf(pods, seconds, "-P", "4")
        small = _iperf(pods, seconds, "-u", "-l", "64", "-b", "0")["sum"]
        return {
            "tcp1": one["sum_received"]["bits_per_second"] / 1e9,
            "tcp4": four["sum_received"]["bits_per_second"] / 1e9,
            "udp64": (small["packets"] - small["lost_packets"]) / small["seconds"] / 1e3,
            "rtt": _round_trip_us(pods),
            "cpu": busy / (one["sum_received"]["bytes"] / 1e9),
        }
    finally:
        server.kill()
        server.wait()


def _iperf(pods, seconds, *arguments):
    command = netns.command(pods.first, "iperf3", "-J", "-t", str(seconds), "-c", pods.address,
                            *arguments)
    answer = json.loads(subprocess.run(command, capture_output=True, text=True).stdout)
    if "error" in answer:
        raise netns.LabError(f"iperf3: {answer['error']}")
    return answer["end"]


def _round_trip_us(pods):
    text = netns.sh(*netns.command(pods.first, "ping", "-q", "-i", "0.002", "-c", str(PINGS),
                                   pods.address))
    return float(re.search(r"rtt [^=]+= [\d.]+/([\d.]+)/", text)[1]) * 1000


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

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Garbage on every port of a weaver: it neither crashes nor grows nor loses its live links."""
import contextlib
import os
import random
import re
import resource
import socket
import struct
import subprocess
import time

from harness import (check, lab, main, netns, pod_address, resident_mb, running, state, status,
                     wait_for)

VICTIM = "10.99.0.1"
PORT = 6783
GROWTH_MB = 5  # what a burst may leave in the allocator's pools; 0.3 to 2.8 MB were seen
HALF_OPEN = 1000
HEADER = b"\x05weave\x02\x02"  # how an honest peer begins
numbers = random.Random(6783)


def from_host(name, work):
    return netns.inside(state().host(name).ns, work)


def tcp_messages():
    """Openings of connections that go wrong, each in its own way."""
    yield from (numbers.randbytes(numbers.randrange(1, 4096)) for _ in range(150))
    for length in range(len(HEADER)):
        yield HEADER[:length]
    yield b"\x05weave\x00\xff"
    yield b"\xff" * 300
    for _ in range(50):  # a proper header, then nonsense of every kind
        yield HEADER + numbers.randbytes(numbers.randrange(1, 2000))
    for length in (0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 10 << 20):  # lengths that lie
        yield HEADER + struct.pack(">I", length) + numbers.randbytes(100)
    yield HEADER + b"\xf8" + b"\xff" * 8 + numbers.randbytes(200)  # a gob message of 2^64-1 bytes
    yield HEADER + numbers.randbytes(4 << 20)  # far more than any introduction


def send_tcp(data):
    with contextlib.suppress(OSError), socket.create_connection((VICTIM, PORT), 5) as sock:
        sock.settimeout(5)
        sock.sendall(data)
        if numbers.random() < 0.5:
            sock.recv(4096)


def udp_messages(name):
    """Datagrams: noise, every short length, and the sender's own peer name before nonsense."""
    own = bytes.fromhex(name.replace(":", ""))
    for _ in range(10000):
        yield numbers.randbytes(numbers.randrange(0, 1400))
    for length in range(64):
        yield numbers.randbytes(length)
    for _ in range(5000):
        yield own + numbers.randbytes(numbers.randrange(0, 1400))
    for _ in range(20):
        yield own + numbers.randbytes(60000)


def send_udp(messages):
    def work():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for index, data in enumerate(messages):
                sock.sendto(data, (VICTIM, PORT))
                if index % 100 == 0:
                    time.sleep(0.005)
    from_host("h3", work)


def http_messages():
    yield from (numbers.randbytes(numbers.randrange(1, 4096)) for _ in range(100))
    yield b"GET"
    yield b"GET /status HTTP/1.1\r\nHost: x\r\n"
    yield b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1\r\n\r\n"
    yield b"GET /status HTTP/1.1\r\n" + b"X: " + b"y" * (1 << 20) + b"\r\n\r\n"
    yield b"POST /ip/x HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n" + b"z" * 100000
    yield b"POST /connect HTTP/1.1\r\nContent-Length: -1\r\n\r\n"
    yield b"POST /ip/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"
    yield b"GET /ip/%zz/%00%ff/../.. HTTP/1.1\r\n\r\n"
    yield b"DELETE /ip/" + b"/".join([b"a"] * 5000) + b" HTTP/1.1\r\n\r\n"
    yield b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + numbers.randbytes(200)  # TLS


def send_http(data):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", 6784), 5) as sock:
        sock.settimeout(0.3)
        sock.sendall(data)
        sock.recv(4096)


def send_http_in_bytes():
    """A request whose every byte comes alone, the end of its last chunk too."""
    with socket.create_connection(("127.0.0.1", 6784), 5) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"GET /healthz HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n":
            sock.sendall(bytes([byte]))
            time.sleep(0.002)
        sock.settimeout(5)
        return sock.recv(4096).startswith(b"HTTP/1.1 200")


def half_open(host, address):
    """Connections that never say a word; given back to be closed by the caller."""
    def work():
        held = []
        for _ in range(HALF_OPEN):
            with contextlib.suppress(OSError):
                held.append(socket.create_connection(address, 2))
        return held
    return from_host(host, work)


def is_open(sock):
    sock.setblocking(False)
    try:
        return sock.recv(1) != b""  # the mesh greets whom it does not turn away
    except BlockingIOError:
        return True
    except OSError:
        return False


def link_lines():
    """The live connections of the victim with their ports: a new connection shows as another."""
    lines = status("h1", "connections").splitlines()
    return sorted(re.sub(r"\s+", " ", line.split("key-age=")[0]).strip() for line in lines
                  if "established" in line and "(h2)" in line)


def check_growth(what, before):
    if "WEFT_TEST_SANITIZED" not in os.environ:
        grown = resident_mb("h1") - before["mb"]
        check(f"{what}: grew by less than {GROWTH_MB} MB", grown < GROWTH_MB, f"{grown:.1f} MB")


def attacked(what, before, attack):
    """One attack, then what must be as it was."""
    attack()
    host = state().host("h1")
    check(f"{what}: weaver lives", host.running() and host.http("GET", "/healthz")[0] == 200)
    check(f"{what}: the live link is the same one", link_lines() == before["links"],
          "" if link_lines() == before["links"] else f"{before['links']} then {link_lines()}")
    check_growth(what, before)


def all_half_open(before):
    held = half_open("h3", (VICTIM, PORT))
    also = half_open("h1", ("127.0.0.1", 6784))
    try:
        for port, sockets in (("the mesh", held), ("HTTP", also)):
            check(f"half-open: {port} is called {HALF_OPEN} times", len(sockets) >= HALF_OPEN,
                  f"{len(sockets)}, {sum(map(is_open, sockets))} were not turned away")
        time.sleep(3)
        check_growth("half-open, while they are open", before)
    finally:
        for sock in held + also:
            sock.close()
    time.sleep(0.5)


def garbage():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    with running("--hosts", "3", "--password", "x"):
        name = re.search(r"Name: ([0-9a-f:]{17})", status("h3"))[1]
        # The lab is ready when the ring is formed; the last link, or its path, may still be on its
        # way, and a link that takes another overlay shows as another.
        wait_for("before: the link to watch is there", 15,
                 lambda: [" swift " in line for line in link_lines()] == [True])
        before = {"links": link_lines(), "mb": resident_mb("h1")}
        pinger = subprocess.Popen(
            netns.command(state().pod("p1")["netns"], "ping", "-q", "-i", "0.1", "-W", "1", "-w",
                          "300", pod_address("p2")), stdout=subprocess.PIPE, text=True)
        attacked("tcp", before, lambda: from_host("h3", lambda: [*map(send_tcp, tcp_messages())]))
        attacked("udp", before, lambda: send_udp(udp_messages(name)))
        attacked("http", before,
                 lambda: from_host("h1", lambda: [*map(send_http, http_messages())]))
        check("http: a request in single bytes is answered", from_host("h1", send_http_in_bytes))
        attacked("half-open", before, lambda: all_half_open(before))
        pinger.send_signal(subprocess.signal.SIGINT)
        lost = re.search(r"([\d.]+)% packet loss", pinger.communicate()[0])
        check("throughout: under 5 % of the pings between pods were lost",
              lost is not None and float(lost[1]) < 5, lost[0] if lost else "no summary")
        lab("stop", "h3")
        lab("start", "h3")
        wait_for("after: a restarted host connects again", 60,
                 lambda: status("h3", "connections").count("established") == 2)


main(garbage)

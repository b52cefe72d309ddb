#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails if a library includes what its layer may not see. The rules are in scripts/layers.txt.

Also keeps the libraries that belong to one folder (sodium, OpenSSL, Asio) inside it, and the pure
libraries free of clocks, threads, sockets and randomness of the operating system."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
IMPURE = re.compile(
    r"#include <(boost/asio|sys/|netinet/|net/|linux/|thread|mutex|random|iostream|fstream|unistd)"
    r"|::now\(\)|random_device|\btime\(nullptr\)|\bstd::rand\b|unordered_(map|set)"
)
CONFINED = {  # header prefix: folders that may include it
    "sodium": ("crypto",),
    "intel-ipsec-mb": ("crypto",),
    "openssl/": ("plugin/kube/client",),
    "boost/asio": ("router/io",),
    "boost/beast": ("router/io",),
    "sqlite3": ("router/daemon",),
    "pcap": ("router/capture",),
    "netlink/": ("router/linux",),
    "nftables/": ("router/linux",),
}


def read_rules():
    allowed, pure = {}, set()
    for raw in (ROOT / "scripts/layers.txt").read_text().splitlines():
        line = raw.split("#")[0].strip()
        if not line:
            continue
        library, dependencies = (part.strip() for part in line.split(":"))
        words = set(dependencies.split())
        if "PURE" in words:
            pure.add(library)
        allowed[library] = (words - {"PURE"}) | {library}
    return allowed, pure


def owner_of(path, libraries):
    return next((lib for lib in libraries if path == lib or path.startswith(lib + "/")), None)


def faults_in(text, me, allowed, pure, libraries):
    """Yields (line number, what is wrong) for one file of library `me`."""
    for number, line in enumerate(text.splitlines(), 1):
        quoted = re.match(r'\s*#include "([^"]+)"', line)
        if quoted:
            them = owner_of(quoted[1], libraries)
            if them is None:
                yield number, f"{quoted[1]}: not a path from the root of the tree"
            elif them not in allowed[me]:
                yield number, f"{me} may not depend on {them}"
            elif them != me and "/internal/" in quoted[1]:
                yield number, f"{quoted[1]} is internal to {them}"
        angled = re.match(r"\s*#include <([^>]+)>", line)
        if angled:
            for prefix, homes in CONFINED.items():
                if angled[1].startswith(prefix) and me not in homes:
                    yield number, f"<{angled[1]}> belongs in {' or '.join(homes)}"
        if me in pure and IMPURE.search(line.split("//")[0]):
            yield number, f"{me} is pure: {line.strip()}"


def main():
    allowed, pure = read_rules()
    libraries = sorted(allowed, key=len, reverse=True)
    bad = 0
    for top in ("base", "crypto", "gossip", "ipam-crdt", "router", "plugin"):
        for path in sorted((ROOT / top).rglob("*")):
            if path.suffix not in (".h", ".cc"):
                continue
            name = str(path.relative_to(ROOT))
            me = owner_of(name, libraries)
            if me is None:
                print(f"{name}: in no library of scripts/layers.txt")
                bad += 1
                continue
            for number, why in faults_in(path.read_text(), me, allowed, pure, libraries):
                print(f"{name}:{number}: {why}")
                bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

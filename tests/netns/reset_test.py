#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A host is left by `weave reset` as it was before `weave launch`: interfaces, addresses, routes,
rules of all kinds, kernel settings and files, though other owners' filters had rules of ours, which
outlive that those are loaded anew, and though Weave had served the host before."""
import contextlib
import json
import os
import re
import subprocess
import tempfile

from harness import PREFIX, ROOT, check, main, wait_for

BIN = os.environ.get("WEFT_BIN", f"{ROOT}/build/bin")
HOST, POD = f"{PREFIX}rh", f"{PREFIX}rp"
# Numbers that change by themselves.
RESTLESS = re.compile(r"nf_conntrack_count|/inode-|random|ipfrag_time|/sockstat")
DOCKER = """*filter
:FORWARD DROP [0:0]
-A FORWARD -i docker0 -j ACCEPT
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
COMMIT
"""
FIREWALL = """table inet other {
  chain gate {
    type filter hook forward priority 5; policy accept;
    ct state established accept
    reject
  }
}
"""
WEAVE = """*nat
:WEAVE - [0:0]
-A POSTROUTING -j WEAVE
COMMIT
*filter
:WEAVE-NPC - [0:0]
-A FORWARD -o weave -j WEAVE-NPC
-A FORWARD -o weave -j DROP
COMMIT
"""


def run(*argv, **more):
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=True, **more).stdout


def on_host(*argv, **more):
    return run("ip", "netns", "exec", HOST, *argv, **more)


def settings():
    """What is under /proc/sys/net, as the host sees it."""
    text = on_host("sh", "-c", "cd /proc/sys/net && grep -rs '' . || true")
    return {line for line in text.splitlines() if not RESTLESS.search(line)}


def links():
    return {(link["ifname"], link.get("mtu"), link.get("address"), tuple(sorted(link["flags"])))
            for link in json.loads(on_host("ip", "-j", "link"))}


def without_counters(text):
    return [line for line in re.sub(r"\[\d+:\d+\]", "", text).splitlines()
            if not line.startswith("#")]


def picture():
    return {"links": links(),
            "addresses": re.sub(r"valid_lft.*", "", on_host("ip", "addr")),
            "routes": on_host("ip", "route", "show", "table", "all"),
            "policy routes": on_host("ip", "rule"),
            "iptables-legacy": without_counters(on_host("iptables-legacy-save")),
            "iptables-nft": without_counters(on_host("iptables-nft-save")),
            "nftables": re.sub(r"packets \d+ bytes \d+", "", on_host("nft", "list", "ruleset")),
            "ipsets": on_host("ipset", "list", "-name"),
            "settings": settings()}


def files(folder):
    return {os.path.relpath(os.path.join(at, name), folder)
            for at, _, names in os.walk(folder) for name in names}


@contextlib.contextmanager
def host():
    """A host with an uplink and filters of others, and a pod of nobody's."""
    for name in (HOST, POD):
        subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL, check=False)
        run("ip", "netns", "add", name)
    try:
        # Addresses that are still being probed would change by themselves.
        for command in ("sysctl -qw net.ipv6.conf.default.accept_dad=0", "ip link set lo up",
                        "ip link add eth0 type veth peer name eth1",
                        "ip link set eth1 up",
                        "ip addr add 192.0.2.1/24 dev eth0", "ip link set eth0 up",
                        "ip route add default via 192.0.2.254"):
            on_host(*command.split())
        for backend in ("iptables-legacy", "iptables-nft"):
            on_host(f"{backend}-restore", input=DOCKER)
        on_host("nft", "-f", "-", input=FIREWALL)
        with tempfile.TemporaryDirectory() as folder:
            yield folder
    finally:
        for name in (HOST, POD):
            run("ip", "netns", "del", name)


def weave(folder, *arguments):
    env = dict(os.environ, WEFT_RUN_DIR=f"{folder}/run", WEFT_LOG_DIR=f"{folder}/log",
               WEFT_CNI_STATE_DIR=f"{folder}/cni", WEAVE_HTTP_ADDR="127.0.0.1:6784")
    return on_host(f"{BIN}/weave", *arguments, env=env)


def leave_weaves_rules():
    for backend in ("iptables-legacy", "iptables-nft"):
        on_host(f"{backend}-restore", "--noflush", input=WEAVE)
    on_host("ipset", "create", "weave-;rGqyMIl1HN^cfDki~Z$3]6!N", "hash:ip")


def compare(before, after):
    for what, then in before.items():
        now = after[what]
        if isinstance(then, set):
            detail = f"new: {sorted(now - then)[:5]} gone: {sorted(then - now)[:5]}"
        else:
            detail = f"{then!r} became {now!r}"
        check(f"reset: {what} are as they were", now == then, "" if now == then else detail)


def table(family, name):
    return on_host("sh", "-c", f"nft -a list table {family} {name} 2>&1 || true")


def loaded_anew():
    """Others load their filters again, as `firewall-cmd --reload` does, and take ours along."""
    on_host("nft", "-f", "-", input=f"delete table inet other\n{FIREWALL}")
    in_place = re.compile(r"weft: pods.*weft: pods.*reject", re.DOTALL)
    wait_for("reload: accepts of ours are in a filter that was loaded anew", 1,
             lambda: in_place.search(table("inet", "other")))
    before = table("ip", "weft").splitlines()[0]  # with the table's number
    on_host("nft", "delete", "table", "ip", "weft")
    wait_for("reload: our own table is back when somebody deleted it", 1,
             lambda: "masquerade" in table("ip", "weft") and before not in table("ip", "weft"))


def reset():
    with host() as folder:
        before = picture()
        leave_weaves_rules()
        weave(folder, "launch", f"--db-prefix={folder}/state/w", "--ipalloc-range=10.32.0.0/12")
        try:
            weave(folder, "expose")
            weave(folder, "attach", POD)
            status = weave(folder, "status")
            for place in ("iptables-legacy FORWARD", "iptables-nft FORWARD", "nft inet other gate"):
                check(f"reset: status tells of the accepts in {place}", place in status)
            check("reset: what Weave left went at the start",
                  "WEAVE" not in on_host("iptables-legacy-save") + on_host("iptables-nft-save"))
            check("reset: there is something to reset", picture() != before)
            loaded_anew()
        finally:
            weave(folder, "reset", "--force")
        compare(before, picture())
        left = files(folder) - {"log/weaver.log", "state/wweft.moved"}
        check("reset: no file is left but the log and the note", not left, str(sorted(left)))
        inside = json.loads(run("ip", "-n", POD, "-j", "link"))
        check("reset: the pod's interface is gone", [link["ifname"] for link in inside] == ["lo"])


main(reset)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Debian package: built, checked by lintian, then installed, upgraded, removed and purged in a
copy of this machine's root that is thrown away (an overlay), and on a host that systemd runs."""
import functools
import glob
import os
import re
import subprocess
import tempfile
import time
import unittest

from systemd_host import SystemdHost

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("WEFT_BIN", f"{ROOT}/build/bin")
# lintian's tags that we know of and live with.
KNOWN = {
    "bogus-mail-host", "bogus-mail-host-in-debian-changelog",  # the project has no address
}
# What any installation of any package leaves.
DPKGS_OWN = ("var/lib/dpkg/", "var/log/", "var/cache/", "var/lib/systemd/deb-systemd", "tmp/",
             "etc/ld.so.cache", "var/lib/apt/", "dev/", "run/")


def run(*argv, **more):
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=True, **more).stdout


@functools.cache
def package():
    run(f"{ROOT}/scripts/package", "--bin", BIN)
    return glob.glob(f"{ROOT}/build/deb/weft_*.deb")[0]


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deb = package()

    def test_it_holds_what_a_host_needs(self):
        names = {line.split()[5][1:] for line in run("dpkg-deb", "-c", self.deb).splitlines()}
        self.assertLessEqual({
            "/usr/sbin/weaver", "/usr/bin/weave", "/usr/lib/cni/weave-net",
            "/usr/lib/cni/weave-ipam", "/lib/systemd/system/weaver.service",
            "/usr/lib/tmpfiles.d/weft.conf",
            "/etc/weave/weaver.conf", "/usr/share/man/man8/weaver.8.gz",
            "/usr/share/man/man1/weave.1.gz", "/usr/share/man/man8/weave-cni.8.gz",
            "/usr/share/man/man8/weave-net.8.gz", "/usr/share/man/man5/weaver.conf.5.gz",
            "/usr/share/bash-completion/completions/weave",
            "/usr/share/zsh/vendor-completions/_weave",
            "/usr/share/fish/vendor_completions.d/weave.fish"}, names)
        control = run("dpkg-deb", "-I", self.deb, "conffiles")
        self.assertEqual(control, "/etc/weave/weaver.conf\n")
        self.assertIn("libsodium23", run("dpkg-deb", "-f", self.deb, "Depends"))

    def test_lintian_finds_nothing_but_what_we_know(self):
        said = subprocess.run(["lintian", "--allow-root", "--fail-on=none", self.deb],
                              stdout=subprocess.PIPE, text=True, check=True).stdout
        tags = {line.split()[2] for line in said.splitlines() if line[:2] in ("E:", "W:")}
        self.assertEqual(tags - KNOWN, set(), said)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_installed_upgraded_removed_and_purged_it_leaves_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            said = run("unshare", "--mount", "sh", "-euc", LIFE, "sh", folder, self.deb)
        steps = said.split("== ")
        self.assertEqual([step.split("\n")[0] for step in steps[1:]],
                         ["installed", "changed", "upgraded", "removed", "purged"], said)
        by_name = {step.split("\n")[0]: step for step in steps[1:]}
        self.assertIn("weave script", by_name["installed"])
        self.assertIn("weft\t", by_name["installed"])
        self.assertIn("# mine", by_name["upgraded"])
        self.assertIn("# mine", by_name["removed"])
        left = [path for path in by_name["purged"].splitlines()[1:]
                if not path.startswith(DPKGS_OWN)]
        self.assertEqual(left, [])


# In a namespace of its own: $1 a folder, $2 the package.
LIFE = r"""
mount -t tmpfs scratch "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay root -o lowerdir=/,upperdir="$1/upper",workdir="$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mkdir -p "$1/root/tmp"
cp "$2" "$1/root/tmp/weft.deb"
# No service manager is running in there.
printf '#!/bin/sh\nexit 101\n' > "$1/root/usr/sbin/policy-rc.d"
chmod 755 "$1/root/usr/sbin/policy-rc.d"
in_root() { env DEBIAN_FRONTEND=noninteractive chroot "$1/root" sh -euc "$2" 2>&1; }
in_root "$1" 'dpkg -i /tmp/weft.deb >/tmp/log || { cat /tmp/log; exit 1; }'
echo "== installed"
in_root "$1" 'weave version | head -1; weaver --version; dpkg-query -W weft'
in_root "$1" 'test -L /usr/lib/cni/weave-ipam; man -w weaver >/dev/null'
in_root "$1" 'grep -q ExecStart=/usr/sbin/weaver /lib/systemd/system/weaver.service'
echo "== changed"
in_root "$1" 'echo "# mine" >> /etc/weave/weaver.conf; mkdir -p /var/lib/weave/cni'
in_root "$1" 'touch /var/lib/weave/weaveweft.db'
in_root "$1" 'dpkg -i /tmp/weft.deb >/dev/null'
echo "== upgraded"
in_root "$1" 'tail -1 /etc/weave/weaver.conf; test -e /var/lib/weave/weaveweft.db'
in_root "$1" 'dpkg -r weft >/dev/null; ! test -e /usr/sbin/weaver'
echo "== removed"
in_root "$1" 'tail -1 /etc/weave/weaver.conf; test -e /var/lib/weave/weaveweft.db'
in_root "$1" 'dpkg -P weft >/dev/null'
echo "== purged"
rm -f "$1/root/usr/sbin/policy-rc.d"
umount "$1/root/proc"
cd "$1/upper"
find . -not -type d -not -type c -printf '%P\n'
"""

# A container's network on a host, by the plugin that the package brought.
ADD = r"""
ip netns add c1
echo '{"cniVersion":"1.0.0","name":"weave","type":"weave-net"}' |
  CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_NETNS=/run/netns/c1 CNI_IFNAME=eth0 \
  CNI_PATH=/usr/lib/cni /usr/lib/cni/weave-net
"""
# What Weave and Docker leave behind, where the unit's limits might keep weaver from seeing to it:
# rules of both kinds of iptables. The older one wants its lock, a file that a fresh host has not.
OTHERS_RULES = """
for iptables in iptables-nft iptables-legacy; do
  $iptables -N WEAVE-NPC
  $iptables -A FORWARD -o weave -j WEAVE-NPC
  $iptables -P FORWARD DROP
  $iptables -N DOCKER-USER
done
rm -f /run/xtables.lock
"""
# What ProtectSystem=strict does to /run, but for a host with control groups of version 1, where
# ProtectControlGroups=yes keeps it from it (systemd 252).
RUN_READ_ONLY = """
mkdir -p /run/systemd/system/weaver.service.d
printf '[Service]\\nReadOnlyPaths=/run\\n' > /run/systemd/system/weaver.service.d/run.conf
"""


@unittest.skipUnless(os.geteuid() == 0, "needs root")
@unittest.skipUnless(os.path.exists("/lib/systemd/systemd"), "needs systemd")
class UnderSystemd(unittest.TestCase):
    """One host's life, in the order of the methods' names."""

    @classmethod
    def setUpClass(cls):
        deb = package()
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.host = cls.enterClassContext(SystemdHost(folder))
        cls.host.copy_in(deb, "/tmp/weft.deb")
        cls.host.sh(OTHERS_RULES)
        cls.host.sh(RUN_READ_ONLY)
        cls.links = cls.host.run("ip", "-o", "link")
        cls.host.run("dpkg", "-i", "/tmp/weft.deb")
        cls.host.run("systemctl", "enable", "--now", "weaver")

    def show(self, *names):
        lines = self.host.run("systemctl", "show", "-p", ",".join(names), "weaver").splitlines()
        return dict(line.split("=", 1) for line in lines)

    def wait_serving(self, *, not_pid=None):
        """Until a process, another than not_pid, has told systemd that it serves; gives its id."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            shown = self.show("ActiveState", "MainPID", "StatusText")
            if (shown["ActiveState"] == "active" and shown["MainPID"] != not_pid
                    and shown["StatusText"].startswith("serving as ")):
                return shown["MainPID"]
            time.sleep(0.1)
        self.fail(f"{shown}\n" + self.host.run("journalctl", "--no-pager", "-u", "weaver"))

    def test_1_it_serves_within_its_limits(self):
        pid = self.wait_serving()
        self.assertIn("via tap", self.host.run("weave", "status"))
        limits = self.host.sh(f"grep -E '^(CapEff|Seccomp|NoNewPrivs):' /proc/{pid}/status")
        # CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_PTRACE and CAP_SYS_ADMIN, and a filter of calls.
        capabilities = 1 << 12 | 1 << 13 | 1 << 19 | 1 << 21
        self.assertEqual(limits.split(), ["CapEff:", f"{capabilities:016x}", "NoNewPrivs:", "1",
                                          "Seccomp:", "2"])

    def test_2_they_hinder_it_in_nothing(self):
        self.wait_serving()
        for iptables in ("iptables-nft", "iptables-legacy"):
            rules = self.host.run(iptables, "-S")
            self.assertNotIn("WEAVE-NPC", rules)
            self.assertIn("-A FORWARD -i weave", rules)
        address = re.search(r'"address": "([\d.]+)/12"', self.host.sh(ADD))[1]
        self.host.run("weave", "expose")
        self.host.run("ping", "-c", "1", "-w", "10", address)
        self.assertIn(f"{address}/12", self.host.run("weave", "ps"))
        self.host.run("systemctl", "restart", "weaver")
        self.wait_serving()
        self.host.run("ping", "-c", "1", "-w", "10", address)
        journal = self.host.run("journalctl", "--no-pager", "-u", "weaver")
        self.assertNotRegex(journal, "level=(warning|error)|not permitted|denied")

    def test_3_one_that_hangs_or_dies_is_started_again(self):
        self.host.sh("mkdir -p /run/systemd/system/weaver.service.d;"
                     "printf '[Service]\\nWatchdogSec=4\\n'"
                     " > /run/systemd/system/weaver.service.d/soon.conf;"
                     "systemctl daemon-reload; systemctl restart weaver")
        for signal in ("STOP", "KILL"):
            pid = self.wait_serving()
            self.host.run("kill", f"-{signal}", pid)
            self.wait_serving(not_pid=pid)
        address = self.host.sh("weave ps c1").split()[2].split("/")[0]
        self.host.run("ping", "-c", "1", "-w", "10", address)

    def test_4_reset_stops_it_and_leaves_the_host_as_it_was(self):
        self.wait_serving()
        self.host.run("weave", "reset")
        self.assertEqual(self.show("ActiveState")["ActiveState"], "inactive")
        self.assertEqual(self.host.run("ip", "-o", "link"), self.links)
        self.assertNotIn("weft", self.host.run("nft", "list", "tables"))
        for iptables in ("iptables-nft", "iptables-legacy"):
            self.assertNotIn("weave", self.host.run(iptables, "-S"))


if __name__ == "__main__":
    unittest.main()

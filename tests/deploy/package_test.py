#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Debian package: built, checked by lintian, then installed, upgraded, removed and purged in a
copy of this machine's root that is thrown away (an overlay)."""
import glob
import os
import subprocess
import tempfile
import unittest

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


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        run(f"{ROOT}/scripts/package", "--bin", BIN)
        cls.deb = next(path for path in glob.glob(f"{ROOT}/build/deb/weft_*.deb"))

    def test_it_holds_what_a_host_needs(self):
        names = {line.split()[5][1:] for line in run("dpkg-deb", "-c", self.deb).splitlines()}
        self.assertLessEqual({
            "/usr/sbin/weaver", "/usr/bin/weave", "/usr/lib/cni/weave-net",
            "/usr/lib/cni/weave-ipam", "/lib/systemd/system/weaver.service",
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


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The container image: what is in it, how large it is, and that its programs run with the rights
that the DaemonSet gives and no more."""
import json
import os
import subprocess
import tarfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("WEFT_BIN", f"{ROOT}/build/bin")
OUT = f"{ROOT}/build/image"
ROOTFS = f"{OUT}/rootfs"
SIZE_MAX_MB = 70


def run(*argv):
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=True).stdout


def files():
    for folder, _, names in os.walk(ROOTFS):
        for name in names:
            yield os.path.join(folder, name)


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class Image(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        run(f"{ROOT}/scripts/deploy/image", "--bin", BIN)

    def test_the_archive_is_one_layer_under_its_name_that_starts_the_agent(self):
        with tarfile.open(f"{OUT}/weave-kube.tar") as archive:
            manifest = json.load(archive.extractfile("manifest.json"))
            self.assertEqual(len(manifest), 1)
            self.assertEqual(len(manifest[0]["Layers"]), 1)
            self.assertTrue(manifest[0]["RepoTags"][0].startswith("localhost/weft/weave-kube:"))
            config = json.load(archive.extractfile(manifest[0]["Config"]))["config"]
        self.assertEqual(config["Entrypoint"], ["/home/weave/weave-kube"])

    def test_runbooks_find_their_programs(self):
        for name in ("weaver", "weave", "weave-kube", "weave-net", "weave-ipam", "launch.sh"):
            self.assertTrue(os.access(f"{ROOTFS}/home/weave/{name}", os.X_OK), name)

    def test_there_is_no_shell_no_package_manager_and_nothing_that_changes_who_runs_it(self):
        for name in ("sh", "bash", "dash", "apt-get", "dpkg", "perl", "python3", "busybox"):
            for folder in ("bin", "sbin"):
                self.assertFalse(os.path.lexists(f"{ROOTFS}/usr/{folder}/{name}"), name)
        changing = [path for path in files() if not os.path.islink(path)
                    and os.stat(path).st_mode & 0o6000]
        self.assertEqual(changing, [])

    def test_it_is_small(self):
        size = sum(os.lstat(path).st_size for path in files()) / 1e6
        self.assertLess(size, SIZE_MAX_MB)

    def test_the_bill_of_materials_names_every_package_and_every_file_has_one(self):
        with open(f"{OUT}/weave-kube.spdx.json", encoding="utf-8") as file:
            bill = json.load(file)
        self.assertEqual(bill["spdxVersion"], "SPDX-2.3")
        ids = {part["SPDXID"]: part["name"] for part in bill["packages"]}
        links = bill["relationships"]
        for link in links:
            self.assertIn(link["relatedSpdxElement"], ids)
        contained = {ids[link["relatedSpdxElement"]] for link in links
                     if link["relationshipType"] == "CONTAINS"}
        self.assertEqual(contained, set(os.listdir(f"{ROOTFS}/var/lib/dpkg/status.d")))
        for name in contained - {"base-files"}:
            self.assertTrue(os.path.exists(f"{ROOTFS}/usr/share/doc/{name}"), f"{name}'s licence")
        self.assertLessEqual({"libc6", "libsodium23", "iptables", "ipset"}, contained)

    def test_the_daemon_serves_with_three_capabilities_and_a_root_that_it_cannot_write(self):
        said = run("unshare", "--mount", "--net", "--pid", "--fork", "sh", "-euc", CONTAINER, "sh",
                   ROOTFS, f"{ROOT}/tests/deploy/contained.py")
        self.assertIn("Service: router", said)
        self.assertIn("via tap", said, "no TAP device")
        self.assertRegex(said, r"weave: <.*UP")
        self.assertIn("accept_ra=0", said)
        self.assertRegex(said, r"CapBnd:\s+0000000000203000\n")

    def test_every_program_finds_its_libraries(self):
        for name in ("weaver", "weave", "weave-kube"):
            said = run("python3", f"{ROOT}/tests/deploy/contained.py", ROOTFS,
                       f"/home/weave/{name}", "--version")
            self.assertRegex(said, r"\d+\.\d+\.\d+")


# What the runtime does for the DaemonSet, in namespaces of its own: $1 the root, $2 contained.py.
CONTAINER = r"""
ip link set lo up
ip link add eth0 type veth peer name eth1
ip link set eth1 up
ip addr add 192.0.2.1/24 dev eth0
ip link set eth0 up
mount --bind "$1" "$1"
mount -t proc proc "$1/proc"
mount --bind "$1/proc/sys/net" "$1/host/proc/sys/net"
mount --bind "$1/proc/sys" "$1/proc/sys"
mount -o remount,bind,ro "$1/proc/sys"
mount -t tmpfs state "$1/weavedb"
mount -t tmpfs devices "$1/dev"
mkdir "$1/dev/net"
mount --bind /dev/net "$1/dev/net"
mount -o remount,bind,ro "$1"
python3 "$2" "$1" /home/weave/weaver --http-addr=127.0.0.1:6784 --ipalloc-range=10.32.0.0/12 \
  --db-prefix=/weavedb/weave-net >"$1/weavedb/log" 2>&1 &
for try in $(seq 300); do
  if chroot "$1" /home/weave/weave status >"$1/weavedb/status" 2>&1; then break; fi
  sleep 0.1
done
cat "$1/weavedb/status" "$1/weavedb/log"
chroot "$1" /home/weave/weave report
ip link show weave
echo "accept_ra=$(cat /proc/sys/net/ipv6/conf/weave/accept_ra)"
grep CapBnd "$1/proc/$!/status"
kill $!
wait $! || true
"""


if __name__ == "__main__":
    unittest.main()

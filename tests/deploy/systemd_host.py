# SPDX-License-Identifier: Apache-2.0
"""A host whose service manager is a real systemd: process 1 of namespaces of its own, on a copy of
this machine's root that is thrown away (an overlay), in cgroups below ours. Needs root."""
import contextlib
import glob
import os
import subprocess
import time

BOOT_SECONDS = 60
CGROUP = "wf-systemd"
RUN_SECONDS = 120
# Units that would look after the real machine's devices, formats and logins, or only take time.
MASKED = ("systemd-udevd.service", "systemd-udev-trigger.service", "systemd-logind.service",
          "systemd-remount-fs.service", "systemd-sysctl.service", "systemd-modules-load.service",
          "systemd-tmpfiles-setup-dev.service", "systemd-binfmt.service",
          "proc-sys-fs-binfmt_misc.automount", "proc-sys-fs-binfmt_misc.mount",
          "getty@tty1.service", "console-getty.service")

# In namespaces of its own: $1 a folder, $2 the control group, $3… units to mask. Of /dev it gets
# copies, since journald writes there, and of the kernel's settings only the network's own.
BOOT = r"""
folder=$1 group=$2 root=$1/root
shift 2
mount --make-rprivate /
mount -t tmpfs scratch "$folder"
mkdir "$folder/upper" "$folder/work" "$root"
mount -t overlay root -o lowerdir=/,upperdir="$folder/upper",workdir="$folder/work" "$root"
mount -t proc proc "$root/proc"
mount -o bind,ro "$root/proc/sys" "$root/proc/sys"
mount --bind /proc/sys/net "$root/proc/sys/net"
mount -t sysfs sysfs "$root/sys"
awk '$5 ~ "^/sys/fs/cgroup" { print $5, $0 }' /proc/self/mountinfo | sort |
while read -r at line; do
  kind=$(echo "${line#* - }" | cut -d' ' -f1)
  options=$(echo "${line#* - }" | cut -d' ' -f3 | sed 's/^rw,*//; s/name=/none,name=/')
  mkdir -p "$root$at"
  mount -t "$kind" ${options:+-o "$options"} "$kind" "$root$at"
done
mount -t tmpfs dev "$root/dev"
for node in null zero full random urandom tty net/tun; do
  mkdir -p "$(dirname "$root/dev/$node")"
  : > "$root/dev/$node"
  mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
for at in run tmp; do mount -t tmpfs "$at" "$root/$at"; done
rm -rf "$root"/etc/systemd/system/*.wants
rm -f "$root/etc/fstab" "$root/etc/crypttab"
for unit in "$@"; do ln -sf /dev/null "$root/etc/systemd/system/$unit"; done
echo 5afe5afe5afe5afe5afe5afe5afe5afe > "$root/etc/machine-id"
ip link set lo up
cd "$root"
exec env -i container=wf PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" \
  /lib/systemd/systemd --system --unit=multi-user.target --show-status=0
"""


class SystemdHost:
    def __init__(self, folder):
        self._folder = folder
        self._unshare = None
        self._init = None

    def __enter__(self):
        try:
            groups = _make_groups()
            self._unshare = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--kill-child",
                 "--mount", "--uts", "--ipc", "--net", "--cgroup", "sh", "-euc", BOOT, "sh",
                 self._folder, CGROUP, *MASKED],
                preexec_fn=lambda: _join(groups), stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True)
            self._wait_booted()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            if self._unshare is not None:
                self._unshare.kill()
                self._unshare.wait()
        finally:
            _remove_groups()

    def run(self, *argv, check=True):
        """What a command says on this host, both streams."""
        done = subprocess.run(
            ["nsenter", "-t", self._init, "-m", "-p", "-n", "-u", "-i", "-C",
             f"--root=/proc/{self._init}/root", "--wdns=/", *argv],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            timeout=RUN_SECONDS)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}")
        return done.stdout

    def sh(self, script, check=True):
        return self.run("sh", "-euc", script, check=check)

    def copy_in(self, path, to):
        with open(path, "rb") as file:
            subprocess.run(["nsenter", "-t", self._init, "-m", f"--root=/proc/{self._init}/root",
                            "tee", to], stdin=file, stdout=subprocess.DEVNULL, check=True)

    def _wait_booted(self):
        end = time.monotonic() + BOOT_SECONDS
        children = f"/proc/{self._unshare.pid}/task/{self._unshare.pid}/children"
        said = ""
        while time.monotonic() < end and self._unshare.poll() is None:
            with open(children, encoding="ascii") as file:
                self._init = file.read().strip()
            if self._init and self._left_our_root():
                said = self.run("systemctl", "is-system-running", check=False).strip()
            if said in ("running", "degraded"):
                return
            time.sleep(0.2)
        self._unshare.kill()
        raise AssertionError(f"systemd did not boot ({said}): {self._unshare.communicate()[0]}")

    def _left_our_root(self):
        """Before that, what is run on the host would be run on this machine."""
        try:
            with open(f"/proc/{self._init}/comm", encoding="ascii") as file:
                is_systemd = file.read() == "systemd\n"
            return is_systemd and os.stat(f"/proc/{self._init}/root").st_dev != os.stat("/").st_dev
        except FileNotFoundError:
            return False


def _hierarchies():
    """Where control groups are mounted: one folder (version 2), or one for each controller."""
    if os.path.exists("/sys/fs/cgroup/cgroup.procs"):
        return ["/sys/fs/cgroup"]
    return [path for path in glob.glob("/sys/fs/cgroup/*")
            if os.path.exists(f"{path}/cgroup.procs") and not os.path.islink(path)]


def _make_groups():
    if left := _remove_groups():
        raise AssertionError(f"an earlier host's processes are still in {', '.join(left)}")
    groups = [f"{at}/{CGROUP}" for at in _hierarchies()]
    for group in groups:
        os.makedirs(group, exist_ok=True)
        for name in ("cpuset.cpus", "cpuset.mems"):
            parent = f"{os.path.dirname(group)}/{name}"
            # Version 1 makes a group empty.
            if os.path.exists(parent) and os.path.exists(f"{group}/{name}"):
                with open(parent, encoding="ascii") as given, \
                        open(f"{group}/{name}", "w", encoding="ascii") as own:
                    own.write(given.read())
    return groups


def _join(groups):
    for group in groups:
        with open(f"{group}/cgroup.procs", "w", encoding="ascii") as procs:
            procs.write(str(os.getpid()))


def _remove_groups():
    """Also those of a host that was not left in order; gives those that could not be removed. The
    last processes may still be going."""
    end = time.monotonic() + 5
    for at in _hierarchies():
        while os.path.isdir(f"{at}/{CGROUP}") and time.monotonic() < end:
            for folder, _, _ in os.walk(f"{at}/{CGROUP}", topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
            time.sleep(0.05)
    return [path for path in (f"{at}/{CGROUP}" for at in _hierarchies()) if os.path.isdir(path)]

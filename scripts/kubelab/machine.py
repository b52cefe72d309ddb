# SPDX-License-Identifier: Apache-2.0
"""One machine of the cluster: a holder of namespaces of its own, and the daemons that run there.

/etc and /opt are overlays over those of the real machine, /var/lib and /var/log folders of the
cluster, /run is new at each boot. All else is the real machine's."""
import os
import shutil
import signal
import time

from netlab import netns, underlay

# Kubelet and kube-proxy write these for the whole kernel; they get copies to write to.
KERNEL_SETTINGS = (
    "vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes")

# The mounts are shared in the end, as systemd has them: volumes of containers need that.
INIT = """\
# Process 1 of a machine of the cluster.
mount --make-rslave /
mount -t proc proc /proc
mkdir -p "$LAB_HOST_DIR/cgroup"
mount --rbind /sys/fs/cgroup "$LAB_HOST_DIR/cgroup"
mount -t sysfs sysfs /sys
mount --move "$LAB_HOST_DIR/cgroup" /sys/fs/cgroup
for name in etc opt; do
  upper=$LAB_HOST_DIR/$name work=$LAB_HOST_DIR/$name.work
  mkdir -p "$upper" "$work"
  mount -t overlay -o "lowerdir=/$name,upperdir=$upper,workdir=$work" "$LAB_HOST_DIR" "/$name"
done
for name in lib log; do
  mkdir -p "$LAB_HOST_DIR/var-$name"
  mount --bind "$LAB_HOST_DIR/var-$name" "/var/$name"
done
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns /run/lock
copies=/run/kernel
mkdir -p "$copies"
for setting in $KERNEL_SETTINGS; do
  copy=$copies/$(echo "$setting" | tr / .)
  cat "/proc/sys/$setting" >"$copy"
  mount --bind "$copy" "/proc/sys/$setting"
done
mount --make-rshared /
echo ready >&3
exec 3>&-
while :; do sleep 3600 & wait; done
"""


class Machine:
    """`record` is this machine's part of cluster.json and is changed in place."""

    def __init__(self, number, name, ns, switch, folder, record):
        self.number = number
        self.name = name
        self.ns = ns
        self.switch = switch
        self.folder = folder
        self.record = record
        self.address = underlay.address(number)

    def power_on(self):
        """Network, namespaces and mounts; no daemon yet."""
        os.makedirs(self.folder, exist_ok=True)
        underlay.connect(self.switch, self.number, self.ns)
        with open(f"{self.folder}/init", "w") as file:
            file.write(INIT)
        env = dict(os.environ, LAB_HOST_DIR=self.folder,
                   KERNEL_SETTINGS=" ".join(KERNEL_SETTINGS))
        self.record["daemons"] = {}
        self.record["holder"] = netns.make_holder(self.ns, self.name, file.name, env)

    def power_off(self):
        """As if the plug were pulled: process 1 of the machine is killed and all with it."""
        underlay.disconnect(self.switch, self.number)
        holder = self.record.pop("holder", None)
        if netns.alive(holder):
            os.kill(holder, signal.SIGKILL)
            netns.wait_gone(holder, 20)
        self.record["daemons"] = {}
        netns.delete(self.ns)
        _remove_cgroups(self.cgroup())

    def erase(self):
        self.power_off()
        shutil.rmtree(self.folder, ignore_errors=True)

    def is_on(self):
        return netns.alive(self.record.get("holder"))

    def cgroup(self):
        """The folder of this machine's containers in every cgroup hierarchy."""
        return self.ns

    def command(self, *argv):
        """An argv that runs a command in all namespaces of this machine."""
        return ["nsenter", "-t", str(self.record["holder"]), "-m", "-u", "-i", "-n", "-p", "--",
                *argv]

    def sh(self, *argv, stdin=None, check=True):
        return netns.sh(*self.command(*argv), stdin=stdin, check=check)

    def path(self, inside):
        """A file of this machine, as it is seen from outside."""
        return f"/proc/{self.record['holder']}/root{inside}"

    def start(self, name, argv, env=None):
        """Starts a daemon, its output appended to NAME.log in this machine's folder."""
        if self.running(name):
            raise netns.LabError(f"{self.name}: {name} runs already")
        self.record["daemons"][name] = netns.spawn(self.record["holder"], argv,
                                                   {**os.environ, **(env or {})}, self.log(name))

    def running(self, name):
        pid = self.record["daemons"].get(name)
        return netns.alive(pid) and netns.share_pids(pid, self.record["holder"])

    def stop(self, name, number=signal.SIGTERM, seconds=15):
        if not self.running(name):
            return
        pid = self.record["daemons"].pop(name)
        netns.signal_pid(pid, number)
        if not netns.wait_gone(pid, seconds):
            netns.signal_pid(pid, signal.SIGKILL)
            netns.wait_gone(pid, 10)

    def log(self, name):
        return f"{self.folder}/{name}.log"

    def wait_for(self, what, seconds, condition, daemon):
        """Polls; ends early when the daemon that should bring it about has ended."""
        end = time.monotonic() + seconds
        while not condition():
            if not self.running(daemon):
                raise netns.LabError(f"{self.name}: {daemon} has ended; see {self.log(daemon)}")
            if time.monotonic() > end:
                raise netns.LabError(f"{self.name}: no {what} within {seconds} s; see "
                                     f"{self.log(daemon)}")
            time.sleep(0.1)


def _remove_cgroups(name):
    """Every hierarchy's folder of that name: leaves first, since only an empty one goes."""
    for hierarchy in os.scandir("/sys/fs/cgroup"):
        for folder, _, _ in os.walk(f"{hierarchy.path}/{name}", topdown=False):
            for _ in range(50):  # the kernel takes a moment to forget those that were killed
                try:
                    os.rmdir(folder)
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.02)

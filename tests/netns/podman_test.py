#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""podman with network_backend = "cni" on two hosts: its containers reach each other by the overlay,
a published port answers, and removal leaves nothing."""
import json
import sys
import time

from harness import check, main, running, state, wait_for
from conflist import shipped
from runtimes import IMAGE, Machine, make_image, missing

# crun knows cgroups of one version alone, and mixed ones it refuses: this host of the lab shows it
# the second, and podman makes none.
CGROUPS = "umount -R /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup"
CONF = """\
[containers]
cgroups = "disabled"
log_driver = "k8s-file"
[network]
network_backend = "cni"
cni_plugin_dirs = ["/opt/cni/bin"]
network_config_dir = "/etc/cni/net.d"
default_network = "weave"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
runtime = "crun"
"""
PODMAN = "podman --storage-driver vfs"


class Podman(Machine):
    def __init__(self, host, bin_dir, image):
        super().__init__(host, bin_dir, shipped())
        self.run(CGROUPS)
        with open(self.file("podman.conf"), "w") as file:
            file.write(CONF)
        self.podman(f"load -q -i {image}")

    def podman(self, arguments, check=True):
        return self.run(f"{PODMAN} {arguments}", check)

    def serve(self, name, *options):
        """A container with a web server; its address, from what podman knows of it."""
        self.podman(f"run -d --name {name} {' '.join(options)} {IMAGE} /bin/httpd -f -p 80 -h /www")
        known = json.loads(self.podman(f"inspect {name}"))[0]
        return known["NetworkSettings"]["Networks"]["weave"]["IPAddress"]


def containers():
    with running("--hosts", "2", "--password", "x"):
        bin_dir, image = state().settings.bin, f"{state().settings.folder}/image.tar"
        make_image(image)
        one, two = (Podman(state().host(name), bin_dir, image) for name in ("h1", "h2"))
        before = [machine.traces() for machine in (one, two)]
        a, b = one.serve("web", "-p", "8080:80"), two.serve("web")
        check("podman: two containers have addresses of the overlay",
              a != b and all(x.startswith("10.") and 32 <= int(x.split(".")[1]) < 48
                             for x in (a, b)), f"{a} {b}")
        for machine, address in ((one, b), (two, a)):
            said = machine.podman(f"exec web /bin/fetch {address} 80", check=False)
            check(f"podman: {machine.host.name}'s container reaches the other by the overlay",
                  said == "here\n", said.strip())
        said = two.run("curl -s --max-time 5 http://10.99.0.1:8080/", check=False)
        check("podman: the published port answers another host", said == "here\n", said.strip())
        said = two.podman("exec web /bin/fetch 10.99.0.1 8080", check=False)
        check("podman: and a container of another host", said == "here\n", said.strip())
        routes = two.podman("exec web /bin/ip route")
        check("podman: the default route leads to the overlay", "default via 10." in routes,
              routes.splitlines()[0] if routes else "")
        asked = two.serve("asked", "--ip", "10.32.77.7", "--mac-address", "0e:11:22:33:44:55")
        link = two.podman("exec asked /bin/ip link show dev eth0")
        check("podman: an address and a MAC that are asked for are given",
              asked == "10.32.77.7" and "0e:11:22:33:44:55" in link, f"{asked} {link.split()[-3:]}")
        said = one.podman("exec web /bin/fetch 10.32.77.7 80", check=False)
        check("podman: and it is reached there from another host", said == "here\n", said.strip())
        two.podman("rm -f -t 0 asked")
        one.podman("restart -t 0 web")
        again = address_of(one)
        # The server needs a moment to listen: refused then, never unanswered.
        wait_for("podman: after a restart of its container it is reached", 2, lambda: two.podman(
            f"exec web /bin/fetch {again} 80", check=False) == "here\n")
        one.podman("run --rm " + IMAGE + " /bin/ping -c 1 -W 3 " + b)
        for machine, earlier in zip((one, two), before):
            machine.podman("rm -f -t 0 web")
            wait_for(f"podman: removal leaves nothing on {machine.host.name}", 5,
                     lambda m=machine, e=earlier: m.traces() == e)
            if machine.traces() != earlier:
                print(f"{earlier} then {machine.traces()}")


def address_of(machine):
    known = json.loads(machine.podman("inspect web"))[0]
    return known["NetworkSettings"]["Networks"]["weave"]["IPAddress"]


if why := missing("podman", "crun", "busybox", "iptables"):
    print(f"SKIP: podman: {why}")
    sys.exit(0)
main(containers)

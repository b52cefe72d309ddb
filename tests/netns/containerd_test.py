#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""containerd and `ctr run --cni` on two hosts: its containers reach each other by the overlay, a
port published through portmap answers, and what ends leaves nothing."""
import contextlib
import json
import sys
import time

from harness import check, main, running, state, wait_for
from runtimes import IMAGE, Machine, make_image, missing

# ctr has no option for ports: the configuration publishes this one.
PORT = {"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}


def network(publish):
    plugins = [{"type": "weave-net", "hairpinMode": True}]
    if publish:
        plugins.append({"type": "portmap", "snat": True, "runtimeConfig": {"portMappings": [PORT]}})
    return {"cniVersion": "1.0.0", "name": "weave", "plugins": plugins}


CONFIG = """\
version = 2
disabled_plugins = ["io.containerd.grpc.v1.cri"]
"""


class Containerd(Machine):
    def __init__(self, host, bin_dir, image, publish):
        super().__init__(host, bin_dir, network(publish))
        with open(self.file("containerd.toml"), "w") as file:
            file.write(CONFIG)
        self.daemon = self.run(f"exec containerd -c {self.file('containerd.toml')}",
                               background=True)
        end = time.monotonic() + 20
        while "Server:" not in self.run("ctr version", check=False):
            if time.monotonic() > end:
                raise TimeoutError("containerd does not answer")
            time.sleep(0.1)
        self.run(f"ctr image import --snapshotter native {image}")
        self.running = {}

    def serve(self, name):
        """A container with a web server. In the foreground: only then does ctr call DEL."""
        self.running[name] = self.run(
            f"exec ctr run --rm --cni --snapshotter native {IMAGE} {name} /bin/httpd -f -p 80 "
            "-h /www", background=True)
        end = time.monotonic() + 20
        # The task can be entered while the network is still being set up, so its address proves
        # nothing: the server starts when all plugins are done.
        while self.execute(name, "/bin/fetch 127.0.0.1 80") != "here\n":
            if time.monotonic() > end:
                raise TimeoutError(f"{name} serves nothing: "
                                   f"{open(self.file('background.log')).read()}")
            time.sleep(0.1)
        said = self.execute(name, "/bin/ip -4 -o addr show dev eth0")
        return said.split("inet ")[1].split("/")[0]

    def execute(self, name, command):
        return self.run(f"ctr task exec --exec-id x{time.monotonic_ns()} {name} {command}",
                        check=False)

    def end(self, name):
        self.run(f"ctr task kill -s SIGKILL {name}")
        self.running.pop(name).wait(20)

    def close(self):
        for name in list(self.running):
            with contextlib.suppress(Exception):
                self.end(name)
        self.run("kill $(cat /proc/[0-9]*/stat | awk '$2 == \"(containerd)\" { print $1 }')",
                 check=False)
        self.daemon.wait(20)


def containers():
    with running("--hosts", "2", "--password", "x"), contextlib.ExitStack() as stack:
        bin_dir, image = state().settings.bin, f"{state().settings.folder}/image.tar"
        make_image(image)
        machines = []
        for name in ("h1", "h2"):
            machines.append(Containerd(state().host(name), bin_dir, image, name == "h1"))
            stack.callback(machines[-1].close)
        one, two = machines
        before = [machine.traces() for machine in machines]
        a, b = one.serve("web"), two.serve("web")
        check("containerd: two containers have addresses of the overlay",
              a != b and all(x.startswith("10.") and 32 <= int(x.split(".")[1]) < 48
                             for x in (a, b)), f"{a} {b}")
        for machine, address in ((one, b), (two, a)):
            said = machine.execute("web", f"/bin/fetch {address} 80")
            check(f"containerd: {machine.host.name}'s container reaches the other by the overlay",
                  said == "here\n", said.strip())
        said = two.run("curl -s --max-time 5 http://10.99.0.1:8080/", check=False)
        check("containerd: the published port answers another host", said == "here\n", said.strip())
        said = two.execute("web", "/bin/fetch 10.99.0.1 8080")
        check("containerd: and a container of another host", said == "here\n", said.strip())
        for machine, earlier in zip(machines, before):
            machine.end("web")
            wait_for(f"containerd: an ended container leaves nothing on {machine.host.name}", 5,
                     lambda m=machine, e=earlier: m.traces() == e)
            if machine.traces() != earlier:
                print(json.dumps([earlier, machine.traces()]))


if why := missing("containerd", "ctr", "runc", "busybox", "iptables"):
    print(f"SKIP: containerd: {why}")
    sys.exit(0)
main(containers)

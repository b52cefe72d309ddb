# SPDX-License-Identifier: Apache-2.0
"""Other overlays in user space, from Debian's packages, between the same two hosts and pods."""
import contextlib
import os
import subprocess
import tempfile

from netlab import netns, underlay

# What their documentation sets for an underlay of 1,500 bytes.
L2_MTU = 1400
WIREGUARD_MTU = 1420
# On Ethernet frames, as swift and sleeve: fastd and tinc. On IP packets: nebula and wireguard-go.
DEVICE = "ov0"


class _Daemons:
    """Processes of the hosts, ended with the variant."""

    def __init__(self, hosts, folder):
        self.hosts = hosts
        self.folder = folder
        self._running = []

    def start(self, number, *argv, own_run=False):
        command = netns.command(self.hosts[number], *argv)
        if own_run:  # two programs want the same path for their socket
            private = f"{self.folder}/run{number}"
            os.makedirs(private, exist_ok=True)
            command = ["unshare", "-m", "sh", "-c",
                       f"mkdir -p /var/run/wireguard && mount --bind {private} "
                       "/var/run/wireguard && exec \"$@\"", "sh", *command]
        with open(f"{self.folder}/log{number}", "ab") as log:
            self._running.append(subprocess.Popen(command, stdout=log, stderr=log))

    def end(self):
        for process in self._running:
            process.terminate()
        for process in self._running:
            process.wait()

    def write(self, name, text):
        path = f"{self.folder}/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, 0o600)
        return path


@contextlib.contextmanager
def _daemons(bare, mtu):
    with tempfile.TemporaryDirectory(prefix="weft-bench-") as folder, bare(mtu) as (hosts, pods):
        daemons = _Daemons(hosts, folder)
        try:
            yield daemons, pods
        finally:
            daemons.end()


def _bridged(daemons, pods):
    """Both pods in one network, the device a port of each bridge."""
    for n, ns in daemons.hosts.items():
        _wait_device(ns)
        netns.ip(ns, f"link set {DEVICE} mtu {L2_MTU} master br0 up")
        netns.ip(pods[n], f"addr add 10.40.0.{n}/16 dev eth0")
    return pods[1], pods[2], "10.40.0.2"


def _routed(daemons, pods, mtu):
    for n, ns in daemons.hosts.items():
        _wait_device(ns)
        netns.ip(ns, f"link set {DEVICE} mtu {mtu} up", f"addr add 10.40.{n}.1/24 dev br0",
                 f"route replace 10.40.{3 - n}.0/24 dev {DEVICE}")
        netns.ip(pods[n], f"addr add 10.40.{n}.2/24 dev eth0",
                 f"route add default via 10.40.{n}.1")
    return pods[1], pods[2], "10.40.2.2"


def _wait_device(ns):
    netns.sh("timeout", "10", "sh", "-c", f"until ip -n {ns} link show {DEVICE}; do sleep 0.05; "
             "done")


@contextlib.contextmanager
def fastd(bare):
    """fastd, salsa2012+umac."""
    with _daemons(bare, L2_MTU) as (daemons, pods):
        keys = {}
        for n in daemons.hosts:
            secret = netns.sh("fastd", "--generate-key", "--machine-readable").strip()
            only_key = daemons.write(f"key{n}", f'secret "{secret}";\n')
            public = netns.sh("fastd", "-c", only_key, "--show-key", "--machine-readable").strip()
            keys[n] = secret, public
        for n in daemons.hosts:
            config = daemons.write(f"fastd{n}", f"""mode tap;
interface "{DEVICE}";
method "salsa2012+umac";
bind {underlay.address(n)}:10000;
mtu {L2_MTU};
secret "{keys[n][0]}";
log level warn;
peer "other" {{ key "{keys[3 - n][1]}"; remote {underlay.address(3 - n)}:10000; }}
""")
            daemons.start(n, "fastd", "-c", config)
        yield _bridged(daemons, pods)


@contextlib.contextmanager
def tinc(bare):
    """tinc 1.0 in switch mode, AES-256-CBC."""
    with _daemons(bare, L2_MTU) as (daemons, pods):
        public = {}
        for n in daemons.hosts:
            folder = f"{daemons.folder}/tinc{n}"
            daemons.write(f"tinc{n}/tinc.conf", f"Name = n{n}\nMode = switch\nDeviceType = tap\n"
                          f"Interface = {DEVICE}\n" + ("ConnectTo = n2\n" if n == 1 else ""))
            daemons.write(f"tinc{n}/hosts/n{n}",
                          f"Address = {underlay.address(n)}\nCipher = aes-256-cbc\n")
            subprocess.run(["tincd", "-c", folder, "-K", "2048"], input=b"\n\n", check=True,
                           capture_output=True)
            with open(f"{folder}/hosts/n{n}") as file:
                public[n] = file.read()
        for n in (2, 1):
            daemons.write(f"tinc{n}/hosts/n{3 - n}", public[3 - n])
            daemons.start(n, "tincd", "-D", "-c", f"{daemons.folder}/tinc{n}",
                          f"--pidfile={daemons.folder}/tinc{n}/pid")
        yield _bridged(daemons, pods)


@contextlib.contextmanager
def nebula(bare):
    """nebula, AES-256-GCM."""
    with _daemons(bare, L2_MTU) as (daemons, pods):
        folder = daemons.folder
        subprocess.run(["nebula-cert", "ca", "-name", "bench"], cwd=folder, check=True)
        for n in daemons.hosts:
            subprocess.run(["nebula-cert", "sign", "-name", f"n{n}", "-ip", f"10.41.0.{n}/24",
                            "-subnets", f"10.40.{n}.0/24"], cwd=folder, check=True)
        for n in daemons.hosts:
            anybody = "[{port: any, proto: any, host: any}]"
            config = daemons.write(f"nebula{n}.yml", f"""
pki: {{ca: {folder}/ca.crt, cert: {folder}/n{n}.crt, key: {folder}/n{n}.key}}
static_host_map: {{"10.41.0.{3 - n}": ["{underlay.address(3 - n)}:4242"]}}
lighthouse: {{am_lighthouse: false, hosts: []}}
listen: {{host: {underlay.address(n)}, port: 4242, batch: 64}}
tun: {{dev: {DEVICE}, mtu: {L2_MTU}, tx_queue: 1000,
  unsafe_routes: [{{route: 10.40.{3 - n}.0/24, via: 10.41.0.{3 - n}}}]}}
cipher: aes
logging: {{level: error}}
firewall: {{outbound: {anybody}, inbound: {anybody}}}
""")
            daemons.start(n, "nebula", "-config", config)
        yield _routed(daemons, pods, L2_MTU)


@contextlib.contextmanager
def wireguard_go(bare):
    """wireguard-go, ChaCha20-Poly1305."""
    with _daemons(bare, WIREGUARD_MTU) as (daemons, pods):
        keys = {}
        for n in daemons.hosts:
            secret = netns.sh("wg", "genkey")
            public = netns.sh("wg", "pubkey", stdin=secret).strip()
            keys[n] = daemons.write(f"wg{n}", secret), public
            daemons.start(n, "env", "WG_PROCESS_FOREGROUND=1", "wireguard-go", "-f", DEVICE,
                          own_run=True)
        for n, ns in daemons.hosts.items():
            _wait_device(ns)
            netns.sh("unshare", "-m", "sh", "-c",
                     f"mount --bind {daemons.folder}/run{n} /var/run/wireguard && exec \"$@\"",
                     "sh",
                     *netns.command(ns, "wg", "set", DEVICE, "listen-port", "51820",
                                    "private-key", keys[n][0], "peer", keys[3 - n][1],
                                    "allowed-ips", "0.0.0.0/0", "endpoint",
                                    f"{underlay.address(3 - n)}:51820",
                                    "persistent-keepalive", "5"))
        yield _routed(daemons, pods, WIREGUARD_MTU)


ALL = {"fastd": fastd, "tinc": tinc, "nebula": nebula, "wireguard-go": wireguard_go}
PROGRAMS = {"fastd": "fastd", "tinc": "tincd", "nebula": "nebula", "wireguard-go": "wireguard-go"}

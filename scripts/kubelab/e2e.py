# SPDX-License-Identifier: Apache-2.0
"""Kubernetes' own end-to-end tests of pod networks and services, on the cluster that is up."""
import contextlib
import json
import os
import subprocess
import threading

from . import binaries, control_plane, images, weft

# Without cloud load balancers, IPv6, and what takes nodes down or an hour.
FOCUS = (r"\[sig-network\] (Networking Granular Checks: (Pods|Services)|"
         r"Services should (serve|be able to|have session|preserve|allow pods|be possible)|"
         r"Networking should (provide unchanging|check kube-proxy))")
SKIP = (r"\[(Slow|Disruptive|Serial|Flaky|Feature:[^\]]*)\]|IPv6|SCTP|ExternalName|LoadBalancer|"
        r"load balancer|DNS|GCE|udp.*Slow")


# Some tests fetch this before they begin, to see that the machine they run on has an internet.
WEB_SITE = "google.com"


@contextlib.contextmanager
def internet(plane):
    """What there is of it where the tests run: one web site."""
    folder = f"{plane.folder}/internet"
    os.makedirs(folder, exist_ok=True)
    with open(f"{plane.folder}/hosts", "w") as file:
        file.write(f"127.0.0.1 localhost {WEB_SITE}\n")
    plane.sh("mount", "--bind", f"{plane.folder}/hosts", "/etc/hosts")
    plane.start("web-site", ["python3", "-m", "http.server", "80", "--bind", "127.0.0.1",
                             "--directory", folder])
    try:
        yield
    finally:
        plane.stop("web-site")
        plane.sh("umount", "/etc/hosts", check=False)


@contextlib.contextmanager
def names(cluster, plane):
    """The cluster's DNS: dnsmasq beside the control plane, told of services as they come."""
    folder = f"{plane.folder}/names"
    os.makedirs(folder, exist_ok=True)
    plane.start("dns", ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root",
                        "--pid-file=/run/dnsmasq.pid", "--log-facility=-", "--no-resolv",
                        "--no-hosts", "--local=/cluster.local/", f"--hostsdir={folder}",
                        f"--listen-address={plane.address}", "--bind-interfaces"])
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(dns_service(plane.address)))
    columns = "NS:.metadata.namespace,NAME:.metadata.name,IP:.spec.clusterIP"
    watch = subprocess.Popen(plane.kubectl("get", "services", "-A", "--watch", "--no-headers", "-o",
                                           f"custom-columns={columns}"),
                             stdout=subprocess.PIPE, text=True)
    writer = threading.Thread(target=write_names, args=(watch.stdout, folder))
    writer.start()
    try:
        yield
    finally:
        watch.terminate()
        writer.join()
        watch.wait()
        cluster.kubectl("delete", "service,endpoints", "kube-dns", "-n", "kube-system",
                        check=False)
        plane.stop("dns")


def write_names(lines, folder):
    """A file each in the folder of dnsmasq's, which reads what is new there by itself."""
    for line in lines:
        space, name, address = line.split()
        if address[0].isdigit():  # not "None"
            with open(f"{folder}/{space}.{name}", "w") as file:
                file.write(f"{address} {name}.{space}.svc.cluster.local\n")


def dns_service(address):
    """Where kubelet tells pods to ask; without a selector its one endpoint is what we say."""
    meta = {"name": "kube-dns", "namespace": "kube-system"}
    ports = [{"name": protocol.lower(), "port": 53, "protocol": protocol}
             for protocol in ("UDP", "TCP")]
    service = {"apiVersion": "v1", "kind": "Service", "metadata": meta,
               "spec": {"clusterIP": control_plane.DNS_ADDRESS, "ports": ports}}
    endpoints = {"apiVersion": "v1", "kind": "Endpoints", "metadata": meta,
                 "subsets": [{"addresses": [{"ip": address}], "ports": ports}]}
    return {"apiVersion": "v1", "kind": "List", "items": [service, endpoints]}


def run(cluster, focus):
    """Gives the exit code of the tests; their report is in the cluster's folder."""
    cluster.need_up()
    program = binaries.make_e2e(cluster.settings.cache)
    cluster.import_image(images.make_e2e(cluster.settings.cache))
    if not weft.installed(cluster):
        weft.install(cluster)
    plane = cluster.control_plane()
    with internet(plane), names(cluster, plane):
        return subprocess.run(plane.command(
            program, "--provider=skeleton", f"--kubectl-path={cluster.binaries}/kubectl",
            f"--kubeconfig={cluster.authority.folder}/admin.kubeconfig", "--disable-log-dump",
            f"--ginkgo.focus={focus or FOCUS}", f"--ginkgo.skip={SKIP}", "--ginkgo.noColor",
            f"--report-dir={cluster.settings.folder}/e2e"), check=False).returncode

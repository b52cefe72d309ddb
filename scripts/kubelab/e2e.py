# SPDX-License-Identifier: Apache-2.0
"""Kubernetes' own end-to-end tests of pod networks and services, on the cluster that is up."""
import contextlib
import os
import subprocess

from . import binaries, images, weft

# Without cluster DNS, cloud load balancers, IPv6, and what takes nodes down or an hour.
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


def run(cluster, focus):
    """Gives the exit code of the tests; their report is in the cluster's folder."""
    cluster.need_up()
    program = binaries.make_e2e(cluster.settings.cache)
    cluster.import_image(images.make_e2e(cluster.settings.cache))
    if not weft.installed(cluster):
        weft.install(cluster)
    plane = cluster.control_plane()
    with internet(plane):
        return subprocess.run(plane.command(
            program, "--provider=skeleton", f"--kubectl-path={cluster.binaries}/kubectl",
            f"--kubeconfig={cluster.authority.folder}/admin.kubeconfig", "--disable-log-dump",
            f"--ginkgo.focus={focus or FOCUS}", f"--ginkgo.skip={SKIP}", "--ginkgo.noColor",
            f"--report-dir={cluster.settings.folder}/e2e"), check=False).returncode

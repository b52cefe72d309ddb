# SPDX-License-Identifier: Apache-2.0
"""Kubernetes' own end-to-end tests of pod networks and services, on the cluster that is up."""
import subprocess

from netlab import netns

from . import binaries, images, weft

# Without cluster DNS, cloud load balancers, IPv6, and what takes nodes down or an hour.
FOCUS = (r"\[sig-network\] (Networking Granular Checks: (Pods|Services)|"
         r"Services should (serve|be able to|have session|preserve|allow pods|be possible)|"
         r"Networking should (provide unchanging|check kube-proxy))")
SKIP = (r"\[(Slow|Disruptive|Serial|Flaky|Feature:[^\]]*)\]|IPv6|SCTP|ExternalName|LoadBalancer|"
        r"load balancer|DNS|GCE|udp.*Slow")


def run(cluster, focus):
    """Gives the exit code of the tests; their report is in the cluster's folder."""
    cluster.need_up()
    program = binaries.make_e2e(cluster.settings.cache)
    cluster.import_image(images.make_e2e(cluster.settings.cache))
    if not weft.installed(cluster):
        weft.install(cluster)
    plane = cluster.control_plane()
    return subprocess.run(netns.command(
        plane.ns, program, "--provider=skeleton", f"--kubectl-path={cluster.binaries}/kubectl",
        f"--kubeconfig={cluster.authority.folder}/admin.kubeconfig", "--disable-log-dump",
        f"--ginkgo.focus={focus or FOCUS}", f"--ginkgo.skip={SKIP}", "--ginkgo.noColor",
        f"--report-dir={cluster.settings.folder}/e2e"), check=False).returncode

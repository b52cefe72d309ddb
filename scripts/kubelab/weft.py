# SPDX-License-Identifier: Apache-2.0
"""Weft on the cluster, as a user installs it: its image in every node, its one file applied."""
import os
import subprocess

from . import cluster as cluster_of

DEPLOY = f"{cluster_of.ROOT}/scripts/deploy"
MANIFEST = f"{DEPLOY}/kubernetes/weave-daemonset-k8s.yaml"


def image(cluster):
    """The archive of the image: $WEFT_CLUSTER_IMAGE, or built from this tree."""
    if cluster.settings.image:
        return os.path.abspath(cluster.settings.image)
    subprocess.run([f"{DEPLOY}/image"], check=True)
    return f"{cluster_of.ROOT}/build/image/weave-kube.tar"


def manifest(cluster):
    """$WEFT_CLUSTER_MANIFEST, or this tree's."""
    return os.path.abspath(cluster.settings.manifest or MANIFEST)


def apply(cluster):
    cluster.kubectl("apply", "-f", manifest(cluster))


def install(cluster):
    cluster.import_image(image(cluster))
    apply(cluster)


def uninstall(cluster):
    cluster.kubectl("delete", "--ignore-not-found", "-f", manifest(cluster))


def installed(cluster):
    found = cluster.kubectl("get", "ds", "weave-net", "-n", "kube-system", "--ignore-not-found",
                            "-o", "name")
    return bool(found.strip())

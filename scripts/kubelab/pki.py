# SPDX-License-Identifier: Apache-2.0
"""Certificates of the cluster by openssl, and kubeconfig files that use them."""
import json
import os
import secrets

from netlab import netns

DAYS = "30"


class Authority:
    """Signs with the one CA of the cluster; everything is in one folder."""

    def __init__(self, folder):
        self.folder = folder
        self.ca = f"{folder}/ca.crt"

    def make(self):
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        _new_key(f"{self.folder}/ca.key")
        netns.sh("openssl", "req", "-x509", "-new", "-key", f"{self.folder}/ca.key", "-subj",
                 "/CN=weft-cluster", "-days", DAYS, "-out", self.ca)
        _new_key(self.key("service-accounts"))
        netns.sh("openssl", "ec", "-in", self.key("service-accounts"), "-pubout", "-out",
                 f"{self.folder}/service-accounts.pub")

    def issue(self, name, common_name, organization="", alternatives=()):
        """A key and a certificate for client and server; `alternatives` are openssl's, as
        "DNS:kubernetes" or "IP:10.96.0.1"."""
        if os.path.exists(self.certificate(name)):
            return
        _new_key(self.key(name))
        subject = (f"/O={organization}" if organization else "") + f"/CN={common_name}"
        request = netns.sh("openssl", "req", "-new", "-key", self.key(name), "-subj", subject)
        extensions = f"{self.folder}/{name}.ext"
        with open(extensions, "w") as file:
            file.write("keyUsage=digitalSignature\nextendedKeyUsage=clientAuth,serverAuth\n")
            if alternatives:
                file.write(f"subjectAltName={','.join(alternatives)}\n")
        netns.sh("openssl", "x509", "-req", "-CA", self.ca, "-CAkey", f"{self.folder}/ca.key",
                 "-set_serial", str(secrets.randbits(63)), "-days", DAYS, "-extfile", extensions,
                 "-out", self.certificate(name), stdin=request)

    def certificate(self, name):
        return f"{self.folder}/{name}.crt"

    def key(self, name):
        return f"{self.folder}/{name}.key"

    def kubeconfig(self, name, server):
        """Writes NAME.kubeconfig for the certificate NAME and gives its path. (JSON is YAML.)"""
        path = f"{self.folder}/{name}.kubeconfig"
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": "weft",
            "clusters": [{"name": "weft", "cluster": {"server": server,
                                                      "certificate-authority": self.ca}}],
            "users": [{"name": name, "user": {"client-certificate": self.certificate(name),
                                              "client-key": self.key(name)}}],
            "contexts": [{"name": "weft", "context": {"cluster": "weft", "user": name}}],
        }
        with open(path, "w") as file:
            json.dump(config, file, indent=2)
        return path


def _new_key(path):
    netns.sh("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)

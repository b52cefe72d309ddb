# SPDX-License-Identifier: Apache-2.0
"""Kubernetes' programs, built once from Debian's source package into a cache outside the tree."""
import fcntl
import glob
import os
import shutil
import subprocess

from netlab import netns

PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy",
            "kubectl")
GO = "/usr/lib/go-1.19/bin/go"
PACKAGE = "k8s.io/kubernetes"
SOURCES = """\
deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] \
http://deb.debian.org/debian bookworm main
"""


def make(cache):
    """The folder of the programs; builds those that are missing, one caller at a time."""
    folder = f"{cache}/bin"
    os.makedirs(folder, exist_ok=True)
    with open(f"{cache}/lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = [p for p in PROGRAMS if not os.path.exists(f"{folder}/{p}")]
        if missing:
            print(f"building {', '.join(missing)} into {folder}; about 12 minutes on two cores",
                  flush=True)
            _build(cache, _source(cache), missing, folder)
    return folder


def _source(cache):
    """The unpacked source in a GOPATH of its own. The machine's lists of packages stay as they
    are: apt keeps those of the source package in the cache."""
    target = f"{cache}/gopath/src/{PACKAGE}"
    if os.path.isdir(target):
        return target
    shutil.rmtree(f"{cache}/unpack", ignore_errors=True)
    os.makedirs(f"{cache}/unpack")
    os.makedirs(f"{cache}/apt/partial", exist_ok=True)
    with open(f"{cache}/sources.list", "w") as file:
        file.write(SOURCES)
    options = ["-o", f"Dir::Etc::sourcelist={cache}/sources.list", "-o",
               "Dir::Etc::sourceparts=/dev/null", "-o", f"Dir::State::lists={cache}/apt", "-o",
               "Dir::Cache::srcpkgcache=", "-o", "Dir::Cache::pkgcache=", "-o",
               "APT::Sandbox::User=root"]
    for command in (["update"], ["source", "kubernetes"]):
        subprocess.run(["apt-get", "-qq", *options, *command], cwd=f"{cache}/unpack", check=True)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    os.rename(glob.glob(f"{cache}/unpack/kubernetes-*/")[0], target)
    return target


def version(source):
    """Upstream's version as Debian's changelog has it: 1.20.5+really1.20.2-1 is v1.20.2."""
    full = netns.sh("dpkg-parsechangelog", "-l", f"{source}/debian/changelog", "-S", "Version")
    upstream = full.strip().rsplit("-", 1)[0]
    return "v" + upstream.rsplit("really", 1)[-1]


def _build(cache, source, programs, folder):
    release = version(source)
    major, minor, _ = release.lstrip("v").split(".")
    values = {"gitVersion": release, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    flags = ["-s", "-w"] + [f"-X {PACKAGE}/vendor/k8s.io/{package}.{name}={value}"
                            for package in ("component-base/version", "client-go/pkg/version")
                            for name, value in values.items()]
    env = dict(os.environ, CGO_ENABLED="0", GO111MODULE="off", GOPATH=f"{cache}/gopath",
               GOCACHE=f"{cache}/gocache", GOFLAGS=f"-p={os.cpu_count()}", HOME=cache)
    subprocess.run(["nice", "-n", "10", GO, "build", "-ldflags", " ".join(flags), "-o",
                    f"{cache}/new/", *(f"{PACKAGE}/cmd/{program}" for program in programs)],
                   cwd=source, env=env, check=True)
    for program in programs:
        os.replace(f"{cache}/new/{program}", f"{folder}/{program}")

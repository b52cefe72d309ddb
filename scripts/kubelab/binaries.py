# SPDX-License-Identifier: Apache-2.0
"""Kubernetes' programs, built once from Debian's source package into a cache outside the tree."""
import fcntl
import glob
import os
import re
import shutil
import subprocess

from netlab import netns

PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy",
            "kubectl")
GO_BIN = "/usr/lib/go-1.19/bin"
PACKAGE = "k8s.io/kubernetes"
# Folders whose definitions the API server has no use for.
NO_OPENAPI = re.compile(r"^vendor/k8s.io/(code-generator|sample-apiserver|kube-openapi|gengo)|"
                        "/testdata")
BINDATA = ("conformance/testdata", "e2e/testing-manifests", "e2e_node/testing-manifests", "images",
           "fixtures")
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


def _generate(cache, source):
    """The API server's OpenAPI definitions, which are made from comments in the sources."""
    package = "pkg/generated/openapi"
    if os.path.exists(f"{source}/{package}/zz_generated.openapi.go"):
        return
    generator = f"{cache}/new/openapi-gen"
    _go(cache, source, "build", "-o", generator,
        f"{PACKAGE}/vendor/k8s.io/kube-openapi/cmd/openapi-gen")
    files = netns.sh("grep", "-Rl", "--include=*.go", "--exclude=*.pb.go",
                     r"^// *+k8s:openapi-gen=", *(f"{source}/{d}" for d in (
                         "vendor/k8s.io", "pkg", "cmd"))).split()
    folders = sorted({os.path.relpath(os.path.dirname(path), source) for path in files})
    inputs = [f"{PACKAGE}/{folder}" for folder in folders if not NO_OPENAPI.search(folder)]
    subprocess.run([generator, "--logtostderr", "-i", ",".join(inputs), "-p",
                    f"{PACKAGE}/{package}", "-O", "zz_generated.openapi", "-h",
                    "vendor/k8s.io/code-generator/hack/boilerplate.go.txt", "-r",
                    f"{cache}/new/openapi.report"], cwd=source, env=_go_env(cache), check=True)


def _build(cache, source, programs, folder):
    _generate(cache, source)
    release = version(source)
    major, minor, _ = release.lstrip("v").split(".")
    values = {"gitVersion": release, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    flags = ["-s", "-w"] + [f"-X {PACKAGE}/vendor/k8s.io/{package}.{name}={value}"
                            for package in ("component-base/version", "client-go/pkg/version")
                            for name, value in values.items()]
    _go(cache, source, "build", "-ldflags", " ".join(flags), "-o", f"{cache}/new/",
        *(f"{PACKAGE}/cmd/{program}" for program in programs))
    for program in programs:
        os.replace(f"{cache}/new/{program}", f"{folder}/{program}")


def _go(cache, source, *arguments):
    os.makedirs(f"{cache}/new", exist_ok=True)
    subprocess.run(["nice", "-n", "10", "go", *arguments], cwd=source, env=_go_env(cache),
                   check=True)


def _go_env(cache):
    """The old way of a GOPATH: the package's go.mod does not satisfy a Go of 2022."""
    return dict(os.environ, CGO_ENABLED="0", GO111MODULE="off", GOPATH=f"{cache}/gopath",
                GOCACHE=f"{cache}/gocache", GOFLAGS=f"-p={os.cpu_count()}", HOME=cache,
                PATH=f"{GO_BIN}:{os.environ['PATH']}")


def make_e2e(cache):
    """Builds the end-to-end tests and the server that they talk to, if they are missing; the path
    of the tests."""
    folder = make(cache)
    with open(f"{cache}/lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not all(os.path.exists(f"{folder}/{name}") for name in ("e2e.test", "agnhost")):
            print(f"building e2e.test and agnhost into {folder}", flush=True)
            _build_e2e(cache, _source(cache), folder)
    return f"{folder}/e2e.test"


def _build_e2e(cache, source, folder):
    """The tests have their manifests compiled in, by a generator that is among the sources."""
    new = f"{cache}/new"
    _go(cache, source, "build", "-o", f"{new}/go-bindata",
        f"{PACKAGE}/vendor/github.com/go-bindata/go-bindata/go-bindata")
    subprocess.run([f"{new}/go-bindata", "-nometadata", "-o", "test/e2e/generated/bindata.go",
                    "-pkg", "generated", "-ignore", r"\.(jpg|png|md)$", "-ignore",
                    r"BUILD(\.bazel)?$", *(f"test/{part}/..." for part in BINDATA)],
                   cwd=source, check=True)
    _go(cache, source, "build", "-ldflags", "-s -w", "-o", f"{new}/agnhost",
        f"{PACKAGE}/test/images/agnhost")
    _go(cache, source, "test", "-c", "-ldflags", "-s -w", "-o", f"{new}/e2e.test",
        f"{PACKAGE}/test/e2e")
    for name in ("agnhost", "e2e.test"):
        os.replace(f"{new}/{name}", f"{folder}/{name}")

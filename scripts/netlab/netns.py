# SPDX-License-Identifier: Apache-2.0
"""Network namespaces: make, enter and remove them, and spawn into all namespaces of a host."""
import ctypes
import os
import re
import signal
import subprocess
import threading
import time

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
NETNS_DIR = "/run/netns"

_libc = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """What went wrong, in words for the person at the terminal."""


def sh(*argv, stdin=None, check=True):
    """Runs a command to its end and gives its standard output."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True)
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(argv)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def ip(ns, *lines):
    """A batch of `ip` commands inside a namespace: one process however many lines."""
    sh("ip", "-n", ns, "-batch", "-", stdin="\n".join(lines) + "\n")


def path(ns):
    """Of a namespace's handle; one that is kept elsewhere is named by its path."""
    return ns if ns.startswith("/") else f"{NETNS_DIR}/{ns}"


def exists(ns):
    return os.path.exists(path(ns))


def add(ns):
    sh("ip", "netns", "add", ns)
    ip(ns, "link set lo up")


def pids(ns):
    return [int(word) for word in sh("ip", "netns", "pids", ns, check=False).split()]


def kill_inside(ns):
    """SIGKILL for every process that lives in the namespace, until none is left."""
    for _ in range(100):
        living = pids(ns)
        if not living:
            return
        for pid in living:
            signal_pid(pid, signal.SIGKILL)
        time.sleep(0.02)


def delete(ns):
    if exists(ns):
        kill_inside(ns)
        sh("ip", "netns", "del", ns)


def names(pattern):
    """Existing namespaces whose whole name matches."""
    if not os.path.isdir(NETNS_DIR):
        return []
    return sorted(ns for ns in os.listdir(NETNS_DIR) if re.fullmatch(pattern, ns))


def inside(ns, work):
    """Calls work() in a thread that has entered the network namespace and gives its result.
    Sockets opened there belong to the namespace for good."""
    result = []

    def body():
        try:
            with open(path(ns), "rb") as handle:
                _check(_libc.setns(handle.fileno(), CLONE_NEWNET), f"enter {ns}")
            result.append((True, work()))
        except BaseException as error:  # handed over to the caller's thread
            result.append((False, error))

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    done, value = result[0]
    if done:
        return value
    raise value


def sysctl(ns, **settings):
    """sysctl(ns, net__ipv4__ip_forward=1). /proc/sys/net is that of the task that opens it."""
    def write():
        for name, value in settings.items():
            with open("/proc/sys/" + name.replace("__", "/"), "w") as file:
                file.write(str(value))
    inside(ns, write)


def command(ns, *argv):
    """An argv that runs a command in a network namespace."""
    return ["nsenter", f"--net={path(ns)}", "--", *argv]


def signal_pid(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def alive(pid):
    """Whether a process runs: a zombie does not."""
    if not pid:
        return False
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def share_pids(pid, other):
    """Whether two processes live in one pid namespace, which nobody leaves. Of network namespaces
    that cannot be said: weaver enters those of pods for a moment."""
    try:
        return os.stat(f"/proc/{pid}/ns/pid").st_ino == os.stat(f"/proc/{other}/ns/pid").st_ino
    except OSError:
        return False


def wait_gone(pid, seconds):
    end = time.monotonic() + seconds
    while alive(pid):
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def make_holder(ns, hostname, script, env):
    """Starts /bin/sh with the file `script` as process 1 of new mount, pid, uts and ipc namespaces,
    inside the network namespace; waits for its "ready" on descriptor 3 and gives its pid."""
    ready_read, ready_write = os.pipe()

    def child():
        with open(path(ns), "rb") as handle:
            _check(_libc.setns(handle.fileno(), CLONE_NEWNET), f"enter {ns}")
        _check(_libc.unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID), "unshare")

    def grandchild():
        _check(_libc.sethostname(hostname.encode(), len(hostname)), "sethostname")
        os.dup2(ready_write, 3)
        os.set_inheritable(3, True)
        return ["/bin/sh", "-e", script], env

    pid = _fork_twice(child, grandchild, f"{env['LAB_HOST_DIR']}/holder.log")
    os.close(ready_write)
    with os.fdopen(ready_read) as pipe:
        if pipe.read().strip() != "ready":
            with open(f"{env['LAB_HOST_DIR']}/holder.log") as log:
                raise LabError(f"{ns}: the host's namespaces failed: {log.read().strip()}")
    return pid


def spawn(holder, argv, env, log):
    """Starts a daemon in all namespaces of a holder; gives its pid as the caller sees it."""
    def child():
        every = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET
        _check(_libc.setns(os.pidfd_open(holder), every), "enter the host")

    return _fork_twice(child, lambda: (argv, env), log)


def _fork_twice(child, grandchild, log):
    """child() runs after the first fork, in the one that leaves; grandchild() gives argv and
    environment. The second fork is what enters a new pid namespace."""
    read_end, write_end = os.pipe()
    first = os.fork()
    if first == 0:
        try:
            os.setsid()
            out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            child()
            second = os.fork()
            if second == 0:
                os.chdir("/")
                os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
                os.dup2(out, 1)
                os.dup2(out, 2)
                argv, env = grandchild()
                os.execvpe(argv[0], argv, env)
            os.write(write_end, str(second).encode())
            os._exit(0)
        except BaseException as error:
            os.write(2, f"lab: {error}\n".encode())
            os._exit(1)
    os.close(write_end)
    os.waitpid(first, 0)
    with os.fdopen(read_end) as pipe:
        answer = pipe.readline()
    if not answer.isdigit():
        raise LabError(f"cannot start a process (see {log})")
    return int(answer)


def _check(code, what):
    if code != 0:
        number = ctypes.get_errno()
        raise LabError(f"{what}: {os.strerror(number)}")

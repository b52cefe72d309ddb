#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The lab itself: what its commands promise."""
import os
import subprocess

from harness import PREFIX, ROOT, check, lab, main, netns, ping, pod_address, running, state


def refuses(statement, *arguments):
    done = subprocess.run([f"{ROOT}/scripts/lab", *arguments], capture_output=True, text=True)
    said = (done.stderr.strip() or "nothing").splitlines()[-1]
    check(f"lab: {statement}", done.returncode != 0 and "Traceback" not in done.stderr, said)


def targets_outlive_restarts():
    """What connect and forget changed holds, though weaver is started with peers as before."""
    for command, target, there in (("connect", "10.99.0.77", True), ("forget", "10.99.0.2", False)):
        lab("weave", "h1", command, target)
        lab("stop", "h1")
        lab("start", "h1")
        targets = lab("weave", "h1", "status", "targets").split()
        check(f"lab: what weave {command} changed outlives a restart",
              (target in targets) == there, " ".join(targets))


def commands():
    with running("--hosts", "2", "--topology", "star", "--password", "a b'c"):
        check("lab: exec runs on the host", lab("exec", "h2", "hostname").strip() == "h2")
        processes = lab("exec", "h1", "ps", "-eo", "args")
        check("lab: a host sees its own weaver alone", processes.count("/weaver ") == 1)
        check("lab: no password shows in ps", "a b'c" not in processes)
        check("lab: hosts share no /run", lab("exec", "h1", "ls", "/run").split() != []
              and lab("exec", "h1", "readlink", "-f", "/run/../run").strip() == "/run"
              and not os.path.exists("/run/weave-lab-probe"))
        lab("exec", "h1", "touch", "/run/weave-lab-probe")
        check("lab: a file in one host's /run is not in another's",
              not os.path.exists("/run/weave-lab-probe")
              and "probe" not in lab("exec", "h2", "ls", "/run"))
        check("lab: the weave command works on a host", "Service: router" in lab("weave", "h1",
                                                                                "status"))
        mode = os.stat(state().state["password_file"]).st_mode & 0o777
        check("lab: the password file is for root alone", mode == 0o600, oct(mode))
        address = lab("pod", "add", "web", "h2").split("/")[0].strip()
        check("lab: an added pod is reached", ping("p1", address) > 0, address)
        refuses("a pod of another host is not deleted", "pod", "del", "web", "h1")
        check("lab: it is still reached", ping("p1", address) > 0, address)
        lab("pod", "del", "web", "h2")
        check("lab: a removed pod's namespace is gone", not netns.exists(PREFIX + "web"))
        lab("loss", "100")
        check("lab: loss 100 stops everything", ping("p1", pod_address("p2"), 2) == 0)
        lab("heal")
        check("lab: heal ends it", ping("p1", pod_address("p2"), 5) > 0)
        refuses("a second up is refused", "up")
        refuses("an unknown host is refused", "exec", "h9", "true")
        refuses("an unknown pod is refused", "pod", "del", "nobody")
        refuses("a pod of a host's name is refused", "pod", "add", "h3", "h1")
        targets_outlive_restarts()
    refuses("weave without a lab is refused", "weave", "h1", "status")


main(commands)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The reference pages tell what the programs have: flags, metrics and environment, both ways."""
import os
import re
import subprocess

from harness import ROOT, check, main, running, state

FLAG = re.compile(r"(?<![\w-])(--[a-z][a-z0-9-]*|-H)\b")


def page(name):
    with open(f"{ROOT}/docs/reference/{name}") as file:
        return file.read()


def compare(what, program, text):
    check(f"reference: every {what} of the program is on its page", program <= text,
          " ".join(sorted(program - text)))
    check(f"reference: every {what} on the page is in the program", text <= program,
          " ".join(sorted(text - program)))


def flags():
    bin_dir = os.environ.get("WEFT_BIN", f"{ROOT}/build/bin")
    usage = subprocess.run([f"{bin_dir}/weaver", "--help"], capture_output=True, text=True).stdout
    rows = "\n".join(line for line in page("weaver.md").splitlines() if line.startswith("|"))
    compare("flag", set(FLAG.findall(usage)), set(FLAG.findall(rows)))


def kube_flags():
    bin_dir = os.environ.get("WEFT_BIN", f"{ROOT}/build/bin")
    usage = subprocess.run([f"{bin_dir}/weave-kube", "--help"], capture_output=True,
                           text=True).stdout
    ours = set(re.findall(r"^  (--[a-z-]+)", usage, re.MULTILINE)) | {"--version"}
    table = page("weave-kube.md").split("## Variables")[0]
    rows = "\n".join(line.split("|")[1] for line in table.splitlines() if line.startswith("|"))
    compare("flag of weave-kube", ours, set(FLAG.findall(rows)))


def config_file():
    """The file that packages install explains every option, commented out."""
    with open(f"{ROOT}/scripts/deploy/systemd/weaver.conf") as file:
        there = set(re.findall(r"^#?([a-z][a-z-]*) *=", file.read(), re.MULTILINE))
    rows = [line for line in page("weaver.md").split("## Flags of Weave's")[0].splitlines()
            if line.startswith("| `--")]
    flags_of_file = {FLAG.search(row)[1].lstrip("-") for row in rows}
    flags_of_file -= {"config", "help", "version", "print-peer-name"}
    check("reference: weaver.conf has every option", flags_of_file | {"peers"} == there,
          " ".join(sorted((flags_of_file | {"peers"}) ^ there)))


def metrics():
    name = r"(?:weave|weft|process)_\w+"
    cells = [row.split("|")[1] for row in page("metrics.md").splitlines() if row.startswith("| `")]
    with running("--hosts", "2", "--password", "x"):
        text = state().host("h1").http("GET", "/metrics")[1]
        ours = set(re.findall(rf"^# TYPE ({name})", text, re.MULTILINE))
        check("reference: there are metrics", len(ours) > 5, str(len(ours)))
        compare("metric", ours, set(re.findall(name, " ".join(cells))))


main(flags, kube_flags, config_file, metrics)

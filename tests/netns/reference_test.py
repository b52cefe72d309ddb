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


def metrics():
    name = r"(?:weave|weft)_\w+"
    cells = [row.split("|")[1] for row in page("metrics.md").splitlines() if row.startswith("| `")]
    with running("--hosts", "2", "--password", "x"):
        text = state().host("h1").http("GET", "/metrics")[1]
        ours = set(re.findall(rf"^# TYPE ({name})", text, re.MULTILINE))
        check("reference: there are metrics", len(ours) > 5, str(len(ours)))
        compare("metric", ours, set(re.findall(name, " ".join(cells))))


main(flags, metrics)

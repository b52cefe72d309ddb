# SPDX-License-Identifier: Apache-2.0
"""Level style: what can be said of the sources without running them."""
import concurrent.futures
import json
import os
import re
import subprocess
import time

from . import builds
from .tally import ROOT, Outcome

FILE_LINES_MAX = 500
LINE_COLUMNS_MAX = 100
FORMATTED_AT_ONCE = 40  # files
CODE = (".h", ".cc", ".c", ".py")
# Words of the workshop, not of the product.
FOREIGN = re.compile(r"\bTODO\b|\bFIXME\b|\bXXX\b")


def run(tally, with_tidy=False):
    checks = {"format": _format, "layers": _layers, "length": _length, "shellcheck": _shellcheck,
              "python": _python, "licence": _licence, "links": _links, "words": _words}
    for name, check in checks.items():
        _add(tally, name, check)
    if with_tidy:
        _add(tally, "clang-tidy", _tidy)


def _add(tally, name, check):
    start = time.monotonic()
    try:
        faults = check()
    except (OSError, builds.BuildFailed) as error:
        faults = [str(error)]
    tally.add(Outcome("style", "", name, int(not faults), int(bool(faults)),
                      seconds=time.monotonic() - start, log="\n".join(faults)))


def tracked(*suffixes):
    """Files of the project: known to git and present."""
    text = subprocess.run(["git", "-c", "safe.directory=*", "-C", ROOT, "ls-files", "-co",
                           "--exclude-standard"], capture_output=True, text=True,
                          check=True).stdout
    return [path for path in text.splitlines()
            if path.endswith(suffixes) and os.path.isfile(f"{ROOT}/{path}")]


def _read(path):
    with open(f"{ROOT}/{path}", errors="replace") as file:
        return file.read()


def _output(*argv):
    done = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    return done.stdout.splitlines() or ["failed"] if done.returncode != 0 else []


def _in_parallel(check, items):
    """The faults of all items, in order."""
    with concurrent.futures.ThreadPoolExecutor(int(builds.JOBS)) as pool:
        return [fault for faults in pool.map(check, items) for fault in faults]


def _format():
    def check(paths):  # many at a time: most of it is the program's start
        faults = {}  # the first of each file
        lines = _output("clang-format-14", "--dry-run", "--Werror", *paths)
        for line in lines:
            if re.match(r"\S+:\d+:\d+: ", line):
                faults.setdefault(line.split(":")[0], line)
        return list(faults.values()) or lines[:1]

    paths = tracked(".h", ".cc", ".c")
    return _in_parallel(check, [paths[i:i + FORMATTED_AT_ONCE]
                                for i in range(0, len(paths), FORMATTED_AT_ONCE)])


def _layers():
    return _output("python3", "scripts/check_layers.py")


def _length():
    faults = []
    for path in tracked(*CODE) + _scripts("python3") + _scripts("bash"):
        lines = _read(path).splitlines()
        if len(lines) > FILE_LINES_MAX:
            faults.append(f"{path}: {len(lines)} lines, more than {FILE_LINES_MAX}")
        faults += [f"{path}:{number}: {len(line)} columns" for number, line in enumerate(lines, 1)
                   if len(line) > LINE_COLUMNS_MAX]
    return faults


def _scripts(interpreter):
    """Tracked files without a suffix that name the interpreter in their first line."""
    return [path for path in tracked("") if "." not in os.path.basename(path)
            and re.match(rf"#!.*\b{interpreter}\b", _read(path).split("\n", 1)[0])]


def _shellcheck():
    scripts = tracked(".sh") + _scripts("bash")
    return _output("shellcheck", *scripts) if scripts else []


def _python():
    faults = []
    for path in tracked(".py") + _scripts("python3"):
        try:
            compile(_read(path), path, "exec")
        except SyntaxError as error:
            faults.append(f"{path}:{error.lineno}: {error.msg}")
    return faults


def _licence():
    paths = tracked(*CODE) + _scripts("python3") + _scripts("bash")
    return [f"{path}: no SPDX line at its top" for path in paths
            if "SPDX-License-Identifier: Apache-2.0" not in "".join(_read(path)[:200])]


def _links():
    """Relative links in the texts lead somewhere."""
    faults = []
    for path in tracked(".md"):
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", _read(path)):
            if re.match(r"[a-z]+:", target):
                continue
            if not os.path.exists(os.path.join(ROOT, os.path.dirname(path), target)):
                faults.append(f"{path}: no {target}")
    return faults


def _words():
    paths = [path for path in tracked(*CODE, ".md", ".build") + _scripts("bash")
             if path != "scripts/levels/style.py"]
    return [f"{path}:{number}: {line.strip()}" for path in paths
            for number, line in enumerate(_read(path).splitlines(), 1) if FOREIGN.search(line)]


def _tidy():
    """clang-tidy over every source file of the clang build, as many at once as there are cores."""
    builds.configure(builds.CLANG_ASAN)
    with open(f"{builds.CLANG_ASAN.folder}/compile_commands.json") as file:
        commands = json.load(file)
    ours = set(tracked(".cc"))
    sources = {os.path.realpath(os.path.join(c["directory"], c["file"])) for c in commands}
    sources = sorted(s for s in sources if os.path.relpath(s, ROOT) in ours)

    def check(source):
        done = subprocess.run(["clang-tidy-14", "-p", builds.CLANG_ASAN.folder, "--quiet", source],
                              capture_output=True, text=True)
        return done.stdout.splitlines() if done.returncode != 0 or done.stdout.strip() else []

    return _in_parallel(check, sources)

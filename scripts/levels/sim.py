# SPDX-License-Identifier: Apache-2.0
"""Plays simulated histories (tests/sim) on optimised programs, and sums up what they were."""
import collections
import concurrent.futures
import dataclasses
import os
import re
import statistics
import subprocess
import time

from . import builds
from .tally import ROOT, Outcome

CONFIG = builds.GCC_RELEASE
CHUNK = 20  # seeds per process
REGRESSIONS = f"{ROOT}/tests/sim/regressions.txt"
# What a thousand histories must be like to be worth as many.
HOSTS_MEDIAN_MIN = 8
EVENTS_MEDIAN_MIN = 2000
SHARE_MIN = 0.05
JUDGED_FROM = 500  # histories: of fewer the shares say little
MUTANT_SEEDS = (1, 60)
LINES_SHOWN = 60  # of a history that ended with an abort; weft-sim shows as many of others
# The words in which some faults must show, for there is one check each that they are to try.
SHOWN_AS = {"cancelled_kept": "which is beyond", "unicast_astray": "has another route to"}
ABORTING = "denial_aborts"
HISTORY = re.compile(r"history (\d+) hosts=(\d+) events=(\d+) rounds=(\d+) disputed=(\d) "
                     r"mended=(\d+) limit=(\d*) faults=(\S*)")


@dataclasses.dataclass
class Sums:
    hosts: list = dataclasses.field(default_factory=list)
    events: list = dataclasses.field(default_factory=list)
    rounds: list = dataclasses.field(default_factory=list)
    disputed: int = 0
    mended: int = 0
    limited: int = 0
    faults: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    failed: list = dataclasses.field(default_factory=list)
    log: list = dataclasses.field(default_factory=list)

    def add(self, output, errors, code, story=()):
        """What one process printed; one that ended half-way failed at the seed it had named, and
        `story` is the end of it."""
        for match in HISTORY.finditer(output):
            _, hosts, events, rounds, disputed, mended, limit, faults = match.groups()
            self.hosts.append(int(hosts))
            self.events.append(int(events))
            self.rounds.append(int(rounds))
            self.disputed += int(disputed)
            self.mended += int(mended) > 0
            self.limited += limit != ""
            self.faults.update(fault for fault in faults.split(",") if fault)
        failed = re.findall(r"^failed (\d+):", output, re.MULTILINE)
        if code not in (0, 1) or (code == 1 and not failed):
            seed = last_seed(errors)
            failed.append(str(seed or "?"))
            self.log.append(f"failed {seed or '?'}: ended with code {code}\n{errors[-2000:]}")
            self.log += [f"  | {line}" for line in story]
        if failed:
            self.log += [line for line in output.splitlines() if line[:8] != "history "]
            self.failed += failed

    def closing_line(self):
        count = len(self.events)
        shares = ", ".join(f"{fault} {100 * n // count} %"
                           for fault, n in sorted(self.faults.items())) if count else ""
        median = (f"median {statistics.median(self.hosts):g} peers and "
                  f"{statistics.median(self.events):g} events, all agreed within "
                  f"{max(self.rounds)} rounds of gossip; "
                  f"disputed {100 * self.disputed // count} %, "
                  f"mended by an operator {100 * self.mended // count} %, "
                  f"few connections allowed {100 * self.limited // count} %; ") if count else ""
        return (f"{count} histories, {sum(self.events)} events, {len(self.failed)} failures; "
                f"{median}faults: {shares}")

    def weaknesses(self):
        """In which respect the histories are poorer than they must be."""
        count = len(self.events)
        if count < JUDGED_FROM:
            return []
        found = [f"only {100 * self.faults[fault] / count:.1f} % of histories have {fault}"
                 for fault in fault_names() if self.faults[fault] < SHARE_MIN * count]
        if statistics.median(self.hosts) < HOSTS_MEDIAN_MIN:
            found.append("the median history has too few peers")
        if statistics.median(self.events) < EVENTS_MEDIAN_MIN:
            found.append("the median history has too few events")
        return found


def build(*programs):
    """Builds tests/sim programs and gives their paths."""
    paths = [f"tests/sim/{program}" for program in programs]
    builds.build(CONFIG, paths)
    return [f"{CONFIG.folder}/{path}" for path in paths]


def fault_names():
    with open(f"{ROOT}/tests/sim/fault.cc") as file:
        return re.findall(r'case Fault::(\w+):', file.read())


def regression_seeds():
    with open(REGRESSIONS) as file:
        return [int(line.split()[0]) for line in file if line.strip() and line[0] != "#"]


def last_seed(errors):
    """The seed that a process named last, or None."""
    seeds = re.findall(r"^seed (\d+)$", errors, re.MULTILINE)
    return int(seeds[-1]) if seeds else None


def play(program, first, last, sums, env=None):
    """Plays the seeds first to last, as many processes at once as there are cores."""
    chunks = [(at, min(at + CHUNK - 1, last)) for at in range(first, last + 1, CHUNK)]

    def one(chunk):
        return _play_all(program, *chunk, env)

    with concurrent.futures.ThreadPoolExecutor(int(builds.JOBS)) as pool:
        for parts in pool.map(one, chunks):
            for done, story in parts:
                sums.add(done.stdout, done.stderr, done.returncode, story)


def _play_all(program, first, last, env):
    """A seed at which the process ends is told again, to see how it came to that, and those behind
    it are played by another process."""
    parts = []
    while first <= last:
        done = _run(program, f"{first}..{last}", env=env)
        seed = None if done.returncode in (0, 1) else last_seed(done.stderr)
        if seed is None:
            return [*parts, (done, ())]
        story = _run(program, "--replay", str(seed), env=env).stdout.splitlines()[-LINES_SHOWN:]
        parts.append((done, story))
        first = seed + 1
    return parts


def _run(*argv, env):
    return subprocess.run(argv, capture_output=True, text=True, errors="replace", env=env)


def run(tally, first, last):
    """The regressions and the seeds, as one outcome; gives the sums."""
    program, = build("weft-sim")
    start = time.monotonic()
    sums = Sums()
    for seed in regression_seeds():
        if not first <= seed <= last:
            play(program, seed, seed, sums)
    play(program, first, last, sums)
    weak = sums.weaknesses()
    failed = len(sums.failed) + len(weak)
    replays = [f"replay with: scripts/sim --replay {seed}" for seed in sums.failed]
    tally.add(Outcome("sim", CONFIG.name, "histories", len(sums.events) - len(sums.failed), failed,
                      seconds=time.monotonic() - start, log="\n".join(sums.log + weak + replays)))
    print(sums.closing_line(), flush=True)
    return sums


def mutants():
    with open(f"{ROOT}/tests/sim/mutants.cc") as file:
        return re.findall(r'mutant\("(\w+)"\)', file.read())


def run_mutants(tally):
    """Every fault that is put in must be found, within a few histories in which nothing is found
    without it."""
    program, = build("weft-sim-mutants")
    _run_control(tally, program)
    _run_aborting(tally, program)
    for name in mutants():
        start = time.monotonic()
        found = _find(program, name)
        tally.add(Outcome("sim", CONFIG.name, name, int(bool(found)), int(not found),
                          seconds=time.monotonic() - start, note=found or "not found",
                          log=f"no history of {MUTANT_SEEDS} fails with the fault {name}"
                              f"{' as it must: ' + SHOWN_AS[name] if name in SHOWN_AS else ''}; "
                              "if its function has another signature now, see "
                              "tests/sim/mutants.cc"))


def _environment(name):
    """That of a process with a fault; without one if `name` is empty."""
    env = {key: value for key, value in os.environ.items() if key != "WEFT_MUTANT"}
    return dict(env, WEFT_MUTANT=name) if name else env


def _run_control(tally, program):
    """The same histories on the same program without a fault: what is found with one is its."""
    start, sums = time.monotonic(), Sums()
    play(program, *MUTANT_SEEDS, sums, env=_environment(""))
    tally.add(Outcome("sim", CONFIG.name, "no_fault", len(sums.events) - len(sums.failed),
                      len(sums.failed), seconds=time.monotonic() - start, log="\n".join(sums.log)))


def _run_aborting(tally, program):
    """Of a peer that aborts it is told how it came to that, and the other seeds are played."""
    start, sums = time.monotonic(), Sums()
    play(program, *MUTANT_SEEDS, sums, env=_environment(ABORTING))
    first, last = MUTANT_SEEDS
    told = sum(line.startswith("  | ") for line in sums.log)
    good = (bool(sums.failed) and "?" not in sums.failed
            and len(sums.events) + len(sums.failed) == last - first + 1
            and told == LINES_SHOWN * len(sums.failed))
    tally.add(Outcome("sim", CONFIG.name, "abort_is_told", int(good), int(not good),
                      seconds=time.monotonic() - start,
                      note=f"{len(sums.failed)} aborts, {told} lines", log="\n".join(sums.log)))


def _find(program, name):
    """How the fault showed, or nothing."""
    first, last = MUTANT_SEEDS
    process = subprocess.Popen([program, f"{first}..{last}"], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True, errors="replace",
                               env=_environment(name))
    with process:
        for line in process.stdout:
            if line.startswith("failed ") and SHOWN_AS.get(name, "") in line:
                process.kill()
                return line.strip()[:60]
    return "aborted" if process.returncode < 0 and name not in SHOWN_AS else ""

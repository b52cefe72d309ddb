# SPDX-License-Identifier: Apache-2.0
"""What ran and how it went: one line per test as it ends, one line over all of them at the end."""
import dataclasses
import os
import sys
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TAIL_LINES = 150


@dataclasses.dataclass
class Outcome:
    """One test program or check; `passed` and `failed` count the cases in it."""
    level: str
    config: str
    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    log: str = ""
    note: str = ""


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self._lock = threading.Lock()

    def add(self, outcome):
        with self._lock:
            self.passed += outcome.passed
            self.failed += outcome.failed
            self.skipped += outcome.skipped
            self._print(outcome)

    def closing_line(self):
        line = f"{self.passed} passed, {self.failed} failed"
        return line + (f", {self.skipped} skipped" if self.skipped else "")

    def _print(self, outcome):
        words = [f"{outcome.passed} passed"]
        if outcome.failed:
            words.append(f"{outcome.failed} FAILED")
        if outcome.skipped:
            words.append(f"{outcome.skipped} skipped")
        note = f"  ({outcome.note})" if outcome.note else ""
        print(f"{outcome.level:7}{outcome.config:14}{outcome.name:24}{', '.join(words):24}"
              f"{outcome.seconds:7.1f} s{note}")
        if outcome.failed and outcome.log:
            for line in outcome.log.rstrip().splitlines()[-TAIL_LINES:]:
                print("    | " + line)
        sys.stdout.flush()

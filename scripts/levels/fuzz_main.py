# SPDX-License-Identifier: Apache-2.0
"""Runs the fuzz targets under ASan and UBSan. Crashing inputs go to build/fuzz/crashes/."""
import argparse
import sys

from . import builds, fuzz
from .tally import Tally


def main():
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="per target (60)")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="all unless named")
    options = parser.parse_args()
    try:
        targets = fuzz.build(options.targets)
    except builds.BuildFailed as failure:
        print(str(failure), file=sys.stderr)
        return 1
    tally = Tally()
    fuzz.run(tally, targets, options.seconds)
    print(tally.closing_line())
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""Plays simulated histories of whole meshes; the last line counts them, events and failures."""
import argparse
import os
import re
import sys

from . import builds, scale, sim
from .tally import Tally


def seed_range(text):
    match = re.fullmatch(r"(\d+)\.\.(\d+)", text)
    if not match:
        raise argparse.ArgumentTypeError("seeds look like 1..1000")
    return int(match.group(1)), int(match.group(2))


def main():
    parser = argparse.ArgumentParser(prog="sim", description=__doc__)
    parser.add_argument("--seeds", type=seed_range, default=(1, 1000), metavar="FROM..TO",
                        help="which histories to play (1..1000)")
    parser.add_argument("--replay", type=int, metavar="SEED", help="tell one history to the end")
    parser.add_argument("--mutants", action="store_true",
                        help="put faults into the product, each of which must be found")
    parser.add_argument("--table", action="store_true",
                        help="measure meshes of 10 to 1,000 peers and write docs/scale.md")
    options = parser.parse_args()
    tally = Tally()
    try:
        if options.replay is not None:
            program, = sim.build("weft-sim")
            os.execv(program, [program, "--replay", str(options.replay)])
        if options.table:
            scale.run()
            return 0
        if options.mutants:
            sim.run_mutants(tally)
            print(tally.closing_line())
        else:
            sim.run(tally, *options.seeds)
    except builds.BuildFailed as failure:
        print(str(failure), file=sys.stderr)
        return 1
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""What the command line itself costs: ``ssosim --help``, and ``ssosim exec`` over the program that it starts.

    python bench/cli_help.py [--runs 25]

The reference of ``--help`` is the bare interpreter (``python -c pass``), of ``exec -- true`` the bare ``true``.
"""

from __future__ import annotations

import argparse
import sys
from statistics import median

from harness import SSOSIM, finish, lab_up, own_home, spread, timed

TARGET = {"help_s": 0.2, "exec_over_bare_s": 0.1}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=25)
    runs = range(parser.parse_args().runs)
    timed([SSOSIM, "--help"])
    shown, python, executed, bare = [], [], [], []
    with own_home() as home, lab_up(home):
        timed([SSOSIM, "exec", "--", "true"])
        for _ in runs:
            shown.append(timed([SSOSIM, "--help"]))
            python.append(timed([sys.executable, "-c", "pass"]))
            executed.append(timed([SSOSIM, "exec", "--", "true"]))
            bare.append(timed(["true"]))
    over = [ours - alone for ours, alone in zip(executed, bare, strict=True)]
    reached = {"help_s": median(shown), "exec_over_bare_s": median(over)}
    finish(
        "cli_help",
        figures={"help_s": spread(shown), "exec_true_s": spread(executed), "exec_over_bare_s": spread(over)},
        reference={"python -c pass, s": spread(python), "true, s": spread(bare, 4)},
        ratio={"help to python": round(reached["help_s"] / median(python), 1)},
        target=TARGET,
        met=all(reached[name] <= limit for name, limit in TARGET.items()),
    )


if __name__ == "__main__":
    main()

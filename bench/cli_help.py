"""The time of the command line itself: ``ssosim --help``, and ``ssosim exec`` in addition to its program.

    python bench/cli_help.py [--runs 25]

The reference of ``--help`` is the bare interpreter (``python -c pass``), of ``exec -- true`` the bare ``true``.
"""

from __future__ import annotations

import argparse
import sys
from statistics import median

from harness import SSOSIM, lab_up, print_result, spread, temporary_home, time_command

TARGET = {"help_s": 0.2, "exec_over_bare_s": 0.1}


def main() -> None:
    """Measure, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=25)
    runs = range(parser.parse_args().runs)
    time_command([SSOSIM, "--help"])
    shown, python, executed, bare = [], [], [], []
    with temporary_home() as home, lab_up(home):
        time_command([SSOSIM, "exec", "--", "true"])
        for _ in runs:
            shown.append(time_command([SSOSIM, "--help"]))
            python.append(time_command([sys.executable, "-c", "pass"]))
            executed.append(time_command([SSOSIM, "exec", "--", "true"]))
            bare.append(time_command(["true"]))
    over = [with_exec - without for with_exec, without in zip(executed, bare, strict=True)]
    reached = {"help_s": median(shown), "exec_over_bare_s": median(over)}
    print_result(
        "cli_help",
        figures={"help_s": spread(shown), "exec_true_s": spread(executed), "exec_over_bare_s": spread(over)},
        reference={"python -c pass, s": spread(python), "true, s": spread(bare, 4)},
        ratio={"help to python": round(reached["help_s"] / median(python), 1)},
        target=TARGET,
        met=all(reached[name] <= limit for name, limit in TARGET.items()),
    )


if __name__ == "__main__":
    main()

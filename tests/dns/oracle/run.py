"""The whole comparison: ``python -m tests.dns.oracle.run``. Exit code 1 for an unexplained difference.

It is 1 as well where too few questions were answered. named is asked everything about the corpus and about drawn zones,
unbound a part of it. A fixed sample of this is in ``test_oracle.py``.
"""

from __future__ import annotations

import argparse
import sys

from tests.dns.oracle.beside_named import compare_zones, read_corpus
from tests.dns.oracle.beside_unbound import compare_resolvers
from tests.dns.oracle.drawn_zones import draw_zones

__all__ = ["main"]


def main() -> int:
    """Compare, print the counts and the first differences, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drawn", type=int, default=200, help="how many zones to draw (default 200)")
    parser.add_argument("--seed", type=int, default=1, help="the start of the drawn zones")
    parser.add_argument("--resolver-every", type=int, default=3, help="ask unbound every n-th question (default 3)")
    arguments = parser.parse_args()
    reports = {
        "named, corpus": compare_zones(read_corpus()),
        "named, drawn zones": compare_zones(draw_zones(arguments.drawn, arguments.seed)),
        "unbound, corpus": compare_resolvers(arguments.resolver_every),
    }
    for name, report in reports.items():
        sys.stdout.write(f"{name}: {report}\n")
        sys.stdout.writelines(f"{each}\n" for each in report.unexplained[:20])
    return 0 if all(report.is_good for report in reports.values()) else 1


if __name__ == "__main__":
    sys.exit(main())

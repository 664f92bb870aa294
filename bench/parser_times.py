"""The slowest inputs of every parser of outside bytes: a search that hunts for CPU time, and a table of what it found.

    python bench/parser_times.py [TARGET ...] [--inputs 2000] [--keep]

Each target of ``fuzz/targets.py`` gets its known families (``fuzz/worst.py``) at every size, then mutants of the
slowest so far: pieces repeated, copied from others, cut, and bytes changed. A mutant slower than its parent takes its
place. Times are CPU time beside the reference of ``fuzz/reference.py``, in shares of what is allowed; 1.0 is the
bound. ``--keep`` writes inputs that came near the bound to ``fuzz/found``, where the test plays them.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness import finish

from fuzz.reference import allowed, cost_s, reference_s, worst_share
from fuzz.targets import TARGETS, Target
from fuzz.worst import FOUND, folder_of, worst_inputs

POOL = 12
NEAR = 0.7
FILE_SIZE = 16 * 1024
DICE = random.Random(20261129)  # noqa: S311 - the same at every run


def mutant(pool: list[tuple[float, str, bytes]], longest: int) -> tuple[str, bytes]:
    """A change of one of the slowest; small pieces are changed most, for they are what is repeated."""
    _, family, data = pool[min(int(DICE.expovariate(0.4)), len(pool) - 1)]
    changed = bytearray(data)
    for _ in range(DICE.randint(1, 3)):
        begin = DICE.randrange(len(changed) + 1)
        piece = changed[begin : begin + 2 ** DICE.randint(0, 8)]
        match DICE.randrange(6):
            case 0 if piece:  # repeated to the full length
                changed[begin:begin] = piece * ((longest - len(changed)) // len(piece))
            case 1 if piece:
                changed[begin:begin] = piece * DICE.randint(1, 64)
            case 2:
                other = DICE.choice(pool)[2]
                start = DICE.randrange(len(other) + 1)
                changed[begin:begin] = other[start : start + 2 ** DICE.randint(0, 12)]
            case 3:
                del changed[begin : begin + 2 ** DICE.randint(0, 14)]
            case 4 if begin < len(changed):
                changed[begin] = DICE.randrange(256)
            case _ if begin < len(changed):
                changed[begin] ^= 1 << DICE.randrange(8)
    return family.removesuffix(", changed") + ", changed", bytes(changed[:longest])


def searched(target: Target, name: str, inputs: int) -> tuple[int, list[tuple[float, str, bytes]]]:
    """How many inputs were tried, and the slowest with their shares, the slowest first."""
    longest = min(target.longest, FILE_SIZE) if target.kind == "file" else target.longest
    target.function(b"")
    bound, tried = reference_s(), 0
    pool: list[tuple[float, str, bytes]] = []

    def consider(family: str, data: bytes) -> None:
        nonlocal tried, bound
        tried += 1
        if tried % 200 == 0:
            bound = reference_s()
        share = cost_s(target.function, data) / bound / allowed(target.kind, len(data))
        if len(pool) < POOL or share > pool[-1][0]:
            share = min(share, worst_share(target.function, data, target.kind, bound, repeat=3))
            pool.append((share, family, data))
            pool.sort(key=lambda each: -each[0])
            del pool[POOL:]

    for family, data in worst_inputs(name, longest):
        consider(family, data)
    for _ in range(inputs):
        consider(*mutant(pool, longest))
    return tried, pool


def keep(name: str, data: bytes, number: int) -> None:
    """Write an input down for the test."""
    folder = FOUND / folder_of(name)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{number}").write_bytes(data)


def main() -> None:
    """Search, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], metavar="TARGET")
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    table = {}
    gc.freeze()
    for name in options.targets or TARGETS:
        tried, pool = searched(TARGETS[name], name, options.inputs)
        share, family, data = pool[0]
        table[name] = {"worst": round(share, 2), "of": family, "bytes": len(data), "tried": tried}
        print(f"{name:28} {share:6.2f}  {tried:6} tried  {family}", file=sys.stderr, flush=True)
        if options.keep:
            for number, (near, _, slow) in enumerate(pool[:3]):
                if near > NEAR and len(slow) <= 64 * 1024:
                    keep(name, slow, number)
    finish(
        "parser_times",
        figures=table,
        reference={"ms of CPU time, one message's bound": round(reference_s() * 1000, 2)},
        target={"worst, in shares of what is allowed": 1.0},
        met=all(row["worst"] <= 1 for row in table.values()),
    )


if __name__ == "__main__":
    main()

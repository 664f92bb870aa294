"""The slowest inputs of every parser of bytes from outside: a search for inputs that take much CPU time.

    python bench/parser_times.py [TARGET ...] [--inputs 2000] [--keep]

Each target of ``fuzz/targets.py`` gets its known families (``fuzz/worst.py``) at every size, then mutations of the
slowest inputs so far: pieces are repeated, copied from other inputs or removed, and bytes are changed. The slowest
inputs are kept for further mutations. Times are CPU times divided by the reference of ``fuzz/reference.py``, as shares
of the limit: 1.0 is the limit. ``--keep`` writes inputs near the limit to ``fuzz/found``, where a test runs them.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness import print_result

from fuzz.reference import limit_for, measure_cpu_s, measure_reference_s, measure_share
from fuzz.targets import TARGETS, Target
from fuzz.worst import FOUND_FOLDER, folder_name, list_inputs

POOL = 12
NEAR = 0.7
FILE_SIZE = 16 * 1024
RANDOM = random.Random(20261129)  # noqa: S311 - the same at every run


def mutate(pool: list[tuple[float, str, bytes]], longest: int) -> tuple[str, bytes]:
    """Return a mutation of one of the slowest inputs. Small pieces are preferred: repeated small pieces are slow."""
    _, family, data = pool[min(int(RANDOM.expovariate(0.4)), len(pool) - 1)]
    changed = bytearray(data)
    for _ in range(RANDOM.randint(1, 3)):
        begin = RANDOM.randrange(len(changed) + 1)
        piece = changed[begin : begin + 2 ** RANDOM.randint(0, 8)]
        match RANDOM.randrange(6):
            case 0 if piece:  # repeat it up to the full length
                changed[begin:begin] = piece * ((longest - len(changed)) // len(piece))
            case 1 if piece:
                changed[begin:begin] = piece * RANDOM.randint(1, 64)
            case 2:
                other = RANDOM.choice(pool)[2]
                start = RANDOM.randrange(len(other) + 1)
                changed[begin:begin] = other[start : start + 2 ** RANDOM.randint(0, 12)]
            case 3:
                del changed[begin : begin + 2 ** RANDOM.randint(0, 14)]
            case 4 if begin < len(changed):
                changed[begin] = RANDOM.randrange(256)
            case _ if begin < len(changed):
                changed[begin] ^= 1 << RANDOM.randrange(8)
    return family.removesuffix(", changed") + ", changed", bytes(changed[:longest])


def search(target: Target, name: str, inputs: int) -> tuple[int, list[tuple[float, str, bytes]]]:
    """Return the number of inputs tried, and the slowest inputs with their shares, the slowest first."""
    longest = min(target.longest, FILE_SIZE) if target.kind == "file" else target.longest
    target.function(b"")
    bound, tried = measure_reference_s(), 0
    pool: list[tuple[float, str, bytes]] = []

    def consider(family: str, data: bytes) -> None:
        nonlocal tried, bound
        tried += 1
        if tried % 200 == 0:
            bound = measure_reference_s()
        share = measure_cpu_s(target.function, data) / bound / limit_for(target.kind, len(data))
        if len(pool) < POOL or share > pool[-1][0]:
            share = min(share, measure_share(target.function, data, target.kind, bound, repeat=3))
            pool.append((share, family, data))
            pool.sort(key=lambda each: -each[0])
            del pool[POOL:]

    for family, data in list_inputs(name, longest):
        consider(family, data)
    for _ in range(inputs):
        consider(*mutate(pool, longest))
    return tried, pool


def keep(name: str, data: bytes, number: int) -> None:
    """Write an input to a file for the test."""
    folder = FOUND_FOLDER / folder_name(name)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{number}").write_bytes(data)


def main() -> None:
    """Search, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], metavar="TARGET")
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    table: dict[str, dict[str, float | int | str]] = {}
    worst = []
    gc.freeze()
    for name in options.targets or TARGETS:
        tried, pool = search(TARGETS[name], name, options.inputs)
        share, family, data = pool[0]
        worst.append(share)
        table[name] = {"worst": round(share, 2), "of": family, "bytes": len(data), "tried": tried}
        print(f"{name:28} {share:6.2f}  {tried:6} tried  {family}", file=sys.stderr, flush=True)
        if options.keep:
            for number, (near, _, slow) in enumerate(pool[:3]):
                if near > NEAR and len(slow) <= 64 * 1024:
                    keep(name, slow, number)
    print_result(
        "parser_times",
        figures=table,
        reference={"ms of CPU time, the limit for one message": round(measure_reference_s() * 1000, 2)},
        target={"worst, as a share of the limit": 1.0},
        met=max(worst) <= 1,
    )


if __name__ == "__main__":
    main()

"""Coverage-guided fuzzing of the parsers with atheris: ``make fuzz``.

    python -m fuzz.run [--seconds 300] [--target NAME ...] [--keep] [--jobs 2]

One process of libFuzzer tests all chosen targets: the first byte of an input selects the target. It starts from the
corpus in ``fuzz/corpus`` and from short members of the families of ``fuzz/worst.py``. ``--keep`` adds the inputs that
reach new code to the corpus. Exit code 0: nothing found; 1: an exception or an input that takes too long, which is
written to ``.state/fuzz``; 2: usage; 3: atheris is not installed; 4: the time was over before all seeds were tried.

Sources: the documentation of atheris, https://github.com/google/atheris, and of libFuzzer,
https://llvm.org/docs/LibFuzzer.html.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

from fuzz.targets import TARGETS
from fuzz.worst import folder_name, list_inputs

CORPUS = Path(__file__).with_name("corpus")
FOUND = Path(__file__).parents[1] / ".state" / "fuzz"
_LONGEST = 4096
_SLOWEST_S = 5
_TRIED = "stat::number_of_executed_units:"
_CHILD = """
import logging, sys
logging.disable(logging.INFO)
import atheris
with atheris.instrument_imports(include=["ssosim"]):
    from fuzz.targets import TARGETS
functions = [TARGETS[name].function for name in sys.argv.pop(1).split("|")]
def run(data):
    if data:
        functions[data[0] % len(functions)](data[1:])
atheris.Setup(sys.argv, run)
atheris.Fuzz()
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the fuzzer; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.run", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--seconds", type=int, default=300, help="how long, start and first reading of the corpus included"
    )
    parser.add_argument("--target", action="append", choices=sorted(TARGETS), help="only this target; may be repeated")
    parser.add_argument("--keep", action="store_true", help="add inputs that reach new code to fuzz/corpus")
    parser.add_argument("--jobs", type=int, default=1, help="processes that run at once")
    options = parser.parse_args(arguments)
    if find_spec("atheris") is None:
        print("atheris is not installed: pip install 'ssosim[fuzz]' (CPython 3.11 to 3.13 on x86-64)", file=sys.stderr)
        return 3
    names = sorted(options.target or TARGETS)
    FOUND.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ssosim-fuzz-") as work:
        seeds, grown = Path(work, "seeds"), Path(work, "grown")
        seeds.mkdir()
        grown.mkdir()
        count = write_seeds(names, seeds)
        print(f"{len(names)} targets, {count} seeds, {options.seconds} s")
        commands = [_command(names, grown, seeds, options.seconds, number) for number in range(options.jobs)]
        environment = os.environ | {"PYTHONHASHSEED": "0"}
        running = [
            subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, errors="replace")  # noqa: S603
            for command in commands
        ]
        with ThreadPoolExecutor(len(running)) as pool:
            tried = list(pool.map(_follow, running))
        codes = [process.returncode for process in running]
        if options.keep:
            print(f"{keep_new(names, grown)} inputs added to the corpus")
    if any(codes):
        print(
            f"an input that a parser does not bear is in {FOUND}; its first byte selects the target:", file=sys.stderr
        )
        for path in sorted(FOUND.iterdir()):
            print(f"  {path.name}: {names[path.read_bytes()[0] % len(names)]}", file=sys.stderr)
        return 1
    if min(tried) < count:
        print(f"{min(tried)} inputs were tried, fewer than the {count} seeds: give it more --seconds", file=sys.stderr)
        return 4
    return 0


def _follow(process: subprocess.Popen[str]) -> int:
    """Repeat what libFuzzer reports on standard error; return how many inputs it has tried, 0 if it does not say."""
    tried = 0
    with process:
        for line in process.stderr or ():
            sys.stderr.write(line)
            if line.startswith(_TRIED):
                tried = int(line.removeprefix(_TRIED))
    return tried


def write_seeds(names: Sequence[str], folder: Path) -> int:
    """Write the corpus and short inputs of each family to ``folder``; return how many files there are."""
    for number, name in enumerate(names):
        inputs = [data for _, data in list_inputs(name, _LONGEST // 2)]
        inputs += [path.read_bytes() for path in sorted((CORPUS / folder_name(name)).glob("*"))]
        for data in inputs:
            seed = bytes((number,)) + data[: _LONGEST - 1]
            (folder / _digest(seed)).write_bytes(seed)
    return len(list(folder.iterdir()))


def keep_new(names: Sequence[str], grown: Path) -> int:
    """Copy the inputs that libFuzzer kept to the corpus, each to the folder of its target; return their number."""
    added = 0
    for path in grown.iterdir():
        data = path.read_bytes()
        folder = CORPUS / folder_name(names[data[0] % len(names)])
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / _digest(data[1:])
        added += not target.exists()
        target.write_bytes(data[1:])
    return added


def _command(names: Sequence[str], grown: Path, seeds: Path, seconds: int, number: int) -> list[str]:
    libfuzzer = [
        f"-max_total_time={seconds}",
        f"-max_len={_LONGEST}",
        f"-timeout={_SLOWEST_S}",
        f"-artifact_prefix={FOUND}/",
        f"-seed={number + 1}",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    return [sys.executable, "-c", _CHILD, "|".join(names), *libfuzzer, str(grown), str(seeds)]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


if __name__ == "__main__":
    sys.exit(main())

"""How long ``ssosim dns check`` and ``lint`` take, beside dnspython's bare reading of the same file.

    python bench/dns_check.py [RECORDS ...]

CPU seconds of a process of their own each, start of Python included, and the peak of its memory. The reference in the
same run is ``dns.zone.from_file``, for the first two sizes. The pull request of the manual (``docs/dns-changes.md``),
in which all client models are played, and a change of one address are compared with ``import dns.zone``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from harness import print_result

TO_BARE, MEMORY_MIB, TO_IMPORT, GROWTH = 0.5, 400, 5.0, 1.5
LARGEST_BARE = 100_000
"""The largest size with a reference; the largest one up to it is judged."""
SMALL_ROUNDS = 7
MANUAL = Path(__file__).parents[1] / "docs" / "dns-changes.md"

_HEAD = """$ORIGIN example.com.
$TTL 300
@ IN SOA ns1.example.com. host.example.com. 1 3600 900 1209600 60
@ NS ns1.example.com.
@ NS ns2.example.com.
ns1 A 192.0.2.1
ns2 A 192.0.2.2
"""
_BARE = "import sys, dns.zone; dns.zone.from_file(sys.argv[1], relativize=False, check_origin=False)"
_MANUAL_FILE = re.compile(r"```(?:zone|toml)\n[;#] ((?:before|after)/\S+)\n(.*?)```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Used:
    """The CPU seconds of a process, and the peak of its memory in MiB."""

    cpu_s: float
    memory_mib: float


def write_zone(path: Path, records: int, more: str = "") -> None:
    """Write a zone with as many record sets of the usual types."""
    lines = [_HEAD]
    for number in range(records):
        kind = {
            7: f"600 IN CNAME h{number - 1}",
            8: f'TXT "v=spf1 -all {number}"',
            9: f"MX 10 h{number - 3}.example.com.",
        }.get(number % 10, f"A 203.0.{number // 256 % 256}.{number % 256}")
        lines.append(f"h{number} {kind}\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(lines) + more, encoding="utf-8")


def write_manual_trees(folder: Path) -> None:
    """Write the two trees of the manual's example."""
    for name, text in _MANUAL_FILE.findall(MANUAL.read_text(encoding="utf-8")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def measure(*command: str, said: str = "") -> Used:
    """Run a process; what it used.

    Ends the benchmark if it fails, or if ``said`` is not in its output: Python ends with 1 as well if the code is
    broken, which takes little time.
    """
    with tempfile.TemporaryFile() as output:
        with subprocess.Popen([sys.executable, *command], stdout=output) as process:
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if process.returncode not in ((0, 1) if said else (0,)) or said not in text:
        raise SystemExit(f"{command} ended with {process.returncode}: {text[:1000]}")
    return Used(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def check(folder: Path, said: str) -> Used:
    """Judge the change between the two trees in ``folder``."""
    before, after = folder / "before", folder / "after"
    return measure("-m", "ssosim", "dns", "check", "--from", str(before), "--to", str(after), said=said)


def measure_size(folder: Path, size: int) -> dict[str, float]:
    """The figures of a zone with as many record sets."""
    zone = folder / "before" / "example.com.zone"
    write_zone(zone, size)
    write_zone(folder / "after" / "example.com.zone", size, "new A 192.0.2.99\n")
    checked = check(folder, "record sets: 1 created, 0 updated, 0 deleted")
    linted = measure("-m", "ssosim", "dns", "lint", "--zones", str(folder / "before"), said="nothing found")
    figures = {
        "check_s": round(checked.cpu_s, 2),
        "lint_s": round(linted.cpu_s, 2),
        "check_mib": round(checked.memory_mib),
        "check_us_per_record": round(checked.cpu_s / size * 1e6, 1),
    }
    if size <= LARGEST_BARE:
        bare = measure("-c", _BARE, str(zone)).cpu_s
        figures |= {
            "bare_s": round(bare, 2),
            "check_to_bare": round(checked.cpu_s / bare, 2),
            "lint_to_bare": round(linted.cpu_s / bare, 2),
        }
    return figures


def measure_small(folder: Path) -> dict[str, float]:
    """The least CPU seconds of small changes, beside ``import dns.zone`` in turns with them."""
    write_manual_trees(folder / "manual")
    write_zone(folder / "one" / "before" / "example.com.zone", 20)
    write_zone(folder / "one" / "after" / "example.com.zone", 20, "new A 192.0.2.99\n")
    rounds = [
        (
            measure("-c", "import dns.zone").cpu_s,
            check(folder / "manual", "models are worse off at autologon.microsoftazuread-sso.com").cpu_s,
            check(folder / "one", "record sets: 1 created, 0 updated, 0 deleted").cpu_s,
        )
        for _ in range(SMALL_ROUNDS)
    ]
    imported, manual, one = (min(taken) for taken in zip(*rounds, strict=True))
    return {
        "import_s": round(imported, 3),
        "manual_s": round(manual, 3),
        "one_address_s": round(one, 3),
        "manual_to_import": round(manual / imported, 1),
        "one_address_to_import": round(one / imported, 1),
    }


def main(sizes: list[int]) -> None:
    """Measure, and print the result."""
    if min(sizes) > LARGEST_BARE:
        raise SystemExit(f"dns_check: nothing to compare with: no size is at most {LARGEST_BARE}")
    with tempfile.TemporaryDirectory(prefix="ssobench-") as name:
        os.environ["SSOSIM_HOME"] = f"{name}/state"
        small = measure_small(Path(name))
        large = {size: measure_size(Path(name) / str(size), size) for size in sizes}
    judged = large[max(size for size in sizes if size <= LARGEST_BARE)]
    growth = large[max(sizes)]["check_us_per_record"] / judged["check_us_per_record"]
    met = (
        max(judged["check_to_bare"], judged["lint_to_bare"]) <= TO_BARE
        and judged["check_mib"] <= MEMORY_MIB
        and growth <= GROWTH
        and small["manual_to_import"] <= TO_IMPORT
    )
    print_result(
        "dns_check",
        figures={"small": small, "records": {str(size): figures for size, figures in large.items()}},
        ratio={"growth": round(growth, 2)},
        target={"to bare": TO_BARE, "MiB": MEMORY_MIB, "to import": TO_IMPORT, "growth": GROWTH},
        met=met,
    )


if __name__ == "__main__":
    main([int(text) for text in sys.argv[1:]] or [10_000, 100_000, 1_000_000])

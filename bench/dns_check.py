"""How long ``ssosim dns check`` and ``lint`` take for large zones, beside dnspython's bare reading of the same file.

    python bench/dns_check.py [RECORDS ...]

CPU seconds of a process of their own each, start of Python included, and the peak of its memory. The reference in the
same run is ``dns.zone.from_file``; for the pull request of the manual it is ``import dns.zone``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

_HEAD = """$ORIGIN example.com.
$TTL 300
@ IN SOA ns1.example.com. host.example.com. 1 3600 900 1209600 60
@ NS ns1.example.com.
@ NS ns2.example.com.
ns1 A 192.0.2.1
ns2 A 192.0.2.2
"""
_BARE = "import sys, dns.zone; dns.zone.from_file(sys.argv[1], relativize=False, check_origin=False)"


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


def measure(*command: str) -> tuple[float, float]:
    """The CPU seconds and the peak of memory in MiB of one process."""
    with subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise SystemExit(f"{command} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main(sizes: list[int]) -> None:
    """Measure and print one line for each size."""
    print(f"{'records':>9} {'bare s':>8} {'check s':>8} {'ratio':>6} {'lint s':>8} {'ratio':>6} {'check MiB':>9}")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SSOSIM_HOME"] = f"{folder}/state"
        before, after = Path(folder, "before"), Path(folder, "after")
        for size in sizes:
            write_zone(before / "example.com.zone", size)
            write_zone(after / "example.com.zone", size, "new A 192.0.2.99\n")
            bare, _ = measure("-c", _BARE, str(before / "example.com.zone"))
            check, memory = measure("-m", "ssosim", "dns", "check", "--from", str(before), "--to", str(after))
            lint, _ = measure("-m", "ssosim", "dns", "lint", "--zones", str(before))
            figures = f"{bare:8.2f} {check:8.2f} {check / bare:6.2f} {lint:8.2f} {lint / bare:6.2f} {memory:9.0f}"
            print(f"{size:9} {figures}", flush=True)
        write_zone(before / "example.com.zone", 20)
        write_zone(after / "example.com.zone", 20, "new A 192.0.2.99\n")
        imported = min(measure("-c", "import dns.zone")[0] for _ in range(5))
        small = min(
            measure("-m", "ssosim", "dns", "check", "--from", str(before), "--to", str(after))[0] for _ in range(5)
        )
        print(f"a small change: {small:.2f} s, {small / imported:.1f} times import dns.zone ({imported:.2f} s)")


if __name__ == "__main__":
    main([int(text) for text in sys.argv[1:]] or [10_000, 100_000])

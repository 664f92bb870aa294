"""Run every benchmark, one after another, and write a table of the results.

    python bench/summary.py [--record] [NAME ...]

The table goes to standard output and to ``.state/bench.md``, the output of each benchmark to
``.state/bench/NAME.json``. ``--record`` also puts the table into ``bench/README.md``. The exit code is 1 if a target
was missed, 2 if a benchmark failed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
STATE = HERE.parent / ".state"
BEGIN, END = "<!-- figures: written by summary.py --record -->\n", "<!-- end of figures -->\n"
_TIMEOUT_S = 300


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of a benchmark: what it is, its target (empty if none), and a function that formats it."""

    what: str
    target: str
    figure: Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class Bench:
    """One benchmark, and its rows in the table."""

    name: str
    rows: tuple[Row, ...]
    arguments: Sequence[str] = ()


def format_spread(figure: dict[str, Any], unit: str, scale: float = 1, digits: int = 0) -> str:
    """Return ``median unit (min to max)``."""
    low, middle, high = (f"{figure[name] * scale:,.{digits}f}" for name in ("min", "median", "max"))
    return f"{middle} {unit} ({low} to {high})"


def format_ms(figure: dict[str, Any]) -> str:
    """Return a figure in seconds as milliseconds."""
    return format_spread(figure, "ms", 1000)


def format_slowest_model(data: Any) -> str:
    """Return the name of the slowest model, and its time."""
    figure = data["figures"]["slowest_model_ms"]
    return f"`{figure['model']}`: {format_spread(figure, 'ms', digits=1)}"


BENCHES = (
    Bench(
        "lab_ready",
        (
            Row(
                "`up --detach`, then the first silent sign-in by curl",
                "1.0 s",
                lambda data: format_ms(data["figures"]["private network, s"]["warm total"]),
            ),
            Row(
                "the same, first run ever (realm and keys are made)",
                "",
                lambda data: format_ms(data["figures"]["private network, s"]["cold total"]),
            ),
            Row(
                "in process: first lab",
                "0.3 s",
                lambda data: format_ms(data["figures"]["in process, s"]["first lab, cache warm"]),
            ),
            Row(
                "in process: first lab, interpreter and imports included",
                "",
                lambda data: format_ms(data["figures"]["in process, s"]["process start to first lab"]),
            ),
            Row(
                "in process: each further lab",
                "0.05 s",
                lambda data: format_ms(data["figures"]["in process, s"]["further lab"]),
            ),
            Row(
                "reference: `k5test.K5Realm()`; without user, keytab, tickets",
                "",
                lambda data: (
                    f"{format_ms(data['reference']['K5Realm(), s'])}; {format_ms(data['reference']['K5Realm bare, s'])}"
                ),
            ),
        ),
    ),
    Bench(
        "sign_ins",
        (
            Row(
                "complete silent sign-ins, one server process, one core",
                "",
                lambda data: format_spread(data["figures"]["sign_ins_per_s"], "a second"),
            ),
            Row(
                "reference: their cryptography alone, same core",
                "",
                lambda data: format_spread(data["reference"]["per_s"], "a second"),
            ),
            Row(
                "share of the cryptography, by wall-clock time", "", lambda data: format_spread(data["ratio"], "%", 100)
            ),
            Row("the same by CPU time", "60 %", lambda data: format_spread(data["ratio_by_cpu_time"], "%", 100)),
        ),
    ),
    Bench(
        "cli_help",
        (
            Row("`ssosim --help`", "0.2 s", lambda data: format_ms(data["figures"]["help_s"])),
            Row(
                "`ssosim exec -- true` over `true`",
                "0.1 s",
                lambda data: format_ms(data["figures"]["exec_over_bare_s"]),
            ),
        ),
    ),
    Bench(
        "exec_start",
        (
            Row(
                "`ssosim exec -- true`, by CPU time of the command and the lab",
                "",
                lambda data: format_spread(data["figures"]["exec, CPU"], "ms"),
            ),
            Row(
                "to `unshare ... true` with the same namespaces, by CPU time",
                "6 times",
                lambda data: f"{data['ratio']['exec / unshare, CPU']['median']:.1f} times",
            ),
        ),
    ),
    Bench(
        "managed_identity",
        (
            Row(
                "server time of a token from IMDS",
                "token endpoint + 2 ms",
                lambda data: format_spread(data["figures"]["token from IMDS, server time, ms"], "ms", digits=2),
            ),
            Row(
                "reference: the token endpoint with a client secret",
                "",
                lambda data: format_spread(
                    data["reference"]["token endpoint with a client secret, server time, ms"], "ms", digits=2
                ),
            ),
            Row(
                "most that a kind of device adds to `ssosim exec`, by CPU time",
                "10 %",
                lambda data: f"{max(data['ratio']['added to exec, by CPU time'].values()) * 100:.0f} %",
            ),
        ),
    ),
    Bench(
        "plugin_import",
        (
            Row(
                "pytest plugin where it is not used: import",
                "",
                lambda data: format_ms(data["figures"]["import_s"]),
            ),
            Row(
                "first lab of a pytest session, imports included",
                "",
                lambda data: format_ms(data["figures"]["first_lab_s"]),
            ),
            Row(
                "the same to its imports alone, by CPU time",
                "1.5 times",
                lambda data: format_spread(data["ratio"]["first lab to its imports"], "times", digits=2),
            ),
            Row("each further lab", "", lambda data: format_ms(data["figures"]["further_lab_s"])),
        ),
    ),
    Bench(
        "lab_memory",
        (
            Row(
                "idle lab, all processes: sum of PSS; of RSS",
                "150 MiB",
                lambda data: "; ".join(format_spread(data["figures"][name], "MiB") for name in ("pss_mib", "rss_mib")),
            ),
        ),
    ),
    Bench(
        "dns_check",
        (
            Row(
                "`dns check` of 100,000 records to dnspython's bare reading, by CPU time",
                "0.5 times",
                lambda data: f"{data['figures']['records']['100000']['check_to_bare']} times",
            ),
            Row(
                "the same for `dns lint`",
                "0.5 times",
                lambda data: f"{data['figures']['records']['100000']['lint_to_bare']} times",
            ),
            Row(
                "memory of `dns check` of 100,000 records",
                "400 MiB",
                lambda data: f"{data['figures']['records']['100000']['check_mib']} MiB",
            ),
            Row(
                "CPU time of a record in 10,000; 100,000; 1,000,000",
                "",
                lambda data: "; ".join(
                    f"{each['check_us_per_record']:.0f} us" for each in data["figures"]["records"].values()
                ),
            ),
            Row(
                "the manual's pull request to `import dns.zone`, by CPU time",
                "5 times",
                lambda data: f"{data['figures']['small']['manual_to_import']} times",
            ),
        ),
    ),
    Bench(
        "dns_qps",
        (
            Row(
                "DNS answers with a fault, counts and trace on, one core (uvloop)",
                "",
                lambda data: format_spread(data["figures"]["answers per s"]["uvloop"], "a second"),
            ),
            Row(
                "reference: nsd; bare dnspython without a socket",
                "",
                lambda data: "; ".join(
                    format_spread(data["reference"][f"{name}, per s"], "a second") for name in ("nsd", "bare dnspython")
                ),
            ),
            Row(
                "asyncio to bare dnspython, by CPU time",
                "10 times",
                lambda data: format_spread(data["ratio"]["to bare dnspython"]["asyncio"]["cpu"], "times", digits=1),
            ),
            Row(
                "uvloop to nsd, by CPU time",
                "0.5 times",
                lambda data: format_spread(data["ratio"]["to nsd"]["uvloop"]["cpu"], "times", digits=2),
            ),
            Row(
                "with the trace's file written, as `up` does (uvloop), to bare dnspython, by CPU time",
                "10 times",
                lambda data: format_spread(data["ratio"]["to bare dnspython"]["as up"]["cpu"], "times", digits=1),
            ),
            Row(
                "queries that are never repeated",
                "",
                lambda data: format_spread(data["figures"]["never repeated, per s"], "a second"),
            ),
            Row(
                "the same to bare dnspython, by CPU time",
                "1 times",
                lambda data: format_spread(data["ratio"]["never repeated to bare dnspython"]["cpu"], "times", digits=2),
            ),
        ),
    ),
    Bench(
        "one_model",
        (
            Row(
                "one model through 8.5 hours of 25 February 2025 in a test's environment: `office`, by CPU time",
                "30 ms",
                lambda data: format_spread(data["figures"]["office_ms"], "ms", digits=1),
            ),
            Row("the slowest of all models", "30 ms", format_slowest_model),
            Row(
                "reference: the model alone, on ports that read back",
                "",
                lambda data: format_spread(data["reference"]["the model alone, ms"], "ms", digits=1),
            ),
        ),
    ),
    Bench(
        "scenarios",
        (
            Row(
                "25 February 2025, every model, over DNS, TLS and Kerberos",
                "",
                lambda data: format_spread(data["figures"]["feb_2025_s"], "s", digits=1),
            ),
            Row(
                "the same by CPU time",
                "",
                lambda data: format_spread(data["figures"]["feb_2025_cpu_s"], "s", digits=1),
            ),
            Row(
                "to the imports alone, by CPU time",
                "5 times",
                lambda data: format_spread(data["ratio"]["feb-2025 over sockets to its imports"], "times", digits=1),
            ),
            Row(
                "the same in memory, `office` alone, by CPU time",
                "",
                lambda data: format_spread(data["figures"]["in_memory_ms"], "ms", digits=1),
            ),
            Row(
                "to the same model in a test's environment in the same run",
                "1.5 times",
                lambda data: f"{data['ratio']['in memory to one model in an environment']} times",
            ),
            Row("the whole catalogue, every model", "", lambda data: f"{data['figures']['catalogue_s']:.0f} s"),
        ),
    ),
    Bench(
        "change_stalls",
        (
            Row(
                "a plan with 20,000 names counted, in a zone of 20,000",
                "",
                lambda data: format_ms(data["figures"]["names_20000"]["plan"]["s"]),
            ),
            Row(
                "another client's longest wait meanwhile",
                "250 ms",
                lambda data: format_ms(data["figures"]["names_20000"]["plan"]["longest_wait_s"]),
            ),
            Row(
                "reference: its wait while a thread merely counts",
                "",
                lambda data: format_ms(data["reference"]["names_20000"]),
            ),
        ),
    ),
    Bench(
        "kdc_start",
        (
            Row(
                "realm copied and krb5kdc answering; k5test's bare KDC",
                "",
                lambda data: "{copy and start} ms; {k5test, bare KDC} ms".format_map(data["milliseconds"]),
            ),
            Row(
                "Negotiate tokens made; checked",
                "",
                lambda data: "{tokens:,}; {accepts:,} a second".format_map(data["per_second"]),
            ),
        ),
    ),
)


def has_target(bench: Bench) -> bool:
    """Whether one of its rows has a target; then its result says whether all targets are met."""
    return any(row.target for row in bench.rows)


def run_benchmark(bench: Bench) -> Any:
    """Run a benchmark; returns its result, which is also written to the state folder. None if it failed."""
    print(f"{bench.name} ...", file=sys.stderr, flush=True)
    command = [sys.executable, str(HERE / f"{bench.name}.py"), *bench.arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        print(f"{bench.name}: still running after {_TIMEOUT_S} s", file=sys.stderr)
        return None
    if done.returncode != 0:
        print(f"{bench.name}: exit code {done.returncode}: {done.stderr.strip()}", file=sys.stderr)
        return None
    folder = STATE / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{bench.name}.json").write_text(done.stdout, encoding="utf-8")
    return json.loads(done.stdout)


def render_table(results: Sequence[tuple[Bench, Any]]) -> str:
    """Return Markdown: time and machine, then one row for each figure."""
    described = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.partition(":")[2].strip() for line in described if "model name" in line), platform.machine())
    moment = datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC")
    machine = f"{os.cpu_count()} cores ({model}), Python {platform.python_version()}"
    lines = [
        f"Measured {moment}: {machine}, load {os.getloadavg()[0]:.1f} at the end. Median (lowest to highest).\n",
        "| command | what | target | measured |",
        "|---|---|---|---|",
    ]
    for bench, data in results:
        for row in bench.rows:
            figure = "failed" if data is None else row.figure(data)
            lines.append(f"| `bench/{bench.name}.py` | {row.what} | {row.target or '-'} | {figure} |")
    return "\n".join(lines) + "\n"


def write_to_readme(text: str) -> None:
    """Write the table into the README, between its two markers."""
    readme = HERE / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    readme.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def main() -> int:
    """Run the benchmarks, write the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--record", action="store_true", help="put the table into bench/README.md as well")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these")
    options = parser.parse_args()
    chosen = [bench for bench in BENCHES if not options.names or bench.name in options.names]
    if unknown := set(options.names) - {bench.name for bench in BENCHES}:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    results = [(bench, run_benchmark(bench)) for bench in chosen]
    text = render_table(results)
    STATE.mkdir(exist_ok=True)
    (STATE / "bench.md").write_text(text, encoding="utf-8")
    print(text)
    if options.record:
        write_to_readme(text)
    judged = [(bench, data) for bench, data in results if data is not None and has_target(bench)]
    missed = [bench.name for bench, data in judged if not data["met"]]
    if missed:
        print(f"targets missed: {', '.join(missed)}", file=sys.stderr)
    return 2 if any(data is None for _, data in results) else int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())

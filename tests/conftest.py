"""Hooks and fixtures of the whole test suite."""

import asyncio
import json
import logging
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

SSOSIM = [sys.executable, "-m", "ssosim"]
HERE = Path.cwd()
KEPT = {"lock", "trace.jsonl", "trace.1.jsonl", "lab.log"}

# No deadline for an example: its time depends on the load of the machine more than on the code.
settings.register_profile("ssosim", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ssosim")


def pytest_configure() -> None:
    """Keep logged errors; restore the default handlers of signals and the usual umask, which programs inherit.

    A background job of a script, and a program under nohup, start with SIGINT or SIGHUP ignored. With the umask 002 of
    an Ubuntu user, folders that tests make would be open to a group, and ssosim refuses those.
    """
    for name in ("ssosim", "aiohttp", "asyncio"):
        logging.getLogger(name).addHandler(_logged_errors)
    os.umask(0o022)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


class _LoggedErrors(logging.Handler):
    """Keeps the errors that are only logged: they are answered, for example with status 500, or end a task.

    The libraries log those of a handler of aiohttp, and of a callback or a task of asyncio that nobody awaits.
    """

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the text and the traceback.

        Of asyncio, only exceptions: a connection that the other side closed depends on time, and so does the end of a
        task that was cancelled, which Python 3.11 logs for a stream server.
        """
        error = record.exc_info[1] if record.exc_info else None
        if record.name == "asyncio" and (error is None or isinstance(error, asyncio.CancelledError | OSError)):
            return
        self.found.append(logging.Formatter().format(record))


_logged_errors = _LoggedErrors()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Fail a test that leaves another working folder behind, or in which the product logged an error.

    Later tests name their files from the working folder. A test that expects an error of the product takes ``caplog``.
    """
    yield
    errors = _logged_errors.found[:]
    _logged_errors.found.clear()
    if (left := Path.cwd()) != HERE:
        os.chdir(HERE)
        pytest.fail(f"it left the working folder {left}")
    if errors and "caplog" not in getattr(item, "fixturenames", ()):
        pytest.fail("the product logged an error:\n" + "\n".join(errors))


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Change a skip to a failure with the reason of the skip; an expected failure (xfail) is not changed."""
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI=true forbids: {reason}"


if os.environ.get("CI") == "true":
    # A machine that cannot run a test must not report success.

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport():
        """Fail a test that was skipped by a mark, a fixture or itself."""
        report = yield
        _refuse_skip(report)
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report():
        """Fail a module that was skipped."""
        report = yield
        _refuse_skip(report)
        return report


@dataclass(slots=True)
class Bench:
    """The command ``ssosim`` with a separate state folder."""

    home: Path
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of the command; ``more`` is added to it."""
        return os.environ | {"SSOSIM_HOME": str(self.home)} | more

    def run(self, *words: str | bytes, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run the command to its end; ``env`` is added to the environment."""
        env = self.environment(**options.pop("env", {}))
        options = {"stdin": subprocess.DEVNULL} | options if "input" not in options else options
        return subprocess.run(
            [*SSOSIM, *words], env=env, capture_output=True, text=True, timeout=180, check=False, **options
        )

    def popen(self, *words: str, **options: Any) -> subprocess.Popen[bytes]:
        """Start the command; it is killed at the end of the test if it still runs."""
        env = self.environment(**options.pop("env", {}))
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        process = subprocess.Popen([*SSOSIM, *words], env=env, **options)
        self.started.append(process)
        return process

    def up(self, *words: str) -> subprocess.Popen[bytes]:
        """Start ``ssosim up`` in the foreground, and wait until the lab is ready."""
        process = self.popen("up", *words)
        assert select.select([process.stdout], [], [], 60)[0], "no message that the lab is ready within 60 s"
        first = process.stdout.readline()
        assert b": up, ready in " in first, first + process.stderr.read()
        return process

    def records(self, name: str = "default") -> list[dict[str, Any]]:
        """Return the records of a lab's trace, as JSON objects."""
        done = self.run("trace", "--name", name, "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def processes(self) -> dict[int, bytes]:
        """Return the processes with this state folder in command line or environment: labs, KDCs, programs in them."""
        mine, found = os.fsencode(self.home), {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                line = (entry / "cmdline").read_bytes()
                known = mine in line or mine in (entry / "environ").read_bytes()
            except OSError:
                continue
            if known and line:  # a zombie has no command line
                found[int(entry.name)] = line.replace(b"\0", b" ")
        return found

    def mounts(self) -> list[str]:
        """Return the mounts of the machine in this state folder."""
        return [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(self.home) in line]

    def left(self, name: str = "default") -> set[str]:
        """Return the paths of all files in a lab's folder."""
        folder = self.home / "labs" / name
        return {str(path.relative_to(folder)) for path in folder.rglob("*")}

    def assert_nothing_running(self, timeout_s: float = 60.0) -> None:
        """Assert that all processes end by themselves."""
        end = time.monotonic() + timeout_s
        while self.processes() and time.monotonic() < end:
            time.sleep(0.01)
        assert self.processes() == {}

    def assert_nothing_left(self, name: str = "default", timeout_s: float = 60.0) -> None:
        """Assert that there is no process, no mount, and no file but the lock, the trace and the log."""
        end = time.monotonic() + timeout_s
        while (self.processes() or self.left(name) - KEPT) and time.monotonic() < end:
            time.sleep(0.01)
        assert self.processes() == {}
        assert self.mounts() == []
        assert self.left(name) <= KEPT

    def close(self) -> None:
        """Kill the processes that still run, and stop the labs."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
        labs = self.home / "labs"
        for lab in labs.iterdir() if labs.is_dir() else ():
            self.run("down", "--name", lab.name)
        logs = [lab / "lab.log" for lab in labs.iterdir()] if labs.is_dir() else []
        assert [text for log in logs if log.exists() and "Traceback" in (text := log.read_text(errors="replace"))] == []


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache with the realm and the keys of the default estate, which are slow to make."""
    home = tmp_path_factory.mktemp("prepared")
    bench = Bench(home)
    bench.run("up", "--detach")
    bench.close()
    return home / "cache"


@pytest.fixture
def bench(prepared: Path) -> Iterator[Bench]:
    """Give the command with a state folder for this test; paths in ``tmp_path`` may be too long for a socket."""
    with tempfile.TemporaryDirectory(prefix="ssosim-") as home:
        made = Bench(Path(home))
        shutil.copytree(prepared, made.home / "cache")
        yield made
        made.close()


def _running(home: Path, prepared: Path, *words: str) -> Iterator[Bench]:
    made = Bench(home)
    shutil.copytree(prepared, made.home / "cache")
    done = made.run("up", "--detach", *words)
    assert done.returncode == 0, done.stderr
    yield made
    made.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Iterator[Bench]:
    """Give a lab that is up; the tests of a module share it."""
    yield from _running(tmp_path_factory.mktemp("running"), prepared)


@pytest.fixture(scope="module")
def api_lab(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Iterator[Bench]:
    """Give a lab that is up, with its control API on loopback; the tests of a module share it."""
    yield from _running(tmp_path_factory.mktemp("api_lab"), prepared, "--api")


@pytest.fixture(params=["on", "off"], ids=["fast path", "ordinary way"])
def both_ways(request: pytest.FixtureRequest) -> Iterator[None]:
    """Servers of DNS and HTTP on the fast paths, and on the ordinary way of their libraries."""
    from tests.fast_paths import switched  # noqa: PLC0415 - most tests need neither server

    with switched(request.param):
        yield

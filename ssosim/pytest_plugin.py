"""The pytest plugin: fixtures, a marker and options, all with names that begin with ``sso``.

It imports the simulator on first use only, so it costs a test run that does not use it almost nothing.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import shutil
from collections.abc import Callable, Coroutine, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from ssosim_clients.models.base import Model

    from ssosim.files.owned_folder import CreatedFolder
    from ssosim.scenario.model import Scenario
    from ssosim.testing import HostedLab, Played
    from ssosim.testing.playing import AnyEstate
    from ssosim.testing.unused_calls import UnusedCalls

    _Play = Coroutine[Any, Any, Played]

_MARKER = (
    "sso(scenarios, clients, estate, seed): what the fixtures sso_scenario, sso_client, sso_estate and sso_seed give. "
    "scenarios and clients are lists, and the test runs once for each; 'all' stands for what is shipped."
)
_FIXTURES = {"scenarios": "sso_scenario", "clients": "sso_client", "estate": "sso_estate", "seed": "sso_seed"}
"""The fixture that gives the value of each argument of the marker."""
_LINES_SHOWN = 30


class _Runs:
    """The scenarios and labs of one test, for the report of its failure."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._factory = factory
        self.plays: list[tuple[Played, Path]] = []
        self.labs: list[HostedLab] = []
        self.folders: list[CreatedFolder] = []
        self.unused_calls: UnusedCalls | None = None
        self.failed = False
        self.kept: Path | None = None

    def new_folder(self) -> Path:
        """Make a folder for one more lab."""
        from ssosim.files.owned_folder import CreatedFolder  # noqa: PLC0415

        folder = self._factory.mktemp("sso")
        self.folders.append(CreatedFolder.at(folder))
        return folder

    def add_play(self, call: str, play: _Play) -> _Play:
        """Note a call of ``sso_play``, which the test must await, and return it."""
        from ssosim.testing.unused_calls import UnusedCalls  # noqa: PLC0415

        self.unused_calls = self.unused_calls or UnusedCalls()
        return self.unused_calls.add_coroutine(call, play)

    def close_unused_calls(self) -> list[str]:
        """Return a sentence for each call of the test that had no effect, since it was not awaited or entered."""
        calls = [lab.unused_calls for lab in self.labs]
        calls += [] if self.unused_calls is None else [self.unused_calls]
        return [sentence for each in calls for sentence in each.close()]


_RUNS = pytest.StashKey[_Runs]()
_CURRENT = pytest.StashKey[_Runs]()
_UNUSED = pytest.StashKey[list[tuple[str, str]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare ``--sso-*`` and the ini keys of the same meaning."""
    group = parser.getgroup("ssosim", "single sign-on scenarios (ssosim)")
    group.addoption("--sso-scenario", action="append", metavar="NAME", help="the scenario for tests that take any")
    group.addoption("--sso-client", action="append", metavar="NAME", help="the client model for tests that take any")
    group.addoption("--sso-seed", type=int, metavar="N", help="seed of all random numbers (default: the scenario's)")
    group.addoption("--sso-estate", metavar="FILE", help="your own estate instead of Contoso (TOML)")
    group.addoption("--sso-keep", metavar="DIR", help="keep lab folder, trace and report of tests that fail, below DIR")
    parser.addini("sso_scenarios", "scenarios for tests that take any", type="linelist")
    parser.addini("sso_clients", "client models for tests that take any", type="linelist")
    parser.addini("sso_seed", "seed of all random numbers")
    parser.addini("sso_estate", "estate file, relative to the root folder")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", _MARKER)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for each scenario and client, unless the test parametrises them itself."""
    for fixture, option, argument in (
        ("sso_scenario", "sso_scenario", "scenarios"),
        ("sso_client", "sso_client", "clients"),
    ):
        if fixture in metafunc.fixturenames and not _is_parametrised(metafunc.definition, fixture):
            values = _choice(metafunc.definition, option, argument)
            metafunc.parametrize(fixture, values, ids=[_id(value) for value in values], indirect=True)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Keep which options of the command line no collected test takes, for the end of the run."""
    if not session.items:
        return
    taken = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    session.config.stash[_UNUSED] = [
        (f"--{option.replace('_', '-')}", option)
        for option in _FIXTURES.values()
        if session.config.getoption(option) is not None and option not in taken
    ]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which options had no effect; the run may have passed without trying what they name."""
    for option, fixture in config.stash.get(_UNUSED, ()):
        terminalreporter.write_line(f"ssosim: {option} had no effect: no test of this run takes {fixture}")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a test whose marker has a mistake, whichever fixtures it uses: what a marker says is never dropped."""
    for mark in item.iter_markers("sso"):
        _check_marker(mark, item)
    taken: list[str] | None = getattr(item, "fixturenames", None)
    if taken is None:  # no function: nothing that takes fixtures
        return
    for mark in item.own_markers:
        for argument in mark.kwargs if mark.name == "sso" else ():
            if _FIXTURES[argument] not in taken:
                pytest.fail(
                    f"@pytest.mark.sso({argument}=...): nothing in this test takes {_FIXTURES[argument]}, so it would "
                    "have no effect; take the fixture, or remove the argument",
                    pytrace=False,
                )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fail a test that passed and did not await a play, or did not enter a block: it tried nothing."""
    try:
        result = yield
    finally:
        runs = item.stash.get(_RUNS, None)
        unused = runs.close_unused_calls() if runs is not None else []
    if unused:
        pytest.fail(f"{item.name}: {'; '.join(unused)}", pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Add verdicts, or the lab's last trace records, to the report of a failed test."""
    report = yield
    runs = item.stash.get(_RUNS, None)
    if runs is not None and report.failed and call.when != "teardown":
        runs.failed = True
        _explain(item, report, runs)
    return report


def pytest_assertrepr_compare(config: pytest.Config, op: str, left: object, right: object) -> list[str] | None:
    """Explain why an outcome is not the one that the test expects."""
    runs = config.stash.get(_CURRENT, None)
    if runs is None or not runs.plays:
        return None
    from ssosim.testing.assertion import explain_comparison  # noqa: PLC0415

    return explain_comparison([played for played, _ in runs.plays], op, left, right)


@pytest.fixture
def sso_estate(request: pytest.FixtureRequest) -> AnyEstate:
    """The estate of this test's labs: by parameter, option, marker or ini key, else Contoso. It may be overridden."""
    if getattr(request, "param", None) is not None:
        return cast("AnyEstate", request.param)
    if given := request.config.getoption("sso_estate"):
        return Path(request.config.invocation_params.dir, given)
    if (marked := _read_marker(request.node, "estate")) is not None:
        return cast("AnyEstate", marked)
    named = request.config.getini("sso_estate")
    return request.config.rootpath / named if named else None


@pytest.fixture
def sso_seed(request: pytest.FixtureRequest) -> int | None:
    """The seed of all random numbers: by option, marker or ini key, else None for the scenario's own."""
    given = request.config.getoption("sso_seed")
    if given is None:
        given = _read_marker(request.node, "seed")
    if given is None and (text := str(request.config.getini("sso_seed"))):
        given = int(text) if re.fullmatch(r"-?[0-9]{1,18}", text, re.ASCII) else text
    if given is not None and (not isinstance(given, int) or isinstance(given, bool)):
        pytest.fail(f"seed {given!r}: expected a whole number (--sso-seed, marker, or ini key sso_seed)", pytrace=False)
    return given


@pytest.fixture
def sso_scenario(request: pytest.FixtureRequest) -> Scenario:
    """A scenario; the test runs once for each that the marker, the option or the ini key names, else for all."""
    __tracebackhide__ = True
    from ssosim.testing.playing import resolve_scenario  # noqa: PLC0415

    with _without_traceback():
        return resolve_scenario(request.param)


@pytest.fixture
def sso_client(request: pytest.FixtureRequest) -> Model:
    """A client model; the test runs once for each that the marker, the option or the ini key names, else for all."""
    __tracebackhide__ = True
    from ssosim.testing.client_choice import find_shipped_model  # noqa: PLC0415

    with _without_traceback():
        return find_shipped_model(request.param) if isinstance(request.param, str) else request.param


@pytest.fixture
def sso_play(sso_estate: AnyEstate, sso_seed: int | None, _sso_runs: _Runs) -> Callable[..., _Play]:
    """Play a scenario in virtual time and return the verdicts on your client.

    ``await sso_play("feb-2025", client=MyClient())``: the scenario is a name, a TOML file or an object; the client is a
    model, a name, or a list of them; without it the scenario's own clients play, except programs. More keywords:
    estate, device, seed. It needs an asyncio loop, of any plugin.
    """

    async def play_in_folder(scenario: Any, client: Any, more: dict[str, Any]) -> Played:
        __tracebackhide__ = True
        from ssosim.testing.playing import play  # noqa: PLC0415

        options = {"estate": sso_estate, "seed": sso_seed} | more
        folder = _sso_runs.new_folder()
        played = await play(scenario, client, **options, folder=folder)
        _sso_runs.plays.append((played, folder))
        return played

    def sso_play(scenario: Any, client: Any = None, **more: Any) -> _Play:
        return _sso_runs.add_play(f"sso_play({scenario!r:.60}, ...)", play_in_folder(scenario, client, more))

    return sso_play


@pytest.fixture
def sso_play_sync(sso_estate: AnyEstate, sso_seed: int | None, _sso_runs: _Runs) -> Callable[..., Played]:
    """Do the same as ``sso_play`` in tests without asyncio: ``sso_play_sync("feb-2025", client="office")``."""

    def sso_play_sync(scenario: Any, client: Any = None, **more: Any) -> Played:
        __tracebackhide__ = True
        from ssosim.testing.playing import play_sync  # noqa: PLC0415

        options = {"estate": sso_estate, "seed": sso_seed} | more
        folder = _sso_runs.new_folder()
        played = play_sync(scenario, client, **options, folder=folder)
        _sso_runs.plays.append((played, folder))
        return played

    return sso_play_sync


@pytest.fixture
def sso_lab(sso_estate: AnyEstate, _sso_runs: _Runs) -> Iterator[HostedLab]:
    """A lab for this test on loopback, in real time, in its own thread: for tests with asyncio, trio or neither.

    ``sso_lab.endpoint(host)``, ``.ca_file``, ``.krb5_conf``, ``.environment()``, ``.records()``, ``.broken(fault)``,
    ``.sign_in(client)``; ``.call(function)`` runs an async function in its loop.
    """
    __tracebackhide__ = True
    from ssosim.testing.hosted_lab import host_lab  # noqa: PLC0415

    with contextlib.ExitStack() as cleanup:
        with _without_traceback():
            lab = cleanup.enter_context(host_lab(sso_estate, folder=_sso_runs.new_folder()))
        _sso_runs.labs.append(lab)
        yield lab


@pytest.fixture
def _sso_runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Runs]:
    """The scenarios and labs of this test; after a failure its folders are copied to the folder of ``--sso-keep``."""
    runs = _Runs(tmp_path_factory)
    request.node.stash[_RUNS] = request.config.stash[_CURRENT] = runs
    yield runs
    del request.config.stash[_CURRENT]
    for number, folder in enumerate(runs.folders, start=1):
        if runs.kept is not None:
            shutil.copytree(folder.path, runs.kept / str(number), ignore=_select_special_files)
        with contextlib.suppress(OSError):
            folder.remove()


def _is_parametrised(item: pytest.Item, fixture: str) -> bool:
    """Return whether the test's own ``parametrize`` sets ``fixture``."""
    for mark in item.iter_markers("parametrize"):
        names = mark.args[0] if mark.args else mark.kwargs.get("argnames", ())
        if fixture in ([name.strip() for name in names.split(",")] if isinstance(names, str) else names):
            return True
    return False


def _choice(item: pytest.Item, option: str, argument: str) -> list[Any]:
    """Return the values to run a test with: from the command line, else the marker, the ini key, or all."""
    marked = _read_marker(item, argument)
    if isinstance(marked, str | list | tuple | set | frozenset) and not marked:
        pytest.fail(
            f"{item.name}: @pytest.mark.sso({argument}=...) is empty; name at least one, or leave it out", pytrace=False
        )
    chosen = item.config.getoption(option) or marked
    chosen = chosen or item.config.getini(f"sso_{argument}") or "all"
    if chosen != "all":
        return [chosen] if isinstance(chosen, str) or not hasattr(chosen, "__iter__") else list(chosen)
    if argument == "clients":
        from ssosim_clients.catalogue import MODELS  # noqa: PLC0415

        return list(MODELS)
    from ssosim.scenario.loader import catalogue  # noqa: PLC0415

    return [scenario.name for scenario in catalogue()]


def _read_marker(item: pytest.Item, argument: str) -> Any:
    """Return the value of ``argument`` in the closest ``sso`` marker, or None."""
    for mark in item.iter_markers("sso"):
        _check_marker(mark, item)
        if mark.kwargs.get(argument) is not None:
            return mark.kwargs[argument]
    return None


def _check_marker(mark: pytest.Mark, item: pytest.Item) -> None:
    """Fail the test for an argument that the marker does not have."""
    if mark.args or not mark.kwargs.keys() <= _FIXTURES.keys():
        pytest.fail(
            f"{item.name}: @pytest.mark.sso takes scenarios=, clients=, estate= and seed=; see: {_MARKER}",
            pytrace=False,
        )


def _id(value: Any) -> str:
    """Return the text of a parameter in a test's id."""
    if isinstance(value, str):
        return Path(value).stem if value.endswith(".toml") else value
    name = getattr(value, "name", None)
    return name if isinstance(name, str) else type(value).__name__


def _explain(item: pytest.Item, report: pytest.TestReport, runs: _Runs) -> None:
    """Add report sections to a failed test: each run's verdicts with their evidence, each lab's last exchanges."""
    from ssosim.output import clean  # noqa: PLC0415
    from ssosim.trace.export import format_record  # noqa: PLC0415

    seeds = {played.seed for played, _ in runs.plays}
    test = f"this test: pytest '{item.nodeid}'" + (f" --sso-seed {seeds.pop()}" if len(seeds) == 1 else "")
    for played, _ in runs.plays:
        _add_section(report, "single sign-on", f"{clean(played.explain())}\n{test}")
    for lab in runs.labs:
        lines = [format_record(record) for record in lab.records()[-_LINES_SHOWN:]]
        _add_section(report, "single sign-on: the lab's last exchanges", clean("\n".join([*lines, test])))
    if item.config.getoption("sso_keep"):
        for played, folder in runs.plays:
            played.write(folder)
        for lab in runs.labs:
            lab.write_trace(lab.folder / "trace.jsonl")
        runs.kept = runs.kept or _choose_kept_folder(item)
        _add_section(report, "single sign-on: kept", str(runs.kept))


def _add_section(report: pytest.TestReport, title: str, text: str) -> None:
    """Add a section to the failure itself, so that JUnit XML and other reports have it, whatever they capture."""
    if (add := getattr(report.longrepr, "addsection", None)) is not None:
        add(title, text, "-")
    elif isinstance(report.longrepr, str):
        report.longrepr += f"\n{f' {title} ':-^80}\n{text}"
    else:
        report.sections.append((title, text))


def _choose_kept_folder(item: pytest.Item) -> Path:
    """Make a new folder for the files of ``item`` below that of ``--sso-keep``, and return its path."""
    base = Path(item.config.invocation_params.dir, item.config.getoption("sso_keep"))
    stem = re.sub(r"[^\w.-]+", "-", item.nodeid.replace("::", "-")).strip("-.")[:100]
    for number in itertools.count(1):
        folder = base / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir(mode=0o700, parents=True)
        except FileExistsError:
            continue
        return folder
    raise AssertionError  # the loop has no end


def _select_special_files(folder: str, names: list[str]) -> list[str]:
    """Return the names in ``folder`` that are neither files nor folders, such as sockets."""
    return [name for name in names if not (Path(folder, name).is_file() or Path(folder, name).is_dir())]


@contextlib.contextmanager
def _without_traceback() -> Iterator[None]:
    """Report a LabError as one message without a traceback."""
    from ssosim.lab.base.errors import LabError  # noqa: PLC0415
    from ssosim.output import clean  # noqa: PLC0415

    try:
        yield
    except LabError as error:
        raise pytest.fail.Exception(
            clean(str(error)), pytrace=False
        ) from None  # else pytest shows it once for each cause

"""Play a scenario in the process of a test, in a loopback lab with virtual time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType

import msgspec

from ssosim.clock import VirtualClock
from ssosim.dns import DnsChangeError
from ssosim.estate import Estate, EstateError
from ssosim.estate.checks import find_mistakes
from ssosim.estate.toml import TomlMistakeError, format_mistake
from ssosim.faults import FaultError
from ssosim.files.opening import printable_path
from ssosim.files.owned_folder import open_or_create_folder, temporary_folder
from ssosim.kerberos import KerberosError, KerberosMissingError
from ssosim.lab.base.errors import LabError, LabInputError, PrerequisiteError
from ssosim.lab.base.estate_option import read_estate
from ssosim.lab.base.folder import convert_folder_errors, ensure_cache_folder
from ssosim.lab.core.lab import Lab
from ssosim.report.evidence import evidence
from ssosim.scenario.fault_clients import check_fault_clients
from ssosim.scenario.loader import check_scenario, load_scenario
from ssosim.scenario.model import Scenario
from ssosim.scenario.phases import Playback
from ssosim.scenario.player import play as play_in_lab
from ssosim.scenario.results import run_result
from ssosim.testing.client_choice import AnyClient, ClientChoice, choose_clients
from ssosim.testing.played import ClientPhase, Played
from ssosim.trace import Record
from ssosim.verdict.expectations import ONLY_DEFAULT

__all__ = [
    "AnyEstate",
    "AnyScenario",
    "convert_error",
    "play",
    "play_sync",
    "resolve_estate",
    "resolve_scenario",
    "working_folder",
]

_MAX_SHOWN = 20

AnyScenario = Scenario | str | Path
"""A scenario, the name of a shipped one, or a TOML file."""

AnyEstate = Estate | str | Path | None
"""An estate, a TOML file, or None for Contoso."""


async def play(
    scenario: AnyScenario,
    client: AnyClient | Iterable[AnyClient] | None = None,
    *,
    estate: AnyEstate = None,
    device: str | None = None,
    seed: int | None = None,
    folder: Path | None = None,
    cache: Path | None = None,
) -> Played:
    """Play ``scenario`` against ``client`` in virtual time and return the verdicts.

    ``client`` is a model, the name of one, or several; by default the scenario's own, without its programs. ``device``
    is the estate's device to sign in on, ``seed`` overrides the scenario's own. ``folder`` is filled with the
    lab's files and left; by default it is a temporary one. ``cache`` keeps prepared realms between runs.

    Raises LabInputError for a name, file or client that cannot be used, PrerequisiteError where the machine lacks
    something, LabError when a client breaks. Needs a running asyncio loop; ``play_sync`` does not.
    """
    __tracebackhide__ = True
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise LabInputError(
            "sso_play needs an asyncio loop; under trio, or without a loop, use sso_play_sync"
        ) from None
    try:
        return await _play(_PlayRequest(scenario, client, estate, device, seed), folder, cache or ensure_cache_folder())
    except Exception as error:  # noqa: BLE001 - passed on, without our frames
        raise convert_error(error)  # noqa: B904 - its cause is chosen there


def play_sync(
    scenario: AnyScenario,
    client: AnyClient | Iterable[AnyClient] | None = None,
    *,
    estate: AnyEstate = None,
    device: str | None = None,
    seed: int | None = None,
    folder: Path | None = None,
    cache: Path | None = None,
) -> Played:
    """As ``play``, for tests without asyncio. Raises LabInputError inside a running loop."""
    __tracebackhide__ = True
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        raise LabInputError(
            "an asyncio loop runs here already: use 'await sso_play(...)' instead of sso_play_sync(...)"
        )
    request = _PlayRequest(scenario, client, estate, device, seed)
    try:
        with asyncio.Runner() as runner:
            return runner.run(_play(request, folder, cache or ensure_cache_folder()))
    except Exception as error:  # noqa: BLE001 - passed on, without our frames
        raise convert_error(error)  # noqa: B904 - its cause is chosen there


def resolve_scenario(scenario: AnyScenario) -> Scenario:
    """Return the scenario with its includes.

    Raises LabInputError with the known names, or with the position of the mistake.
    """
    try:
        return check_scenario(scenario) if isinstance(scenario, Scenario) else load_scenario(str(scenario))
    except TomlMistakeError as error:
        raise LabInputError(str(error)) from error


def resolve_estate(estate: AnyEstate) -> Estate:
    """Return the estate. Raises LabInputError with the position of the mistake, in a value as in a file."""
    if not isinstance(estate, Estate):
        return read_estate(None if estate is None else Path(estate))
    if mistakes := list(find_mistakes(estate)):
        shown = [format_mistake("", f"estate {estate.name}", each.path, each.text) for each in mistakes[:_MAX_SHOWN]]
        raise LabInputError("\n".join(shown))
    return estate


@contextlib.contextmanager
def working_folder(folder: Path | None) -> Iterator[Path]:
    """``folder``, which must be new or empty, or a temporary one that is gone afterwards.

    Raises LabInputError for a folder that is a link, belongs to somebody else, can be written to by others, or holds
    something, which the lab's files could take the place of.
    """
    if folder is None:
        with temporary_folder("ssosim-") as made:
            yield made
        return
    hint = "give a new folder, or an empty one"
    with convert_folder_errors(folder, hint), open_or_create_folder(folder, hint) as there:
        if os.listdir(there):  # noqa: PTH208 - a descriptor
            raise LabInputError(f"{printable_path(folder)}: is not empty, and a lab is to put its files there; {hint}")
    yield folder


@dataclass(frozen=True, slots=True)
class _PlayRequest:
    """The arguments of ``play``."""

    scenario: AnyScenario
    client: AnyClient | Iterable[AnyClient] | None
    estate: AnyEstate
    device: str | None
    seed: int | None


async def _play(request: _PlayRequest, folder: Path | None, cache: Path) -> Played:
    chosen = resolve_scenario(request.scenario)
    if request.seed is not None:
        chosen = msgspec.structs.replace(chosen, seed=request.seed)
    choice = choose_clients(chosen, request.client, request.device)
    check_fault_clients(chosen, [client.name for client in choice.scenario.clients])
    estate = choice.scenario.estate(resolve_estate(request.estate or chosen.default_estate or None))
    with working_folder(folder) as home:
        clock = VirtualClock(chosen.phases[0].start.timestamp())
        async with Lab(estate, home, cache, clock=clock) as lab:
            playback = await lab.run_while_healthy(play_in_lab(choice.scenario, lab, clock, choice.models))
            records = lab.trace.since()
    return _build_played(playback, records, choice, _find_source_name(request, chosen), request.estate)


def convert_error(error: Exception) -> Exception:
    """Return ``error`` as a LabError without ssosim's frames; frames of a client's own exception are kept."""
    if isinstance(error, KerberosMissingError):
        error = PrerequisiteError(str(error))
    elif isinstance(error, EstateError):
        error = LabInputError(str(error))
    elif isinstance(error, (DnsChangeError, FaultError, KerberosError)):
        error = LabError(str(error))
    elif not isinstance(error, LabError):
        return error
    cause = error.__cause__
    of_client = None if cause is None else _strip_own_frames(cause.__traceback__)
    error.__cause__ = None if cause is None or of_client is None else cause.with_traceback(of_client)
    return error.with_traceback(None)


def _strip_own_frames(trace: TracebackType | None) -> TracebackType | None:
    """Return the traceback from the first frame outside ssosim; None if that frame is in the standard library."""
    while trace is not None and _package(trace) == "ssosim":
        trace = trace.tb_next
    return None if trace is None or _package(trace) in sys.stdlib_module_names else trace


def _package(trace: TracebackType) -> str:
    return str(trace.tb_frame.f_globals.get("__name__", "")).split(".")[0]


def _build_played(
    playback: Playback, records: tuple[Record, ...], choice: ClientChoice, source: str, estate: AnyEstate
) -> Played:
    added = {client.name for client in playback.scenario.clients if client.added and not client.expect}
    phases = {phase.name: phase for phase in playback.scenario.phases}
    client_phases = tuple(
        ClientPhase(
            result.client,
            result.phase,
            phases[result.phase].title,
            phases[result.phase].start + timedelta(seconds=result.sign_in_at or 0.0),
            result.verdict,
            result.expected,
            tuple(evidence(records, result.verdict.evidence)),
            result.measures,
            result.sign_in_at,
            only_default=result.client in added and result.expected == ONLY_DEFAULT,
        )
        for result in playback.results
    )
    return Played(
        playback.scenario,
        client_phases,
        run_result(playback),
        records,
        choice.skipped_programs,
        choice.unnamed_clients,
        source,
        None if estate is None else str(estate),
    )


def _find_source_name(request: _PlayRequest, chosen: Scenario) -> str:
    """Return the scenario's name on the command line; empty if the scenario or the estate is an object."""
    if isinstance(request.estate, Estate):
        return ""
    if not isinstance(request.scenario, Scenario):
        return str(request.scenario)
    try:
        shipped = load_scenario(chosen.name)
    except TomlMistakeError:
        return ""
    return chosen.name if msgspec.structs.replace(chosen, seed=shipped.seed) == shipped else ""

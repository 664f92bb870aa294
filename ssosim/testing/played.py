"""The result of a scenario for a test's assertions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import msgspec

from ssosim.lab.base.errors import LabInputError
from ssosim.report.evidence import Line
from ssosim.report.repeat_command import build_repeat_command
from ssosim.scenario.model import Scenario
from ssosim.trace import Record
from ssosim.trace.export import record_to_json
from ssosim.verdict.expectations import (
    BrokenExpectation,
    Expectation,
    ExpectationError,
    ExpectationTable,
    check,
    convert_expectation,
)
from ssosim.verdict.judge import Verdict
from ssosim.verdict.measures import NOTHING_MEASURED, Measures
from ssosim.verdict.outcome import Outcome, label_phase
from ssosim.verdict.result import RunResult, encode_result
from ssosim.verdict.status import is_idle

__all__ = ["ClientPhase", "Decided", "Played"]


@dataclass(frozen=True, slots=True)
class ClientPhase:
    """One client in one phase. ``begins`` is the start of the phase, ``expected`` the scenario's expectation or None.

    ``evidence`` are the trace lines behind the verdict, with the faults in force. ``sign_in_at``: which sign-in of a
    phase with ``sign_in_at``, in seconds from its start; ``begins`` is the start of that sign-in. ``only_default``: the
    client is not of the scenario, and in this phase nothing is expected but what holds for any client, no exposure.
    """

    client: str
    phase: str
    title: str
    begins: datetime
    verdict: Verdict
    expected: Expectation | None = None
    evidence: tuple[Line, ...] = field(default=(), repr=False)
    measures: Measures = field(default=NOTHING_MEASURED, repr=False)
    sign_in_at: float | None = None
    only_default: bool = False

    @property
    def is_judged(self) -> bool:
        """Whether something is expected of this client in this phase, beyond what holds for any client."""
        return bool(self.expected) and not self.only_default

    @property
    def outcome(self) -> Outcome:
        """The outcome of the sign-in."""
        return self.verdict.outcome

    @property
    def reason(self) -> str:
        """The reason for the outcome in one sentence, from the wire."""
        return self.verdict.reason

    @property
    def after_s(self) -> float | None:
        """The time of the decision in seconds from the start of the phase; None if there was none."""
        return self.verdict.after_s

    @property
    def note(self) -> str:
        """A note on pauses of the lab itself during the phase; empty if there were none."""
        return self.verdict.note

    @property
    def as_expected(self) -> bool:
        """Whether all that is expected holds. Raises LabInputError where nothing is: a test of that could not fail.

        An exposure is false even there.
        """
        if not self.is_judged and not self.broken:
            raise LabInputError(
                f"as_expected: nothing is expected of {self.client} in phase {self.phase!r}, so nothing could fail; "
                "say what is expected, such as outcome == 'silent'"
            )
        return not self.broken

    @property
    def broken(self) -> tuple[BrokenExpectation, ...]:
        """The parts of the expectation that do not hold."""
        return () if self.expected is None else check(self.expected, self.verdict, self.measures)

    def decided_within(self, *, hours: float = 0, minutes: float = 0, seconds: float = 0) -> bool:
        """Return whether the client signed in or failed within this time from the start of the phase."""
        limit = hours * 3600 + minutes * 60 + seconds
        return self.after_s is not None and self.after_s <= limit

    def __bool__(self) -> NoReturn:
        """Raise TypeError: a result is there whatever the client did, so a test of that could not fail."""
        raise TypeError("a result is neither true nor false; compare its outcome, as in .outcome == 'silent'")

    def __str__(self) -> str:
        decided = "never decided" if self.after_s is None else f"decided after {self.after_s:g} s"
        where = f"{self.client} in {label_phase(self.phase, self.sign_in_at)!r} ({self.begins:%H:%M} UTC)"
        return f"{where}: {self.outcome}, {decided}: {self.reason}{f' ({self.note})' if self.note else ''}"

    def explain(self) -> str:
        """Return the verdict and the trace lines behind it."""
        return "\n".join([str(self), *(f"    {line}" for line in self.evidence)])


@dataclass(frozen=True, slots=True, repr=False)
class Decided:
    """The answer of ``decided_within``: true if no client was late. ``limit_s`` is the limit in seconds."""

    limit_s: float
    late: tuple[ClientPhase, ...]

    def __bool__(self) -> bool:
        return not self.late

    def __repr__(self) -> str:
        if not self.late:
            return "True"
        times = [
            f"{each.client} in {each.phase!r}: " + ("never" if each.after_s is None else f"after {each.after_s:g} s")
            for each in self.late
        ]
        return f"not decided within {self.limit_s:g} s: {', '.join(times)}"


@dataclass(frozen=True, slots=True, repr=False)
class Played:
    """The results of a scenario that was played: one ``ClientPhase`` for each sign-in of a client in a phase.

    ``skipped_programs`` are the scenario's programs, which a loopback lab cannot run. ``records`` is the whole trace;
    ``result`` is the input of reports and ``--json``. ``unnamed_clients`` are clients given as objects, which no
    command line can name. ``examined`` are the results that the test has read, for the report of its failure.
    ``was_required``: this is what ``require`` returned.
    """

    scenario: Scenario
    client_phases: tuple[ClientPhase, ...]
    result: RunResult
    records: tuple[Record, ...] = ()
    skipped_programs: tuple[str, ...] = ()
    unnamed_clients: frozenset[str] = frozenset()
    source: str = ""
    estate_file: str | None = None
    examined: list[ClientPhase] = field(default_factory=list)
    was_required: bool = False

    @property
    def clients(self) -> tuple[str, ...]:
        """The names of the clients, in the scenario's order."""
        return tuple(dict.fromkeys(result.client for result in self.client_phases))

    @property
    def seed(self) -> int:
        """The seed of all random numbers."""
        return self.scenario.seed

    def phase(self, name: str, client: str | None = None, *, sign_in_at: float | None = None) -> ClientPhase:
        """Return the result of ``client`` in phase ``name``; ``client`` may be omitted if there is only one.

        ``sign_in_at`` says which sign-in, in seconds from the start of the phase, if the phase has several. Raises
        LabInputError with the known names.
        """
        here = [result for result in self.client_phases if result.phase == name]
        if not here:
            raise LabInputError(f"{self.scenario.name} has no phase {name!r}; it has: {', '.join(self._phases())}")
        times = [*dict.fromkeys(result.sign_in_at for result in here if result.sign_in_at is not None)]
        if (sign_in_at is None and len(times) > 1) or (sign_in_at is not None and sign_in_at not in times):
            known = f"one of {', '.join(f'{at:g}' for at in times)}" if times else "none: the clients sign in once"
            raise LabInputError(f"which sign-in? phase({name!r}, sign_in_at=...) with {known}")
        here = [result for result in here if sign_in_at in (None, result.sign_in_at)]
        if client is None and len(here) > 1:
            raise LabInputError(f"which client? phase({name!r}, client=...) with one of: {', '.join(self.clients)}")
        found = next((result for result in here if client in (None, result.client)), None)
        if found is None:
            raise LabInputError(f"there is no client {client!r} in this run; there are: {', '.join(self.clients)}")
        self.examined.append(found)
        return found

    def client(self, name: str) -> Played:
        """Return the same run with ``name`` as its only client. Raises LabInputError with the known names."""
        if name not in self.clients:
            raise LabInputError(f"there is no client {name!r} in this run; there are: {', '.join(self.clients)}")
        mine = tuple(result for result in self.client_phases if result.client == name)
        return Played(
            self.scenario,
            mine,
            self.result,
            self.records,
            self.skipped_programs,
            self.unnamed_clients,
            self.source,
            self.estate_file,
            self.examined,
        )

    def __iter__(self) -> Iterator[ClientPhase]:
        return iter(self.client_phases)

    def __bool__(self) -> bool:
        """Return True for what ``require`` returns. Raises TypeError for any other run, which is there in any case."""
        if not self.was_required:
            raise TypeError("a run is neither true nor false; use .as_expected, or .require(...)")
        return True

    def require(  # noqa: PLR0913 - one for each rule, by name only
        self,
        outcome: str | Iterable[str] = (),
        *,
        phase: str | Iterable[str] | None = None,
        client: str | None = None,
        within: str | float | None = None,
        never: str | Iterable[str] = (),
        code: str | int | Iterable[str | int] = (),
        reason_contains: str | Iterable[str] = (),
        max_prompts: int | None = None,
        max_rate: str | float | None = None,
        no_exposure: bool | None = None,
    ) -> Played:
        """Fail the test (AssertionError) if a client does otherwise in a phase; the text has phase, rule and figure.

        ``outcome`` and ``never`` are outcomes, such as ``"silent|interactive"``; ``within`` is a duration (``"30s"``,
        or seconds), ``max_rate`` requests in a minute (``"60/min"``), ``code`` the error code of the cause
        (``"AADSTS50126"``), ``reason_contains`` what the reason must contain. ``phase`` are names of phases, by default
        all; ``client`` is a client's name, by default all. Without an expectation: what the scenario expects; that is a
        mistake where it expects nothing. Raises LabInputError for an unknown name, a wrong value, and no phase. Returns
        the run.
        """
        __tracebackhide__ = True
        expectation = _make_expectation(
            outcome, within, never, max_prompts, max_rate, no_exposure, code=code, reason_contains=reason_contains
        )
        phases = self._phases() if phase is None else (phase,) if isinstance(phase, str) else tuple(phase)
        clients = self.clients if client is None else (client,)
        results = [result for name in phases for who in clients for result in self._sign_ins(name, who)]
        if not results:
            raise LabInputError("require(): phase is an empty list, so nothing could fail; name at least one phase")
        if not expectation and not any(result.is_judged or result.broken for result in results):
            raise LabInputError(
                f"require(): {self.scenario.name} expects nothing of {', '.join(clients)}, so nothing could fail; "
                'say what is expected, such as require("silent|interactive")'
            )
        lines = []
        for result in results:
            expected = expectation or result.expected
            if expected and (broken := check(expected, result.verdict, result.measures)):
                where = label_phase(result.phase, result.sign_in_at)
                lines.append(f"{result.client} in phase {where!r}: expected {'; '.join(map(str, broken))}")
                lines.append(f"    {result}")
        if lines:
            raise AssertionError("\n".join([*lines, *([f"again: {again}"] if (again := self.repeat_command) else [])]))
        if (
            expectation
            and not expectation.names_result
            and all(is_idle(each.outcome, each.measures) for each in results)
        ):
            raise LabInputError(
                f"require(): {', '.join(clients)} sent nothing there, and so would keep any bound ({expectation}); "
                'say what is expected, such as require("stalled")'
            )
        return replace(self, was_required=True)

    @property
    def as_expected(self) -> bool:
        """Whether all that is expected of the clients holds; of a client without an expectation nothing is.

        Raises LabInputError where nothing is expected of any client: a test of that could not fail.
        """
        if not any(result.is_judged or result.broken for result in self.client_phases):
            who = ", ".join(self.clients)
            raise LabInputError(
                f"as_expected: {self.scenario.name} expects nothing of {who}, so nothing could fail; "
                'say what is expected, such as require("silent|interactive")'
            )
        broken = [result for result in self.client_phases if result.broken]
        self.examined.extend(broken)
        return not broken

    def decided_within(self, *, hours: float = 0, minutes: float = 0, seconds: float = 0) -> Decided:
        """Return whether in every phase every client signed in or failed within this time from its start.

        The result is true or false, and shows the client, phase and time of each that did not.
        """
        late = [
            result
            for result in self.client_phases
            if not result.decided_within(hours=hours, minutes=minutes, seconds=seconds)
        ]
        self.examined.extend(late)
        return Decided(hours * 3600 + minutes * 60 + seconds, tuple(late))

    @property
    def repeat_command(self) -> str:
        """The command that repeats the run; empty if a client or the estate is an object, which only the test has."""
        if self.unnamed_clients.intersection(self.clients) or not self.source:
            return ""
        return build_repeat_command(self.source, self.clients, self.seed, self.estate_file)

    def explain(self) -> str:
        """Return one line per client and phase, with the trace lines of examined results (of all, if none is)."""
        asked = [result for result in self.client_phases if result in self.examined] or list(self.client_phases)
        lines = [
            f"{self.scenario.name}: {self.scenario.title}",
            f"seed {self.seed}; clients: {', '.join(self.clients)}",
        ]
        lines += [
            "  " + (result.explain() if result in asked else str(result)).replace("\n", "\n  ")
            for result in self.client_phases
        ]
        if self.skipped_programs:
            lines.append(
                f"left out, since a loopback lab runs no programs: {', '.join(self.skipped_programs)}; "
                f"with them: ssosim run {self.source or self.scenario.name}"
            )
        if self.repeat_command:
            lines.append(f"again: {self.repeat_command}")
        return "\n".join(lines)

    def write(self, folder: Path) -> list[Path]:
        """Write ``trace.jsonl`` and ``report.html`` to ``folder`` and return their paths."""
        from ssosim.report.html import html_report  # noqa: PLC0415 - only for what is kept

        trace, report = folder / "trace.jsonl", folder / "report.html"
        trace.write_text("".join(record_to_json(record) + "\n" for record in self.records), encoding="utf-8")
        report.write_text(html_report(self.result, self.records, again=self.repeat_command), encoding="utf-8")
        return [trace, report]

    def as_json(self) -> str:
        """Return the result as ``ssosim run --json`` prints it."""
        return msgspec.json.format(encode_result(self.result), indent=2).decode()

    def __repr__(self) -> str:
        outcomes = ", ".join(
            f"{result.client}/{label_phase(result.phase, result.sign_in_at)}={result.outcome}"
            for result in self.client_phases
        )
        return f"<Played {self.scenario.name}: {outcomes}>"

    def _sign_ins(self, phase: str, client: str) -> list[ClientPhase]:
        """Return all sign-ins of ``client`` in ``phase``. Raises LabInputError with the known names."""
        times = dict.fromkeys(result.sign_in_at for result in self.client_phases if result.phase == phase)
        return [self.phase(phase, client, sign_in_at=at) for at in times or (None,)]

    def _phases(self) -> tuple[str, ...]:
        return tuple(phase.name for phase in self.scenario.phases)


def _make_expectation(  # noqa: PLR0913 - one for each rule
    outcome: str | Iterable[str],
    within: str | float | None,
    never: str | Iterable[str],
    max_prompts: int | None,
    max_rate: str | float | None,
    no_exposure: bool | None,
    *,
    code: str | int | Iterable[str | int],
    reason_contains: str | Iterable[str],
) -> Expectation | None:
    """Return the expectation of the arguments of ``require``; None if there is none. Raises LabInputError."""
    table = ExpectationTable(
        outcome=outcome if isinstance(outcome, str) else tuple(outcome),
        never=never if isinstance(never, str) else tuple(never),
        code=code if isinstance(code, str | int) else tuple(code),
        reason_contains=reason_contains if isinstance(reason_contains, str) else tuple(reason_contains),
        within=within,
        max_prompts=max_prompts,
        max_rate=max_rate,
        no_exposure=no_exposure,
    )
    try:
        return None if table == ExpectationTable() else convert_expectation(table)
    except ExpectationError as error:
        raise LabInputError(f"require(): {error}") from error

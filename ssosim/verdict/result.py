"""A run's result as one model: what a lab's process tells, what ``--json`` prints, what reports are made of.

``docs/run-result.schema.json`` is its JSON Schema; ``python -m ssosim.verdict.schema`` writes it anew. A change that a
reader of version 1 would not understand needs another ``VERSION``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from ssosim import __version__
from ssosim.output import one_line
from ssosim.verdict.credentials import CredentialAttempt
from ssosim.verdict.expectations import BrokenExpectation, Expectation, check
from ssosim.verdict.judge import Verdict
from ssosim.verdict.measures import NOTHING_MEASURED, Measures
from ssosim.verdict.outcome import Outcome, label_phase
from ssosim.verdict.pauses import Pause
from ssosim.verdict.status import Status, combine_statuses, decide_status, is_idle

__all__ = [
    "VERSION",
    "ClientResult",
    "PhaseFault",
    "PhaseResult",
    "ResultFormatError",
    "RunResult",
    "convert_result",
    "encode_result",
    "read_result",
]

VERSION: Literal["1"] = "1"
"""The version of the format."""

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A moment with its time zone, in JSON as RFC 3339 writes it."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class ResultFormatError(ValueError):
    """It is no result of a run, or one of another version; the message says what, where, and what to do."""


class _Frozen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Immutable, named fields only, unknown keys refused."""


class ClientResult(_Frozen, frozen=True, kw_only=True):
    """One client in one phase: the verdict (see ``Verdict``), its measures, and what was expected.

    ``expected`` is None where nothing is expected. ``broken`` are the parts of it that do not hold, and ``as_expected``
    says that there are none. ``status`` is ``not-judged`` where no outcome is expected: nothing could fail there,
    except by an exposure; and where only bounds are expected, such as ``max_prompts``, of a client that sent nothing.
    ``decided_s`` is of programs only: real seconds from the program's own start until its
    verdict stood.
    """

    outcome: Outcome
    reason: str
    after_s: float | None = None
    spn: str = ""
    attempts: int = 0
    evidence: tuple[int, ...] = ()
    pauses: tuple[Pause, ...] = ()
    note: str = ""
    prompts: int = 0
    credential: str = ""
    credential_attempts: tuple[CredentialAttempt, ...] = ()
    tried: str = ""
    code: str = ""
    measures: Measures = NOTHING_MEASURED
    expected: Expectation | None = None
    broken: tuple[BrokenExpectation, ...] = ()
    as_expected: bool
    status: Status = "not-judged"
    decided_s: float | None = None

    def __post_init__(self) -> None:
        """Set ``status`` by the other fields, so that it never says something else."""
        idle = is_idle(self.outcome, self.measures)
        status = decide_status(self.expected, self.broken, idle=idle) if self.as_expected else "failed"
        msgspec.structs.force_setattr(self, "status", status)

    @classmethod
    def of(
        cls,
        verdict: Verdict,
        *,
        measures: Measures = NOTHING_MEASURED,
        expected: Expectation | None = None,
        decided_s: float | None = None,
    ) -> ClientResult:
        """The result that ``verdict`` is, against what was ``expected``."""
        broken = () if expected is None else check(expected, verdict, measures)
        return cls(
            outcome=verdict.outcome,
            reason=verdict.reason,
            after_s=verdict.after_s,
            spn=verdict.spn,
            attempts=verdict.attempts,
            evidence=verdict.evidence,
            pauses=verdict.pauses,
            note=verdict.note,
            prompts=verdict.prompts,
            credential=verdict.credential,
            credential_attempts=verdict.credential_attempts,
            tried=verdict.tried,
            code=verdict.code,
            measures=measures,
            expected=expected,
            broken=broken,
            as_expected=not broken,
            decided_s=decided_s,
        )

    @property
    def verdict(self) -> Verdict:
        """The verdict alone."""
        return Verdict(
            self.outcome,
            self.reason,
            self.after_s,
            self.spn,
            self.attempts,
            self.evidence,
            self.pauses,
            self.note,
            self.prompts,
            self.credential,
            self.credential_attempts,
            self.tried,
            self.code,
        )

    @property
    def is_judged(self) -> bool:
        """Whether something is expected of the sign-in, or an expectation is broken: else nothing could fail here."""
        return self.status != "not-judged"


class PhaseFault(_Frozen, frozen=True, kw_only=True):
    """A fault of a phase: its registered ``name``, and in ``detail`` what it changes.

    In force from ``at`` to ``until``, in seconds from the start of the phase; None is its end. A limit of the fault's
    own may end it sooner.
    """

    name: str
    detail: str
    at: float = 0.0
    until: float | None = None


class PhaseResult(_Frozen, frozen=True, kw_only=True):
    """A phase: its name, when it began, the faults in it, and the result of each client by its name.

    A phase of a scenario with ``sign_in_at`` is one entry for each of its sign-ins, all with the same name:
    ``sign_in_at`` says which, in seconds from the start of the phase, and ``start`` is when it began. ``notes`` are
    sentences about the phase, such as about a fault that touched nothing. ``share_silent`` is the part of the
    scenario's mix, from 0 to 1, that signed in silently; None without a mix.
    """

    phase: str
    title: str = ""
    start: Moment
    sign_in_at: float | None = None
    share_silent: float | None = None
    faults: tuple[PhaseFault, ...] = ()
    notes: tuple[str, ...] = ()
    clients: dict[str, ClientResult]

    @property
    def label(self) -> str:
        """The name, with the time of the sign-in if the phase names its sign-ins."""
        return label_phase(self.phase, self.sign_in_at)


class RunResult(_Frozen, frozen=True, kw_only=True):
    """What came of a scenario. ``mix`` are the clients' weights, ``versions`` of what played it, by name.

    ``as_expected``: no expectation is broken. ``status`` says whether there was one: ``passed`` (one at least, and all
    hold), ``failed``, or ``not-judged`` (no outcome was expected of any client, so nothing could fail, except by an
    exposure). ``left_out`` are the clients that did not play, each with what it needs
    and the estate lacks.
    """

    version: Literal["1"]
    kind: Literal["run"] = "run"
    versions: dict[str, str] = {}
    scenario: str
    title: str = ""
    seed: int = 0
    end: Moment
    sources: tuple[str, ...] = ()
    as_expected: bool
    status: Status = "not-judged"
    mix: dict[str, float] = {}
    left_out: dict[str, str] = {}
    phases: tuple[PhaseResult, ...]

    def __post_init__(self) -> None:
        """Set ``status`` by those of the clients."""
        of_clients = (each.status for phase in self.phases for each in phase.clients.values())
        msgspec.structs.force_setattr(self, "status", combine_statuses(of_clients))

    @property
    def clients(self) -> tuple[str, ...]:
        """Who signed in, in the scenario's order."""
        return tuple(self.phases[0].clients) if self.phases else ()

    @property
    def judged(self) -> tuple[ClientResult, ...]:
        """The results of which something was expected, beyond that nothing is exposed."""
        return tuple(each for phase in self.phases for each in phase.clients.values() if each.is_judged)


class _VersionOnly(msgspec.Struct):
    """What every version says."""

    version: str


def encode_result(result: RunResult) -> bytes:
    """``result`` as one line of JSON. Half a surrogate pair, of a stranger's text, is shown by its number."""
    try:
        return msgspec.json.encode(result)
    except UnicodeEncodeError:
        text = json.dumps(msgspec.to_builtins(result), ensure_ascii=False)
        return _LONE_SURROGATE.sub(lambda found: f"\\\\u{ord(found[0]):04x}", text).encode()


def read_result(text: bytes | str) -> RunResult:
    """The result that ``encode_result`` wrote, or that ``--json`` printed. Raises ResultFormatError."""
    try:
        data = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ResultFormatError(f"not a run's result: {one_line(str(error))}") from error
    return convert_result(data)


def convert_result(data: object) -> RunResult:
    """The result that plain ``data`` are. Raises ResultFormatError."""
    if not isinstance(data, Mapping):
        raise ResultFormatError(f"not a run's result: expected an object, got {type(data).__name__}")
    try:
        version = msgspec.convert(data, _VersionOnly).version
    except msgspec.ValidationError as error:
        raise ResultFormatError(
            f"not a run's result: {one_line(str(error))}; expected a version, {VERSION!r}"
        ) from error
    if version != VERSION:
        raise ResultFormatError(
            f"a run's result of version {version[:20]!r}; ssosim {__version__} reads version {VERSION!r}: "
            "read it with the ssosim that wrote it, or play the scenario again"
        )
    try:
        return msgspec.convert(data, RunResult)
    except msgspec.ValidationError as error:
        raise ResultFormatError(f"not a run's result of version {VERSION!r}: {one_line(str(error))}") from error

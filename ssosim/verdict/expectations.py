"""What is expected of a client in a phase, as values: outcomes, reason, time, prompts, request rate, exposure.

Pure functions. ``Expectation`` is the checked value. ``ExpectationTable`` is its form in files and requests, with text
for outcomes, durations and rates. ``check`` compares an expectation with a verdict and its measures.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from ssosim.verdict.judge import Verdict
from ssosim.verdict.measures import Measures
from ssosim.verdict.outcome import Outcome

__all__ = [
    "ANY_PHASE",
    "ONLY_DEFAULT",
    "SIGNED_IN",
    "AnyExpectation",
    "BrokenExpectation",
    "Expectation",
    "ExpectationError",
    "ExpectationTable",
    "check",
    "convert_expectation",
    "default_expectation",
    "find_expectation_mistake",
    "make_table",
    "merge",
    "parse_codes",
    "parse_duration",
    "parse_outcomes",
    "parse_rate",
    "select_by_phase",
]

ANY_PHASE = "*"
"""The key of a table of expectations by phase that stands for every phase without a key of its own."""

SIGNED_IN = (Outcome.SILENT, Outcome.INTERACTIVE)
"""The outcomes of a client that signed in."""

RuleName = Literal["outcome", "never", "code", "reason-contains", "within", "max-prompts", "max-rate", "no-exposure"]

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_PART = r"(\d+(?:\.\d+)?)\s*(ms|min|s|m|h)"
_DURATION = re.compile(rf"{_PART}(?:\s*{_PART})*")
_MAX_SECONDS = 366 * 86_400.0
_MAX_PROMPTS = 1_000_000
_ROUNDING_S = 0.001  # of times in the trace; a decision that is earlier shows a clock that was set back
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,127}")
_AADSTS_NUMBER = re.compile(r"(?:AADSTS)?([1-9]\d{3,8})", re.ASCII | re.IGNORECASE)


class ExpectationError(ValueError):
    """Not an expectation; the text says what is wrong and what is expected."""


class Expectation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is expected of one client in one phase.

    ``outcome`` are the outcomes that are right, none for any. ``never`` are outcomes that are wrong. ``code`` are error
    codes; the cause of the failure must have one of them. ``reason_contains`` are texts, all of which the reason must
    contain. ``within_s`` is
    the longest time from the start of the phase to the decision, in seconds (of the lab for a model, real ones for a
    program). ``max_prompts`` is the largest number of prompts, ``max_requests_per_minute`` that of DNS, KDC and HTTP
    requests in any minute. ``no_exposure``: no credential is sent to a wrong host.
    """

    outcome: tuple[Outcome, ...] = ()
    never: tuple[Outcome, ...] = ()
    code: tuple[str, ...] = ()
    reason_contains: tuple[str, ...] = ()
    within_s: float | None = None
    max_prompts: int | None = None
    max_requests_per_minute: float | None = None
    no_exposure: bool | None = None

    @property
    def judges_sign_in(self) -> bool:
        """Whether it says something about the sign-in itself, and not only about exposure."""
        return bool(
            self.outcome
            or self.never
            or self.code
            or self.reason_contains
            or any(each is not None for each in (self.within_s, self.max_prompts, self.max_requests_per_minute))
        )

    @property
    def names_result(self) -> bool:
        """Whether it names outcomes, codes or a reason; all else are bounds, which a client that does nothing keeps."""
        return bool(self.outcome or self.code or self.reason_contains)

    def __bool__(self) -> bool:
        return self.judges_sign_in or self.no_exposure is True

    def __str__(self) -> str:
        """Return it as text, such as ``silent or interactive, within 30 s``."""
        parts = [_any_of(self.outcome)] if self.outcome else []
        parts += [f"never {_any_of(self.never)}"] if self.never else []
        parts += [f"with code {' or '.join(self.code)}"] if self.code else []
        parts += [f"with {text!r} in the reason" for text in self.reason_contains]
        parts += [f"within {self.within_s:g} s"] if self.within_s is not None else []
        parts += [f"at most {_count(self.max_prompts, 'prompt')}"] if self.max_prompts is not None else []
        rate = self.max_requests_per_minute
        parts += [f"at most {rate:g} requests in a minute"] if rate is not None else []
        parts += ["no exposure"] if self.no_exposure else []
        return ", ".join(parts) or "nothing"


class ExpectationTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An expectation in a file: ``outcome = "silent|interactive"``, ``within = "30s"``, ``max_rate = "60/min"``.

    Outcomes and codes are one text with ``|`` between them, or a list. A number as ``code`` is an AADSTS code, as
    ``within`` seconds, as ``max_rate`` requests in a minute.
    """

    outcome: str | tuple[str, ...] = ()
    never: str | tuple[str, ...] = ()
    code: str | int | tuple[str | int, ...] = ()
    reason_contains: str | tuple[str, ...] = ()
    within: str | float | None = None
    max_prompts: int | None = None
    max_rate: str | float | None = None
    no_exposure: bool | None = None


AnyExpectation = str | tuple[str, ...] | ExpectationTable
"""An expectation in a file or request: outcomes as text or as a list, or a table."""


class BrokenExpectation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One part of an expectation that did not hold: the rule by its name, what was expected, and what was found."""

    rule: RuleName
    expected: str
    found: str

    def __str__(self) -> str:
        """Return what was expected, with what was found; a text that has the outcome needs no more."""
        return self.expected if self.rule in ("outcome", "never") else f"{self.expected}, found {self.found}"


def convert_expectation(data: AnyExpectation) -> Expectation:
    """Return the expectation that ``data`` of a file or request describes. Raises ExpectationError."""
    if not isinstance(data, ExpectationTable):
        return Expectation(outcome=parse_outcomes(data))
    outcome, never = parse_outcomes(data.outcome), parse_outcomes(data.never)
    if both := set(outcome) & set(never):
        raise ExpectationError(f"{_any_of(sorted(both))}: both expected and never; remove one of them")
    code, reason_contains = parse_codes(data.code), _parse_texts(data.reason_contains)
    if code and outcome == (Outcome.SILENT,):
        raise ExpectationError("code: a client that signs in silently has no error code; expect refused or failed, too")
    if data.max_prompts is not None and not 0 <= data.max_prompts <= _MAX_PROMPTS:
        raise ExpectationError(f"max_prompts {data.max_prompts}: expected a whole number, 0 or more")
    return Expectation(
        outcome=outcome,
        never=never,
        code=code,
        reason_contains=reason_contains,
        within_s=None if data.within is None else parse_duration(data.within),
        max_prompts=data.max_prompts,
        max_requests_per_minute=None if data.max_rate is None else parse_rate(data.max_rate),
        no_exposure=data.no_exposure,
    )


def make_table(expectation: Expectation) -> ExpectationTable:
    """Return the form for files of ``expectation``; ``convert_expectation`` gives the same value back."""
    return ExpectationTable(
        outcome=tuple(str(each) for each in expectation.outcome),
        never=tuple(str(each) for each in expectation.never),
        code=expectation.code,
        reason_contains=expectation.reason_contains,
        within=expectation.within_s,
        max_prompts=expectation.max_prompts,
        max_rate=expectation.max_requests_per_minute,
        no_exposure=expectation.no_exposure,
    )


def find_expectation_mistake(data: AnyExpectation) -> str:
    """Return what is wrong with an expectation of a file or request; empty if nothing is."""
    try:
        expectation = convert_expectation(data)
    except ExpectationError as error:
        return str(error)
    return "" if expectation or expectation.no_exposure is False else "expects nothing; give at least one key"


def parse_outcomes(text: str | Iterable[str]) -> tuple[Outcome, ...]:
    """Return the outcomes in ``silent|interactive``, or in a list of names. Raises ExpectationError."""
    names = text.split("|") if isinstance(text, str) else list(text)
    known = [str(outcome) for outcome in Outcome]
    found: list[Outcome] = []
    for name in names:
        plain = str(name).strip()
        if plain not in known:
            near = difflib.get_close_matches(plain, known, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise ExpectationError(f"{plain[:60]!r} is not an outcome; {hint}expected one of: {', '.join(known)}")
        found.append(Outcome(plain))
    if len(set(found)) == len(known):
        raise ExpectationError("these are all outcomes there are, so that says nothing; leave at least one out")
    return tuple(dict.fromkeys(found))


def parse_codes(data: str | int | Iterable[str | int]) -> tuple[str, ...]:
    """Return the error codes in ``AADSTS50126|ForbiddenByRbac``, in a number, or in a list. Raises ExpectationError.

    A number is an AADSTS code: 50126 and ``AADSTS50126`` are the same.
    """
    parts = data.split("|") if isinstance(data, str) else [data] if isinstance(data, int) else list(data)
    found: list[str] = []
    for part in parts:
        plain = "" if isinstance(part, bool) else str(part).strip()
        if number := _AADSTS_NUMBER.fullmatch(plain):
            found.append(f"AADSTS{number[1]}")
        elif _CODE.fullmatch(plain) and not plain.upper().startswith("AADSTS"):
            found.append(plain)
        else:
            wanted = "an error code, such as AADSTS50126, ForbiddenByRbac or KDC_ERR_S_PRINCIPAL_UNKNOWN"
            raise ExpectationError(f"code {str(part)[:40]!r}: expected {wanted}")
    return tuple(dict.fromkeys(found))


def _parse_texts(data: str | Iterable[str]) -> tuple[str, ...]:
    texts = (data,) if isinstance(data, str) else tuple(data)
    for text in texts:
        if not text.strip() or not text.isprintable():
            raise ExpectationError(f"reason_contains {text[:40]!r}: expected a text, without control characters")
    return tuple(dict.fromkeys(texts))


def parse_duration(text: str | float) -> float:
    """Return the seconds of ``30s``, ``2m``, ``1h30m``, ``500ms`` or a plain number. Raises ExpectationError."""
    wrong = f"{str(text)[:40]!r}: expected a duration above 0, such as 30s, 2m or 1h30m"
    if isinstance(text, bool):
        raise ExpectationError(wrong)
    if isinstance(text, str) and _DURATION.fullmatch(text.strip()):
        seconds = sum(float(number) * _UNITS_S[unit] for number, unit in re.findall(_PART, text))
    else:
        try:
            seconds = float(text)
        except ValueError:
            raise ExpectationError(wrong) from None
    if not 0 < seconds <= _MAX_SECONDS:
        raise ExpectationError(wrong)
    return seconds


def parse_rate(text: str | float) -> float:
    """Return the requests in a minute of ``60/min``, ``2/s``, ``100/h`` or a plain number. Raises ExpectationError."""
    wrong = f"{str(text)[:40]!r}: expected requests in a minute, such as 60/min"
    if isinstance(text, bool):
        raise ExpectationError(wrong)
    number, _, unit = str(text).partition("/")
    per_minute = {"": 1.0, "min": 1.0, "m": 1.0, "s": 60.0, "h": 1 / 60}.get(unit.strip())
    try:
        rate = float(number) * (per_minute if per_minute is not None else math.nan)
    except ValueError:
        raise ExpectationError(wrong) from None
    if not 0 <= rate < math.inf:
        raise ExpectationError(wrong)
    return rate


def merge(*layers: Expectation | None) -> Expectation:
    """Return one expectation of several; each part is that of the first layer that has it.

    An outcome that an earlier layer excludes by ``never`` is removed from the outcomes of later layers. Code and reason
    belong to the outcome of their layer: where an earlier layer names outcomes, those of later layers do not count.
    """
    found = Expectation()
    for layer in layers:
        if layer is None:
            continue
        outcome = found.outcome or tuple(each for each in layer.outcome if each not in found.never)
        found = Expectation(
            outcome=outcome,
            never=found.never or tuple(each for each in layer.never if each not in found.outcome),
            code=found.code or (() if found.outcome else layer.code),
            reason_contains=found.reason_contains or (() if found.outcome else layer.reason_contains),
            within_s=layer.within_s if found.within_s is None else found.within_s,
            max_prompts=layer.max_prompts if found.max_prompts is None else found.max_prompts,
            max_requests_per_minute=(
                layer.max_requests_per_minute
                if found.max_requests_per_minute is None
                else found.max_requests_per_minute
            ),
            no_exposure=layer.no_exposure if found.no_exposure is None else found.no_exposure,
        )
    return found


ONLY_DEFAULT = Expectation(no_exposure=True)
"""What is expected of any client that the scenario does not know, also while something is broken."""


def default_expectation(*, has_faults: bool) -> Expectation:
    """Return what is expected of a client that the scenario does not know, such as the user's own program.

    Without a fault in the phase: it signs in. Always: no exposure. What it does while something is broken is its
    author's decision.
    """
    return ONLY_DEFAULT if has_faults else Expectation(outcome=SIGNED_IN, no_exposure=True)


def select_by_phase(table: Mapping[str, Expectation], phase: str, scenario: str) -> tuple[Expectation | None, ...]:
    """Return the layers of ``table`` for ``phase``, the most specific first.

    The keys are ``scenario#phase``, ``phase``, ``scenario#*`` (any phase of the scenario) and ``*`` (any phase).
    """
    keys = (f"{scenario}#{phase}", phase, f"{scenario}#{ANY_PHASE}", ANY_PHASE)
    return tuple(table.get(key) for key in keys)


def check(expectation: Expectation, verdict: Verdict, measures: Measures) -> tuple[BrokenExpectation, ...]:
    """Return the parts of ``expectation`` that do not hold for a client's ``verdict`` and ``measures``."""
    found: list[BrokenExpectation] = []

    def broken(rule: RuleName, expected: str, what: str) -> None:
        found.append(BrokenExpectation(rule=rule, expected=expected, found=what))

    if expectation.outcome and verdict.outcome not in expectation.outcome:
        broken("outcome", _any_of(expectation.outcome), str(verdict.outcome))
    if verdict.outcome in expectation.never:
        broken("never", f"never {_any_of(expectation.never)}", str(verdict.outcome))
    found += _check_reason(expectation, verdict)
    limit = expectation.within_s
    if limit is not None and (verdict.after_s is None or not -_ROUNDING_S <= verdict.after_s <= limit):
        took = "no decision" if verdict.after_s is None else f"{verdict.after_s:.3g} s"
        if verdict.after_s is not None and verdict.after_s >= 100:
            took = f"{verdict.after_s:.0f} s"
        elif verdict.after_s is not None and verdict.after_s < -_ROUNDING_S:
            took = f"{took}: the clock was set back meanwhile"
        broken("within", f"a decision within {limit:g} s", took)
    if expectation.max_prompts is not None and verdict.prompts > expectation.max_prompts:
        wanted = f"at most {_count(expectation.max_prompts, 'prompt')}"
        broken("max-prompts", wanted, str(verdict.prompts))
    rate = expectation.max_requests_per_minute
    if rate is not None and measures.peak_requests_per_minute > rate:
        wanted = f"at most {rate:g} requests in any minute"
        broken("max-rate", wanted, f"{measures.peak_requests_per_minute:g}")
    if expectation.no_exposure and measures.exposures:
        what = "; ".join(dict.fromkeys(f"{each.what} to {each.where}" for each in measures.exposures))
        broken("no-exposure", "no exposure", what)
    return tuple(found)


def _check_reason(expectation: Expectation, verdict: Verdict) -> Iterable[BrokenExpectation]:
    if expectation.code and verdict.code not in expectation.code:
        found = verdict.code or f"no code: {verdict.reason}"
        yield BrokenExpectation(rule="code", expected=f"the code {' or '.join(expectation.code)}", found=found)
    for text in expectation.reason_contains:
        if text not in verdict.reason:
            yield BrokenExpectation(rule="reason-contains", expected=f"{text!r} in the reason", found=verdict.reason)


def _any_of(outcomes: Iterable[Outcome]) -> str:
    return " or ".join(str(outcome) for outcome in outcomes)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"

"""Options for what is expected of a client: ``--expect``, ``--within``, ``--never`` and the others."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, TypeVar

from ssosim.lab.base.errors import LabInputError

if TYPE_CHECKING:  # slow to import, and --help does not need it
    from ssosim.scenario.model import Client
    from ssosim.verdict.expectations import Expectation

__all__ = ["add_expect_options", "add_last_step", "expect_words", "read_expectations", "with_expectations"]

_T = TypeVar("_T")


def add_expect_options(parser: argparse.ArgumentParser, *, phases: bool, exit_code: int = 1) -> None:
    """Declare the options; ``phases``: each may name the phase. ``exit_code`` is that of a broken expectation."""
    phase = "[PHASE=]" if phases else ""
    group = parser.add_argument_group(f"what is expected; an expectation that is broken gives exit code {exit_code}")
    group.add_argument(
        "--expect",
        action="append",
        metavar=f"{phase}OUTCOME[|OUTCOME...]",
        help="silent, interactive, stalled, refused or failed; several with | between them",
    )
    group.add_argument(
        "--within", action="append", metavar=f"{phase}TIME", help="the longest time to the decision: 30s, 2m"
    )
    group.add_argument("--never", action="append", metavar=f"{phase}OUTCOME", help="an outcome that must not occur")
    group.add_argument(
        "--code",
        action="append",
        metavar=f"{phase}CODE[|CODE...]",
        help="the error code of the cause: AADSTS50126, ForbiddenByRbac and others; one of several with |",
    )
    group.add_argument(
        "--reason-contains", action="append", metavar=f"{phase}TEXT", help="a text that the reason must contain"
    )
    group.add_argument(
        "--max-prompts",
        metavar="N",
        help="the largest number of prompts of the user" + (" in a phase" if phases else ""),
    )
    group.add_argument(
        "--max-rate", metavar="N/min", help="the largest number of DNS, KDC and HTTP requests in a minute"
    )
    exposure = group.add_mutually_exclusive_group()
    exposure.add_argument(
        "--no-exposure",
        dest="no_exposure",
        action="store_true",
        default=None,
        help="no password, ticket or token is sent to a wrong host",
    )
    exposure.add_argument(
        "--allow-exposure", dest="no_exposure", action="store_false", help="do not fail because of an exposure"
    )


def add_last_step(parser: argparse.ArgumentParser) -> None:
    """Declare ``--last-step``."""
    parser.add_argument(
        "--last-step",
        choices=("wstrust-ticket", "wstrust-password"),
        metavar="STEP",
        help="the program's sign-in is complete with a WS-Trust assertion (default: with a token): "
        "wstrust-ticket or wstrust-password",
    )


def expect_words(options: argparse.Namespace) -> list[str]:
    """Return the given options as words of a command line."""
    words: list[str] = []
    for name in ("expect", "within", "never", "code", "reason_contains"):
        for value in getattr(options, name) or ():
            words += [f"--{name.replace('_', '-')}", value]
    for name in ("max_prompts", "max_rate"):
        if (value := getattr(options, name)) is not None:
            words += [f"--{name.replace('_', '-')}", value]
    if options.no_exposure is not None:
        words.append("--no-exposure" if options.no_exposure else "--allow-exposure")
    return words


def read_expectations(options: argparse.Namespace, phases: Collection[str]) -> dict[str, Expectation]:
    """Return the given options as expectations by phase; ``*`` is the key for any phase.

    ``phases`` are the names of the phases that an option may name. Raises LabInputError.
    """
    from ssosim.verdict.expectations import (  # noqa: PLC0415 - not for --help
        ANY_PHASE,
        Expectation,
        parse_codes,
        parse_duration,
        parse_outcomes,
        parse_rate,
    )

    outcome = _by_phase("--expect", options.expect, phases, parse_outcomes)
    within = _by_phase("--within", options.within, phases, parse_duration)
    never = _by_phase("--never", options.never, phases, parse_outcomes, join=lambda first, more: (*first, *more))
    code = _by_phase("--code", options.code, phases, parse_codes)
    reason = _by_phase("--reason-contains", options.reason_contains, phases, _printable, free_text=True)
    prompts, rate = options.max_prompts, options.max_rate
    any_phase: dict[str, object] = {
        "max_prompts": None if prompts is None else _read("--max-prompts", prompts, _whole_number),
        "max_requests_per_minute": None if rate is None else _read("--max-rate", rate, parse_rate),
        "no_exposure": options.no_exposure,
    }
    found: dict[str, Expectation] = {}
    for key in dict.fromkeys((*outcome, *within, *never, *code, *reason, ANY_PHASE)):
        if both := [str(each) for each in outcome.get(key, ()) if each in never.get(key, ())]:
            raise LabInputError(f"--never {both[0]}: --expect names it for the same phase; remove one of them")
        if key in code and [str(each) for each in outcome.get(key, ())] == ["silent"]:
            raise LabInputError(f"--code {code[key][0]}: a client that signs in silently has no error code")
        parts = any_phase if key == ANY_PHASE else {}
        expectation = Expectation(
            outcome=outcome.get(key, ()),
            never=never.get(key, ()),
            code=code.get(key, ()),
            reason_contains=(reason[key],) if key in reason else (),
            within_s=within.get(key),
            **parts,  # type: ignore[arg-type]  # one value of each type
        )
        if expectation or expectation.no_exposure is False:
            found[key] = expectation
    return found


def with_expectations(client: Client, given: dict[str, Expectation]) -> Client:
    """Return ``client`` with the expectations of the command line before those of its own."""
    import msgspec  # noqa: PLC0415

    from ssosim.verdict.expectations import ANY_PHASE, convert_expectation, make_table, merge  # noqa: PLC0415

    own = {key: convert_expectation(value) for key, value in client.expect.items()}
    merged = {
        key: make_table(merge(given.get(key), given.get(ANY_PHASE), own.get(key)))
        for key in dict.fromkeys((*given, *own))
    }
    return msgspec.structs.replace(client, expect=merged)


def _by_phase(
    option: str,
    values: Sequence[str] | None,
    phases: Collection[str],
    parse: Callable[[str], _T],
    join: Callable[[_T, _T], _T] | None = None,
    *,
    free_text: bool = False,
) -> dict[str, _T]:
    from ssosim.verdict.expectations import ANY_PHASE  # noqa: PLC0415

    found: dict[str, _T] = {}
    for value in values or ():
        phase, named, text = value.partition("=") if free_text else value.rpartition("=")
        if free_text and phase not in phases:  # the text may contain the sign itself
            phase, named, text = "", "", value
        if named and phase not in phases:
            import difflib  # noqa: PLC0415 - only on a mistake

            near = difflib.get_close_matches(phase, phases, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            known = f"known: {', '.join(phases)}{hint}" if phases else f"there are no phases here: {option} {text}"
            raise LabInputError(f"{option} {value}: there is no phase {phase!r}; {known}")
        key = phase if named else ANY_PHASE
        read = _read(option, text, parse)
        if key in found and join is None:
            raise LabInputError(f"{option} {value}: given twice for the same phase; several outcomes: a|b")
        found[key] = read if key not in found or join is None else join(found[key], read)
    return found


def _read(option: str, text: str, parse: Callable[[str], _T]) -> _T:
    try:
        return parse(text)
    except ValueError as error:
        raise LabInputError(f"{option}: {error}") from error


def _printable(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError(f"{text[:40]!r}: expected a text, without control characters")
    return text


def _whole_number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise ValueError(f"{text[:40]!r}: expected a whole number, 0 or more")
    return int(text)

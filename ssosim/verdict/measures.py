"""Measures of a client in one phase: time to recovery, request rate while failing, exposed credentials, first failure.

Pure functions of trace records, as verdicts are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from ssosim.spn import read_spn_host
from ssosim.trace import (
    NO_FIRST_STEPS,
    ConnectionFailed,
    CredentialExposed,
    DnsAnswered,
    FirstSteps,
    HttpExchange,
    KdcExchange,
    LabEvent,
    Record,
    SignInStep,
)
from ssosim.verdict.by_kind import RecordsByKind
from ssosim.verdict.judge import Verdict
from ssosim.verdict.outcome import Outcome
from ssosim.verdict.steps import classify_failed_step

__all__ = ["NOTHING_MEASURED", "Exposure", "Measures", "find_last_before", "measure"]

_NO_SUCH_HOST = 421
_MINUTE_S = 60.0
_REQUESTS = (DnsAnswered, KdcExchange, HttpExchange)
_SENT = (*_REQUESTS, ConnectionFailed)


class Exposure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ticket or a credential that was sent to the wrong host.

    ``what`` is the kind of credential, ``where`` the host that got it, ``why`` why it is wrong, ``seq`` the number of
    the trace record. ``owner`` is whose credential it is (for a ticket, the service that it is for) and ``part`` the
    part of the request that held it, both empty if unknown.
    """

    what: str
    where: str
    why: str
    seq: int
    owner: str = ""
    part: str = ""

    def __str__(self) -> str:
        """For example ``password of bob@contoso.com in the body to sts.example: ...``."""
        owner = f" of {self.owner}" if self.owner else ""
        part = f" in the {self.part}" if self.part else ""
        return f"{self.what}{owner}{part} to {self.where}: {self.why}"


class Measures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One client in one phase. Times in seconds.

    ``recovered_after_s`` is the time from the last fault that was undone in the phase before the final sign-in (or its
    start) to that sign-in, for a client that failed before; else None. ``failing_requests`` and
    ``requests_per_minute`` count what the client sent (DNS, KDC and HTTPS) from its first failure to its sign-in or its
    last record; the rate is over at least one minute.
    ``requests`` counts all requests in the phase, failed connections included, ``peak_requests_per_minute`` those of
    its busiest minute. Seconds are the lab's for models and real ones for programs.
    ``step`` is the step that failed first, None if none failed, and ``step_seq`` the number of that record.
    """

    recovered_after_s: float | None = None
    failing_requests: int = 0
    requests_per_minute: float = 0.0
    step: SignInStep | None = None
    step_seq: int | None = None
    exposures: tuple[Exposure, ...] = ()
    requests: int = 0
    peak_requests_per_minute: int = 0


NOTHING_MEASURED = Measures()
"""The measures of a client without failures."""


def measure(
    records: Sequence[Record],
    verdict: Verdict,
    began: float,
    last_undone: float,
    first_steps: FirstSteps = NO_FIRST_STEPS,
) -> Measures:
    """Compute the measures of one client in one phase.

    ``records`` and ``verdict`` are that client's. ``began`` is the start of the phase, ``last_undone`` the time when
    the last fault within it was undone before the client signed in (or ``began``), both in seconds since the Unix
    epoch. ``first_steps`` maps a host to the step at which a name without an address fails.
    """
    records = RecordsByKind.of(records)
    first = next((record for record in records if classify_failed_step(record.event)), None)
    exposures = tuple(_exposures(records))
    signed_in = verdict.outcome in (Outcome.SILENT, Outcome.INTERACTIVE) and verdict.after_s is not None
    recovered = None
    times = [record.at for record in records.select(*_SENT)]
    peak = _find_peak(times)
    # A program needs time to start; only a model that waits a second without a failure has waited for a recovery.
    waited = verdict.after_s is not None and verdict.after_s >= 1 and not _is_program(records)
    if signed_in and verdict.after_s is not None and (first is not None or waited):
        recovered = max(0.0, round(began + verdict.after_s - last_undone, 6))
    if first is None:
        return Measures(recovered, exposures=exposures, requests=len(times), peak_requests_per_minute=peak)
    until = began + verdict.after_s if signed_in and verdict.after_s is not None else records[-1].at
    sent = [record for record in records.select(*_REQUESTS) if first.at <= record.at <= until]
    minutes = max((until - first.at) / 60, 1.0)
    return Measures(
        recovered,
        len(sent),
        round(len(sent) / minutes, 3),
        classify_failed_step(first.event, first_steps),
        first.seq,
        exposures,
        len(times),
        peak,
    )


def find_last_before(mended: Sequence[float], verdict: Verdict, began: float) -> float:
    """Return the last of the times ``mended`` before the decision; ``began`` if there is none.

    ``mended`` are times when a fault was undone; all times are in seconds since the Unix epoch.
    """
    return max((each for each in mended if verdict.after_s is None or each <= began + verdict.after_s), default=began)


def _find_peak(times: Sequence[float]) -> int:
    """Return the largest number of ``times`` (seconds, ascending) within one minute."""
    peak = start = 0
    for end, at in enumerate(times):
        while at - times[start] >= _MINUTE_S:
            start += 1
        peak = max(peak, end - start + 1)
    return peak


def _is_program(records: RecordsByKind) -> bool:
    return any(getattr(record.event, "part", "") == "device" for record in records.select(LabEvent))


def _exposures(records: RecordsByKind) -> Iterator[Exposure]:
    """Yield what the services found in requests (``CredentialExposed``), NTLM tokens, and tickets for other names."""
    hosts = {getattr(record.event, "host", "").lower() for record in records.select(HttpExchange)}
    tried = {getattr(record.event, "host", "").lower() for record in records.select(ConnectionFailed)}
    for record in records.select(CredentialExposed, HttpExchange, KdcExchange):
        event = record.event
        if isinstance(event, CredentialExposed):
            yield Exposure(event.credential, event.host, event.reason, record.seq, event.owner, event.part)
        elif isinstance(event, HttpExchange) and event.auth == "ntlm":
            yield Exposure("ntlm", event.host, _explain_ntlm(event), record.seq)
        elif isinstance(event, KdcExchange) and event.request == "TGS" and event.outcome == "issued":
            name = read_spn_host(event.service)
            if event.service[:5].upper() == "HTTP/" and hosts and name not in hosts | tried:
                yield Exposure("ticket", name, "a ticket for another name than was connected to", record.seq)


def _explain_ntlm(event: HttpExchange) -> str:
    if event.injected and event.status:
        return "something else answered in the service's place"
    return (
        "this host is none of the services"
        if event.status == _NO_SUCH_HOST
        else "the service takes Kerberos tickets only"
    )

"""What else a phase's trace says of a client: how soon it came back, how hard it tried, what it gave away, what failed.

Pure functions of trace records, as verdicts are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from ssosim.trace import NO_FIRST_STEPS, DnsAnswered, FirstSteps, HttpExchange, KdcExchange, Record, SignInStep
from ssosim.verdict.judge import Verdict
from ssosim.verdict.outcome import Outcome
from ssosim.verdict.steps import failed_step

__all__ = ["NOTHING_MEASURED", "Exposure", "Measures", "measure"]

_NO_SUCH_HOST = 421
_REQUESTS = (DnsAnswered, KdcExchange, HttpExchange)


class Exposure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ticket or a credential that went where it does not belong. ``seq`` is the number of the trace record."""

    what: str
    where: str
    why: str
    seq: int


class Measures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One client in one phase. Times in seconds.

    ``recovered_after_s``: from the last mending in the phase (its start, if there was none) to the sign-in that holds,
    for one that had failed before; ``failing_requests`` and ``requests_per_minute`` count what it sent (DNS, KDC and
    HTTPS) from its first failure to its sign-in or its last record, over one minute at least. ``step`` is what failed
    first, None where nothing did, and ``step_seq`` the number of that record.
    """

    recovered_after_s: float | None = None
    failing_requests: int = 0
    requests_per_minute: float = 0.0
    step: SignInStep | None = None
    step_seq: int | None = None
    exposures: tuple[Exposure, ...] = ()


NOTHING_MEASURED = Measures()
"""Those of a client that met no trouble."""


def measure(
    records: Sequence[Record],
    verdict: Verdict,
    began: float,
    mended: float,
    first_steps: FirstSteps = NO_FIRST_STEPS,
) -> Measures:
    """The measures of the client whose records of one phase these are, and which came to ``verdict``.

    The phase began at ``began``; ``mended`` is when the last fault within it was undone, or ``began``. ``first_steps``
    say at which step a name without an address fails.
    """
    first = next((record for record in records if failed_step(record.event)), None)
    exposures = tuple(_exposures(records))
    signed_in = verdict.outcome in (Outcome.SILENT, Outcome.INTERACTIVE) and verdict.after_s is not None
    recovered = None
    if signed_in and verdict.after_s is not None and (first is not None or verdict.after_s >= 1):
        recovered = max(0.0, round(began + verdict.after_s - mended, 6))
    if first is None:
        return Measures(recovered, exposures=exposures)
    until = began + verdict.after_s if signed_in and verdict.after_s is not None else records[-1].at
    sent = [r for r in records if first.at <= r.at <= until and isinstance(r.event, _REQUESTS)]
    minutes = max((until - first.at) / 60, 1.0)
    return Measures(
        recovered,
        len(sent),
        round(len(sent) / minutes, 3),
        failed_step(first.event, first_steps),
        first.seq,
        exposures,
    )


def _exposures(records: Iterable[Record]) -> Iterable[Exposure]:
    hosts = {record.event.host for record in records if isinstance(record.event, HttpExchange)}
    for record in records:
        event = record.event
        if isinstance(event, HttpExchange) and event.auth != "none":
            if event.injected:
                yield Exposure(event.auth, event.host, "something else answered in the service's place", record.seq)
            elif event.status == _NO_SUCH_HOST:
                yield Exposure(event.auth, event.host, "this host is none of the services", record.seq)
            elif event.auth == "ntlm":
                yield Exposure("ntlm", event.host, "the service takes Kerberos tickets only", record.seq)
        elif isinstance(event, KdcExchange) and event.request == "TGS" and event.outcome == "issued":
            service, _, name = event.service.partition("/")
            if service == "HTTP" and hosts and name not in hosts:
                yield Exposure("ticket", name, "a ticket for another name than was connected to", record.seq)

"""The chain of causes behind a verdict: from the last failure of a client back to its origin.

Pure functions of trace records. Theory of operation:

``find_causes`` chooses the last failure that no later success cancels, and follows it back along what the trace shows:
a refused request to the ticket that was refused or never requested, a ticket to the name that it was requested for, a
connection to the DNS answer that gave the address, an answer of a resolver to the answer that the resolver got.

Each cause has the record that shows it, and the numbers of the faults that changed *this* exchange (``faults`` of the
event). A fault that is in force and changed none of them is not a cause. ``explain`` adds the faults of the last cause
that has any.

What is no failure: the KDC's first KDC_ERR_PREAUTH_REQUIRED (RFC 4120, section 3.1.1), the 401 that starts Negotiate
(RFC 4559, section 4), ``authorization_pending`` of a device code (RFC 8628, section 3.5), an AAAA query without an
address, and a failed PTR look-up, after which libkrb5 goes on with the name that it has. A failed PTR look-up is named
beside a ticket that was refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ssosim.spn import read_spn_host
from ssosim.trace import (
    NO_FIRST_STEPS,
    ClientFinished,
    ConnectionFailed,
    DnsAnswered,
    Event,
    FirstSteps,
    HttpExchange,
    KdcExchange,
    Record,
    SignInStep,
    TicketChecked,
)
from ssosim.trace.connection_text import describe_failed_connection
from ssosim.verdict.credentials import is_probe_without_host
from ssosim.verdict.steps import (
    PREAUTH_REQUIRED,
    PREFLIGHT_METHOD,
    choose_unanswered_name,
    describe_rcode,
    describe_unused_success,
    find_last_failed_pointer,
    find_refused_certificate,
    has_address,
    is_address_query,
    is_missing_page,
    is_refused_by_kdc,
    is_refused_sign_on,
)

__all__ = ["FoundCause", "find_causes"]

_PENDING_CODES = (70016,)
_MANY = 500
_KDC_RECORDS, _KDC_PREFIX = ("SRV", "URI"), "_kerberos."
_TICKET_REQUESTS = ("TGS", "AP")
_REFUSED = (401, 403)
_NO_RECORD = ("NOERROR", "NODATA", "NXDOMAIN")
_NEGOTIATE_STEPS = (SignInStep.WSTRUST_TICKET, SignInStep.BROWSER_SSO)


@dataclass(frozen=True, slots=True)
class FoundCause:
    """One cause, the record that shows it, and the numbers of the faults that changed this exchange."""

    text: str
    record: Record
    faults: tuple[int, ...] = ()


def find_causes(
    records: Sequence[Record], around: Sequence[Record], first_steps: FirstSteps = NO_FIRST_STEPS
) -> Iterator[FoundCause]:
    """Yield the causes of one client, from its last failure back to the origin.

    ``records`` are those of the client, ``around`` those of everybody up to the end of the phase. ``first_steps`` has
    the hosts that the estate serves.
    """
    last = _find_last_failure(records, first_steps)
    if last is None:
        pointer = _find_failed_pointer(records, around) if _ended_badly(records) else None
        yield from _explain_without_failure(records) if pointer is None else (pointer,)
        return
    match last.event:
        case HttpExchange():
            yield from _explain_http(records, around, last, last.event)
        case KdcExchange():
            yield from _explain_ticket(records, around, last)
        case ConnectionFailed() if is_refused_by_kdc(last.event):
            yield FoundCause("no ticket", last, last.event.faults)
            yield FoundCause(f"it reached no KDC: {describe_failed_connection(last.event)}", last, last.event.faults)
        case ConnectionFailed():
            yield FoundCause(describe_failed_connection(last.event), last, last.event.faults)
            yield from _explain_address(records, around, last, last.event)
        case DnsAnswered():
            yield from _explain_missing_name(around, last, last.event)


def _find_last_failure(records: Sequence[Record], first_steps: FirstSteps) -> Record | None:
    """Return the last failure that no later success cancels; if all are cancelled, the last one.

    The 401 that starts Negotiate is none if a later request to the same place succeeded.
    """
    failures = _find_open_failures(records) or _list_cancelled_failures(records)
    failures = [record for record in failures if not _is_for_realm(record.event)] or failures
    failures = _drop_missing_pages(failures)
    last = failures[-1] if failures else None
    if last is None or not isinstance(last.event, DnsAnswered):
        return last
    certificate = find_refused_certificate(records)
    missing = choose_unanswered_name(records, first_steps)
    others = [record for record in failures if not isinstance(record.event, DnsAnswered)]
    if certificate is not None:
        return certificate
    if missing is None:
        return others[-1] if others else last
    name = getattr(missing.event, "name", "")
    matters = name in first_steps or bool(_faults_of(missing.event)) or not others
    connected = any(getattr(record.event, "host", "") == name for record in records)
    return missing if matters or connected else others[-1]


def _list_cancelled_failures(records: Sequence[Record]) -> list[Record]:
    """Return the failures after which the same exchange succeeded; none if a fault changed an answer after the last."""
    found = [r for r in records if _is_failure(r.event) and not _starts_negotiate(r.event)]
    changed = next((r.seq for r in reversed(records) if isinstance(r.event, HttpExchange) and r.event.faults), 0)
    return found if found and found[-1].seq >= changed else []


def _drop_missing_pages(failures: list[Record]) -> list[Record]:
    """Return ``failures`` without pages that are no step of a sign-in and do not exist, if a message failed besides.

    A name without an address is no such message: browsers look up names on their own.
    """
    rest = [record for record in failures if not is_missing_page(record.event)]
    others = (each.event for each in rest if not isinstance(each.event, DnsAnswered))
    return rest if any(not _starts_negotiate(event) for event in others) else failures


def _find_open_failures(records: Sequence[Record]) -> list[Record]:
    """Return the failures after which the same exchange did not succeed, in order. Linear: a loop has many records."""
    good: set[tuple[str, ...]] = set()
    found: list[Record] = []
    for record in reversed(records):
        event = record.event
        if not _is_failure(event):
            good.update(_keys_made_good(event))
        elif good.isdisjoint(_keys_of_failure(event)):
            found.append(record)
    return found[::-1]


def _keys_made_good(event: Event) -> Iterator[tuple[str, ...]]:
    """Yield the keys of the failures that a success cancels."""
    match event:
        case HttpExchange():
            if event.method != PREFLIGHT_METHOD:
                yield "http", event.host, event.path
            yield "http", event.host, event.path, event.method
            yield "connection", event.host
        case KdcExchange(outcome="issued"):  # libkrb5 asks for a referral first, and then its own realm
            yield "ticket", event.service
            yield ("realm",)
            yield ("kdc",)
        case DnsAnswered():
            yield "dns", event.name, event.type
        case _:
            pass


def _keys_of_failure(event: Event) -> Iterator[tuple[str, ...]]:
    match event:
        case HttpExchange() if event.auth == "bearer":  # a permission to read is none to write
            yield "http", event.host, event.path, event.method
        case HttpExchange():
            yield "http", event.host, event.path
        case ConnectionFailed():
            yield "connection", event.host
            if is_refused_by_kdc(event):  # another KDC may have answered
                yield ("kdc",)
        case KdcExchange():
            yield "ticket", event.service
            if _is_for_realm(event):
                yield ("realm",)
        case DnsAnswered():
            yield "dns", event.name, event.type
        case _:
            pass


def _is_failure(event: Event) -> bool:
    match event:
        case DnsAnswered():
            return is_address_query(event) and not has_address(event)
        case KdcExchange():
            return event.outcome not in ("issued", PREAUTH_REQUIRED)
        case HttpExchange():
            failed = event.is_error or event.status == 0 or event.injected
            return failed and event.code not in _PENDING_CODES and event.method != "unreadable"
        case ConnectionFailed():
            return not is_probe_without_host(event)
        case _:
            return False


def _starts_negotiate(event: Event) -> bool:
    return isinstance(event, HttpExchange) and (event.status, event.auth, event.code) == (401, "none", None)


def _is_for_realm(event: Event) -> bool:
    """Return whether it is a request for another realm, which libkrb5 derives from the name of an unknown host."""
    return isinstance(event, KdcExchange) and event.request == "TGS" and event.service.startswith("krbtgt/")


def _find_last_ticket(records: Sequence[Record], before: int) -> Record | None:
    """Return the last ticket request before record number ``before``; one for a realm only if there is no other.

    A sign-on that the KDC refused because of the user's account is the reason if no request follows it.
    """
    exchanges = [r for r in records if r.seq < before and isinstance(r.event, KdcExchange)]
    if (refused := [r for r in exchanges if is_refused_sign_on(r.event)]) and refused[-1] is exchanges[-1]:
        return refused[-1]
    requests = [r for r in exchanges if isinstance(r.event, KdcExchange) and r.event.request in _TICKET_REQUESTS]
    own = [record for record in requests if not _is_for_realm(record.event)]
    return next(reversed(own or requests), None)


def _explain_http(
    records: Sequence[Record], around: Sequence[Record], last: Record, event: HttpExchange
) -> Iterator[FoundCause]:
    times = sum(
        isinstance(r.event, HttpExchange)
        and (r.event.host, r.event.path, r.event.status) == (event.host, event.path, event.status)
        for r in records
    )
    repeated = f", {times:,} times, in a loop" if times >= _MANY else ""
    yield FoundCause(_describe_http(event) + repeated, last, event.faults)
    if event.injected or event.status not in _REFUSED:
        return
    checked = _find_refused_check(records, last)
    if event.auth == "kerberos" and checked is not None:
        assert isinstance(checked.event, TicketChecked)  # noqa: S101 - by _find_refused_check
        faults = checked.event.faults or _find_faults_of_same_ticket(records, checked, checked.event)
        yield FoundCause(f"the service refused the ticket: {checked.event.reason}", checked, faults)
        if first := _find_answer_before_replay(records, checked, checked.event, event):
            yield first
        ticket = _find_last_ticket(records, checked.seq)
        if ticket is not None and isinstance(ticket.event, KdcExchange) and ticket.event.outcome == "issued":
            name = read_spn_host(ticket.event.service)
            if name != event.host:
                yield FoundCause(f"the KDC knows {ticket.event.service}, and issued a ticket for it", ticket)
                yield from _explain_other_name(records, around, ticket, name)
    elif event.auth in ("none", "ntlm"):
        yield from _explain_no_ticket(records, around, last, event)


def _explain_no_ticket(
    records: Sequence[Record], around: Sequence[Record], last: Record, event: HttpExchange
) -> Iterator[FoundCause]:
    """Yield why a request that was refused had no ticket, if it needed one."""
    ticket = _find_last_ticket(records, last.seq)
    needs_ticket = event.step in _NEGOTIATE_STEPS
    if ticket is None:
        if needs_ticket:
            missing = _find_missing_kdc(records, around, last) or _find_failed_pointer(records, around)
            yield missing or FoundCause("it asked for no ticket", last)
        return
    assert isinstance(ticket.event, KdcExchange)  # noqa: S101 - by _find_last_ticket
    if ticket.event.outcome != "issued":
        yield from _explain_ticket(records, around, ticket)
    elif needs_ticket:
        yield FoundCause(f"it had a ticket for {ticket.event.service}, and sent none", ticket)


def _find_failed_pointer(records: Sequence[Record], around: Sequence[Record]) -> FoundCause | None:
    """Return the PTR look-up that failed and after which a client sent nothing; None if it sent something."""
    pointer = find_last_failed_pointer(records)
    if pointer is None:
        return None
    event = pointer.event
    assert isinstance(event, DnsAnswered)  # noqa: S101 - by find_last_failed_pointer
    text = f"the PTR look-up of {event.name} failed ({describe_rcode(event)})"
    return FoundCause(text, pointer, _faults_behind(pointer, around))


def _find_missing_kdc(records: Sequence[Record], around: Sequence[Record], last: Record) -> FoundCause | None:
    """Return why a client reached no KDC: refused connections, or a look-up in DNS that failed; None otherwise."""
    for record in reversed(records):
        event = record.event
        if record.seq >= last.seq:
            continue
        if isinstance(event, ConnectionFailed) and is_refused_by_kdc(event):
            return FoundCause(f"it reached no KDC: {describe_failed_connection(event)}", record, event.faults)
        if isinstance(event, DnsAnswered) and event.type in _KDC_RECORDS and event.name.startswith(_KDC_PREFIX):
            if event.answers:
                return None
            text = f"it found no KDC in DNS: {event.type} {event.name} ({event.rcode})"
            return FoundCause(text, record, _faults_behind(record, around))
    return None


def _find_refused_check(records: Sequence[Record], last: Record) -> Record | None:
    """Return the check of the ticket in the exchange ``last``: it is recorded just before it."""
    for record in reversed(records):
        if record.seq >= last.seq:
            continue
        if isinstance(record.event, TicketChecked):
            return None if record.event.accepted else record
        if isinstance(record.event, HttpExchange):
            return None
    return None


def _find_faults_of_same_ticket(records: Sequence[Record], checked: Record, check: TicketChecked) -> tuple[int, ...]:
    """Return the faults because of which the service had refused the same ticket before.

    A client keeps a ticket for hours: one with a wrong key stays wrong after the fault has ended that gave it the key.
    """
    for record in reversed(records):
        found = record.event
        if record.seq >= checked.seq:
            continue
        if isinstance(found, TicketChecked) and found.faults and not found.accepted:
            mine = (check.reason, check.service, check.kvno, check.etype)
            if (found.reason, found.service, found.kvno, found.etype) == mine:
                return found.faults
        if _gives_other_ticket(found, check.service):
            break
    return ()


def _gives_other_ticket(event: Event, host: str) -> bool:
    """Return whether the KDC has issued a new ticket for the service at ``host``."""
    issued = isinstance(event, KdcExchange) and event.request == "TGS" and event.outcome == "issued"
    return issued and read_spn_host(getattr(event, "service", "")) == host.lower()


def _find_answer_before_replay(
    records: Sequence[Record], checked: Record, check: TicketChecked, event: HttpExchange
) -> FoundCause | None:
    """Return the error that a client got to the ticket which it then sent again; None if it is another refusal.

    A service takes an authenticator once (RFC 4120, section 3.2.3), so a request that is repeated as it was is refused.
    """
    if not check.reason.startswith("replayed"):
        return None
    for record in reversed(records):
        found = record.event
        if record.seq < checked.seq and isinstance(found, HttpExchange) and found.auth == "kerberos":
            same = (found.host, found.path) == (event.host, event.path)
            return FoundCause(_describe_http(found), record, found.faults) if same and _is_failure(found) else None
    return None


def _explain_ticket(records: Sequence[Record], around: Sequence[Record], ticket: Record) -> Iterator[FoundCause]:
    event = ticket.event
    assert isinstance(event, KdcExchange)  # noqa: S101 - by the callers
    yield FoundCause(_describe_no_ticket(event), ticket, event.faults)
    yield FoundCause(_describe_kdc(event), ticket, event.faults)
    if event.outcome != "KDC_ERR_S_PRINCIPAL_UNKNOWN" or event.faults:
        return
    name = read_spn_host(event.service)
    yield from _explain_other_name(records, around, ticket, name)


def _explain_other_name(
    records: Sequence[Record], around: Sequence[Record], ticket: Record, name: str
) -> Iterator[FoundCause]:
    """Yield the DNS answer because of which a client asked for a ticket for ``name``.

    A reverse look-up that failed is one only where no answer leads to ``name``: libkrb5 keeps the canonical name then.
    An address without a PTR record is usual, so it is none where the client asked for the host that it wanted, or for a
    realm: its own configuration says which realm a host is in.
    """
    failed: FoundCause | None = None
    as_wanted = _is_for_realm(ticket.event) or any(
        isinstance(record.event, HttpExchange) and record.event.host.lower() == name for record in records
    )
    for record in reversed(records):
        found = record.event
        if record.seq >= ticket.seq or not isinstance(found, DnsAnswered) or found.name.lower() == name:
            continue
        values = [answer.rstrip(".").lower() for answer in found.answers]
        if f"cname {name}" in values:
            text = f"{found.name} is a CNAME and this client canonicalises"
            yield FoundCause(text, record, _faults_behind(record, around))
            return
        if found.type == "PTR" and f"ptr {name}" in values:
            text = f"the PTR of {found.name} is {name} and this client looks backwards"
            yield FoundCause(text, record, _faults_behind(record, around))
            return
        if found.type == "PTR" and not found.answers and failed is None:
            text = f"the PTR look-up of {found.name} failed ({found.rcode})"
            faults = _faults_behind(record, around)
            if faults or not as_wanted or found.rcode not in _NO_RECORD:
                failed = FoundCause(text, record, faults)
    if failed is not None:
        yield failed


def _describe_no_ticket(event: KdcExchange) -> str:
    return {"AS": "no ticket-granting ticket", "AP": "it did not use its ticket"}.get(event.request, "no ticket")


def _describe_kdc(event: KdcExchange) -> str:
    realm = event.service.partition("/")[2].partition("@")[0] if event.service.startswith("krbtgt/") else ""
    if event.request == "unreadable":
        return f"the KDC could not read the request ({event.outcome})"
    if event.request == "AP":
        return f"by the clock of the device the ticket for {event.service} is not valid: {event.outcome}"
    if event.request == "AS":
        who = f" of {event.principal}" if event.principal else ""
        response = "did not answer" if event.outcome == "no answer" else f"refused it: {event.outcome}"
        return f"the sign-on{who}: the KDC {response}"
    if event.outcome == "KDC_ERR_S_PRINCIPAL_UNKNOWN":
        return f"the KDC knows no realm {realm}" if realm else f"the KDC does not know {event.service}"
    response = "the KDC did not answer" if event.outcome == "no answer" else f"the KDC said {event.outcome}"
    return f"{response} for {f'the realm {realm}' if realm else event.service}"


def _explain_address(
    records: Sequence[Record], around: Sequence[Record], last: Record, event: ConnectionFailed
) -> Iterator[FoundCause]:
    """Yield the DNS answer that gave the address, if a fault changed it; for IPv6, why IPv4 did not help."""
    if event.faults:
        return
    for record in reversed(records):
        found = record.event
        if record.seq >= last.seq or not isinstance(found, DnsAnswered) or found.name != event.host:
            continue
        if any(answer in (f"A {event.address}", f"AAAA {event.address}") for answer in found.answers):
            faults = _faults_behind(record, around)
            if faults:
                yield FoundCause(f"the DNS answer for {found.name} gave {event.address}", record, faults)
            break
    if ":" in event.address:
        yield from _explain_missing_ipv4(records, around, last, event)


def _explain_missing_ipv4(
    records: Sequence[Record], around: Sequence[Record], last: Record, event: ConnectionFailed
) -> Iterator[FoundCause]:
    """Yield why a client that failed at an IPv6 address had no IPv4 address left: each of both would have been enough.

    That is the A query without an address, or the connection that failed before.
    """
    for record in reversed(records):
        found = record.event
        if record.seq >= last.seq:
            continue
        if isinstance(found, ConnectionFailed) and found.host == event.host and ":" not in found.address:
            yield FoundCause(describe_failed_connection(found), record, found.faults)
            yield from _explain_address(records, around, record, found)
            return
        if isinstance(found, DnsAnswered) and is_address_query(found) and found.name == event.host:
            if not has_address(found):
                yield from _explain_missing_name(around, record, found)
            return


def _explain_missing_name(around: Sequence[Record], last: Record, event: DnsAnswered) -> Iterator[FoundCause]:
    yield FoundCause(f"{event.name} has no address ({describe_rcode(event)})", last, event.faults)
    if event.faults or not event.by:
        return
    upstream = _find_upstream(last, around)
    if upstream is not None:
        found = upstream.event
        assert isinstance(found, DnsAnswered)  # noqa: S101 - by _find_upstream
        cached = " earlier, and cached it" if event.origin in ("cache", "stale") else ""
        text = f"{event.by} got {describe_rcode(found)} for {found.name} from {found.by or 'the DNS server'}{cached}"
        yield FoundCause(text, upstream, found.faults)


def _faults_behind(answer: Record, around: Sequence[Record]) -> tuple[int, ...]:
    """Return the faults that changed a DNS answer, or the answers that its resolver made it of."""
    event = answer.event
    assert isinstance(event, DnsAnswered)  # noqa: S101 - by the callers
    if event.faults or not event.by:
        return event.faults
    upstream = _find_upstream(answer, around)
    return () if upstream is None else _faults_of(upstream.event)


def _find_upstream(answer: Record, around: Sequence[Record]) -> Record | None:
    """Return the answer that a fault changed and from which the resolver of ``answer`` made it; None if none was.

    A resolver asks for the names of the chain, each at the servers of its zone, under its own name. What it got last
    for a name before it answered is what the answer is made of.
    """
    event = answer.event
    assert isinstance(event, DnsAnswered)  # noqa: S101 - by the callers
    names, resolvers = {event.name}, {event.by}
    newest: dict[str, Record] = {}
    for record in reversed(around):
        found = record.event
        if record.seq >= answer.seq or record.client not in resolvers or not isinstance(found, DnsAnswered):
            continue
        gives_alias = any(value.startswith("CNAME ") for value in found.answers)  # good for all types
        if found.type not in (event.type, "CNAME", "NS") and not gives_alias:
            continue
        if found.name not in names and not any(name.endswith(f".{found.name}") for name in names):
            continue
        if found.faults:
            return record
        if found.name in names:
            if found.name in newest and not found.answers:
                continue
            newest.setdefault(found.name, record)
            names |= {value.partition(" ")[2].rstrip(".") for value in found.answers if value.startswith("CNAME ")}
            if found.by:
                resolvers.add(found.by)
        if found.name == event.name and found.rcode in ("NOERROR", "NODATA", "NXDOMAIN"):
            return None
    return None


def _ended_badly(records: Sequence[Record]) -> bool:
    """Return whether the client ended with an error by itself."""
    ends = [record.event for record in records if isinstance(record.event, ClientFinished)]
    return bool(ends) and not ends[-1].stopped and (ends[-1].exit_code > 0 or bool(ends[-1].error))


def _explain_without_failure(records: Sequence[Record]) -> Iterator[FoundCause]:
    last = next((r for r in reversed(records) if isinstance(r.event, HttpExchange)), None)
    if last is not None and getattr(last.event, "step", None) in (SignInStep.REALM, SignInStep.CREDENTIAL_TYPE):
        yield FoundCause("the provider offers no silent way for this user", last, _faults_of(last.event))
        return
    changed = next((r for r in reversed(records) if _faults_of(r.event)), None)
    if changed is not None:
        yield FoundCause(_describe_changed(changed.event), changed, _faults_of(changed.event))
    elif last is not None and getattr(last.event, "auth", "") == "kerberos":
        yield FoundCause(describe_unused_success(records), last)


def _faults_of(event: Event) -> tuple[int, ...]:
    return getattr(event, "faults", ())


def _describe_changed(event: Event) -> str:
    match event:
        case DnsAnswered():
            return f"the DNS answer for {event.name} was changed or late"
        case KdcExchange():
            return f"the KDC's reply for {event.service} was changed or late"
        case HttpExchange():
            return f"the answer {event.status} of {event.host}{event.path} was changed or late"
        case _:
            return "an exchange was changed"


def _describe_http(event: HttpExchange) -> str:
    where = event.path.rstrip("/").rpartition("/")[2] or event.host
    if event.injected:
        response = "no answer" if event.status == 0 else f"{event.status}, not of the service itself,"
        return f"{response} at {where} of {event.host}"
    sentence = event.error_description.removeprefix(f"AADSTS{event.code}: ").rstrip(".")
    code = f" AADSTS{event.code}" if event.code else ""
    return f"{event.status}{code} at {where}{f': {sentence}' if sentence else ''}"

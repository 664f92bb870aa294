"""Why a fault changed no exchange: a test of a fault that touched nothing shows nothing.

Pure functions. The events of a trace name the faults that changed an exchange (``faults``), by the number that
``FaultApplied`` has (``id``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ssosim.faults.core.fault import Applied, Fault
from ssosim.trace import DnsAnswered, FaultApplied, HttpExchange, KdcExchange, LabEvent, Record
from ssosim.verdict.steps import is_refused_by_kdc

__all__ = ["explain_idle_fault", "explain_idle_faults", "find_touching_faults"]

_NOT_IN_THE_TRACE = ("ttl-changed", "delay")
"""Parts of the names of faults whose effect no event shows: the trace has no TTLs, and no reasons for delays."""
_SAME = "no exchange would have been another one without it"
_SAME_KEYS = "no service refused a ticket because of its key"
_NO_CACHE = "no client asked a resolver, so no cache read the TTL; [[resolvers]] of the scenario or estate are caches"
_SHOWN = 3


def find_touching_faults(records: Iterable[Record]) -> frozenset[int]:
    """Return the numbers of the faults that changed one of the exchanges ``records``."""
    return frozenset(number for record in records for number in getattr(record.event, "faults", ()))


def explain_idle_fault(fault: Fault | None, applied: Record, records: Sequence[Record]) -> str:
    """Return why a fault that no exchange names changed nothing; empty if it may have changed one.

    ``applied`` is the record of its application (``FaultApplied``), ``records`` are those of the clients. ``fault`` is
    None if it is not known any more.
    """
    if _may_have_refused(fault, applied, records):
        return ""
    reason = _explain(fault, records)
    name = getattr(applied.event, "name", "")
    if reason == _SAME and "ttl-changed" in name and not _may_have_cached(records):
        return _NO_CACHE
    return "" if reason == _SAME and any(part in name for part in _NOT_IN_THE_TRACE) else reason


def explain_idle_faults(
    faults: Iterable[Applied], records: Sequence[Record], *, client: str = "", since: int = 0
) -> dict[int, str]:
    """Return why each of the active ``faults`` has changed no exchange so far, by its number.

    ``records`` are all of the lab's trace. ``client``: only the exchanges of this client count, and of those only the
    ones after the record number ``since``. A fault is left out if it has changed an exchange, and if that cannot be
    known: the trace does not show the effect of each fault, and drops its oldest records.
    """
    mine = [
        record for record in records if record.seq > since and (record.client == client if client else record.client)
    ]
    touching = find_touching_faults(mine)
    begins = {record.event.id: record for record in records if isinstance(record.event, FaultApplied)}
    found = {}
    for applied in faults:
        begin = begins.get(applied.id)
        if begin is None or applied.id in touching or (applied.hits and not client):
            continue
        later = [record for record in mine if record.seq > begin.seq]
        if reason := explain_idle_fault(applied.fault, begin, later):
            found[applied.id] = reason
    return found


def _may_have_refused(fault: Fault | None, applied: Record, records: Sequence[Record]) -> bool:
    """Return whether ``fault``, one of the directory, may be why a request was refused after it was applied.

    A request with an assertion, a ticket or a refresh token does not say in plain text whose it is, so the exchange
    does not name the fault (``EstateFault.explains``). The code is what shows it; a federation service has no codes,
    and answers with a SOAP fault (500) that no other fault explains.
    """
    codes = getattr(fault, "CODES", ())
    after = [record.event for record in records if record.seq > applied.seq]
    return bool(codes) and any(
        event.code in codes or (event.code is None and event.status >= 500 and not event.injected and not event.faults)
        for event in after
        if isinstance(event, HttpExchange)
    )


def _may_have_cached(records: Iterable[Record]) -> bool:
    """Return whether a resolver was asked, or a program ran, which may have a cache of its own; models have none."""
    events = [record.event for record in records]
    return any(
        (isinstance(event, DnsAnswered) and bool(event.by)) or (isinstance(event, LabEvent) and event.part == "device")
        for event in events
    )


def _explain(fault: Fault | None, records: Sequence[Record]) -> str:
    """Return why ``fault`` changed nothing, from the records of the clients."""
    played = list(dict.fromkeys(record.client for record in records if not isinstance(record.event, FaultApplied)))
    if not played:
        return "no client sent anything"
    only = tuple(getattr(fault, "clients", ()))
    if only and not any(record.client in only for record in records):
        return f"it is for {', '.join(only)} only, which did not play: {_list_some(played)} did"
    if elsewhere := _explain_servers(fault, only, records):
        return elsewhere
    wanted = [*getattr(fault, "names", ()), *(getattr(fault, key, "") for key in ("name", "host", "zone"))]
    wanted = [str(each) for each in wanted if each]
    zone = str(getattr(fault, "zone", ""))
    if wanted and not any(_concerns(record, [*wanted, *([f"*.{zone}"] if zone else [])]) for record in records):
        return f"no client asked for {' or '.join(wanted)}"
    if ".kerberos." in type(fault).__module__ and not any(_concerns_kdc(r) for r in records):
        return "no client asked the KDC"
    return _SAME_KEYS if hasattr(fault, "account") else _SAME


def _concerns_kdc(record: Record) -> bool:
    return isinstance(record.event, KdcExchange) or is_refused_by_kdc(record.event)


def _explain_servers(fault: Fault | None, clients: Sequence[str], records: Sequence[Record]) -> str:
    """Return why the servers of ``fault`` had no answer to give to ``clients``; empty if they may have had one."""
    if clients and getattr(fault, "at", "") == "authority" and (between := _list_resolvers(clients, records)):
        return f'name servers see {between} and not {_list_some(clients)}; at = "resolver" is for answers to clients'
    servers = tuple(each for each in getattr(fault, "servers", ()) if isinstance(each, str))
    return _describe_servers(servers, records) if servers else ""


def _list_resolvers(clients: Sequence[str], records: Iterable[Record]) -> str:
    """Return the names of the resolvers that answered ``clients``; empty if they have none."""
    named = {
        record.event.by: None
        for record in records
        if isinstance(record.event, DnsAnswered) and record.client in clients
    }
    return _list_some([name for name in named if name])


def _describe_servers(servers: Sequence[str], records: Sequence[Record]) -> str:
    """Return which servers the clients ask instead of ``servers``; empty if one of them asks one of these."""
    asked: dict[str, dict[str, None]] = {}
    for record in records:
        if isinstance(record.event, DnsAnswered) and record.event.by:
            asked.setdefault(record.client, {})[record.event.by] = None
    if any(by in servers for own in asked.values() for by in own):
        return ""
    pairs = [f"{client} asks {' and '.join(own)}" for client, own in asked.items()]
    return _list_some(pairs)


def _list_some(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more


def _concerns(record: Record, wanted: Sequence[str]) -> bool:
    """Return whether an exchange is about one of the names ``wanted``; ``*.`` stands for the names below."""
    event = record.event
    if isinstance(event, DnsAnswered):
        names = [event.name, *(answer.partition(" ")[2] for answer in event.answers)]
    elif isinstance(event, HttpExchange):
        names = [event.host]
    else:
        return False
    plain = [name.rstrip(".").lower() for name in names]
    patterns = [each.rstrip(".").lower() for each in wanted]
    return any(
        name.endswith(each[1:]) if each.startswith("*.") else name == each for name in plain for each in patterns
    )

"""The KDC in memory as a value, and the services' side of its tickets.

It replies to a client as an MIT KDC replies to libkrb5, and records the same events: one issued ticket, or two refused
requests (libkrb5 repeats the request without asking for a referral; measured with krb5 1.20.1). Its tickets name client
and service without any proof, so they are valid in memory only.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ssosim_clients.ports import TicketFailure

from ssosim.entra.core.ticket_acceptor import AcceptedTicket, RefusedTicket
from ssosim.estate import Realm
from ssosim.faults.core.kdc_effect import KdcDecision, KdcEffect, KdcRule, decide_kdc_request
from ssosim.kerberos.carried_tickets import read_ticket_service
from ssosim.kerberos.codes import KrbCode, error_name
from ssosim.kerberos.messages import KdcReply, KdcRequest, KrbError, build_error, build_tgs_reply, read_message
from ssosim.kerberos.spnego import read_negotiate_token
from ssosim.trace import KdcExchange

__all__ = ["MemoryAcceptor", "MemoryKdc", "TicketCache", "TicketReply", "list_principals", "read_memory_ticket"]

_ISSUED, _SILENCE, _UNREADABLE = "issued", "no answer", "unreadable answer"
_TICKET = b"ssosim memory ticket "
_MUTUAL = b"ssosim memory reply"
_ATTEMPTS = 2
_TEXTS: Mapping[int, str] = {
    KrbCode.KDC_ERR_ETYPE_NOSUPP: "KDC has no support for encryption type",
    KrbCode.KDC_ERR_S_PRINCIPAL_UNKNOWN: "Server not found in Kerberos database",
    KrbCode.KDC_ERR_POLICY: "KDC policy rejects request",
    KrbCode.KRB_AP_ERR_SKEW: "Clock skew too great",
}


def list_principals(realm: Realm, accounts: Iterable[str] = ()) -> frozenset[str]:
    """Return every principal of ``realm`` that a ticket can be issued for, without the realm's name."""
    account = realm.service_account
    return frozenset((account.name, *account.spns, *realm.services, *accounts, f"krbtgt/{realm.name}"))


@dataclass(frozen=True, slots=True)
class TicketReply:
    """The result of a ticket request: the failure; None where a ticket was issued.

    ``silent``: the KDC sent no reply, for which libkrb5 waits ``KDC_TIMEOUT_S``. ``delay``: seconds that faults added.
    """

    failure: TicketFailure | None = None
    silent: bool = False
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class MemoryKdc:
    """The KDC of ``realm`` with the database ``principals``. Names are compared exactly, as an MIT KDC does."""

    realm: str
    principals: Callable[[], Iterable[str]]
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def request_ticket(
        self,
        spn: str,
        client: str,
        rules: Callable[[], Sequence[KdcRule]],
        record: Callable[[KdcExchange], None],
        *,
        principal: str = "user",
    ) -> TicketReply:
        """Request a ticket for ``spn`` for ``principal`` at ``client``; ``rules`` returns the faults of each request.

        Each exchange is passed to ``record``. libkrb5 takes any error to its first request as one about referrals, and
        sends a second request.
        """
        name, _, of_realm = spn.partition("@")
        if not name:
            return TicketReply(TicketFailure("other", spn, "Unknown error"))
        foreign = bool(of_realm) and of_realm != self.realm
        service = f"krbtgt/{of_realm}" if foreign else name
        failure, delay = TicketFailure("other", spn), 0.0
        for _ in range(1 if foreign else _ATTEMPTS):
            request = KdcRequest("TGS", self.realm, service, "")
            decision = decide_kdc_request(rules(), request, client, is_model=True)
            code = self._code(service)
            outcome: int | str | None = code
            if decision is not None:
                decision.count_hits()
                delay += decision.effect.delay
                outcome = self._changed_outcome(decision.effect, request, principal, code)
            if outcome == _SILENCE:
                record(self._event(name, _SILENCE, decision))
                text = f"Cannot contact any KDC for realm '{self.realm}'"
                return TicketReply(TicketFailure("kdc-unreachable", spn, text), silent=True, delay=delay)
            if outcome is None:
                record(self._event(service, _ISSUED, decision))
                return TicketReply(delay=delay)
            if isinstance(outcome, str):
                record(self._event(service, outcome, decision))
                failure = TicketFailure("other", spn, "the reply of the KDC cannot be used")
                continue
            record(self._event(service, error_name(outcome), decision))
            unchanged = decision is None or not decision.effect.decides_reply
            failure = self._failure(spn, service, outcome, from_kdc=unchanged)
        return TicketReply(failure, delay=delay)

    def _changed_outcome(
        self, effect: KdcEffect, request: KdcRequest, principal: str, code: int | None
    ) -> int | str | None:
        """The outcome under ``effect``: None for a ticket, the code of an error, or the outcome in the trace.

        ``code`` is the KDC's own error, None for a ticket.
        """
        if not effect.decides_reply:
            return code
        if code is None:
            from_kdc = build_tgs_reply(self.realm, principal, request.service, _TICKET)
        else:
            from_kdc = build_error(code, self.realm, tuple(request.service.split("/")), 0)
        reply = effect.reply_to(request, from_kdc if effect.is_forwarded else None, 0)
        if reply is None:
            return _SILENCE
        if reply == from_kdc:
            return code
        match read_message(reply):
            case KrbError(code=other):
                return other
            case KdcReply():  # the client cannot decrypt what the KDC has not sealed
                return _ISSUED
            case _:
                return _UNREADABLE

    def knows(self, spn: str) -> bool:
        """Return whether the database has a principal ``spn``."""
        return spn in self.principals()

    def _code(self, service: str) -> int | None:
        return None if self.knows(service) else KrbCode.KDC_ERR_S_PRINCIPAL_UNKNOWN

    def _event(self, service: str, outcome: str, decision: KdcDecision | None) -> KdcExchange:
        faults = () if decision is None else decision.faults
        return KdcExchange(request="TGS", service=service, outcome=outcome, realm=self.realm, faults=faults)

    def _failure(self, spn: str, service: str, code: int, *, from_kdc: bool) -> TicketFailure:
        unknown = code == KrbCode.KDC_ERR_S_PRINCIPAL_UNKNOWN
        text = _TEXTS.get(code, error_name(code))
        if from_kdc and unknown:  # the KDC itself says more than a fault does
            text = f"Server {service}@{self.realm} not found in Kerberos database"
        return TicketFailure("server-unknown" if unknown else "other", spn, text)


@dataclass(slots=True)
class TicketCache:
    """The tickets of one client process: a second request for the same service does not reach the KDC.

    ``principal`` is the signed-on user, without the realm's name; ``numbers`` makes each token unique.
    """

    principal: str
    realm: str
    numbers: Iterator[int]
    _services: set[str] = field(default_factory=set)

    def build_token(self, spn: str) -> bytes | None:
        """Return a new Negotiate token for ``spn``; None if there is no ticket for it yet."""
        service = spn.removesuffix(f"@{self.realm}")
        if service not in self._services:
            return None
        owner = f"{self.principal}@{self.realm}"
        payload = {"client": owner, "service": service, "number": next(self.numbers)}
        return _TICKET + base64.b64encode(json.dumps(payload).encode())

    def add(self, spn: str) -> None:
        """Add a ticket for ``spn``."""
        self._services.add(spn.removesuffix(f"@{self.realm}"))


class MemoryAcceptor:
    """The keys of a service: accepts tickets for ``principals``, each token once (``ssosim.entra.TicketAcceptor``)."""

    def __init__(self, realm: str, principals: Iterable[str]) -> None:
        self._realm = realm
        self._principals = frozenset(principals)
        self._used: set[bytes] = set()

    def accept(self, token: bytes) -> AcceptedTicket | RefusedTicket:
        """Accept or refuse a token as GSS-API does with a token of a real KDC."""
        if not token.startswith(_TICKET):
            return _refuse_unknown_token(token)
        read = _read_token(token)
        if read is None:
            return RefusedTicket("kerberos", "malformed", "no readable AP-REQ")
        client, service = read
        name = f"{service}@{self._realm}"
        if service not in self._principals:
            text = f"KRB_AP_ERR_NOT_US: Request ticket server {name} not found in keytab (ticket kvno 1)"
            return RefusedTicket("kerberos", "wrong-service", text)
        if token in self._used:
            return RefusedTicket("kerberos", "replayed", "KRB_AP_ERR_REPEAT: Request is a replay")
        self._used.add(token)
        return AcceptedTicket(client, name, _MUTUAL)


def read_memory_ticket(token: bytes) -> str | None:
    """Return the service that a token of this KDC, or a Kerberos ticket, is for; None if it is neither."""
    if not token.startswith(_TICKET):
        return read_ticket_service(token)
    read = _read_token(token)
    return None if read is None else read[1]


def _read_token(token: bytes) -> tuple[str, str] | None:
    """Return the client and the service of a token of this KDC; None if it cannot be read."""
    try:
        payload = json.loads(base64.b64decode(token.removeprefix(_TICKET), validate=True))
        return str(payload["client"]), str(payload["service"])
    except (ValueError, KeyError, TypeError):
        return None


def _refuse_unknown_token(token: bytes) -> RefusedTicket:
    """Return the refusal of a token that this KDC did not issue, by its format."""
    inside = read_negotiate_token(token)
    if inside.mechanism == "ntlm":
        return RefusedTicket("ntlm", "ntlm", "an NTLM token inside Negotiate")
    if not inside.readable:
        return RefusedTicket("unknown", "malformed", "not a GSS-API token")
    if inside.mechanism == "unknown":
        return RefusedTicket("unknown", "unknown-mechanism", "An unsupported mechanism was requested")
    return RefusedTicket("kerberos", "malformed", "no readable AP-REQ")

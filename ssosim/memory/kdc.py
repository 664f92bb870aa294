"""The KDC in memory as a value, and the services' side of its tickets.

It replies to a client as an MIT KDC replies to libkrb5, and records the same events: one issued ticket, or two refused
requests (libkrb5 repeats the request without asking for a referral; measured with krb5 1.20.1). Its tickets name client
and service without any proof, so they are valid in memory only.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ssosim_clients.ports import TicketFailure

from ssosim.entra.core.ticket_acceptor import AcceptedTicket, RefusedTicket
from ssosim.estate import Realm
from ssosim.faults.base import KdcRule
from ssosim.faults.exchanges import kdc_rule
from ssosim.kerberos.codes import KrbCode, error_name
from ssosim.kerberos.spnego import read_negotiate_token
from ssosim.trace import KdcExchange

__all__ = ["MemoryAcceptor", "MemoryKdc", "TicketCache", "TicketReply", "list_principals"]

_ISSUED, _SILENCE = "issued", "no answer"
_TICKET = b"ssosim memory ticket "
_MUTUAL = b"ssosim memory reply"
_ATTEMPTS = 2
_TEXTS = {
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
    """The result of a ticket request. ``failure`` is None if the ticket was issued.

    ``silent``: no KDC replied, so libkrb5 waited for its timeouts.
    """

    failure: TicketFailure | None = None
    silent: bool = False


@dataclass(frozen=True, slots=True)
class MemoryKdc:
    """The KDC of ``realm`` with the database ``principals``. Names are compared exactly, as an MIT KDC does."""

    realm: str
    principals: Callable[[], Iterable[str]]
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def request_ticket(
        self, spn: str, client: str, rules: Callable[[], Sequence[KdcRule]], record: Callable[[KdcExchange], None]
    ) -> TicketReply:
        """Request a ticket for ``spn`` on behalf of ``client``; ``rules`` returns the faults in force at each request.

        Each exchange is passed to ``record``. libkrb5 takes any error to its first request as one about referrals, and
        sends a second request.
        """
        name, _, of_realm = spn.partition("@")
        if not name:
            return TicketReply(TicketFailure("other", spn, "Unknown error"))
        foreign = bool(of_realm) and of_realm != self.realm
        service = f"krbtgt/{of_realm}" if foreign else name
        failure = TicketFailure("other", spn)
        for _ in range(1 if foreign else _ATTEMPTS):
            rule = kdc_rule(rules(), client)
            if rule is not None:
                rule.count_hit()
            if rule is not None and rule.refusal is None:
                record(self._event(name, _SILENCE))
                text = f"Cannot contact any KDC for realm '{self.realm}'"
                return TicketReply(TicketFailure("kdc-unreachable", spn, text), silent=True)
            code = self._code(service) if rule is None else rule.refusal
            if code is None:
                record(self._event(service, _ISSUED))
                return TicketReply()
            record(self._event(service, error_name(code)))
            failure = self._failure(spn, service, code, from_kdc=rule is None)
        return TicketReply(failure)

    def knows(self, spn: str) -> bool:
        """Return whether the database has a principal ``spn``."""
        return spn in self.principals()

    def _code(self, service: str) -> int | None:
        return None if self.knows(service) else KrbCode.KDC_ERR_S_PRINCIPAL_UNKNOWN

    def _event(self, service: str, outcome: str) -> KdcExchange:
        return KdcExchange(request="TGS", service=service, outcome=outcome, realm=self.realm)

    def _failure(self, spn: str, service: str, code: int, *, from_kdc: bool) -> TicketFailure:
        unknown = code == KrbCode.KDC_ERR_S_PRINCIPAL_UNKNOWN
        text = _TEXTS.get(KrbCode(code), error_name(code))
        if from_kdc and unknown:  # the KDC's own error text is longer than that of a fault
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
        try:
            payload = json.loads(base64.b64decode(token.removeprefix(_TICKET), validate=True))
            client, service = str(payload["client"]), str(payload["service"])
        except (ValueError, KeyError, TypeError):
            return RefusedTicket("kerberos", "malformed", "no readable AP-REQ")
        name = f"{service}@{self._realm}"
        if service not in self._principals:
            text = f"KRB_AP_ERR_NOT_US: Request ticket server {name} not found in keytab (ticket kvno 1)"
            return RefusedTicket("kerberos", "wrong-service", text)
        if token in self._used:
            return RefusedTicket("kerberos", "replayed", "KRB_AP_ERR_REPEAT: Request is a replay")
        self._used.add(token)
        return AcceptedTicket(client, name, _MUTUAL)


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

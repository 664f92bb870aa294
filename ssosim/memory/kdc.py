"""The KDC as a value, and the services' side of its tickets.

It says what an MIT KDC says to libkrb5, and leaves the same records: a ticket that is got, or two requests that are
refused (libkrb5 asks again without the wish for a referral; measured with krb5 1.20.1). Its tickets say what they are
and prove nothing, so they are good in memory only.
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
from ssosim.kerberos.spnego import look_inside
from ssosim.trace import KdcExchange

__all__ = ["MemoryAcceptor", "MemoryKdc", "Requested", "Tickets", "principals_of"]

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


def principals_of(realm: Realm, accounts: Iterable[str] = ()) -> frozenset[str]:
    """Every principal of ``realm`` that a ticket can be for, without the realm's name."""
    account = realm.service_account
    return frozenset((account.name, *account.spns, *realm.services, *accounts, f"krbtgt/{realm.name}"))


@dataclass(frozen=True, slots=True)
class Requested:
    """What came of asking for a ticket: the failure; None where it was issued.

    ``silent``: nobody answered, which takes libkrb5 a while.
    """

    failure: TicketFailure | None = None
    silent: bool = False


@dataclass(frozen=True, slots=True)
class MemoryKdc:
    """The KDC of ``realm``, which knows ``principals``. Look-ups are by the whole name, case included, as in MIT's."""

    realm: str
    principals: Callable[[], Iterable[str]]
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def ask(
        self, spn: str, client: str, rules: Callable[[], Sequence[KdcRule]], record: Callable[[KdcExchange], None]
    ) -> Requested:
        """Ask for a ticket for ``spn`` on behalf of ``client``; ``rules`` are the faults in force at each request.

        Each exchange is passed to ``record``. libkrb5 takes any error to its first request for one about referrals, and
        asks once more.
        """
        name, _, of_realm = spn.partition("@")
        if not name:
            return Requested(TicketFailure("other", spn, "Unknown error"))
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
                return Requested(TicketFailure("kdc-unreachable", spn, text), silent=True)
            code = self._code(service) if rule is None else rule.refusal
            if code is None:
                record(self._event(service, _ISSUED))
                return Requested()
            record(self._event(service, error_name(code)))
            failure = self._failure(spn, service, code, own=rule is None)
        return Requested(failure)

    def knows(self, spn: str) -> bool:
        """Whether there is such a service."""
        return spn in self.principals()

    def _code(self, service: str) -> int | None:
        return None if self.knows(service) else KrbCode.KDC_ERR_S_PRINCIPAL_UNKNOWN

    def _event(self, service: str, outcome: str) -> KdcExchange:
        return KdcExchange(request="TGS", service=service, outcome=outcome, realm=self.realm)

    def _failure(self, spn: str, service: str, code: int, *, own: bool) -> TicketFailure:
        unknown = code == KrbCode.KDC_ERR_S_PRINCIPAL_UNKNOWN
        text = _TEXTS.get(KrbCode(code), error_name(code))
        if own and unknown:  # the KDC itself says more than a fault does
            text = f"Server {service}@{self.realm} not found in Kerberos database"
        return TicketFailure("server-unknown" if unknown else "other", spn, text)


@dataclass(slots=True)
class Tickets:
    """The tickets of one device, kept as long as its process: who asks twice asks the KDC once.

    ``principal`` is whoever is signed on there, without the realm's name; ``numbers`` are drawn for tokens, each once.
    """

    principal: str
    realm: str
    numbers: Iterator[int]
    _kept: set[str] = field(default_factory=set)

    def token(self, spn: str) -> bytes | None:
        """A fresh Negotiate token for ``spn``; None where there is no ticket for it yet."""
        service = spn.removesuffix(f"@{self.realm}")
        if service not in self._kept:
            return None
        owner = f"{self.principal}@{self.realm}"
        said = {"client": owner, "service": service, "number": next(self.numbers)}
        return _TICKET + base64.b64encode(json.dumps(said).encode())

    def keep(self, spn: str) -> None:
        """There is a ticket for ``spn`` from now on."""
        self._kept.add(spn.removesuffix(f"@{self.realm}"))


class MemoryAcceptor:
    """One service's keys: takes tickets for ``principals``, each token once (``ssosim.entra.TicketAcceptor``)."""

    def __init__(self, realm: str, principals: Iterable[str]) -> None:
        self._realm = realm
        self._principals = frozenset(principals)
        self._used: set[bytes] = set()

    def accept(self, token: bytes) -> AcceptedTicket | RefusedTicket:
        """Judge a token, as GSS-API does one that a KDC has issued."""
        if not token.startswith(_TICKET):
            return _no_ticket(token)
        try:
            said = json.loads(base64.b64decode(token.removeprefix(_TICKET), validate=True))
            client, service = str(said["client"]), str(said["service"])
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


def _no_ticket(token: bytes) -> RefusedTicket:
    """What is said of a token that is none of ours, by its looks."""
    inside = look_inside(token)
    if inside.mechanism == "ntlm":
        return RefusedTicket("ntlm", "ntlm", "an NTLM token inside Negotiate")
    if not inside.readable:
        return RefusedTicket("unknown", "malformed", "not a GSS-API token")
    if inside.mechanism == "unknown":
        return RefusedTicket("unknown", "unknown-mechanism", "An unsupported mechanism was requested")
    return RefusedTicket("kerberos", "malformed", "no readable AP-REQ")

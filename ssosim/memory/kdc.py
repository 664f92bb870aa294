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
from typing import NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace
from ssosim_clients.ports import TicketFailure

from ssosim.entra.core.ticket_acceptor import AcceptedTicket, ChannelBindings, RefusalReason, RefusedTicket
from ssosim.estate import KdcHost, Realm
from ssosim.faults.core.account_states import AccountRefusal
from ssosim.faults.core.clocks import NO_OFFSET, Offset, TimeRefusal, check_times
from ssosim.faults.core.kdc_choice import KdcChoice, choose_kdc
from ssosim.faults.core.kdc_effect import KdcDecision, KdcEffect, KdcRule, decide_kdc_request
from ssosim.faults.core.key_faults import KeyFaults, KeyRefusal
from ssosim.kerberos.carried_tickets import read_ticket_service
from ssosim.kerberos.codes import KrbCode, error_name
from ssosim.kerberos.enctypes import AES256, SUPPORTED, enctype_numbers
from ssosim.kerberos.key_database import Account, IssuedKeys, KeyDatabase
from ssosim.kerberos.messages import KdcReply, KdcRequest, KrbError, build_error, build_tgs_reply, read_message
from ssosim.kerberos.spnego import read_negotiate_token
from ssosim.kerberos.tickets import NO_BINDINGS
from ssosim.lab.base.kdc_events import passed_event
from ssosim.trace import Event, KdcExchange

__all__ = [
    "ClientChecks",
    "MemoryAcceptor",
    "MemoryKdc",
    "TicketCache",
    "TicketReply",
    "TicketTimes",
    "list_principals",
    "read_memory_ticket",
]

_ISSUED, _SILENCE, _UNREADABLE = "issued", "no answer", "unreadable answer"
_TICKET = b"ssosim memory ticket "
_MUTUAL = b"ssosim memory reply"
_ATTEMPTS = 2
_FIRST_KEYS = IssuedKeys("", 1, AES256, AES256)
_ONLY_KDC = KdcChoice(0, None)
_NO_FAULTS = KeyFaults(KeyDatabase(()))
"""The keys of a realm that no fault changes: all are the first ones."""
_TEXTS: Mapping[int, str] = {
    KrbCode.KDC_ERR_CLIENT_REVOKED: "Client's credentials have been revoked",
    KrbCode.KDC_ERR_ETYPE_NOSUPP: "KDC has no support for encryption type",
    KrbCode.KDC_ERR_S_PRINCIPAL_UNKNOWN: "Server not found in Kerberos database",
    KrbCode.KDC_ERR_POLICY: "KDC policy rejects request",
    KrbCode.KRB_AP_ERR_SKEW: "Clock skew too great",
    KrbCode.KRB_AP_ERR_TKT_EXPIRED: "Ticket expired",
    KrbCode.KRB_AP_ERR_TKT_NYV: "Ticket not yet valid",
}


class TicketTimes(NamedTuple):
    """The times of a ticket: when it ``begins``, by the clock of its KDC and against the lab's, and its lifetime."""

    begins: int
    lifetime: float


def list_principals(realm: Realm, accounts: Iterable[str] = (), trusting: Iterable[str] = ()) -> frozenset[str]:
    """Return every principal of ``realm`` that a ticket can be issued for, without the realm's name.

    ``trusting`` are the realms that trust this one.
    """
    account = realm.service_account
    own = (account.name, *account.spns) if account.spns else ()
    return frozenset((*own, *realm.services, *accounts, *(f"krbtgt/{each}" for each in (realm.name, *trusting))))


class ClientChecks(NamedTuple):
    """Why a KDC refuses a client, by the name of the KDC's host: because of the user's account, or of clocks."""

    account: Callable[[str], AccountRefusal | None]
    clocks: Callable[[str], TimeRefusal | None]


NO_CHECKS = ClientChecks(lambda _kdc: None, lambda _kdc: None)


class TicketReply(Struct, frozen=True):
    """The result of a ticket request: the failure; None where a ticket was issued.

    ``silent``: no KDC sent a reply, for which libkrb5 waits ``KDC_TIMEOUT_S``. ``delay``: seconds that faults added.
    ``keys`` are those of the ticket, ``kdc`` is the host of the KDC that issued it.
    """

    failure: TicketFailure | None = None
    silent: bool = False
    delay: float = 0.0
    keys: IssuedKeys = _FIRST_KEYS
    kdc: str = ""


class MemoryKdc(Struct, frozen=True):
    """The KDC of ``realm`` with the database ``principals``. Names are compared exactly, as an MIT KDC does.

    ``keys`` are the keys of the accounts under the active faults; without them all have their first keys. ``hosts`` are
    the KDCs of the realm, in the order in which clients ask them; each has the database of ``keys`` at it. ``named``:
    the lab has several, which the trace names.
    """

    realm: str
    principals: Callable[[], Iterable[str]]
    numbers: Iterator[int] = field(default_factory=itertools.count)
    keys: KeyFaults | None = None
    hosts: tuple[KdcHost, ...] = ()
    named: bool = False

    def request_ticket(
        self,
        spn: str,
        client: str,
        rules: Callable[[], Sequence[KdcRule]],
        record: Callable[[Event], None],
        *,
        principal: str = "user",
        checks: ClientChecks = NO_CHECKS,
        offered: tuple[str, ...] = (),
    ) -> TicketReply:
        """Request a ticket for ``spn`` for ``principal`` at ``client``; ``rules`` returns the faults of each request.

        ``checks`` are those of the client. ``offered`` are the encryption types of the client (none: those of libkrb5).

        Each exchange is passed to ``record``. libkrb5 takes any error to its first request as one about referrals, and
        sends a second request.
        """
        name, _, of_realm = spn.partition("@")
        if not name:
            return TicketReply(TicketFailure("other", spn, "Unknown error"))
        foreign = bool(of_realm) and of_realm != self.realm
        service = f"krbtgt/{of_realm}" if foreign else name
        request = KdcRequest("TGS", self.realm, service, "", enctype_numbers(offered))

        def decide(kdc: str) -> KdcDecision | None:
            return decide_kdc_request(rules(), request, client, is_model=True, kdc=kdc)

        hosts = self.hosts or (KdcHost("", self.realm, ("",)),)
        # One KDC without faults is the usual case, and needs no choice.
        choice = choose_kdc([host.name for host in hosts], decide) if rules() or len(hosts) > 1 else _ONLY_KDC
        for number, passed in choice.passed:
            passed.count_hits()
            record(passed_event(hosts[number], passed, name, named=self.named))
        kdc = hosts[choice.number].name
        failure: TicketFailure | None = None
        error, delay = (0, False), choice.wait
        for _ in range(1 if service.startswith("krbtgt/") else _ATTEMPTS):
            decision = decide(kdc)
            refused_client = self._refuse_client(checks, request, kdc)
            code = self._code(request, kdc) if refused_client is None else refused_client.code
            outcome: int | str | None = code
            if decision is not None:
                decision.count_hits()
                delay += decision.effect.delay
                outcome = self._changed_outcome(decision.effect, request, principal, code)
            if outcome == _SILENCE:
                refused = decision is not None and decision.effect.refused
                if decision is not None and refused:
                    record(passed_event(hosts[choice.number], decision, name, named=self.named))
                else:
                    record(self._event(replace(request, service=name), _SILENCE, decision, kdc))
                text = f"Cannot contact any KDC for realm '{self.realm}'"
                return TicketReply(TicketFailure("kdc-unreachable", spn, text), silent=not refused, delay=delay)
            if outcome is None:
                keys = self._choose_keys(service, kdc, offered) or _FIRST_KEYS
                record(self._event(request, _ISSUED, decision, kdc, keys))
                return TicketReply(delay=delay, keys=keys, kdc=kdc)
            if isinstance(outcome, str):
                changed = self._choose_keys(service, kdc, offered) if outcome == _ISSUED else None
                record(self._event(request, outcome, decision, kdc, changed))
                failure = TicketFailure("other", spn, "the reply of the KDC cannot be used")
                continue
            record(self._event(request, error_name(outcome), decision, kdc, refused=refused_client))
            failure, error = None, (outcome, decision is None or not decision.effect.decides_reply)
        return TicketReply(failure or self._failure(spn, service, *error), delay=delay)

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

    def knows(self, spn: str, kdc: str = "") -> bool:
        """Return whether the database of ``kdc`` has a principal ``spn``."""
        keys = None if self.keys is None else self.keys.database
        return spn in self.principals() or (keys is not None and keys.at(kdc).owner_of(spn) is not None)

    def _code(self, request: KdcRequest, kdc: str) -> int | None:
        if not self.knows(request.service, kdc):
            return KrbCode.KDC_ERR_S_PRINCIPAL_UNKNOWN
        refusal = self._refuse(request, kdc)
        return None if refusal is None else refusal.code

    def _refuse(self, request: KdcRequest, kdc: str) -> KeyRefusal | None:
        return (self.keys or _NO_FAULTS).refuse(request, kdc)

    def _refuse_client(self, checks: ClientChecks, request: KdcRequest, kdc: str) -> AccountRefusal | None:
        """Return why ``kdc`` refuses a request whatever it is for.

        The account comes first, as over sockets. The KDC checks the authenticator before it looks for the service;
        where a fault of keys answers in its place, it checks nothing.
        """
        refused = checks.account(kdc)
        keys = self._refuse(request, kdc)
        if refused is not None or (keys is not None and keys.by_gateway):
            return refused
        skewed = checks.clocks(kdc)
        return None if skewed is None else AccountRefusal(skewed.code, skewed.difference.list_faults())

    def _choose_keys(self, service: str, kdc: str, offered: tuple[str, ...]) -> IssuedKeys | None:
        return (self.keys or _NO_FAULTS).choose_keys(service, kdc, offered or SUPPORTED)

    def _event(
        self,
        request: KdcRequest,
        outcome: str,
        decision: KdcDecision | None,
        kdc: str,
        keys: IssuedKeys | None = None,
        refused: AccountRefusal | None = None,
    ) -> KdcExchange:
        faults = () if decision is None else decision.faults
        refusal = refused or self._refuse(request, kdc)
        if refusal is not None and (decision is None or decision.effect.is_forwarded):
            faults = tuple(sorted({*faults, *refusal.faults}))
        return KdcExchange(
            request="TGS",
            service=request.service,
            outcome=outcome,
            realm=self.realm,
            faults=faults,
            kvno=keys.kvno if keys else None,
            etype=keys.enctype if keys else "",
            kdc=kdc if self.named else "",
        )

    def _failure(self, spn: str, service: str, code: int, from_kdc: bool) -> TicketFailure:
        """Return the failure for the error ``code``. ``from_kdc``: the KDC itself sent it, and no fault."""
        unknown = code == KrbCode.KDC_ERR_S_PRINCIPAL_UNKNOWN
        text = _TEXTS.get(code, error_name(code))
        if from_kdc and unknown:  # the KDC itself says more than a fault does
            text = f"Server {service}@{self.realm} not found in Kerberos database"
        if code == KrbCode.KRB_AP_ERR_TKT_EXPIRED:
            return TicketFailure("expired", spn, text)
        return TicketFailure("server-unknown" if unknown else "other", spn, text)


class TicketCache(Struct):
    """The tickets of one client process: a second request for the same service does not reach the KDC.

    ``principal`` is the signed-on user, without the realm's name; ``numbers`` makes each token unique. ``lifetime``: of
    the ticket-granting ticket, in seconds from ``began`` on (None: there is none). ``padding``: octets of authorization
    data in each ticket.
    """

    principal: str
    realm: str
    numbers: Iterator[int]
    lifetime: float = float("inf")
    began: float | None = 0.0
    padding: int = 0
    _services: dict[str, IssuedKeys] = field(default_factory=dict)
    _times: dict[str, TicketTimes] = field(default_factory=dict)

    def is_valid(self, now: float) -> bool:
        """Return whether there is a ticket-granting ticket that has not expired.

        No ticket is valid longer than that one. Source: RFC 4120, section 3.3.3.
        """
        return self.began is not None and now - self.began < self.lifetime

    def sign_on(self, now: float | None) -> None:
        """Replace all tickets by a new ticket-granting ticket of ``now``, or by none."""
        self._services.clear()
        self._times.clear()
        self.began = now

    def build_token(self, spn: str, authenticator: int = 0, *, is_bound: bool = False) -> bytes | None:
        """Return a new Negotiate token for ``spn``; None if there is no ticket for it yet.

        ``authenticator``: how many seconds its time is ahead of the lab's. ``is_bound``: to the TLS connection.
        """
        service = spn.removesuffix(f"@{self.realm}")
        if service not in self._services:
            return None
        owner = f"{self.principal}@{self.realm}"
        keys = self._services[service]
        name, _, realm = service.partition("@")
        payload: dict[str, object] = {"client": owner, "service": name, "number": next(self.numbers), "keys": keys}
        payload["realm"] = realm or self.realm
        payload["authorization_data"] = "0" * (self.padding * 3 // 4)  # base64 adds a third
        times = self._times.get(service)
        if times is not None or authenticator:
            payload["times"] = (*(times or TicketTimes(0, self.lifetime)), authenticator)
        if is_bound:
            payload["is_bound"] = True
        return _TICKET + base64.b64encode(json.dumps(payload).encode())

    def has(self, service: str) -> bool:
        """Return whether there is a ticket for ``service``."""
        return service in self._services

    def add(self, spn: str, keys: IssuedKeys = _FIRST_KEYS, times: TicketTimes | None = None) -> None:
        """Add a ticket for ``spn`` with these keys; ``times`` None: it begins when it is issued."""
        service = spn.removesuffix(f"@{self.realm}")
        self._services[service] = keys
        if times is not None:
            self._times[service] = times

    def times_of(self, service: str) -> TicketTimes | None:
        """Return the times of the ticket for ``service``; None where no clock was wrong."""
        return self._times.get(service)


class MemoryAcceptor:
    """The keys of a service: accepts tickets for ``principals``, each token once (``ssosim.entra.TicketAcceptor``).

    ``keys`` are the keys of the realm under the active faults. A ticket is accepted if one of the keys of
    ``principals`` opens it, whatever name it has, as libkrb5 does (krb5 1.20, lib/krb5/krb/rd_req_dec.c).
    ``read_clock`` returns how far the clock of the service is ahead of the lab's; ``lifetime`` is that of tickets, in
    seconds.
    """

    def __init__(
        self,
        realm: str,
        principals: Iterable[str],
        keys: KeyFaults | None = None,
        read_clock: Callable[[], Offset] = lambda: NO_OFFSET,
        lifetime: float = float("inf"),
    ) -> None:
        self._realm = realm
        self._principals = frozenset(principals)
        self._keys = keys
        self._used: set[bytes] = set()
        self._read_clock = read_clock
        self._lifetime = lifetime

    def accept(self, token: bytes, bindings: ChannelBindings | None = None) -> AcceptedTicket | RefusedTicket:
        """Accept or refuse a token as GSS-API does with a token of a real KDC."""
        if not token.startswith(_TICKET):
            return _refuse_unknown_token(token)
        read = _read_token(token)
        if read is None:
            return RefusedTicket("kerberos", "malformed", "no readable AP-REQ")
        client, service, realm, keys, times, is_bound = read
        seen = (keys.kvno, keys.enctype, keys.session_enctype)
        if realm != self._realm:
            name = f"{service}@{realm}"
            text = f"KRB_AP_ERR_NOT_US: Request ticket server {name} not found in keytab (ticket kvno {keys.kvno})"
            return RefusedTicket("kerberos", "wrong-service", text, *seen)
        if (refused := self._find_missing_key(service, keys)) is not None:
            reason, text = refused
            faults = () if self._keys is None else self._keys.find_faults(service, keys.kvno, keys.enctype)
            return RefusedTicket("kerberos", reason, text, *seen, faults)
        refused = self._find_wrong_time(token, times)
        if refused is None and bindings is not None and bindings.required and not is_bound:
            refused = "bad-bindings", NO_BINDINGS
        if refused is not None:
            reason, text = refused
            return RefusedTicket("kerberos", reason, text, *seen)
        return AcceptedTicket(client, f"{service}@{self._realm}", _MUTUAL, *seen)

    def _find_wrong_time(self, token: bytes, times: tuple[int, float, int] | None) -> tuple[RefusalReason, str] | None:
        """Why a token is refused because of its time, or because it was used before, with the text of libkrb5."""
        if token in self._used:
            return "replayed", "KRB_AP_ERR_REPEAT: Request is a replay"
        self._used.add(token)
        begins, lifetime, authenticator = times or (0, self._lifetime, 0)
        refusal = check_times(Offset({0: begins}), lifetime, Offset({0: authenticator}), self._read_clock())
        return None if refusal is None else (_TIME_REASONS[refusal.code], _describe_code(refusal.code))

    def _find_missing_key(self, service: str, keys: IssuedKeys) -> tuple[RefusalReason, str] | None:
        """Why no key opens a ticket, with the text of libkrb5; None if one does."""
        name = f"{service}@{self._realm}"
        own = self._find_own_accounts()
        owner = self._keys.database.find(keys.account) if self._keys is not None and keys.account else None
        if not keys.account and service in self._principals:
            return None
        if owner is not None and owner in own and owner.opens(keys.kvno, keys.enctype):
            return None
        named = next((each for each in own if service in (*each.principals, *each.lost)), None)
        if named is not None and service in self._principals:
            return _describe_missing_version(name, keys, named)
        text = f"KRB_AP_ERR_NOT_US: Request ticket server {name} not found in keytab (ticket kvno {keys.kvno})"
        return "wrong-service", text

    def _find_own_accounts(self) -> list[Account]:
        """The accounts whose keys this service has."""
        if self._keys is None:
            return []
        # The key tables are those of the start: a name that is registered on another account changes none of them.
        own = {each.name for each in self._keys.healthy.accounts if not self._principals.isdisjoint(each.principals)}
        return [each for each in self._keys.database.accounts if each.name in own]


def read_memory_ticket(token: bytes) -> str | None:
    """Return the service that a token of this KDC, or a Kerberos ticket, is for; None if it is neither."""
    if not token.startswith(_TICKET):
        return read_ticket_service(token)
    read = _read_token(token)
    return None if read is None else read[1]


_TIME_REASONS: Mapping[KrbCode, RefusalReason] = {
    KrbCode.KRB_AP_ERR_SKEW: "skew",
    KrbCode.KRB_AP_ERR_TKT_NYV: "not-yet-valid",
    KrbCode.KRB_AP_ERR_TKT_EXPIRED: "expired",
}


def _describe_code(code: KrbCode) -> str:
    return f"{code.name}: {_TEXTS[code]}"


def _describe_missing_version(name: str, keys: IssuedKeys, owner: Account) -> tuple[RefusalReason, str]:
    """Return the refusal of a ticket whose key version or type the key table of ``owner`` does not have."""
    if owner.opens(keys.kvno, keys.enctype):  # it has such a key, and the ticket is encrypted with another account's
        short = keys.enctype.removesuffix("-hmac-sha1-96")
        text = (
            f"Request ticket server {name} kvno {keys.kvno} enctype {short} found in keytab but cannot decrypt ticket"
        )
        return "wrong-key", f"KRB_AP_ERR_BAD_INTEGRITY: {text}"
    if keys.kvno in owner.service_kvnos:
        short = keys.enctype.removesuffix("-hmac-sha1-96")  # libkrb5 writes the shortest alias
        text = f"Request ticket server {name} kvno {keys.kvno} found in keytab but not with enctype {short}"
        return "wrong-key", f"KRB_AP_ERR_BADKEYVER: {text}"
    newer = keys.kvno > max(owner.service_kvnos)
    hint = "keytab is likely out of date" if newer else "ticket is likely out of date"
    text = f"Request ticket server {name} kvno {keys.kvno} not found in keytab; {hint}"
    return "wrong-key", f"KRB_AP_ERR_BADKEYVER: {text}"


class _Token(NamedTuple):
    """What a token of this KDC says. ``times``: those of the ticket (``TicketTimes``), and of its authenticator."""

    client: str
    service: str
    realm: str
    keys: IssuedKeys
    times: tuple[int, float, int] | None
    is_bound: bool


def _read_token(token: bytes) -> _Token | None:
    """Read a token of this KDC; None if it cannot be read."""
    try:
        payload = json.loads(base64.b64decode(token.removeprefix(_TICKET), validate=True))
        account, kvno, enctype, session = payload["keys"]
        made = IssuedKeys(account, int(kvno), enctype, session)
        begins, lifetime, authenticator = payload.get("times", (0, 0, 0))
        times = (int(begins), float(lifetime), int(authenticator)) if "times" in payload else None
        is_bound = payload.get("is_bound") is True
        return _Token(str(payload["client"]), str(payload["service"]), str(payload["realm"]), made, times, is_bound)
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

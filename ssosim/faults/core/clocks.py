"""The clocks of devices, KDCs and services under faults: who refuses what because of them. Pure functions and values.

Times are differences to the time of the lab, so no clock is read here. Four of them decide about one ticket:

- the device's clock, and how far libkrb5 corrects it: with ``kdc_timesync`` (the default) the sign-on writes the
  difference to the KDC's clock into the credential cache, and all later messages use it;
- the clock of the KDC at the sign-on, which is the beginning of the ticket-granting ticket;
- the clock of the KDC that issues the service ticket;
- the clock of the service.

So the time in an authenticator is: device now, minus device at the sign-on, plus KDC at the sign-on. A device whose
clock was wrong before its user signed on works; one whose clock went wrong, or was corrected, since then does not.

A KDC checks an authenticator before it looks at the request, and a service after it has decrypted the ticket. Both take
the times of the ticket first, then that of the authenticator (``check_times``).

Source: krb5 1.20, lib/krb5/krb/rd_req_dec.c, valid_times.c, get_in_tkt.c; measured with krb5 1.20.1 at 299, 300 and 301
seconds in both directions; RFC 4120 sections 3.1.3 and 3.2.3.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Literal, NamedTuple, Protocol

from msgspec import Struct

from ssosim.faults.core.errors import FaultError
from ssosim.kerberos.codes import KrbCode
from ssosim.spn import read_spn_host

__all__ = [
    "NO_OFFSET",
    "TIME_CODES",
    "TOLERANCE_S",
    "ClockRule",
    "Clocks",
    "Offset",
    "TimeRefusal",
    "check_times",
    "describe_offset",
    "list_clock_names",
]

TOLERANCE_S = 300
"""The tolerance of clocks in Kerberos, in seconds; 300 is accepted, 301 is not.

Source: krb5 documentation, krb5.conf (clockskew); Microsoft documentation, Maximum tolerance for computer clock
synchronization. Both are measured with krb5 1.20.1.
"""

ClockOwner = Literal["device", "kdc", "service"]


class Offset(Struct, frozen=True):
    """How far a clock is ahead of the lab's, in seconds, by the number of the fault that moved it."""

    by_fault: Mapping[int, int]

    @property
    def seconds(self) -> int:
        """The whole offset; negative: the clock is behind."""
        return sum(self.by_fault.values())

    def __add__(self, other: Offset) -> Offset:
        """Return the sum."""
        return _combine(self, other, 1)

    def __sub__(self, other: Offset) -> Offset:
        """Return the difference. A fault that moved both clocks alike is no part of it."""
        return _combine(self, other, -1)

    def list_faults(self) -> tuple[int, ...]:
        """Return the numbers of the faults that moved it in the direction of the whole offset."""
        whole = self.seconds
        return tuple(sorted(number for number, seconds in self.by_fault.items() if number and seconds * whole > 0))


NO_OFFSET = Offset({})

TIME_CODES = frozenset({KrbCode.KRB_AP_ERR_SKEW, KrbCode.KRB_AP_ERR_TKT_NYV, KrbCode.KRB_AP_ERR_TKT_EXPIRED})


def _combine(one: Offset, other: Offset, sign: int) -> Offset:
    if not other.by_fault:
        return one
    numbers = one.by_fault.keys() | other.by_fault.keys()
    parts = {each: one.by_fault.get(each, 0) + sign * other.by_fault.get(each, 0) for each in sorted(numbers)}
    return Offset({number: seconds for number, seconds in parts.items() if seconds})


class ClockRule(NamedTuple):
    """What one fault does to clocks: those of devices, KDCs or services are ``seconds`` ahead (negative: behind).

    Empty ``clients``, ``kdcs`` and ``host`` mean all.
    """

    of: ClockOwner
    seconds: int
    clients: tuple[str, ...] = ()
    kdcs: tuple[str, ...] = ()
    host: str = ""
    fault: int = 0


class TimeRefusal(NamedTuple):
    """The ``code`` of a refusal because of a clock, and the difference that is behind it.

    ``what`` is what has the wrong time: the ticket, or the authenticator that comes with it.
    """

    code: KrbCode
    difference: Offset
    what: Literal["ticket", "authenticator"]


def check_times(begin: Offset, lifetime: float, authenticator: Offset, local: Offset) -> TimeRefusal | None:
    """Return why a KDC or service whose clock is ``local`` refuses a ticket that was issued now; None if it does not.

    ``begin`` is the clock of the KDC that issued the ticket, ``lifetime`` that of the ticket in seconds,
    ``authenticator`` the time that the client wrote.
    """
    early, late = begin - local, authenticator - local
    if early.seconds > TOLERANCE_S:
        return TimeRefusal(KrbCode.KRB_AP_ERR_TKT_NYV, early, "ticket")
    if -early.seconds > lifetime + TOLERANCE_S:
        return TimeRefusal(KrbCode.KRB_AP_ERR_TKT_EXPIRED, early, "ticket")
    if abs(late.seconds) > TOLERANCE_S:
        return TimeRefusal(KrbCode.KRB_AP_ERR_SKEW, late, "authenticator")
    return None


def describe_offset(seconds: int) -> str:
    """Describe an offset: ``600 s ahead``, ``600 s behind``."""
    return f"{seconds} s ahead" if seconds >= 0 else f"{-seconds} s behind"


class _Listening(Protocol):
    """A service with an address, as far as its clock is concerned."""

    @property
    def address(self) -> str: ...
    @property
    def dns_names(self) -> tuple[str, ...]: ...
    @property
    def application(self) -> object: ...


def list_clock_names(services: Iterable[_Listening]) -> list[set[str]]:
    """Return the names of the services with an application at each address: a host has one clock."""
    found: dict[str, set[str]] = {}
    for service in services:
        if service.application is None:  # of a KDC, which has its own kind of fault, or a name server
            continue
        found.setdefault(service.address, set()).update(service.dns_names)
    return list(found.values())


class SignOnClocks(NamedTuple):
    """The clocks at the sign-on of a client's user: of the device, and of the KDC."""

    device: Offset = NO_OFFSET
    kdc: Offset = NO_OFFSET


class Clocks:
    """All clocks of a lab under the active faults, and those of the sign-on of each client.

    ``services`` are the names of each service, which has one clock. ``show`` is called with the offsets of the KDCs in
    seconds, by the name of their hosts, with each new state, after ``watchers``; they raise FaultError if that fails.
    """

    def __init__(
        self,
        services: Iterable[Collection[str]] = (),
        kdcs: Iterable[str] = (),
        show: Callable[[Mapping[str, int]], None] = lambda _offsets: None,
    ) -> None:
        self._names: dict[str, frozenset[str]] = {}
        for names in services:
            lower = frozenset(name.lower() for name in names)
            for name in lower:
                self._names[name] = self._names.get(name, frozenset()) | lower
        self._kdcs = tuple(kdcs)
        self.show = show
        self.watchers: list[Callable[[], None]] = []
        self._rules: tuple[ClockRule, ...] = ()
        self._sign_ons: dict[str, SignOnClocks] = {}
        self._tickets: dict[str, dict[str, Offset]] = {}
        self._was_used = False

    def apply(self, rules: tuple[ClockRule, ...]) -> None:
        """Use the clocks of ``rules`` from now on. Raises FaultError for a host that is no service of the lab."""
        if rules == self._rules:
            return
        for rule in rules:
            if rule.host and rule.host.lower() not in self._names:
                known = ", ".join(sorted(self._names))
                raise FaultError(f"host: there is no service at {rule.host!r}; the hosts with a service: {known}")
        before, self._rules, self._was_used = self._rules, rules, True
        try:
            for watch in self.watchers:
                watch()
            self.show({name: self.of_kdc(name).seconds for name in self._kdcs})
        except FaultError:
            self._rules = before
            raise

    @property
    def rules(self) -> tuple[ClockRule, ...]:
        """The rules in force, the oldest first."""
        return self._rules

    def of_device(self, client: str, rules: Iterable[ClockRule] | None = None) -> Offset:
        """Return the offset of the clock of the device of ``client``, now or under ``rules``."""
        found = self._rules if rules is None else rules
        return _sum(rule for rule in found if rule.of == "device" and (not rule.clients or client in rule.clients))

    def of_kdc(self, name: str, rules: Iterable[ClockRule] | None = None) -> Offset:
        """Return the offset of the clock of the KDC at the host ``name``, now or under ``rules``."""
        found = self._rules if rules is None else rules
        return _sum(rule for rule in found if rule.of == "kdc" and (not rule.kdcs or name in rule.kdcs))

    def of_service(self, host: str) -> Offset:
        """Return the offset of the clock of the service with the name ``host``; none for what is no service."""
        if not self._rules:
            return NO_OFFSET
        names = self._names.get(host.lower())
        return _sum(
            rule
            for rule in self._rules
            if rule.of == "service" and names is not None and (not rule.host or rule.host.lower() in names)
        )

    def note_sign_on(self, client: str, kdc: str, rules: Iterable[ClockRule] | None = None) -> None:
        """Remember the clocks at the sign-on of the user of ``client`` at ``kdc``: the present ones, or ``rules``."""
        made = SignOnClocks(self.of_device(client, rules), self.of_kdc(kdc, rules))
        if made.device.by_fault or made.kdc.by_fault:
            self._sign_ons[client] = made
        else:
            self._sign_ons.pop(client, None)

    def of_sign_on(self, client: str) -> SignOnClocks:
        """Return the clocks at the last sign-on of the user of ``client``."""
        return self._sign_ons.get(client, SignOnClocks())

    def note_ticket(self, client: str, service: str, kdc: str) -> Offset:
        """Remember that ``kdc`` has issued a ticket for ``service`` to ``client``, and return the clock of ``kdc``."""
        begin = self.of_kdc(kdc)
        known = self._tickets.get(client)
        if known is not None or begin.by_fault:
            host = read_spn_host(service)
            known = self._tickets.setdefault(client, {})
            known.pop(host, None)
            known[host] = begin
        return begin

    def _find_difference(self, client: str, host: str, *, of_ticket: bool) -> Offset:
        """Return how far what ``client`` presented is ahead of the clock of the service ``host`` that refused it.

        ``of_ticket``: the ticket itself; else its authenticator. The ticket is the last one for that name, or else the
        last one of the client.
        """
        if not of_ticket:
            return self.of_authenticator(client) - self.of_service(host)
        return self._find_begin_of_ticket(client, host) - self.of_service(host)

    def _find_begin_of_ticket(self, client: str, host: str) -> Offset:
        tickets = self._tickets.get(client, {})
        found = tickets.get(host.lower())
        return next(reversed(tickets.values()), NO_OFFSET) if found is None else found

    def explain_refusal_at_device(self, client: str, service: str) -> tuple[int, ...]:
        """Return the faults because of which the device of ``client`` does not use its ticket for ``service`` yet."""
        begin = self._find_begin_of_ticket(client, read_spn_host(service))
        return (begin - self.of_authenticator(client)).list_faults()

    def find_device_offset(self, client: str) -> int:
        """Return how many seconds the clock of the device of ``client`` is ahead."""
        return self.of_device(client).seconds if self._rules else 0

    def find_service_offset(self, host: str) -> int:
        """Return how many seconds the clock of the service at ``host`` is ahead (``ServiceClocks``)."""
        return self.of_service(host).seconds if self._rules else 0

    def explain_refused_ticket(self, client: str, host: str, *, of_ticket: bool) -> tuple[str, tuple[int, ...]]:
        """Return by how much ticket or authenticator and the service's clock differ, and the faults behind it."""
        if not self.in_use:
            return "", ()
        difference = self._find_difference(client, host, of_ticket=of_ticket)
        faults = difference.list_faults()
        if not faults:
            return "", ()
        what = "the ticket begins" if of_ticket else "the authenticator is"
        seconds = difference.seconds
        return f"{what} {describe_offset(seconds)}{' of' if seconds >= 0 else ''} the clock of {host}", faults

    def explain_refused_date(self, client: str, host: str) -> tuple[int, ...]:
        """Return the faults behind a date that ``host`` has refused: of its clock, and of those who write dates.

        Dates are written by the client itself or by another service of the provider.
        """
        others = (rule for rule in self._rules if rule.of == "service")
        here, device = self.of_service(host), self.of_device(client)
        return tuple(dict.fromkeys((*here.by_fault, *_sum(others).by_fault, *device.by_fault)))

    def find_age_shift(self, client: str) -> int:
        """Return by how many seconds the tickets of ``client`` seem older to its device than they are."""
        if not self.in_use:
            return 0
        return (self.of_device(client) - self.of_sign_on(client).device).seconds

    def of_authenticator(self, client: str) -> Offset:
        """Return the offset of the time that libkrb5 writes into the authenticators of ``client``."""
        if not self.in_use:
            return NO_OFFSET
        then = self.of_sign_on(client)
        return self.of_device(client) - then.device + then.kdc

    @property
    def in_use(self) -> bool:
        """Whether a clock is wrong, or has been: tickets and sign-ons of that time may still be there."""
        return self._was_used

    def refuse_at_kdc(self, client: str, kdc: str, realm: str, lifetime: float) -> TimeRefusal | None:
        """Return why ``kdc`` refuses a request of ``client`` for a service ticket because of clocks.

        ``lifetime``: that of the ticket-granting ticket for ``realm`` that is presented, in seconds.
        """
        if not self.in_use:
            return None
        begin = self._find_begin(client, realm)
        return check_times(begin, lifetime, self.of_authenticator(client), self.of_kdc(kdc))

    def _find_begin(self, client: str, realm: str) -> Offset:
        """Return the clock of the KDC that issued the ticket-granting ticket of ``client`` for ``realm``."""
        found = self._tickets.get(client, {}).get(realm.lower())
        return self.of_sign_on(client).kdc if found is None else found

    def explain_refusal_of_kdc(
        self, client: str, kdc: str, realm: str, code: int, *, signs_on: bool
    ) -> tuple[int, ...]:
        """Return the faults because of which ``kdc`` of ``realm`` has refused a request with ``code``.

        ``signs_on``: the request was one for a ticket-granting ticket, whose time is that of the device.
        """
        if not self.in_use or code not in TIME_CODES:
            return ()
        if code != KrbCode.KRB_AP_ERR_SKEW:
            what = self._find_begin(client, realm)
        else:
            what = self.of_device(client) if signs_on else self.of_authenticator(client)
        return (what - self.of_kdc(kdc)).list_faults()


def _sum(rules: Iterable[ClockRule]) -> Offset:
    by_fault: dict[int, int] = {}
    for rule in rules:
        by_fault[rule.fault] = by_fault.get(rule.fault, 0) + rule.seconds
    return Offset(by_fault) if by_fault else NO_OFFSET

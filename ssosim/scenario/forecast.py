"""What a DNS change would do to every kind of client, found out by playing them against both states of the zones.

No socket and no Kerberos: names come from the pure answers, tickets from the set of SPNs that the KDC knows, HTTP from
the identity provider's pure functions. The same client models run here as in the lab.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ssosim_clients.catalogue import MODELS
from ssosim_clients.models import State
from ssosim_clients.ports import Device, DnsFailure
from ssosim_clients.spn import RULES, OnUnknown, SchemeGivenUp, SpnRule

from ssosim.dns import ZoneSet
from ssosim.entra import Keys
from ssosim.estate import Estate, User
from ssosim.scenario.forecast_stage import START, Clock, Parked, Person, Resolver, Seen, World, drive
from ssosim.services import http_host_names
from ssosim.trace import ClientFinished, KdcExchange, Trace
from ssosim.verdict.judge import judge
from ssosim.verdict.outcome import Outcome

__all__ = ["Forecast", "Prediction", "affected_hosts", "forecast"]

_WITHOUT_TICKET = {
    OnUnknown.PLAIN_401: "401",
    OnUnknown.RESEND_PLAIN: "401",
    OnUnknown.NEXT_SCHEME: "401, or another scheme",
    OnUnknown.NTLM: "NTLM instead, refused (403)",
    OnUnknown.ERROR: "an error to the caller",
}
_NOT_HERE = "does not sign in on this device"
_RANK = (Outcome.SILENT, Outcome.INTERACTIVE, Outcome.FAILED, Outcome.REFUSED, Outcome.STALLED)


@dataclass(frozen=True, slots=True)
class Prediction:
    """What becomes of one kind of client before and after. ``names`` are the clients (rules, models) that it holds for.

    ``spn_before`` and ``spn_after`` are the SPNs it asks for, in order; none where it gets no further than DNS.
    """

    kind: str
    names: tuple[str, ...]
    before: str
    after: str
    spn_before: tuple[str, ...]
    spn_after: tuple[str, ...]
    why: str
    worse: bool

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True)
class Forecast:
    """The predictions for one host: SPN rules by family, and each model of a client."""

    host: str
    rules: tuple[Prediction, ...]
    models: tuple[Prediction, ...]

    @property
    def worse(self) -> tuple[str, ...]:
        """The models for which it gets worse."""
        return tuple(name for each in self.models if each.worse for name in each.names)

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "host": self.host,
            "rules": [each.as_data() for each in self.rules],
            "models": [each.as_data() for each in self.models],
            "worse": list(self.worse),
        }


def forecast(before: ZoneSet, after: ZoneSet, estate: Estate, keys: Keys, host: str = "") -> Forecast:
    """Play every SPN rule and every model against both states. ``host`` is the one that tickets are for.

    ``keys`` are the identity provider's; making them is slow, so they come from the caller.
    """
    host = host or estate.cloud.autologon_host
    spns = frozenset((*estate.default_realm.service_account.spns, *estate.default_realm.services))
    grouped: dict[tuple[str, ...], list[tuple[str, _Played, _Played]]] = {}
    for rule in RULES.values():
        if rule.service == "HTTP":
            was, now = (_play_rule(rule, host, zones, estate, spns) for zones in (before, after))
            grouped.setdefault((_family(rule), was.text, now.text), []).append((rule.name, was, now))
    rules = tuple(_prediction(group[0][0] and key[0], group) for key, group in grouped.items())
    models = []
    for name in MODELS:
        was, now = (_play_model(name, zones, estate, spns, keys) for zones in (before, after))
        if was.rank and was == now:  # it wants another device or credential than the estate's first device has
            was = now = dataclasses.replace(was, text=_NOT_HERE)
        models.append(_prediction("model", [(name, was, now)]))
    return Forecast(host, rules, tuple(models))


@dataclass(frozen=True, slots=True)
class _Played:
    """One play: the outcome in a word or two, why, the SPNs asked for, and its rank (0 is best)."""

    text: str
    why: str
    spns: tuple[str, ...]
    rank: int

    def by_chance(self, spns: tuple[str, ...]) -> _Played:
        """This, the worst of several outcomes between which the order of DNS answers decides; ``spns`` are of all."""
        why = f"{self.why}; the order of DNS answers decides between the names"
        return _Played(f"ticket, or by chance {self.text}", why, spns, self.rank)


def _prediction(kind: str, group: list[tuple[str, _Played, _Played]]) -> Prediction:
    names = tuple(name for name, _, _ in group)
    _, was, now = group[0]
    return Prediction(kind, names, was.text, now.text, was.spns, now.spns, now.why, now.rank > was.rank)


def _family(rule: SpnRule) -> str:
    own = " or ".join(form.value for form in rule.forms)
    return f"{own}, then {' or '.join(form.value for form in rule.second)}" if rule.second else own


def _play_rule(rule: SpnRule, host: str, zones: ZoneSet, estate: Estate, spns: frozenset[str]) -> _Played:
    resolver = Resolver(zones, Trace(), "forecast")
    try:
        drive(resolver.resolve(host, "any"))
    except DnsFailure as failure:
        return _Played(f"no address ({failure.kind})", f"{host} has no address", (), 3)
    try:
        ways = drive(rule.possibilities(host, resolver, search_domain=estate.default_realm.domain))
    except (DnsFailure, SchemeGivenUp) as failure:
        return _Played("no ticket asked for", str(failure), (), 2)
    ended = [_ask_kdc(rule, asked, spns) for asked in ways]
    if len({each.text for each in ended}) == 1:
        return dataclasses.replace(ended[0], spns=_union(ended), why=" or ".join(dict.fromkeys(e.why for e in ended)))
    return max(ended, key=lambda each: each.rank).by_chance(_union(ended))


def _ask_kdc(rule: SpnRule, asked: tuple[str, ...], spns: frozenset[str]) -> _Played:
    """What comes of a rule's candidates at a KDC that knows ``spns``."""
    for number, spn in enumerate(asked, start=1):
        if spn in spns:
            return _Played("ticket", f"the KDC knows {spn}", asked[:number], 0)
    instead = _WITHOUT_TICKET[rule.on_unknown]
    return _Played(f"unknown to the KDC: {instead}", f"the KDC does not know {', '.join(asked)}", asked, 2)


def _union(played: list[_Played]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(spn for each in played for spn in each.spns))


def _play_model(name: str, zones: ZoneSet, estate: Estate, spns: frozenset[str], keys: Keys) -> _Played:
    user = _user_for(getattr(MODELS[name], "domain", "managed"), estate)
    if user is None:
        return _Played(_NOT_HERE, "the estate has no device of such a user", (), 0)
    clock = Clock()
    trace = Trace(clock)
    world = World(zones, estate, user, spns, keys, Seen(trace, clock, name))
    stage = Device(
        upn=user.upn,
        resolver=Resolver(zones, trace, name),
        http=world,
        kerberos=world,
        clock=clock,
        user=Person(trace, name, user.password),
        search_domain=estate.default_realm.domain,
        stored_password=user.password,
    )
    try:
        belief = drive(MODELS[name].sign_in(stage))
        if getattr(belief, "state", None) is State.FAILED:
            trace.record(name, ClientFinished(program=name, exit_code=1))
    except Parked:
        pass
    except Exception as error:  # noqa: BLE001 - a model that needs what this stage has not is no verdict on the change
        return _Played("not played", f"{type(error).__name__}: {error}", (), 0)
    verdict = judge([record for record in trace if record.client == name], START)
    asked = tuple(
        dict.fromkeys(
            record.event.service
            for record in trace
            if isinstance(record.event, KdcExchange) and record.event.request == "TGS"
        )
    )
    return _Played(verdict.outcome.value, verdict.reason, asked, _RANK.index(verdict.outcome))


def _user_for(domain: str, estate: Estate) -> User | None:
    """The user of the estate's first device whose user is of such a domain."""
    for device in estate.devices:
        user = estate.user(device.user)
        found = estate.domain(device.user.partition("@")[2])
        if user is not None and found is not None and found[1].kind == domain:
            return user
    return None


def affected_hosts(names: Iterable[str], estate: Estate) -> tuple[str, ...]:
    """Those of ``names`` that a service answers for."""
    served = http_host_names(estate)
    return tuple(name for name in names if name in served)

"""Forecast the effect of a DNS change on every kind of client, by playing all of them against both states of the zones.

Each state is a lab in memory (``ssosim.memory``) in which every model signs in on its own device. It is played for each
viewpoint whose answers differ: locations, regions, resolvers, address families, and the shares of weighted routing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from dns.rdatatype import AAAA, PTR, SRV, URI, A

from ssosim.changes.answers import content_of
from ssosim.changes.risk import Level, Reason
from ssosim.dns import ZoneSet, zones_of
from ssosim.dns.zones.answer import answer
from ssosim.dns.zones.rrset import to_name
from ssosim.dns.zones.stub import read_answer, reverse_name
from ssosim.estate import Estate
from ssosim.lab.base.kdc_discovery import find_kdc_targets
from ssosim.output import format_share
from ssosim.scenario.forecast_times import CacheWindows, Timing, measure_windows, timing_of
from ssosim.scenario.forecast_zones import Outside, assume_outside
from ssosim.scenario.viewpoints import (
    Choice,
    Viewpoint,
    choices_at,
    list_viewpoints,
    reachable_profiles,
    settle,
    split_by_order,
)
from ssosim.services import http_host_names, services_of

if TYPE_CHECKING:  # models, provider and KDC are imported where a change concerns a host of a service
    from ssosim.entra import Keys
    from ssosim.scenario.forecast_play import PlayResult

__all__ = [
    "Forecast",
    "Prediction",
    "ViewForecast",
    "affected_hosts",
    "forecast",
    "forecast_change",
    "forecast_reasons",
]

_MAX_PLACES = 4

_Played: TypeAlias = "tuple[Mapping[str, PlayResult], Mapping[str, PlayResult]]"
"""The results by SPN rule, and by model."""


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of one kind of client before and after the change. ``names`` are its SPN rules or models.

    ``spn_before`` and ``spn_after`` are the SPNs that it requests, in order; none if it fails at DNS. ``worse_share``
    is the share (0 to 1) of its sign-ins that get worse: below 1 where weighted routing decides. ``timing`` is for
    how long a model that gets worse is hurt.
    """

    kind: str
    names: tuple[str, ...]
    before: str
    after: str
    spn_before: tuple[str, ...]
    spn_after: tuple[str, ...]
    why: str
    worse: bool
    worse_share: float = 0.0
    timing: Timing | None = None


class ViewForecast(msgspec.Struct, frozen=True, kw_only=True):
    """The predictions for the viewpoints ``places``, which all get the same answers; no names: there is only one."""

    places: tuple[str, ...]
    rules: tuple[Prediction, ...]
    models: tuple[Prediction, ...]
    worse: tuple[str, ...]

    @property
    def name(self) -> str:
        """The places for people; empty if there is only one viewpoint."""
        shown = ", ".join(self.places[:_MAX_PLACES])
        more = len(self.places) - _MAX_PLACES
        return f"{shown} and {more} more" if more > 0 else shown


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """The predictions for one host. ``outside`` are names that are in no zone, and what is assumed of them.

    ``rules`` and ``models`` have each kind of client once: where it gets worse, if it does anywhere.
    """

    host: str
    rules: tuple[Prediction, ...]
    models: tuple[Prediction, ...]
    worse: tuple[str, ...]
    views: tuple[ViewForecast, ...]
    outside: tuple[str, ...] = ()
    assumed: Outside = "resolves"

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        data: dict[str, Any] = msgspec.to_builtins(self)
        return data

    def list_losers(self) -> Iterator[tuple[str, int]]:
        """Who loses, in words, with the number of models: one entry for each group of viewpoints that loses."""
        for view in self.views:
            if view.worse:
                where = f"{view.name}: " if view.name else ""
                text = f"{where}{len(view.worse)} of {len(view.models)} models are worse off at {self.host}"
                yield text, len(view.worse)


def forecast_change(
    before: ZoneSet,
    after: ZoneSet,
    estate: Estate,
    keys: Callable[[], Keys],
    names: Iterable[str],
    *,
    outside: Outside = "resolves",
    views: tuple[str, ...] = (),
) -> tuple[Forecast, ...]:
    """Forecast every host of a service whose answers differ, or that is one of ``names`` (those that change).

    Where the answers by which clients find a KDC differ, every host that takes tickets is forecast.

    ``keys`` gives the identity provider's keys; it is called only if there is something to play.
    """
    served = http_host_names(estate)
    named = frozenset(names)
    other_kdcs = _find_other_kdcs(before, after, estate)
    with_tickets = {name for name, of in estate.list_identity_hosts() if of != "login"} if other_kdcs else frozenset()
    hosts = [
        host for host in served if host in named or host in with_tickets or _is_told_otherwise(before, after, host)
    ]
    if not hosts:
        return ()
    provider_keys = keys()
    return tuple(forecast(before, after, estate, provider_keys, host, outside=outside, views=views) for host in hosts)


def forecast_reasons(forecasts: Iterable[Forecast]) -> tuple[Reason, ...]:
    """What forecasts add to the risk of a change: high where a client model is worse off."""
    return tuple(Reason(Level.HIGH, text) for each in forecasts for text, _ in each.list_losers())


def forecast(
    before: ZoneSet,
    after: ZoneSet,
    estate: Estate,
    keys: Keys,
    host: str = "",
    *,
    outside: Outside = "resolves",
    views: tuple[str, ...] = (),
) -> Forecast:
    """Play every SPN rule and every model against both states of the zones, for each viewpoint.

    ``host`` is the host of the service that tickets are for, by default the cloud's autologon host. ``keys`` are the
    identity provider's; generating them is slow, so the caller supplies them. ``outside`` is what is assumed of names
    that are in no zone of either state. ``views`` are the resolvers that see the change; none: all.
    """
    from ssosim.scenario.forecast_play import without_state  # noqa: PLC0415

    host = host or estate.cloud.autologon_host
    hosts = tuple(dict.fromkeys((host, *http_host_names(estate))))
    was, now, unknown = assume_outside(before, after, estate, hosts)
    if outside == "missing":
        was, now = before, after
    viewpoints = list_viewpoints(was, now, estate, hosts, views)
    players = _Players(without_state(estate), keys, host, hosts)
    groups: dict[tuple[object, ...], tuple[list[str], list[Viewpoint]]] = {}
    for viewpoint in viewpoints:
        seen = (players.key(was, viewpoint), players.key(now if viewpoint.sees_change else was, viewpoint))
        places, _ = groups.setdefault(seen, ([], [viewpoint]))
        places.append(viewpoint.name)
    found = []
    for places, (viewpoint, *_) in groups.values():
        shown = tuple(place for place in places if place) if len(groups) > 1 or len(viewpoints) > 1 else ()
        one = players.play(was, viewpoint)
        other = players.play(now if viewpoint.sees_change else was, viewpoint)
        seen_after = now if viewpoint.sees_change else was
        states = players.states(was, viewpoint), players.states(seen_after, viewpoint)
        found.append(_compare(shown, one, other, _Timer(estate, states), players))
    return Forecast(
        host=host,
        rules=_worst_of([view.rules for view in found]),
        models=_worst_of([view.models for view in found]),
        worse=tuple(dict.fromkeys(name for view in found for name in view.worse)),
        views=tuple(found),
        outside=unknown,
        assumed=outside,
    )


def affected_hosts(names: Iterable[str], estate: Estate) -> tuple[str, ...]:
    """Return those of ``names`` that are hosts of a service."""
    served = http_host_names(estate)
    return tuple(name for name in names if name in served)


def _is_told_otherwise(before: ZoneSet, after: ZoneSet, host: str) -> bool:
    """Whether clients of ``host`` are told something else: its answers, or the names of its addresses, differ."""
    name = to_name(host)
    for kind in (A, AAAA):
        was, now = answer(before, name, kind), answer(after, name, kind)
        if content_of(was) != content_of(now):
            return True
        for rrset in now.answer:
            for rdata in rrset.rdatas if rrset.type == kind else ():
                back = to_name(reverse_name(rdata.to_text()))
                if content_of(answer(before, back, PTR)) != content_of(answer(after, back, PTR)):
                    return True
    return False


def _find_other_kdcs(before: ZoneSet, after: ZoneSet, estate: Estate) -> bool:
    """Whether clients that find their KDC in DNS are told something else: the records of a realm, or of its KDCs."""
    for realm in estate.realms:
        if not realm.dns_lookup_kdc:
            continue
        queries = [(f"_kerberos.{realm.name.lower()}", URI)]
        queries += [(f"_kerberos.{transport}.{realm.name.lower()}", SRV) for transport in ("_udp", "_tcp")]
        for name, kind in queries:
            was, now = answer(before, to_name(name), kind), answer(after, to_name(name), kind)
            if content_of(was) != content_of(now):
                return True
            if any(
                _is_told_otherwise(before, after, target.host) for target in find_kdc_targets(read_answer(now).values)
            ):
                return True
    return False


class _Players:
    """Plays states of the zones for viewpoints; what two viewpoints have in common is played once."""

    def __init__(self, estate: Estate, keys: Keys, host: str, hosts: Sequence[str]) -> None:
        self._estate = estate
        self._keys = keys
        self._host = host
        self._names = [to_name(each) for each in hosts]
        self._places = {each.address: each.name for each in services_of(estate)}
        self._federated = host in {service.host for service in estate.federation_services}
        self._played: dict[tuple[object, ...], _Played] = {}
        self._choices: dict[tuple[int, Viewpoint], tuple[Choice, ...]] = {}
        self._profiles: dict[int, tuple[str, ...]] = {}
        self._kept: list[ZoneSet] = []
        self._healthy: dict[str, bool] = {}

    def choices(self, zones: ZoneSet, viewpoint: Viewpoint) -> tuple[Choice, ...]:
        """Return what the profiles on the way to the hosts choose at ``viewpoint``."""
        if id(zones) not in self._profiles:
            self._kept.append(zones)  # so that its id stays its own
            self._profiles[id(zones)] = reachable_profiles(zones, self._names)
        key = id(zones), viewpoint
        if key not in self._choices:
            found = choices_at(zones, viewpoint, self._profiles[id(zones)])
            self._choices[key] = split_by_order(zones, found, viewpoint, self._names[0], self._place_of)
        return self._choices[key]

    def key(self, zones: ZoneSet, viewpoint: Viewpoint) -> tuple[object, ...]:
        """Return a value that is equal for viewpoints that get the same answers from ``zones``."""
        shares = tuple((round(each.share, 6), each.profiles, each.first) for each in self.choices(zones, viewpoint))
        return id(zones), viewpoint.family, shares

    def _place_of(self, address: str) -> str:
        """Return the service at an address; empty if nothing is there."""
        return self._places.get(address, "")

    def play(self, zones: ZoneSet, viewpoint: Viewpoint) -> tuple[tuple[float, _Played], ...]:
        """Return the results at ``viewpoint``, each with its share."""
        return tuple((each.share, self._play(zones, viewpoint, each)) for each in self.choices(zones, viewpoint))

    def states(self, zones: ZoneSet, viewpoint: Viewpoint) -> tuple[ZoneSet, ...]:
        """Return ``zones`` as they are seen at ``viewpoint``: one state for each choice."""
        return tuple(settle(zones, each, viewpoint, self._names) for each in self.choices(zones, viewpoint))

    def _play(self, zones: ZoneSet, viewpoint: Viewpoint, choice: Choice) -> _Played:
        key = id(zones), viewpoint.family, choice.profiles, choice.first
        if key not in self._played:
            self._played[key] = self._play_zones(settle(zones, choice, viewpoint, self._names), viewpoint.family)
        return self._played[key]

    def _play_zones(self, zones: ZoneSet, family: str = "ipv4") -> _Played:
        from ssosim.scenario.forecast_play import ZonePlay  # noqa: PLC0415

        play = ZonePlay(self._estate, zones, self._keys, dual_stack=family != "ipv4")
        return play.play_rules(self._host), play.play_models(federated_too=self._federated)

    def signs_in_when_healthy(self, model: str) -> bool:
        """Return whether the model signs in with the estate's own zones: else it lacks a device or a credential."""
        if model not in self._healthy:
            from ssosim.scenario.forecast_play import ZonePlay  # noqa: PLC0415

            play = ZonePlay(self._estate, zones_of(self._estate), self._keys)
            self._healthy[model] = play.play_models(federated_too=self._federated, only=model)[model].rank == 0
        return self._healthy[model]


_Shared: TypeAlias = "list[tuple[float, PlayResult]]"


class _Timer:
    """Says for how long models are hurt between two states of the zones, each as seen at one viewpoint."""

    def __init__(self, estate: Estate, states: tuple[tuple[ZoneSet, ...], tuple[ZoneSet, ...]]) -> None:
        self._estate = estate
        self._before, self._after = states
        self._windows: dict[frozenset[str], CacheWindows | None] = {}

    def time(self, was: _Shared, now: _Shared) -> Timing | None:
        """Return the timing of a model with these results; None if no answer that it asks for differs."""
        asked = frozenset(name for _, each in (*was, *now) for name in each.asked)
        if asked not in self._windows:
            self._windows[asked] = measure_windows(self._before, self._after, sorted(asked), self._estate)
        windows = self._windows[asked]
        worst = max(now, key=lambda each: each[1].rank)[1]
        return None if windows is None else timing_of(windows, worst.pause or 0.0, retries=worst.pause is not None)


def _compare(
    places: tuple[str, ...],
    was: tuple[tuple[float, _Played], ...],
    now: tuple[tuple[float, _Played], ...],
    timer: _Timer,
    players: _Players,
) -> ViewForecast:
    from ssosim_clients.spn import RULES  # noqa: PLC0415

    from ssosim.scenario.forecast_play import NO_SIGN_IN, describe_forms  # noqa: PLC0415

    grouped: dict[tuple[object, ...], list[str]] = {}
    predictions: dict[tuple[object, ...], Prediction] = {}
    for name in was[0][1][0]:
        one, other = ([(share, played[0][name]) for share, played in state] for state in (was, now))
        made = _predict(describe_forms(RULES[name]), name, one, other)
        key = made.kind, made.before, made.after
        grouped.setdefault(key, []).append(name)
        predictions.setdefault(key, made)
    rules = tuple(msgspec.structs.replace(predictions[key], names=tuple(names)) for key, names in grouped.items())
    models = []
    for name in was[0][1][1]:
        one, other = ([(share, played[1][name]) for share, played in state] for state in (was, now))
        if all(each.rank for _, each in one) and not players.signs_in_when_healthy(name):
            one = other = [(1.0, msgspec.structs.replace(one[0][1], text=NO_SIGN_IN))]
        made = _predict("model", name, one, other)
        models.append(msgspec.structs.replace(made, timing=timer.time(one, other)) if made.worse else made)
    worse = tuple(name for each in models if each.worse for name in each.names)
    return ViewForecast(places=places, rules=rules, models=tuple(models), worse=worse)


def _predict(kind: str, name: str, was: _Shared, now: _Shared) -> Prediction:
    one, other = (sorted(state, key=lambda each: each[1].rank) for state in (was, now))
    share = sum(part for part, before, after in _pair(one, other) if after.rank > before.rank)
    worst = other[-1][1]
    return Prediction(
        kind=kind,
        names=(name,),
        before=_outcome_text(one),
        after=_outcome_text(other),
        spn_before=_spns(one),
        spn_after=_spns(other),
        why=worst.why,
        worse=share > 0,
        worse_share=round(share, 4),
    )


def _pair(was: _Shared, now: _Shared) -> Iterator[tuple[float, PlayResult, PlayResult]]:
    """Pair shares of two states in the order of their ranks: so many get worse at least, whoever they are."""
    first, second = list(was), list(now)
    while first and second:
        part = min(first[0][0], second[0][0])
        if part > _TINY:
            yield part, first[0][1], second[0][1]
        for side in (first, second):
            left = side[0][0] - part
            side[0] = left, side[0][1]
            if left <= _TINY:
                side.pop(0)


_TINY = 1e-9


def _outcome_text(state: _Shared) -> str:
    shares: dict[str, float] = {}
    for share, result in state:
        shares[result.text] = shares.get(result.text, 0.0) + share
    if len(shares) == 1:
        return next(iter(shares))
    return ", ".join(f"{text} ({format_share(share)})" for text, share in shares.items())


def _spns(state: _Shared) -> tuple[str, ...]:
    return tuple(dict.fromkeys(spn for _, result in state for spn in result.spns))


def _worst_of(views: Sequence[tuple[Prediction, ...]]) -> tuple[Prediction, ...]:
    """Each kind of client once: from the view in which the largest share of it gets worse, else from the first."""
    found: dict[tuple[str, ...], Prediction] = {}
    for predictions in views:
        for each in predictions:
            for name in each.names:
                kept = found.get((each.kind, name))
                if kept is None or each.worse_share > kept.worse_share:
                    found[each.kind, name] = each
    merged: dict[tuple[object, ...], list[str]] = {}
    for (_, name), each in found.items():
        key = each.kind, each.before, each.after, each.spn_after, each.kind == "model" and name
        merged.setdefault(key, []).append(name)
    kinds = {(kind, name): each for (kind, name), each in found.items()}
    return tuple(
        msgspec.structs.replace(kinds[str(key[0]), names[0]], names=tuple(names)) for key, names in merged.items()
    )

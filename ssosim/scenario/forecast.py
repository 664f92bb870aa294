"""Forecast the effect of a DNS change on every kind of client, by playing all of them against both states of the zones.

Each state is a lab in memory (``ssosim.memory``) in which every model signs in on its own device.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
from ssosim_clients.catalogue import MODELS
from ssosim_clients.models import SignInState
from ssosim_clients.ports import DnsFailure
from ssosim_clients.spn import RULES, NegotiateAbandoned, OnUnknown, SpnRule

from ssosim.dns import ZoneSet
from ssosim.entra import Keys
from ssosim.estate import Estate
from ssosim.memory import Engine, MemoryLab, Run, memory_device
from ssosim.services import http_host_names
from ssosim.trace import ClientFinished, KdcExchange, Record
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
_NO_SIGN_IN = "does not sign in on this device"
_START = 1_740_000_000.0  # seconds since the epoch
_HORIZON_S = 1200.0
"""Seconds of virtual time for a sign-in; a model that has not ended by then has stalled."""
_RANK = (Outcome.SILENT, Outcome.INTERACTIVE, Outcome.FAILED, Outcome.REFUSED, Outcome.STALLED)


@dataclass(frozen=True, slots=True)
class Prediction:
    """The outcome of one kind of client before and after the change. ``names`` are its SPN rules or models.

    ``spn_before`` and ``spn_after`` are the SPNs that it requests, in order; none if it fails at DNS.
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
        """The models whose outcome gets worse."""
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
    """Play every SPN rule and every model against both states of the zones.

    ``host`` is the host of the service that tickets are for, by default the cloud's autologon host. ``keys`` are the
    identity provider's; generating them is slow, so the caller supplies them.
    """
    host = host or estate.cloud.autologon_host
    plain = _without_state(estate)
    was, now = (_ZoneState(MemoryLab(Engine(_START), plain, zones=zones, keys=keys)) for zones in (before, after))
    grouped: dict[tuple[str, ...], list[tuple[str, _PlayResult, _PlayResult]]] = {}
    for rule in RULES.values():
        if rule.service == "HTTP":
            one, other = was.play_rule(rule, host), now.play_rule(rule, host)
            grouped.setdefault((_describe_forms(rule), one.text, other.text), []).append((rule.name, one, other))
    rules = tuple(_build_prediction(group[0][0] and key[0], group) for key, group in grouped.items())
    models = []
    for (name, one), other in zip(was.play_models().items(), now.play_models().values(), strict=True):
        if one.rank and one == other:  # it needs a device or credential that the estate lacks
            one = other = dataclasses.replace(one, text=_NO_SIGN_IN)  # noqa: PLW2901 - the same twice
        models.append(_build_prediction("model", [(name, one, other)]))
    return Forecast(host, rules, tuple(models))


def _without_state(estate: Estate) -> Estate:
    """Return ``estate`` without caching resolvers and health probes: a forecast is about expired caches."""
    managers = tuple(msgspec.structs.replace(each, monitor=None) for each in estate.traffic_managers)
    return msgspec.structs.replace(estate, resolvers=(), traffic_managers=managers)


@dataclass(frozen=True, slots=True)
class _PlayResult:
    """One result: the outcome in a few words, the reason, the requested SPNs, and its rank (0 is best)."""

    text: str
    why: str
    spns: tuple[str, ...]
    rank: int

    def with_chance(self, spns: tuple[str, ...]) -> _PlayResult:
        """Return this worst result as one of several between which the order of DNS answers decides.

        ``spns`` are the SPNs of all of them.
        """
        why = f"{self.why}; the order of DNS answers decides between the names"
        return _PlayResult(f"ticket, or by chance {self.text}", why, spns, self.rank)


def _build_prediction(kind: str, group: list[tuple[str, _PlayResult, _PlayResult]]) -> Prediction:
    names = tuple(name for name, _, _ in group)
    _, was, now = group[0]
    return Prediction(kind, names, was.text, now.text, was.spns, now.spns, now.why, now.rank > was.rank)


def _describe_forms(rule: SpnRule) -> str:
    own = " or ".join(form.value for form in rule.forms)
    return f"{own}, then {' or '.join(form.value for form in rule.library_forms)}" if rule.library_forms else own


def _merge_spns(played: list[_PlayResult]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(spn for each in played for spn in each.spns))


class _ZoneState:
    """One state of the zones in a lab in memory."""

    def __init__(self, lab: MemoryLab) -> None:
        self._lab = lab

    def play_rule(self, rule: SpnRule, host: str) -> _PlayResult:
        """Return the result of one SPN rule."""
        lab = self._lab
        resolver = memory_device(lab, "", self._device_of("managed") or self._device_of("federated")).resolver
        try:
            self._outcome(lab.engine.start(resolver.resolve(host, "any")))
        except DnsFailure as failure:
            return _PlayResult(f"no address ({failure.kind})", f"{host} has no address", (), 3)
        try:
            domain = lab.estate.default_realm.domain
            ways = self._outcome(lab.engine.start(rule.form_possibilities(host, resolver, search_domain=domain)))
        except (DnsFailure, NegotiateAbandoned) as failure:
            return _PlayResult("no ticket asked for", str(failure), (), 2)
        ended = [self._ask_kdc(rule, asked) for asked in ways]
        if len({each.text for each in ended}) == 1:
            why = " or ".join(dict.fromkeys(each.why for each in ended))
            return dataclasses.replace(ended[0], spns=_merge_spns(ended), why=why)
        return max(ended, key=lambda each: each.rank).with_chance(_merge_spns(ended))

    def _ask_kdc(self, rule: SpnRule, asked: tuple[str, ...]) -> _PlayResult:
        """Return the result of a rule's candidates at the KDC."""
        for number, spn in enumerate(asked, start=1):
            if self._lab.kdc.knows(spn):
                return _PlayResult("ticket", f"the KDC knows {spn}", asked[:number], 0)
        instead = _WITHOUT_TICKET[rule.on_unknown]
        return _PlayResult(f"unknown to the KDC: {instead}", f"the KDC does not know {', '.join(asked)}", asked, 2)

    def _outcome(self, run: Run[Any]) -> Any:
        self._lab.engine.run(watched=run)
        return run.result

    def play_models(self) -> dict[str, _PlayResult]:
        """Return the result of each model; all sign-ins start at the same moment."""
        began = self._lab.engine.now
        runs = {name: self._begin(name) for name in MODELS}
        self._lab.engine.run(began + _HORIZON_S)
        records: dict[str, list[Record]] = {name: [] for name in runs}
        for record in self._lab.trace:
            records.get(record.client, []).append(record)
        return {name: _judge_play(run, records[name], began) for name, run in runs.items()}

    def _begin(self, name: str) -> Run[None] | None:
        device = self._device_of(getattr(MODELS[name], "domain", "managed"))
        return None if device is None else self._lab.engine.start(self._sign_in(name, device))

    async def _sign_in(self, name: str, device: str) -> None:
        report = await MODELS[name].sign_in(memory_device(self._lab, name, device))
        if getattr(report, "state", None) is SignInState.FAILED:
            self._lab.trace.record(name, ClientFinished(program=name, exit_code=1))

    def _device_of(self, domain: str) -> str | None:
        """Return the estate's first device whose user is in a domain of this kind and has an account in the realm."""
        estate = self._lab.estate
        for device in estate.devices:
            user = estate.user(device.user)
            found = estate.domain(device.user.partition("@")[2])
            if user is not None and user.sam_account is not None and found is not None and found[1].kind == domain:
                return device.name
        return None


def _judge_play(run: Run[None] | None, records: list[Record], began: float) -> _PlayResult:
    """Return the result of one model from its records."""
    if run is None:
        return _PlayResult(_NO_SIGN_IN, "the estate has no device of such a user", (), 0)
    if run.error is not None:  # a model that needs more than the estate has is no evidence about the change
        return _PlayResult("not played", f"{type(run.error).__name__}: {run.error}", (), 0)
    run.cancel()
    verdict = judge(records, began)
    asked = tuple(
        dict.fromkeys(
            record.event.service
            for record in records
            if isinstance(record.event, KdcExchange) and record.event.request == "TGS"
        )
    )
    return _PlayResult(verdict.outcome.value, verdict.reason, asked, _RANK.index(verdict.outcome))


def affected_hosts(names: Iterable[str], estate: Estate) -> tuple[str, ...]:
    """Return those of ``names`` that are hosts of a service."""
    served = http_host_names(estate)
    return tuple(name for name in names if name in served)

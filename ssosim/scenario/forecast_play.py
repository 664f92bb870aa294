"""Play every SPN rule and every client model against one state of the zones, in a lab in memory."""

from __future__ import annotations

import dataclasses
from operator import itemgetter
from typing import Any

import msgspec
from msgspec import Struct
from ssosim_clients.catalogue import MODELS
from ssosim_clients.cloud import configure
from ssosim_clients.models import SignInState
from ssosim_clients.ports import Clock, DnsFailure
from ssosim_clients.spn import RULES, NegotiateAbandoned, OnUnknown, SpnRule

from ssosim.dns import ZoneSet
from ssosim.entra import Keys
from ssosim.estate import Estate
from ssosim.estate.device_choice import find_hindrances
from ssosim.memory import Engine, MemoryLab, Run, memory_device
from ssosim.scenario.cloud_hosts import cloud_hosts_of
from ssosim.trace import ClientFinished, DnsAnswered, KdcExchange, Record
from ssosim.verdict.judge import judge
from ssosim.verdict.outcome import Outcome

__all__ = ["NO_SIGN_IN", "PlayResult", "ZonePlay", "describe_forms", "without_state"]

_WITHOUT_TICKET = {
    OnUnknown.PLAIN_401: "401",
    OnUnknown.RESEND_PLAIN: "401",
    OnUnknown.NEXT_SCHEME: "401, or another scheme",
    OnUnknown.NTLM: "NTLM instead, refused (403)",
    OnUnknown.ERROR: "an error to the caller",
}
NO_SIGN_IN = "does not sign in on this device"
FEDERATED = " (federated user)"
"""What follows the name of a model for managed domains that a federated user runs."""
_START = 1_740_000_000.0  # seconds since the epoch
HORIZON_S = 1200.0
"""Seconds of virtual time for a sign-in; a model that has not ended by then has stalled."""
_RANK = (Outcome.SILENT, Outcome.INTERACTIVE, Outcome.FAILED, Outcome.REFUSED, Outcome.STALLED)


class PlayResult(Struct, frozen=True):
    """One result: the outcome in a few words, the reason, the requested SPNs, and its rank (0 is best).

    ``asked`` are the names that it looked up. ``pause`` is the longest time in seconds for which it waited before
    another attempt; None if its sign-in has ended, so that it makes none.
    """

    text: str
    why: str
    spns: tuple[str, ...]
    rank: int
    asked: frozenset[str] = frozenset()
    pause: float | None = None

    def with_chance(self, spns: tuple[str, ...]) -> PlayResult:
        """Return this worst result as one of several between which the order of DNS answers decides.

        ``spns`` are the SPNs of all of them.
        """
        why = f"{self.why}; the order of DNS answers decides between the names"
        return PlayResult(f"ticket, or by chance {self.text}", why, spns, self.rank)


def without_state(estate: Estate) -> Estate:
    """Return ``estate`` without caching resolvers and health probes: a forecast is about expired caches."""
    managers = tuple(msgspec.structs.replace(each, monitor=None) for each in estate.traffic_managers)
    return msgspec.structs.replace(estate, resolvers=(), traffic_managers=managers)


def describe_forms(rule: SpnRule) -> str:
    """Return the ways in which a rule forms the SPN, as text."""
    own = " or ".join(form.value for form in rule.forms)
    return f"{own}, then {' or '.join(form.value for form in rule.library_forms)}" if rule.library_forms else own


def _merge_spns(played: list[PlayResult]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(spn for each in played for spn in each.spns))


class ZonePlay:
    """One state of the zones in a lab in memory.

    ``estate`` has no caching resolvers and no probes (``without_state``). ``dual_stack``: devices have IPv6 addresses.
    """

    def __init__(self, estate: Estate, zones: ZoneSet, keys: Keys, *, dual_stack: bool = False) -> None:
        self._lab = MemoryLab(Engine(_START), estate, zones=zones, keys=keys, with_exposures=False)
        self._dual_stack = dual_stack
        self._pauses: dict[str, _Pauses] = {}
        self._devices: dict[str, str | None] = {}

    def play_rules(self, host: str) -> dict[str, PlayResult]:
        """Return the result of every SPN rule for HTTP at ``host``, by its name."""
        return {name: self._play_rule(rule, host) for name, rule in RULES.items() if rule.service == "HTTP"}

    def _play_rule(self, rule: SpnRule, host: str) -> PlayResult:
        lab = self._lab
        device = self._device_of("managed") or self._device_of("federated")
        resolver = memory_device(lab, "", device, dual_stack=self._dual_stack).resolver
        try:
            self._outcome(lab.engine.start(resolver.resolve(host, "any")))
        except DnsFailure as failure:
            return PlayResult(f"no address ({failure.kind})", f"{host} has no address", (), 3)
        try:
            domain = lab.estate.default_realm.domain
            ways = self._outcome(lab.engine.start(rule.form_possibilities(host, resolver, search_domain=domain)))
        except (DnsFailure, NegotiateAbandoned) as failure:
            return PlayResult("no ticket asked for", str(failure), (), 2)
        ended = [self._ask_kdc(rule, asked) for asked in ways]
        if len({each.text for each in ended}) == 1:
            why = " or ".join(dict.fromkeys(each.why for each in ended))
            return msgspec.structs.replace(ended[0], spns=_merge_spns(ended), why=why)
        return max(ended, key=lambda each: each.rank).with_chance(_merge_spns(ended))

    def _ask_kdc(self, rule: SpnRule, asked: tuple[str, ...]) -> PlayResult:
        """Return the result of a rule's candidates at the KDC."""
        for number, spn in enumerate(asked, start=1):
            if self._lab.kdc.knows(spn):
                return PlayResult("ticket", f"the KDC knows {spn}", asked[:number], 0)
        instead = _WITHOUT_TICKET[rule.on_unknown]
        return PlayResult(f"unknown to the KDC: {instead}", f"the KDC does not know {', '.join(asked)}", asked, 2)

    def _outcome(self, run: Run[Any]) -> Any:
        self._lab.engine.run(watched=run)
        return run.result

    def play_models(self, *, federated_too: bool = False, only: str = "") -> dict[str, PlayResult]:
        """Return the result of each model, or of ``only`` that one; all sign-ins start at the same moment.

        Each model is on a device whose user is in a domain of the kind that the model is made for. ``federated_too``:
        the models for managed domains are played for a federated user as well, under ``NAME (federated user)``.
        """
        began = self._lab.engine.now
        kinds = {name: getattr(model, "domain", "managed") for name, model in MODELS.items()}
        self._pauses.clear()
        runs = {name: self._begin(name, name, kind) for name, kind in kinds.items() if only in ("", name)}
        if federated_too and self._device_of("federated") is not None:
            managed = [name for name, kind in kinds.items() if kind == "managed" and only in ("", f"{name}{FEDERATED}")]
            runs |= {each: self._begin(name, each, "federated") for name in managed for each in [f"{name}{FEDERATED}"]}
        self._lab.engine.run(began + HORIZON_S)
        records: dict[str, list[Record]] = {name: [] for name in runs}
        for record in self._lab.trace:
            records.get(record.client, []).append(record)
        pauses = self._pauses
        return {name: _judge_play(run, records[name], began, pauses.get(name)) for name, run in runs.items()}

    def _begin(self, name: str, client: str, domain: str) -> Run[None] | None:
        device = self._device_of(domain)
        return None if device is None else self._lab.engine.start(self._sign_in(name, client, device))

    async def _sign_in(self, name: str, client: str, device: str) -> None:
        ports = memory_device(self._lab, client, device, dual_stack=self._dual_stack)
        pauses = self._pauses[client] = _Pauses(ports.clock)
        report = await configure(MODELS[name], cloud_hosts_of(self._lab.estate, ports.upn)).sign_in(
            dataclasses.replace(ports, clock=pauses)
        )
        if getattr(report, "state", None) is SignInState.FAILED:
            self._lab.trace.record(client, ClientFinished(program=name, exit_code=1))

    def _device_of(self, domain: str) -> str | None:
        """Return the device of the estate on which a user of a domain of this kind signs in with least in the way.

        The user has an account in the realm. Of several devices, one is taken whose user can sign in without a prompt
        today: a change could not harm the others, and would look harmless.
        """
        if domain not in self._devices:
            self._devices[domain] = self._choose_device(domain)
        return self._devices[domain]

    def _choose_device(self, domain: str) -> str | None:
        found = [(find_hindrances(self._lab.estate, each), each.name) for each in self._lab.estate.devices]
        fitting = [
            (each.count + each.outside, name) for each, name in found if each is not None and each.kind == domain
        ]
        return min(fitting, key=itemgetter(0), default=(None, None))[1]


class _Pauses:
    """The clock of a device; ``longest`` is the longest wait of its client, in seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.longest = 0.0

    def now(self) -> float:
        """Return the present moment in seconds since the Unix epoch."""
        return self._clock.now()

    async def sleep(self, seconds: float) -> None:
        """Wait for ``seconds``."""
        self.longest = max(self.longest, seconds)
        await self._clock.sleep(seconds)


def _judge_play(run: Run[None] | None, records: list[Record], began: float, pauses: _Pauses | None) -> PlayResult:
    """Return the result of one model from its records."""
    if run is None:
        return PlayResult(NO_SIGN_IN, "the estate has no device of such a user", (), 0)
    if run.error is not None:  # a model that needs more than the estate has is no evidence about the change
        return PlayResult("not played", f"{type(run.error).__name__}: {run.error}", (), 0)
    pause = None if run.done or pauses is None else pauses.longest
    run.cancel()
    verdict = judge(records, began)
    spns = dict.fromkeys(
        record.event.service
        for record in records
        if isinstance(record.event, KdcExchange) and record.event.request == "TGS"
    )
    names = frozenset(record.event.name for record in records if isinstance(record.event, DnsAnswered))
    return PlayResult(verdict.outcome.value, verdict.reason, tuple(spns), _RANK.index(verdict.outcome), names, pause)

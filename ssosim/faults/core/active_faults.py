"""The active faults: layers over the healthy state, and the servers that apply them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from random import Random
from typing import Literal, Protocol

from dns.name import Name
from dns.rdatatype import RdataType
from msgspec import Struct

from ssosim.clock import CallLater, call_later_on_loop
from ssosim.dns import Answer, DnsChangeError, Effect, FindDnsEffect, ZoneSet, ZoneStore
from ssosim.dns.server.authorities import Authorities, answer_as_resolver
from ssosim.dns.server.hierarchy import Hierarchy
from ssosim.dns.zones.query_context import QueryContext
from ssosim.dns.zones.rrset import plain, to_name
from ssosim.faults.core.effects import Fallback, combine_dns_rules, is_never_model
from ssosim.faults.core.errors import FaultError
from ssosim.faults.core.fault import Applied, DnsRule, Fault, FaultState, Undo
from ssosim.faults.core.kdc_effect import KdcDecision, decide_kdc_request
from ssosim.faults.core.patch import Patch, patch_between
from ssosim.kerberos.messages import Message
from ssosim.trace import DnsAnswered, FaultApplied, FaultUndone, Trace

__all__ = ["MOST_CLIENTS_OF_CHANCE", "ActiveFaults", "Overlay", "Part"]

MOST_CLIENTS_OF_CHANCE = 4096
"""The most clients whose random numbers are kept, at 2.6 KB each; those of the others begin anew."""

Part = Literal["lab", "authority", "resolver"]
"""The role of a server: the one DNS server of a lab (both other roles at once), authoritative, or a resolver."""

RULE_LOCATIONS: dict[Part, frozenset[str]] = {
    "lab": frozenset({"lab", "authority", "resolver"}),
    "authority": frozenset({"authority"}),
    "resolver": frozenset({"resolver"}),
}


class Server(Protocol):
    """A server whose answers faults can change."""

    find_effect: FindDnsEffect | None


class Overlay(Struct, eq=False):
    """A temporary change of the zones that is neither a fault nor an operator's change, such as a counting backend."""

    change: Callable[[ZoneSet], ZoneSet]
    suspended: bool = False


class ActiveFaults:
    """The active faults of a lab, over the zones of ``store``. What an operator changes meanwhile is a layer too.

    Faults can be undone in any order: the other layers are folded again over the base. A fault that does not fit any
    more is suspended until it fits again. ``later`` starts the timer of a fault with a time limit. ``is_model`` returns
    whether a client is a model, whose device stops waiting after a timeout.

    Layers and zones belong together, so every method that reads one and writes the other holds the store.
    """

    def __init__(
        self,
        store: ZoneStore,
        trace: Trace,
        later: CallLater = call_later_on_loop,
        is_model: Callable[[str], bool] = lambda _client: False,
    ) -> None:
        self.authorities = Authorities(store)
        self.trace = trace
        self._later = later
        self._is_model = is_model
        self._store = store
        self._base = store.current
        self._layers: list[Applied | Patch | Overlay] = []
        self._state = FaultState(self._base, self.authorities.hierarchy)
        self._healthy = self._base, self.authorities.hierarchy
        self._shown = store.current
        self._without_faults: tuple[ZoneSet, tuple[Patch, ...], ZoneSet] = (self._base, (), self._base)
        """The base, the operator's patches, and the base with these patches: a cache."""
        self._servers: list[tuple[Server, Part, str, bool]] = []
        self._random_by_client: OrderedDict[tuple[int, str], Random] = OrderedDict()
        self._kdc_delays: dict[str, float] = {}
        self._last_id = 0
        self._watchers: list[Callable[[FaultState], None]] = []
        self.certificate_changes = 0
        """How often a fault has changed what a client meets that opens a connection: the certificates of the hosts."""

    @property
    def faults(self) -> ActiveFaults:
        """Itself, so that a fault can be applied to the active faults without a lab."""
        return self

    @property
    def state(self) -> FaultState:
        """The healthy state with all active faults in it."""
        return self._state

    @property
    def active(self) -> tuple[Applied, ...]:
        """The active faults, the oldest first."""
        return tuple(layer for layer in self._layers if isinstance(layer, Applied))

    def add(self, fault: Fault) -> Undo:
        """Put ``fault`` in force; the result undoes it, and does nothing when called again. Raises FaultError."""
        applied = self.apply(fault)

        def undo() -> None:
            self.undo(applied.id)

        return undo

    def apply(self, fault: Fault) -> Applied:
        """Put ``fault`` in force, up to its limit. Raises FaultError; nothing has changed then."""
        with self._store.lock():
            return self._apply(fault)

    def _apply(self, fault: Fault) -> Applied:
        self._read_operator_changes()
        number = self._last_id + 1
        applied = Applied(number, fault, self._state.zones, self.authorities, at=self.trace.now())
        applied.exhausted = partial(self._end_exhausted, applied)
        if fault.for_s is not None:
            applied.call_off = self._later(fault.for_s, partial(self._end_at_time_limit, applied))
        try:
            self._show(applied.fold_into(self._state))
        except FaultError:
            applied.call_off()
            raise
        self._last_id = number
        self._layers.append(applied)
        self.trace.record("", FaultApplied(name=fault.fault_name, detail=fault.detail, id=number))
        return applied

    def undo(self, number: int) -> bool:
        """Undo the active fault with the id ``number``; returns False if there is none."""
        with self._store.lock():
            applied = next((each for each in self.active if each.id == number), None)
            if applied is None:
                return False
            self._remove(applied)
        self._record_undone(applied)
        return True

    def overlay(self, change: Callable[[ZoneSet], ZoneSet]) -> Undo:
        """Apply ``change`` to the zones as a temporary layer; the result removes it, once.

        Raises DnsChangeError; nothing has changed then. What an operator changes meanwhile is a layer above it and
        stays. ``unbroken`` does not contain the change.
        """
        layer = Overlay(change)
        with self._store.lock():
            self._read_operator_changes()
            self._show(replace(self._state, zones=change(self._state.zones)))
            self._layers.append(layer)

        def undo() -> None:
            with self._store.lock():
                if layer in self._layers:
                    self._remove(layer)

        return undo

    def _end_exhausted(self, applied: Applied, reason: str) -> None:
        """End a fault after its last hit. The trace records the exchange of this hit first."""
        with self._store.lock():
            if applied not in self._layers:
                return
            self._remove(applied)
        self.trace.notify_once(partial(self._record_undone, applied, reason))

    def _record_undone(self, applied: Applied, reason: str = "") -> None:
        fault = applied.fault
        self.trace.record("", FaultUndone(name=fault.fault_name, detail=fault.detail, reason=reason, id=applied.id))

    def _end_at_time_limit(self, applied: Applied) -> None:
        """End a fault at its time limit."""
        with self._store.lock():
            if applied not in self._layers:
                return
            self._remove(applied)
        self._record_undone(applied, f"after {applied.fault.for_s:g} s")

    def _remove(self, layer: Applied | Overlay) -> None:
        if isinstance(layer, Applied):
            layer.call_off()
        self._read_operator_changes()
        self._layers.remove(layer)
        if all(isinstance(each, Patch) for each in self._layers):
            self._base = self._fold_layers().zones
            self._layers.clear()
        self._show(self._fold_layers())

    def undo_all(self) -> int:
        """Undo all faults, the newest first; returns how many there were."""
        return sum(self.undo(applied.id) for applied in reversed(self.active))

    def unbroken(self, shown: ZoneSet | None = None) -> ZoneSet:
        """Return the zones without any fault, with all changes of an operator.

        ``shown``: as if an operator made these the current zones now. Nothing is changed.
        """
        with self._store.lock():
            self._read_operator_changes()
            if not self._layers:
                return self._base if shown is None else shown
            zones = self._patched_base()
            return zones if shown is None else patch_between(self._shown, shown).apply(zones)

    def _patched_base(self) -> ZoneSet:
        patches = tuple(layer for layer in self._layers if isinstance(layer, Patch))
        base, known, zones = self._without_faults
        if base is not self._base or known != patches:
            zones = self._base
            for patch in patches:
                zones = patch.apply(zones)
            self._without_faults = (self._base, patches, zones)
        return zones

    def put(self, shown: ZoneSet, unbroken: ZoneSet) -> None:
        """Make ``shown`` the current zones and ``unbroken`` the zones without faults: the change of an operator.

        ``unbroken`` is needed for a record set that the operator sets to what a fault shows already.
        """
        with self._store.lock():
            rest = patch_between(self.unbroken(shown), unbroken)
            self._store.change(lambda _: shown)
            self._read_operator_changes()
            if self._layers and not rest.empty:
                self._layers.append(rest)

    def close(self) -> None:
        """Cancel the timers of all time limits; the faults stay active."""
        for applied in self.active:
            applied.call_off()

    def attach(self, server: Server, part: Part, name: str = "", *, validates: bool = False, subnet: str = "") -> None:
        """Apply the faults at ``server``. ``name`` is that of an authoritative server, or of a resolver.

        ``validates``: it is a validating resolver. ``subnet``: the subnet or address of a resolver, as servers see it.
        """
        self._servers.append((server, part, name, validates))
        if part == "resolver":
            self._state = replace(self._state, resolvers={**self._state.resolvers, name: subnet})
        server.find_effect = self._find_effect(part, name, validates=validates)

    def watch(self, watcher: Callable[[FaultState], None]) -> None:
        """Call ``watcher`` with every new state, before it is applied; it raises FaultError if a fault does not fit."""
        self._watchers.append(watcher)

    def set_kdc_hosts(self, names: Iterable[str]) -> None:
        """Set the names of the hosts with a KDC, which faults may name."""
        self._state = replace(self._state, kdc_hosts=tuple(names))

    def decide_kdc_request(self, message: Message, client: str, kdc: str = "") -> KdcDecision | None:
        """Return what the active faults do to a request of ``client`` to ``kdc``; None: nothing. Counts no hit."""
        return decide_kdc_request(self._state.kdc, message, client, is_model=self._is_model(client), kdc=kdc)

    def delay_kdc_reply(self, client: str, seconds: float) -> None:
        """Note that the device of the client model ``client`` has to wait for a reply, by the lab's clock."""
        self._kdc_delays[client] = self._kdc_delays.get(client, 0.0) + seconds

    def take_kdc_delay(self, client: str) -> float:
        """Return the seconds noted for ``client``, and set them to 0."""
        return self._kdc_delays.pop(client, 0.0)

    def is_bogus(self, name: Name) -> bool:
        """Whether ``name`` is in a zone that fails validation."""
        return any(name.is_subdomain(zone) for zone in self._state.bogus)

    def _read_operator_changes(self) -> None:
        """Make a layer of what an operator has changed in the zones since the last call."""
        if self._store.current is self._shown:
            return
        if self._layers:
            self._layers.append(patch_between(self._shown, self._store.current))
        else:
            self._base = self._store.current
        self._shown = self._store.current
        self._state = self._fold_layers() if not self._layers else self._with_zones(self._shown)

    def _with_zones(self, zones: ZoneSet) -> FaultState:
        return replace(self._state, zones=zones)

    def _fold_layers(self) -> FaultState:
        """Fold all layers over the base."""
        if self._healthy[0] is not self._base:
            self._healthy = self._base, Hierarchy.standard(self._base)
        state = FaultState(*self._healthy, resolvers=self._state.resolvers, kdc_hosts=self._state.kdc_hosts)
        for layer in self._layers:
            if isinstance(layer, Patch):
                state = replace(state, zones=layer.apply(state.zones))
                continue
            try:
                if isinstance(layer, Overlay):
                    state = replace(state, zones=layer.change(state.zones))
                else:
                    state = layer.fold_into(state)
                layer.suspended = False
            except (FaultError, DnsChangeError):
                layer.suspended = True
        return state

    def _show(self, state: FaultState) -> None:
        """Apply ``state`` at all servers."""
        for watcher in self._watchers:
            watcher(state)
        if _list_certificates(state) != _list_certificates(self._state):
            self.certificate_changes += 1
        if state.zones is not self._state.zones:
            self._store.change(lambda _: state.zones)
            self._shown = self._store.current
        self._state = state
        self.authorities.hierarchy = state.hierarchy
        for server, part, name, validates in self._servers:
            server.find_effect = self._find_effect(part, name, validates=validates)

    def _find_effect(self, part: Part, name: str, *, validates: bool) -> FindDnsEffect | None:
        """Return the function that changes the answers of such a server; None if no fault does."""
        rules = tuple(reversed([rule for rule in self._state.rules if rule.at in RULE_LOCATIONS[part]]))
        if part == "resolver" and validates:
            rules += tuple(_name_bogus_zone(plain(zone), number) for zone, number in self._state.bogus_faults.items())
        fallback = self._hierarchy_effect(part, name)
        if not rules and fallback is None:
            return None
        return combine_dns_rules(rules, fallback, is_never_model if part == "authority" else self._is_model)

    def _random_for(self, client: str) -> Random:
        """The random numbers that choose name servers for ``client``; other clients do not change their sequence."""
        seed = sum(applied.fault.random_seed for applied in self.active)
        pick = self._random_by_client.get((seed, client))
        if pick is None:
            pick = self._random_by_client[seed, client] = Random(f"{seed} {client}")  # noqa: S311 - not for secrets
            if len(self._random_by_client) > MOST_CLIENTS_OF_CHANCE:
                self._random_by_client.popitem(last=False)
        self._random_by_client.move_to_end((seed, client))
        return pick

    def _hierarchy_effect(self, part: Part, name: str) -> Fallback | None:
        """Return the effect of name servers and delegations on the answers of that server; None if all are healthy."""
        hierarchy = self._state.hierarchy
        if hierarchy.healthy or part == "resolver":
            return None
        if part == "authority":
            server = to_name(name)

            def silence(event: DnsAnswered, _client: str) -> Effect | None:
                fault = self.authorities.find_dead(server, to_name(event.name))
                return None if fault is None else Effect(drop=True, faults=(fault,))

            return silence

        touched = {
            plain(zone) for zone in (*hierarchy.removed, *hierarchy.delegated, *(zone for zone, _ in hierarchy.views))
        }
        below = tuple(f".{zone}" for zone in touched)

        def choose_server(event: DnsAnswered, client: str) -> Effect | None:
            if event.name not in touched and not event.name.endswith(below):
                return None
            tree = self.authorities.tree
            store = self._store

            def replacement(name: Name, kind: RdataType, asking: QueryContext) -> Answer:
                here = QueryContext(asking.subnet, store.health.current, store.draw())
                return answer_as_resolver(tree, hierarchy, name, kind, self._random_for(client), here)

            return Effect(replacement=replacement)

        return choose_server


def _list_certificates(state: FaultState) -> tuple[object, ...]:
    return state.certificates, state.certificate_faults, state.presented


def _name_bogus_zone(zone: str, number: int) -> DnsRule:
    """Return a rule that changes nothing: it names the fault in SERVFAIL answers of a resolver that validates."""
    below = f".{zone}"

    def effect(event: DnsAnswered, _client: str) -> Effect | None:
        names = (event.name, *(each.partition(" ")[2].rstrip(".") for each in event.answers))
        inside = any(name == zone or name.endswith(below) for name in names)
        return Effect(faults=(number,)) if event.rcode == "SERVFAIL" and inside else None

    return DnsRule("resolver", False, effect, fault=number)

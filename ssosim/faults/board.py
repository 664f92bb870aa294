"""The faults in force: layers over the healthy DNS, and the servers that show them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Literal, Protocol

from dns.name import Name
from dns.rdatatype import RdataType

from ssosim.clock import CallLater, call_later_on_loop
from ssosim.dns import Answer, DnsChangeError, Effect, Tamper, ZoneSet, ZoneStore
from ssosim.dns.server.authorities import Authorities, answer_as_resolver
from ssosim.dns.server.hierarchy import Hierarchy
from ssosim.dns.zones.query_context import QueryContext
from ssosim.dns.zones.rrset import plain, to_name
from ssosim.faults.base import Applied, DnsFault, FaultState, Undo
from ssosim.faults.effects import Last, nobody, tamper_of
from ssosim.faults.exchanges import kdc_rule
from ssosim.faults.patch import Patch, patch_between
from ssosim.trace import DnsAnswered, FaultApplied, FaultUndone, Trace

__all__ = ["ActiveFaults", "Overlay", "Part"]

Part = Literal["lab", "authority", "resolver"]
"""What a server is: the lab's one server (both of the others at once), an authoritative one, a resolver."""

PLACES: dict[Part, frozenset[str]] = {
    "lab": frozenset({"lab", "authority", "resolver"}),
    "authority": frozenset({"authority"}),
    "resolver": frozenset({"resolver"}),
}


class Server(Protocol):
    """A server that lets faults change its answers."""

    tamper: Tamper | None


@dataclass(slots=True, eq=False)
class Overlay:
    """A temporary change of the zones that is no fault and nobody's change, such as a counting backend."""

    change: Callable[[ZoneSet], ZoneSet]
    suspended: bool = False


class ActiveFaults:
    """Faults over the zones of ``store``, which may change meanwhile: what an operator does is a layer too.

    Undoing works in any order: the other layers are folded again over what was there before. One that does not fit any
    more lies dormant until it does. ``later`` is how the board waits for the end of a fault that is limited in time;
    ``is_model`` says which clients are models, whose devices wait for an answer so long and no longer.

    The layers go with the zones, so every method that reads one and writes the other holds the store.
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
        """What an operator's patches made of that base: the same value as long as nothing changes."""
        self._servers: list[tuple[Server, Part, str]] = []
        self._picks: dict[tuple[int, str], Random] = {}
        self._last_id = 0
        self._watchers: list[Callable[[FaultState], None]] = []
        self.era = 0
        """How often what is in force has changed."""

    @property
    def faults(self) -> ActiveFaults:
        """Itself: a board will do where a fault wants its target."""
        return self

    @property
    def state(self) -> FaultState:
        """What is in force."""
        return self._state

    @property
    def active(self) -> tuple[Applied, ...]:
        """The faults in force, the oldest first."""
        return tuple(layer for layer in self._layers if isinstance(layer, Applied))

    def add(self, fault: DnsFault) -> Undo:
        """Put ``fault`` on top; the result takes it away, and does nothing the second time. Raises DnsChangeError."""
        applied = self.apply(fault)

        def undo() -> None:
            self.undo(applied.id)

        return undo

    def apply(self, fault: DnsFault) -> Applied:
        """Put ``fault`` on top, up to its limit. Raises DnsChangeError, and then nothing has changed."""
        with self._store.lock():
            return self._apply(fault)

    def _apply(self, fault: DnsFault) -> Applied:
        self._notice_changes()
        number = self._last_id + 1
        applied = Applied(number, fault, self._state.zones, self.authorities)
        applied.exhausted = partial(self._exhausted, applied)
        if fault.for_s is not None:
            applied.call_off = self._later(fault.for_s, partial(self._overdue, applied))
        try:
            self._show(fault.fold(self._state, applied))
        except DnsChangeError:
            applied.call_off()
            raise
        self._last_id = number
        self._layers.append(applied)
        self.trace.record("", FaultApplied(name=fault.name, detail=fault.detail))
        return applied

    def undo(self, number: int) -> bool:
        """Take the fault of that id away; False if it is not in force."""
        with self._store.lock():
            applied = next((each for each in self.active if each.id == number), None)
            if applied is None:
                return False
            self._take_away(applied)
        self._tell(applied)
        return True

    def overlay(self, change: Callable[[ZoneSet], ZoneSet]) -> Undo:
        """Lay ``change`` over the zones as they are; the result takes it away, and does nothing the second time.

        Raises DnsChangeError, and then nothing has changed. What an operator changes meanwhile lies above it and
        stays. ``unbroken`` does not have it.
        """
        layer = Overlay(change)
        with self._store.lock():
            self._notice_changes()
            self._show(replace(self._state, zones=change(self._state.zones)))
            self._layers.append(layer)

        def undo() -> None:
            with self._store.lock():
                if layer in self._layers:
                    self._take_away(layer)

        return undo

    def _exhausted(self, applied: Applied, reason: str) -> None:
        """It has struck as often as it may. What the last one met is written down first."""
        with self._store.lock():
            if applied not in self._layers:
                return
            self._take_away(applied)
        self.trace.notify_once(partial(self._tell, applied, reason))

    def _tell(self, applied: Applied, reason: str = "") -> None:
        fault = applied.fault
        self.trace.record("", FaultUndone(name=fault.name, detail=fault.detail, reason=reason))

    def _overdue(self, applied: Applied) -> None:
        """Its time is over."""
        with self._store.lock():
            if applied not in self._layers:
                return
            self._take_away(applied)
        self._tell(applied, f"after {applied.fault.for_s:g} s")

    def _take_away(self, layer: Applied | Overlay) -> None:
        if isinstance(layer, Applied):
            layer.call_off()
        self._notice_changes()
        self._layers.remove(layer)
        if all(isinstance(each, Patch) for each in self._layers):
            self._base = self._folded().zones
            self._layers.clear()
        self._show(self._folded())

    def undo_all(self) -> int:
        """Take all faults away, the newest first; returns how many there were."""
        return sum(self.undo(applied.id) for applied in reversed(self.active))

    def unbroken(self, shown: ZoneSet | None = None) -> ZoneSet:
        """The zones as they would be without any fault, with all that an operator did to them meanwhile.

        ``shown``: if an operator made these the current ones now; nothing is changed by asking.
        """
        with self._store.lock():
            self._notice_changes()
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
        """An operator makes ``shown`` the current zones, and ``unbroken`` what they are without the faults in force.

        The second says what the first cannot: that a record set is to stay which a fault happens to show already.
        """
        with self._store.lock():
            rest = patch_between(self.unbroken(shown), unbroken)
            self._store.change(lambda _: shown)
            self._notice_changes()
            if self._layers and not rest.empty:
                self._layers.append(rest)

    def close(self) -> None:
        """Wait for no limit any more; the faults stay in force."""
        for applied in self.active:
            applied.call_off()

    def attach(self, server: Server, part: Part, name: str = "") -> None:
        """From now on ``server`` shows the faults. ``name`` is that of an authoritative server in the hierarchy."""
        self._servers.append((server, part, name))
        server.tamper = self._tamper(part, name)

    def watch(self, watcher: Callable[[FaultState], None]) -> None:
        """Call ``watcher`` with every new state; it raises DnsChangeError where a fault does not fit."""
        self._watchers.append(watcher)

    def kdc_is_silent(self, client: str) -> bool:
        """Whether the KDC would not answer ``client``."""
        rule = kdc_rule(self._state.kdc, client)
        return rule is not None and rule.refusal is None

    def kdc_was_asked(self, client: str) -> None:
        """A request of ``client`` met the silence of the KDC without going there."""
        rule = kdc_rule(self._state.kdc, client)
        if rule is not None:
            rule.count_hit()

    def is_bogus(self, name: Name) -> bool:
        """Whether ``name`` fails validation."""
        return any(name.is_subdomain(zone) for zone in self._state.bogus)

    def _notice_changes(self) -> None:
        """Take in what was done to the zones since we looked."""
        if self._store.current is self._shown:
            return
        if self._layers:
            self._layers.append(patch_between(self._shown, self._store.current))
        else:
            self._base = self._store.current
        self._shown = self._store.current
        self._state = self._folded() if not self._layers else self._with_zones(self._shown)

    def _with_zones(self, zones: ZoneSet) -> FaultState:
        return replace(self._state, zones=zones)

    def _folded(self) -> FaultState:
        """All layers over the base."""
        if self._healthy[0] is not self._base:
            self._healthy = self._base, Hierarchy.standard(self._base)
        state = FaultState(*self._healthy)
        for layer in self._layers:
            if isinstance(layer, Patch):
                state = replace(state, zones=layer.apply(state.zones))
                continue
            try:
                if isinstance(layer, Overlay):
                    state = replace(state, zones=layer.change(state.zones))
                else:
                    state = layer.fault.fold(state, layer)
                layer.suspended = False
            except DnsChangeError:
                layer.suspended = True
        return state

    def _show(self, state: FaultState) -> None:
        """Make ``state`` what servers answer from."""
        for watcher in self._watchers:
            watcher(state)
        self.era += 1
        if state.zones is not self._state.zones:
            self._store.change(lambda _: state.zones)
            self._shown = self._store.current
        self._state = state
        self.authorities.hierarchy = state.hierarchy
        for server, part, name in self._servers:
            server.tamper = self._tamper(part, name)

    def _tamper(self, part: Part, name: str) -> Tamper | None:
        """What the faults in force do at such a server; None while there is nothing to do."""
        rules = tuple(reversed([rule for rule in self._state.rules if rule.at in PLACES[part]]))
        last = self._of_hierarchy(part, name)
        if not rules and last is None:
            return None
        return tamper_of(rules, last, nobody if part == "authority" else self._is_model)

    def _pick_of(self, client: str) -> Random:
        """The dice for the servers that ``client`` meets: whose turn comes first in between does not change them."""
        seed = sum(applied.fault.dice for applied in self.active)
        pick = self._picks.get((seed, client))
        if pick is None:
            pick = self._picks[seed, client] = Random(f"{seed} {client}")  # noqa: S311 - dice of a fault
        return pick

    def _of_hierarchy(self, part: Part, name: str) -> Last | None:
        """What the state of name servers and delegations means for the answers of that server."""
        hierarchy = self._state.hierarchy
        if hierarchy.healthy or part == "resolver":
            return None
        if part == "authority":
            server = to_name(name)

            def silence(event: DnsAnswered, _client: str) -> Effect | None:
                return Effect(drop=True) if self.authorities.is_dead(server, to_name(event.name)) else None

            return silence

        touched = {plain(zone) for zone in (*hierarchy.removed, *(zone for zone, _ in hierarchy.views))}
        below = tuple(f".{zone}" for zone in touched)

        def chance(event: DnsAnswered, client: str) -> Effect | None:
            if event.name not in touched and not event.name.endswith(below):
                return None
            tree = self.authorities.tree
            store = self._store

            def replacement(name: Name, kind: RdataType, context: QueryContext) -> Answer:
                here = QueryContext(context.subnet, store.health.current, store.draw())
                return answer_as_resolver(tree, hierarchy, name, kind, self._pick_of(client), here)

            return Effect(replacement=replacement)

        return chance

"""Clients that a DNS answer directed to an address outside of the estate, and the host name of that answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from ssosim.trace import ClientEvent, ConnectionFailed, DnsAnswered, SignInStep, Trace

__all__ = ["MisdirectedClients", "foreign_host_failure"]

_MOST_NAMES = 4096
_MOST_HARMLESS = 4096


def foreign_host_failure(name: str, address: str, tls: bool | None, step: SignInStep) -> ConnectionFailed:
    """Build the event of a client that resolved ``name`` to a foreign host at ``address`` and connected to it.

    ``tls``: True where the foreign host presents a certificate for another name, False where it closes the connection,
    None where it does not listen on the port. ``step``: the first sign-in step that the client performs at ``name``.
    """
    stage: Literal["tls", "read", "connect"]
    match tls:
        case True:
            stage, reason = "tls", "bad-certificate"
        case False:
            stage, reason = "read", "closed"
        case None:
            stage, reason = "connect", "refused"
    return ConnectionFailed(host=name, address=address, stage=stage, reason=reason, by="wire", step=step)


class MisdirectedClients:
    """Observes DNS answers of one record type and remembers those with an address for which ``is_foreign`` is true.

    ``on_foreign`` is called with each such address, each time, before the answer is sent. At most 4,096 names are
    remembered; the oldest is dropped first. Almost all answers are harmless and are given many times. These are
    recognised by object identity, so that each is examined once.
    """

    def __init__(
        self,
        trace: Trace,
        record_type: Literal["A", "AAAA"],
        is_foreign: Callable[[str], bool],
        on_foreign: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._trace = trace
        self._record_type = record_type
        self._is_foreign = is_foreign
        self._on_foreign = on_foreign
        self._names: dict[tuple[str, str], str] = {}
        self._harmless: dict[int, ClientEvent] = {}  # keeps the objects alive, so that no identity is used again
        self._unsubscribe: Callable[[], None] | None = None

    def start(self) -> None:
        """Start observing DNS answers."""
        self._unsubscribe = self._unsubscribe or self._trace.subscribe_batches(self._observe, DnsAnswered)

    def stop(self) -> None:
        """Stop observing DNS answers. May be called twice."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    def find_name(self, client: str, address: str) -> str:
        """Return the last name that ``client`` resolved to ``address``; ``""`` when none is remembered."""
        return self._names.get((client, address), "")

    def _observe(self, caused: Sequence[ClientEvent]) -> None:
        harmless = self._harmless
        for one in caused:
            if id(one) not in harmless:
                self._examine(one)

    def _examine(self, one: ClientEvent) -> None:
        foreign = self._foreign_addresses(one.event) if isinstance(one.event, DnsAnswered) else []
        if not foreign:
            if len(self._harmless) >= _MOST_HARMLESS:
                self._harmless.clear()
            self._harmless[id(one)] = one
        for address, name in foreign:
            self._names.pop((one.client, address), None)
            self._names[one.client, address] = name
            if len(self._names) > _MOST_NAMES:
                del self._names[next(iter(self._names))]
            self._on_foreign(address)

    def _foreign_addresses(self, event: DnsAnswered) -> list[tuple[str, str]]:
        if event.type != self._record_type:
            return []
        parts = (answer.partition(" ") for answer in event.answers)
        return [(to, event.name) for kind, _, to in parts if kind == self._record_type and self._is_foreign(to)]

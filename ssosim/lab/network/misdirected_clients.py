"""Who was led astray: by what name clients came to addresses that are no host's of the estate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from ssosim.trace import ClientEvent, ConnectionFailed, DnsAnswered, SignInStep, Trace

__all__ = ["MisdirectedClients", "connection_to_another_host"]

_MOST_NAMES = 4096
_MOST_HARMLESS = 16_384


def connection_to_another_host(name: str, address: str, tls: bool | None, step: SignInStep) -> ConnectionFailed:
    """What a client met that ``name`` led to another host at ``address``.

    ``tls``: a certificate of that host, or a connection that it closes; None where that host has nothing at the port.
    ``step`` is what the client asks of the host of that name first.
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
    """Listens to the answers of one ``kind``, and remembers those that lead where ``is_astray`` says.

    ``then`` is called with each such address, each time, before the answer leaves. What is remembered is bounded: the
    oldest name goes first. Nearly all answers are harmless and come again and again; those are known by identity.
    """

    def __init__(
        self,
        trace: Trace,
        kind: Literal["A", "AAAA"],
        is_astray: Callable[[str], bool],
        then: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._trace = trace
        self._kind = kind
        self._is_astray = is_astray
        self._then = then
        self._names: dict[tuple[str, str], str] = {}
        self._harmless: dict[int, ClientEvent] = {}  # the values keep the identities theirs
        self._leave: Callable[[], None] | None = None

    def start(self) -> None:
        """Listen from now on."""
        self._leave = self._leave or self._trace.subscribe_batches(self._hear, DnsAnswered)

    def stop(self) -> None:
        """Listen no more."""
        if self._leave is not None:
            self._leave()
            self._leave = None

    def name(self, client: str, address: str) -> str:
        """The last name by which ``client`` was led to ``address``, ``""`` when none is remembered."""
        return self._names.get((client, address), "")

    def _hear(self, caused: Sequence[ClientEvent]) -> None:
        harmless = self._harmless
        for one in caused:
            if id(one) not in harmless:
                self._look(one)

    def _look(self, one: ClientEvent) -> None:
        led = self._led(one.event) if isinstance(one.event, DnsAnswered) else []
        if not led:
            if len(self._harmless) >= _MOST_HARMLESS:
                self._harmless.clear()
            self._harmless[id(one)] = one
        for address, name in led:
            self._names.pop((one.client, address), None)
            self._names[one.client, address] = name
            if len(self._names) > _MOST_NAMES:
                del self._names[next(iter(self._names))]
            self._then(address)

    def _led(self, event: DnsAnswered) -> list[tuple[str, str]]:
        if event.type != self._kind:
            return []
        parts = (answer.partition(" ") for answer in event.answers)
        return [(to, event.name) for kind, _, to in parts if kind == self._kind and self._is_astray(to)]

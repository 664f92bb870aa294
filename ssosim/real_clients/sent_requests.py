"""The requests that a client sent in one phase, in a form in which two clients can be compared.

It holds the requests in order, by their steps, and the services for which the client requested tickets. A refused
certificate counts as a request. Left out are other events that no server sees (a client's own connection failures) and
requests that do not belong to the sign-in: discovery of instances, configurations and keys, and the pages that the user
opens.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

import msgspec

from ssosim.trace import ConnectionFailed, DnsAnswered, HttpExchange, KdcExchange, Record, SignInStep, UserPrompted
from ssosim.verdict.steps import drop_abandoned_handshakes

__all__ = ["SentRequests", "collect_sent_requests"]

_FINAL_RCODES = ("NXDOMAIN", "NODATA")
_IGNORED_STEPS = frozenset(
    {
        SignInStep.INSTANCE,
        SignInStep.CONFIGURATION,
        SignInStep.KEYS,
        SignInStep.REDIRECT,
        SignInStep.AUTHORIZE,
        SignInStep.CREDENTIAL_TYPE,
        SignInStep.SIGN_IN_PAGE,
        SignInStep.DEVICE_PAGE,
    }
)
_ICON = "/favicon.ico"  # browsers request it from every host (HTML standard, 4.6.7.8)


class SentRequests(msgspec.Struct, frozen=True, kw_only=True):
    """The requests of one client in one phase.

    ``steps`` are in order, by their names in ``SignInStep``; ``spns`` in the order of the first request, each once.
    ``passwords`` is the number of posted passwords by host; ``prompted`` whether the user was prompted.
    """

    steps: tuple[str, ...] = ()
    spns: tuple[str, ...] = ()
    passwords: dict[str, int] = {}
    prompted: bool = False

    @property
    def sequence(self) -> str:
        """The requests in order as text, with repetitions counted: ``realm, mex x4``."""
        runs = ((step, len(list(run))) for step, run in groupby(self.steps))
        return ", ".join(step if number == 1 else f"{step} x{number}" for step, number in runs) or "nothing"

    def count(self, step: str) -> int:
        """Return how often ``step`` was requested."""
        return sum(each == step for each in self.steps)

    @property
    def password_posts(self) -> int:
        """The number of requests with a password."""
        return sum(self.passwords.values())


def collect_sent_requests(records: Sequence[Record], zones: Sequence[str]) -> SentRequests:
    """Collect the requests of one client from its ``records`` of one phase.

    Of names without an address only those below ``zones`` count.
    """
    passwords: dict[str, int] = {}
    for event in (record.event for record in records):
        if isinstance(event, HttpExchange) and event.auth == "password" and not _is_outside_sign_in(event):
            passwords[event.host] = passwords.get(event.host, 0) + 1
    return SentRequests(
        steps=tuple(_steps(records, zones)),
        spns=tuple(dict.fromkeys(_spns(records))),
        passwords=passwords,
        prompted=any(isinstance(record.event, UserPrompted) for record in records),
    )


def _steps(records: Sequence[Record], zones: Sequence[str]) -> Iterable[str]:
    last = ""
    for event in (record.event for record in drop_abandoned_handshakes(records)):
        step = ""
        if isinstance(event, HttpExchange):
            step = "" if _is_outside_sign_in(event) else str(event.step)
        elif isinstance(event, ConnectionFailed) and event.stage == "tls":
            step = f"no TLS {event.host}"
        elif isinstance(event, DnsAnswered) and event.type == "A" and not event.answers:
            step = f"no name {event.name}" if any(event.name.endswith(f".{zone}") for zone in zones) else ""
            if step == last and event.rcode not in _FINAL_RCODES:
                continue  # the stub resolver repeats such queries itself, so the client's own repetitions are unknown
        if step:
            last = step
            yield step


def _spns(records: Sequence[Record]) -> Iterable[str]:
    for event in (record.event for record in records):
        if isinstance(event, KdcExchange) and event.request == "TGS" and not event.service.startswith("krbtgt/"):
            yield event.service


def _is_outside_sign_in(event: HttpExchange) -> bool:
    """Return whether the request does not belong to the sign-in: discovery, or a page that the user opens."""
    return event.step in _IGNORED_STEPS or event.path == _ICON

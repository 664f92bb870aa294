"""What a client sent in one phase, in a form in which two clients can be compared.

The order of its requests, each by its step, with how often it came in a row; and the services for which it asked for
tickets. A certificate that was refused is one of them. Left out is what else no server sees (a client's own connection
failures), and what is around a sign-in and not part of it: discovery of instances, configurations and keys, and the
pages that the person opens.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

import msgspec

from ssosim.trace import ConnectionFailed, DnsAnswered, HttpExchange, KdcExchange, Record, SignInStep, UserPrompted

__all__ = ["Seen", "seen_of"]

_SETTLED = ("NXDOMAIN", "NODATA")
_LEFT_OUT = frozenset(
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
_ICON = "/favicon.ico"  # what browsers ask every host for (HTML standard, 4.6.7.8)


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """``steps`` in order, by their names in ``SignInStep``; ``spns`` in the order of asking, each once.

    ``passwords`` are how many were posted, by host.
    """

    steps: tuple[str, ...] = ()
    spns: tuple[str, ...] = ()
    passwords: dict[str, int] = {}
    prompted: bool = False

    @property
    def sequence(self) -> str:
        """``realm, mex x4``: the order of requests, those in a row counted."""
        runs = ((step, len(list(run))) for step, run in groupby(self.steps))
        return ", ".join(step if number == 1 else f"{step} x{number}" for step, number in runs) or "nothing"

    def count(self, step: str) -> int:
        """How often ``step`` was asked for; a name of a server that could not be found counts for its step."""
        return sum(each == step for each in self.steps)

    @property
    def password_posts(self) -> int:
        """How often a password was seen in a request."""
        return sum(self.passwords.values())


def seen_of(records: Sequence[Record], zones: Sequence[str]) -> Seen:
    """What the client whose records of one phase these are sent; names below ``zones`` are those that matter."""
    passwords: dict[str, int] = {}
    for event in (record.event for record in records):
        if isinstance(event, HttpExchange) and event.auth == "password" and not _is_left_out(event):
            passwords[event.host] = passwords.get(event.host, 0) + 1
    return Seen(
        steps=tuple(_steps(records, zones)),
        spns=tuple(dict.fromkeys(_spns(records))),
        passwords=passwords,
        prompted=any(isinstance(record.event, UserPrompted) for record in records),
    )


def _steps(records: Sequence[Record], zones: Sequence[str]) -> Iterable[str]:
    last = ""
    for event in (record.event for record in records):
        step = ""
        if isinstance(event, HttpExchange):
            step = "" if _is_left_out(event) else str(event.step)
        elif isinstance(event, ConnectionFailed) and event.stage == "tls":
            step = f"no TLS {event.host}"
        elif isinstance(event, DnsAnswered) and event.type == "A" and not event.answers:
            step = f"no name {event.name}" if any(event.name.endswith(f".{zone}") for zone in zones) else ""
            if step == last and event.rcode not in _SETTLED:
                continue  # the stub resolver asks again of itself; how often the client did cannot be told
        if step:
            last = step
            yield step


def _spns(records: Sequence[Record]) -> Iterable[str]:
    for event in (record.event for record in records):
        if isinstance(event, KdcExchange) and event.request == "TGS" and not event.service.startswith("krbtgt/"):
            yield event.service


def _is_left_out(event: HttpExchange) -> bool:
    """Whether the request is around a sign-in: discovery, or a page that the person opens, with what belongs to it."""
    return event.step in _LEFT_OUT or event.path == _ICON

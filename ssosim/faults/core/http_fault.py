"""Base class of faults of HTTP exchanges."""

from __future__ import annotations

import dataclasses

import msgspec

from ssosim.entra.core.fault_effect import HttpEffect
from ssosim.entra.core.messages import Call
from ssosim.faults.core.fault import Applied, Fault, FaultState, HttpRule

__all__ = ["HttpFault", "check_retry_after", "check_text", "check_unlimited"]


class HttpFault(Fault, frozen=True, kw_only=True):
    """A fault of HTTP exchanges. ``host``, ``path`` (a part of it) and ``clients`` limit it; empty means all.

    ``first``: the fault is undone after this many exchanges. ``probability``: the chance that an exchange is affected,
    from the random numbers of ``seed``.
    """

    host: str = ""
    path: str = ""
    clients: tuple[str, ...] = ()
    first: int | None = None
    probability: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise ValueError for fields out of range."""
        super().__post_init__()
        if not 0.0 < self.probability <= 1.0:
            raise ValueError(f"probability {self.probability} is not above 0 and at most 1")
        if wrong := next((sign for sign in "?#" if sign in self.path), ""):
            raise ValueError(f"path {self.path[:80]!r}: a path has no {wrong!r}: give the part before it")

    def effect_on(self, call: Call) -> HttpEffect | None:
        """Return the effect on an exchange in the scope of the fault; None has no effect."""
        raise NotImplementedError

    def fold(self, state: FaultState, applied: Applied) -> FaultState:
        """Return ``state`` with the rule of this fault."""
        host, path = self.host.lower().rstrip("."), self.path.lower()

        def rule(call: Call, client: str) -> HttpEffect | None:
            if (host and call.host != host) or path not in "/" + "/".join(call.path).lower():
                return None
            if (self.clients and client not in self.clients) or (self.first is not None and applied.hits >= self.first):
                return None
            if self.probability < 1.0 and applied.random_for(client).random() >= self.probability:
                return None
            return self.effect_on(call)

        return dataclasses.replace(state, http=(*state.http, HttpRule(rule, host, count_hit=applied.count_hit)))

    def describe_scope(self) -> str:
        """Describe the exchanges in the scope of the fault."""
        parts = [f"https://{self.host or '*'}{self.path or ''}"]
        parts += [f"for {', '.join(self.clients)}"] if self.clients else []
        parts += [f"the first {self.first}"] if self.first is not None else []
        parts += [f"{self.probability:.4g} of the exchanges"] if self.probability < 1.0 else []
        return ", ".join(parts)


def check_retry_after(seconds: int | None) -> None:
    """Raise ValueError unless ``seconds`` can be the value of ``Retry-After`` (RFC 9110, section 10.2.3)."""
    if seconds is not None and not 0 <= seconds < 2**31:
        raise ValueError(f"retry_after {seconds} is not between 0 and {2**31 - 1}")


def check_unlimited(fault: HttpFault, what: str) -> None:
    """Raise ValueError for a limit of ``fault``, which changes files of all devices: the limit would do nothing."""
    defaults = {each.name: each.default for each in msgspec.structs.fields(fault)}
    for name in ("host", "path", "clients", "first", "probability"):
        if getattr(fault, name) != defaults[name]:
            raise ValueError(f"{name}: {what} changes what all programs find when they start; leave {name} out")


def check_text(key: str, text: str) -> None:
    """Raise ValueError for text that has no UTF-8 form: JSON can hold one half of a UTF-16 pair."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{key} holds {text[error.start]!a}, which is no character") from None

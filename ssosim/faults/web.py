"""Faults of HTTPS endpoints: what a service, or a box in front of it, answers instead."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable

from ssosim.dns import DnsChangeError
from ssosim.entra.core.fault_effect import HttpEffect
from ssosim.entra.core.messages import Call, HttpReply
from ssosim.estate import Estate
from ssosim.faults.base import Applied, DnsFault, FaultState, HttpRule
from ssosim.services import http_host_names

__all__ = ["HttpDelay", "HttpPage", "HttpSilent", "HttpStatus", "JwksKeyRemoved", "check_hosts", "check_text"]

# HTML as people write it, which is no XML: readers of MEX and WS-Trust stop at its unclosed element.
_PAGE = (
    '<!DOCTYPE html><html><head><meta charset="utf-8"><title>{title}</title></head><body><h1>{title}</h1></body></html>'
)


class HttpFault(DnsFault, frozen=True, kw_only=True):
    """Strikes HTTPS exchanges. ``host`` and ``path`` (a part of it) narrow it, as ``clients`` do by name.

    ``first``: only the first so many exchanges, then it is undone. ``probability``: each with that chance, from the
    dice of ``seed``.
    """

    host: str = ""
    path: str = ""
    clients: tuple[str, ...] = ()
    first: int | None = None
    probability: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be meant."""
        super().__post_init__()
        if not 0.0 <= self.probability <= 1.0:
            raise ValueError(f"probability {self.probability} is not between 0 and 1")

    def effect_on(self, call: Call) -> HttpEffect | None:
        """What is done to an exchange that is struck."""
        raise NotImplementedError

    def fold(self, state: FaultState, applied: Applied) -> FaultState:
        """``state`` with a rule more."""
        host, path = self.host.lower().rstrip("."), self.path.lower()

        def rule(call: Call, client: str) -> HttpEffect | None:
            if (host and call.host != host) or path not in "/" + "/".join(call.path).lower():
                return None
            if (self.clients and client not in self.clients) or (self.first is not None and applied.hits >= self.first):
                return None
            if self.probability < 1.0 and applied.dice_of(client).random() >= self.probability:
                return None
            struck = self.effect_on(call)
            if struck is not None:
                applied.count_hit()
            return struck

        return dataclasses.replace(state, web=(*state.web, HttpRule(rule, host)))

    def where(self) -> str:
        """Which exchanges, for people."""
        parts = [f"https://{self.host or '*'}{self.path or ''}"]
        parts += [f"for {', '.join(self.clients)}"] if self.clients else []
        parts += [f"the first {self.first}"] if self.first is not None else []
        parts += [f"{self.probability:.4g} of the exchanges"] if self.probability < 1.0 else []
        return ", ".join(parts)


def check_hosts(state: FaultState, estate: Estate) -> None:
    """Raise DnsChangeError for a fault of a host that no service of ``estate`` answers for: it would never strike.

    A certificate's needs a service with TLS.
    """
    _check_served((rule.host for rule in state.web if rule.host), http_host_names(estate))
    _check_served(state.certificates, http_host_names(estate, tls=True))


def _check_served(hosts: Iterable[str], served: tuple[str, ...]) -> None:
    if unknown := [host for host in hosts if host not in served]:
        raise DnsChangeError(f"host: nothing is served at {unknown[0]!r}; there is: {', '.join(served)}")


class HttpStatus(HttpFault, frozen=True, kw_only=True, tag="http-status"):
    """An endpoint answers with this status. ``code`` is the AADSTS number in the body, ``retry_after`` in seconds.

    Source: Azure AD, 14 December 2020 (503 and AADSTS90033); Azure AD, 28 September 2020; Google, 14 December 2020;
    RFC 9110, 15.6 and 10.2.3.
    """

    status: int = 503
    code: int | None = None
    retry_after: int | None = None

    def __post_init__(self) -> None:
        """Refuse what is no status."""
        super().__post_init__()
        if not 400 <= self.status <= 599:
            raise ValueError(f"status {self.status} is not between 400 and 599")

    def effect_on(self, call: Call) -> HttpEffect:  # noqa: ARG002 - the same for all
        """That status, with an OAuth error body if there is a code."""
        headers = () if self.retry_after is None else (("Retry-After", str(self.retry_after)),)
        if self.code is None:
            return HttpEffect(
                reply=HttpReply(self.status, b"", "text/plain; charset=utf-8", headers), from_service=True
            )
        body = {
            "error": "temporarily_unavailable",
            "error_description": f"AADSTS{self.code}: a fault of the lab",
            "error_codes": [self.code],
        }
        content = json.dumps(body).encode()
        return HttpEffect(
            reply=HttpReply(self.status, content, "application/json; charset=utf-8", headers, self.code),
            from_service=True,
        )

    def describe(self) -> str:
        """One line for people."""
        code = f" AADSTS{self.code}" if self.code else ""
        return f"{self.status}{code}: {self.where()}"


def check_text(key: str, text: str) -> None:
    """Refuse what UTF-8 cannot hold, with ValueError: JSON can name half of a pair of UTF-16."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{key} holds {text[error.start]!a}, which is no character") from None


class HttpPage(HttpFault, frozen=True, kw_only=True, tag="http-page"):
    """A web page comes in the place of the service's answer: of a firewall, or of a portal to log on to the network.

    Source: MSAL.NET issue 1825 and issue 1985 (a firewall's category page).
    """

    status: int = 200
    title: str = "This site is blocked by policy"

    def __post_init__(self) -> None:
        """Refuse what cannot be sent."""
        super().__post_init__()
        check_text("title", self.title)

    def effect_on(self, call: Call) -> HttpEffect:  # noqa: ARG002 - the same for all
        """The page."""
        content = _PAGE.format(title=self.title).encode()
        return HttpEffect(reply=HttpReply(self.status, content, "text/html; charset=utf-8"))

    def describe(self) -> str:
        """One line for people."""
        return f"a web page ({self.status}, {self.title!r}) instead of the answer: {self.where()}"


class HttpSilent(HttpFault, frozen=True, kw_only=True, tag="http-silent"):
    """The request arrives and is never answered.

    Source: Azure MFA, 19 November 2018 (a backend that accepts and does not answer).
    """

    def effect_on(self, call: Call) -> HttpEffect:  # noqa: ARG002 - the same for all
        """Silence."""
        return HttpEffect(silent=True)

    def describe(self) -> str:
        """One line for people."""
        return f"no answer: {self.where()}"


class HttpDelay(HttpFault, frozen=True, kw_only=True, tag="http-delay"):
    """Answers come ``seconds`` late: by the lab's clock for models, in real time for programs.

    Source: Azure MFA, 19 November 2018 (latency of 30 s and more).
    """

    seconds: float

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be meant; a model's device waits for 30 s, then it is ``http-silent``."""
        super().__post_init__()
        if not 0 < self.seconds < 30:
            raise ValueError("seconds must be above 0 and below 30; for longer use http-silent")

    def effect_on(self, call: Call) -> HttpEffect:  # noqa: ARG002 - the same for all
        """The provider's answer, late."""
        return HttpEffect(delay=self.seconds)

    def describe(self) -> str:
        """One line for people."""
        return f"answers {self.seconds:g} s late: {self.where()}"


class JwksKeyRemoved(HttpFault, frozen=True, kw_only=True, tag="jwks-key-removed"):
    """The signing key that is in use is missing from the published keys; tokens go on being signed with it.

    Source: Azure AD, 15 March 2021 (a key marked to be retained was removed from the metadata).
    """

    path: str = "/discovery/"

    def effect_on(self, call: Call) -> HttpEffect | None:
        """The key documents without their keys."""
        if call.path[-1:] != ("keys",):
            return None

        def without_keys(answer: HttpReply) -> HttpReply:
            return dataclasses.replace(answer, body=b'{"keys":[]}') if answer.status == 200 else answer

        return HttpEffect(change=without_keys)

    def describe(self) -> str:
        """One line for people."""
        return "the signing key in use is missing from the published keys"

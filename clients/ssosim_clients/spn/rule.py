"""A rule for forming service principal names, as a value.

Three families explain every client measured: the name *as typed*, the *forward* canonical name (CNAMEs followed), and
forward *then reverse* (the PTR of the first address). A client on a GSSAPI platform has two canonicalisers, its own and
then the library's, each of which may belong to any family. The same CNAME moves the SPN in the last two families and
leaves it alone in the first.
"""

from __future__ import annotations

import contextlib
import ipaddress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from ssosim_clients.failures import DnsFailure, Failure
from ssosim_clients.ports import Resolution, Resolver

__all__ = ["NO_TICKET", "Form", "OnLookupFailure", "OnUnknown", "PortInSpn", "SchemeGivenUp", "SpnRule"]


class Form(StrEnum):
    """What one canonicaliser does with a host name."""

    TYPED = "typed"
    """nothing: no look-up is made"""
    FORWARD = "forward"
    """one address look-up; the canonical name in its answer"""
    FIRST_TARGET = "first target"
    """one address look-up; where the name's own CNAME leads, which further ones do not change (Go)"""
    FORWARD_REVERSE = "forward+reverse"
    """as forward, then the PTR of the first address if there is one"""
    LENGTHEN = "lengthen"
    """the PTR of the address, only if it leads back there and begins with the name typed and a dot (Java)"""


_STRENGTH: Final = (Form.TYPED, Form.LENGTHEN, Form.FIRST_TARGET, Form.FORWARD, Form.FORWARD_REVERSE)


class OnLookupFailure(StrEnum):
    """What a client's own canonicaliser does when its look-up fails. libkrb5 and Heimdal always use the name as is."""

    USE_TYPED = "use the typed name"
    GIVE_UP_SCHEME = "give up Negotiate"
    RAISE = "raise the DNS error"


class OnUnknown(StrEnum):
    """What a client does when the KDC knows none of its candidates (KDC_ERR_S_PRINCIPAL_UNKNOWN)."""

    PLAIN_401 = "the 401 is the caller's result"
    RESEND_PLAIN = "send the request again without a token"
    NEXT_SCHEME = "the next scheme offered, else the 401"
    NTLM = "NTLM inside Negotiate"
    ERROR = "an error to the caller"


class PortInSpn(StrEnum):
    """Whether the SPN ends in ``:port``."""

    NEVER = "never"
    NON_STANDARD = "all but 80 and 443"
    ALWAYS = "always"


class SchemeGivenUp(Failure):
    """The client drops Negotiate because it could not canonicalise the name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpnRule:
    """One client's way from a host to the SPNs that it asks for.

    ``forms`` is the client's own canonicaliser and ``second`` that of the Kerberos library below it (empty: none).
    Either may have several ways; the next is tried only when the KDC does not know the name before, which is how MIT's
    ``fallback`` asks no DNS for a name that is registered. ``qualifies`` adds the search domain to one-label names that
    no look-up has qualified. ``remembers_failure``: one failed negotiation ends Negotiate with that host for the
    process's life. ``source`` says where the rule was read or measured.
    """

    name: str
    source: str
    forms: tuple[Form, ...]
    second: tuple[Form, ...] = ()
    on_lookup_failure: OnLookupFailure = OnLookupFailure.USE_TYPED
    on_unknown: OnUnknown = OnUnknown.PLAIN_401
    port: PortInSpn = PortInSpn.NEVER
    service: str = "HTTP"
    qualifies: bool = False
    remembers_failure: bool = False

    @property
    def ways(self) -> tuple[tuple[Form, Form], ...]:
        """The pairs of canonicalisers, in the order of trying."""
        return tuple((first, second) for first in self.forms for second in (self.second or (Form.TYPED,)))

    @property
    def family(self) -> str:
        """What it comes down to: the stronger of the two canonicalisers, for each way in order."""
        return ", then ".join(dict.fromkeys(max(way, key=_STRENGTH.index) for way in self.ways))

    def with_library(self, library: SpnRule) -> SpnRule:
        """This client above a Kerberos library that is set up as ``library`` (``mit-no-rdns``, …).

        A rule without a second canonicaliser has no library to set up and is returned as it is.
        """
        return replace(self, second=library.forms, qualifies=library.qualifies) if self.second else self

    async def spn(
        self, way: tuple[Form, Form], host: str, resolver: Resolver, *, port: int = 443, search_domain: str = ""
    ) -> str:
        """The SPN that ``way`` gives for a URL's ``host``.

        Raises ``SchemeGivenUp`` or ``DnsFailure`` where the rule says so.
        """
        typed = host.lower().rstrip(".")
        first, second = way
        try:
            name = await _canonical(first, typed, resolver)
        except DnsFailure as failure:
            if self.on_lookup_failure is OnLookupFailure.RAISE:
                raise
            if self.on_lookup_failure is OnLookupFailure.GIVE_UP_SCHEME:
                raise SchemeGivenUp(str(failure)) from failure
            name = typed
        with contextlib.suppress(DnsFailure):  # no Kerberos library fails here: it takes the name it was given
            name = await _canonical(second, name, resolver)
        name = name.lower().rstrip(".")
        if self.qualifies and search_domain and "." not in name:
            name = f"{name}.{search_domain.lower().strip('.')}"
        return f"{self.service}/{name}{self._trailer(port)}"

    async def candidates(
        self, host: str, resolver: Resolver, *, port: int = 443, search_domain: str = ""
    ) -> tuple[str, ...]:
        """Every SPN that would be asked for if the KDC knew none, in order, without repeats. Raises as ``spn``."""
        spns = [await self.spn(way, host, resolver, port=port, search_domain=search_domain) for way in self.ways]
        return tuple(dict.fromkeys(spns))

    def _trailer(self, port: int) -> str:
        kept = self.port is PortInSpn.ALWAYS or (self.port is PortInSpn.NON_STANDARD and port not in (80, 443))
        return f":{port}" if kept else ""


NO_TICKET: Final = SpnRule(name="no-ticket", source="a way of signing in that asks for no service ticket", forms=())
"""For clients that use no Kerberos at all."""


async def _canonical(form: Form, name: str, resolver: Resolver) -> str:
    """``name`` after one canonicaliser. Raises ``DnsFailure`` when the forward look-up fails."""
    if form is Form.TYPED:
        return name
    found = Resolution(name, name, (name,)) if _is_address(name) else await resolver.resolve(name, "any")
    if form is Form.FORWARD:
        return found.canonical
    if form is Form.FIRST_TARGET:
        return found.chain[0] if found.chain else found.canonical
    reverse = await resolver.reverse(found.addresses[0])
    if form is Form.FORWARD_REVERSE:
        return reverse or found.canonical
    if reverse is None or not reverse.lower().startswith(f"{name}."):
        return name
    return reverse if found.addresses[0] in (await resolver.resolve(reverse, "any")).addresses else name


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True

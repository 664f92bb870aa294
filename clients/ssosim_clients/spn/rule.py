"""A rule for forming service principal names, as a value.

Three families explain every client measured: the name *as typed*, the *forward* canonical name (CNAMEs followed), and
forward *then reverse* (the PTR of the first address). A client on a GSSAPI platform has two canonicalisers, its own and
then the library's, each of which may belong to any family. The same CNAME moves the SPN in the last two families and
leaves it alone in the first.

Chance decides in two places, and only one of the possible names is asked for: Go takes the first or the last target of
several CNAMEs, whichever DNS answer comes first (``Form.FIRST_OR_LAST``), and a PTR is that of whichever address stands
first in the answer. ``SpnRule.possibilities`` gives the names for each way in which chance can fall.
"""

from __future__ import annotations

import contextlib
import ipaddress
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import product
from random import Random
from typing import Final

from ssosim_clients.failures import DnsFailure, Failure
from ssosim_clients.ports import Resolution, Resolver
from ssosim_clients.spn.turned import Turned

__all__ = ["NO_TICKET", "Form", "OnLookupFailure", "OnUnknown", "PortInSpn", "SchemeGivenUp", "SpnRule"]


class Form(StrEnum):
    """What one canonicaliser does with a host name."""

    TYPED = "typed"
    """nothing: no look-up is made"""
    FORWARD = "forward"
    """one address look-up; the canonical name in its answer"""
    FIRST_TARGET = "first target"
    """one address look-up; where the name's own CNAME leads, which further ones do not change"""
    FIRST_OR_LAST = "first or last target"
    """a CNAME question beside those for addresses: the first target if its answer comes first, else the last (Go)"""
    FORWARD_REVERSE = "forward+reverse"
    """as forward, then the PTR of the first address if there is one"""
    LENGTHEN = "lengthen"
    """the PTR of the address, only if it leads back there and begins with the name typed and a dot (Java)"""


_STRENGTH: Final = (
    Form.TYPED,
    Form.LENGTHEN,
    Form.FIRST_TARGET,
    Form.FIRST_OR_LAST,
    Form.FORWARD,
    Form.FORWARD_REVERSE,
)
_BY_ADDRESS: Final = frozenset({Form.LENGTHEN, Form.FORWARD_REVERSE})
_RACES: Final = {Form.FIRST_OR_LAST: (Form.FIRST_TARGET, Form.FORWARD)}


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

    @property
    def by_address(self) -> bool:
        """Whether the name may depend on which address stands first in an answer."""
        return not _BY_ADDRESS.isdisjoint((*self.forms, *self.second))

    @property
    def is_raced(self) -> bool:
        """Whether the name may depend on which of several DNS answers comes first."""
        return not _RACES.keys().isdisjoint((*self.forms, *self.second))

    @property
    def outcomes(self) -> tuple[SpnRule, ...]:
        """The rule for each end that its race can have; the rule itself where there is no race."""
        if not self.is_raced:
            return (self,)
        own = product(*(_RACES.get(form, (form,)) for form in self.forms))
        ends = product(own, product(*(_RACES.get(form, (form,)) for form in self.second)))
        return tuple(replace(self, forms=forms, second=second) for forms, second in ends)

    def decided(self, dice: Random) -> SpnRule:
        """The rule for one look-up: ``dice`` say who wins the race. The rule itself where there is none."""
        return dice.choice(self.outcomes) if self.is_raced else self

    async def spn(
        self, way: tuple[Form, Form], host: str, resolver: Resolver, *, port: int = 443, search_domain: str = ""
    ) -> str:
        """The SPN that ``way`` gives for a URL's ``host``.

        Raises ``SchemeGivenUp`` or ``DnsFailure`` where the rule says so, ValueError for a rule whose race is not
        ``decided``.
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
        """Every SPN that may be asked for, given the answers as they come, in order and without repeats.

        Of a rule without a race they are asked for one after the other, as long as the KDC knows none; of one with a
        race they are those of all its ``outcomes``. Raises as ``spn``.
        """
        found = [
            await rule.spn(way, host, resolver, port=port, search_domain=search_domain)
            for rule in self.outcomes
            for way in rule.ways
        ]
        return tuple(dict.fromkeys(found))

    async def possibilities(
        self, host: str, resolver: Resolver, *, port: int = 443, search_domain: str = ""
    ) -> tuple[tuple[str, ...], ...]:
        """The candidates for each way in which chance can fall, without repeats; a client meets one of them.

        What may fall otherwise: a race of the rule, and which of a name's addresses stands first where the rule takes
        the PTR of that one (round robin). The first is for the answers as they come. Raises as ``spn``.
        """
        found: list[tuple[str, ...]] = []
        for rule in self.outcomes:
            turned = Turned(resolver)
            found.append(await rule.candidates(host, turned, port=port, search_domain=search_domain))
            for turn in range(1, turned.turns if rule.by_address else 1):
                other = Turned(resolver, turn)
                found.append(await rule.candidates(host, other, port=port, search_domain=search_domain))
        return tuple(dict.fromkeys(found))

    def _trailer(self, port: int) -> str:
        kept = self.port is PortInSpn.ALWAYS or (self.port is PortInSpn.NON_STANDARD and port not in (80, 443))
        return f":{port}" if kept else ""


NO_TICKET: Final = SpnRule(name="no-ticket", source="a way of signing in that asks for no service ticket", forms=())
"""For clients that use no Kerberos at all."""


async def _canonical(form: Form, name: str, resolver: Resolver) -> str:
    """``name`` after one canonicaliser.

    Raises ``DnsFailure`` when the forward look-up fails, ValueError for a form that is a race.
    """
    if form in _RACES:
        raise ValueError(f"the form {form.value!r} is a race between DNS answers: take one of the rule's outcomes")
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

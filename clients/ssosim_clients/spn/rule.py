"""How a client forms a service principal name (SPN) from the host name of a URL.

Parts
-----
- ``NameForm``: what one canonicaliser does with a host name.
- ``SpnRule``: the rule of one client, as a value. ``table.py`` has the rules of the clients that were read or measured.
- ``form_candidates``: the SPNs that a client may request, given the DNS answers of one resolver.
- ``form_possibilities``: the same, for each result that chance can have.

The model
---------
Three families explain every client that was measured:

- *typed*: the host name as it is in the URL, without a look-up;
- *forward*: the canonical name of an address look-up, that is, the target of the CNAMEs;
- *forward, then reverse*: the PTR name of the first address.

A CNAME in place of an address record changes the SPN in the second and third family, and not in the first. So the same
DNS change stops some clients and leaves others alone.

A client that uses a GSS-API library has two canonicalisers: its own (``forms``), then the library's
(``library_forms``). Each may be of any family. Each may also have several forms: MIT krb5 with
``dns_canonicalize_hostname = fallback`` first uses the name as typed, and canonicalises it only if the KDC does not
know that name. ``form_pairs`` has the pairs in the order in which they are tried.

Chance has an effect in two cases, and the client requests only one of the possible names:

- Go sends a CNAME query beside A and AAAA. With several CNAMEs it uses the first target or the last one, depending on
  which answer comes first (``NameForm.FIRST_OR_LAST``). ``race_outcomes`` has one rule for each result.
- A PTR look-up uses the first address of an answer, and round robin changes the order (``RotatedResolver``).

Rules that always hold
----------------------
- A rule has no state and makes no ticket request. The caller resolves the race (``resolve_race``), requests the
  tickets, and applies ``on_unknown`` when the KDC knows none of the candidates.
- Names are compared and formed in lower case, without a trailing dot.
- If the second look-up fails, the name stays as it is: no Kerberos library reports that error. A failure of the
  client's own look-up is handled as ``on_lookup_failure`` says.

What can go wrong
-----------------
- A rule with a race must be resolved before ``form_spn``; otherwise ValueError.
- A host name that is an IP address is not looked up; only its PTR may change it.
"""

from __future__ import annotations

import contextlib
import ipaddress
from enum import StrEnum
from functools import lru_cache
from itertools import product
from random import Random
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from ssosim_clients.failures import DnsFailure, Failure
from ssosim_clients.ports import Resolution, Resolver
from ssosim_clients.spn.rotated import RotatedResolver

__all__ = ["NO_TICKET", "NameForm", "NegotiateAbandoned", "OnLookupFailure", "OnUnknown", "PortInSpn", "SpnRule"]


class NameForm(StrEnum):
    """What one canonicaliser does with a host name."""

    TYPED = "typed"
    """keeps the name, without a look-up"""
    FORWARD = "forward"
    """one address look-up: the canonical name in the answer"""
    HOST_ENTRY = "host entry"
    """as FORWARD; an IP address becomes the canonical name of its PTR name, and without one the look-up has failed
    (Dns.GetHostEntry of .NET)"""
    FIRST_TARGET = "first target"
    """one address look-up: the target of the name's own CNAME; further CNAMEs have no effect"""
    FIRST_OR_LAST = "first or last target"
    """a CNAME query beside the address queries: the first target if its answer comes first, else the last one (Go)"""
    FORWARD_REVERSE = "forward+reverse"
    """as FORWARD, then the PTR name of the first address, if there is one"""
    LENGTHEN = "lengthen"
    """the PTR name of the address, if it resolves to that address and begins with the typed name and a dot (Java)"""
    CONFIRMED_REVERSE = "confirmed reverse"
    """the PTR name of the address, if it resolves to that address (Java's getCanonicalHostName)"""
    REVERSE_ONLY = "reverse only"
    """the PTR name of the first address; an address without one is a failed look-up"""


_FORM_ORDER: Final = (
    NameForm.TYPED,
    NameForm.LENGTHEN,
    NameForm.FIRST_TARGET,
    NameForm.FIRST_OR_LAST,
    NameForm.FORWARD,
    NameForm.HOST_ENTRY,
    NameForm.CONFIRMED_REVERSE,
    NameForm.FORWARD_REVERSE,
    NameForm.REVERSE_ONLY,
)
"""From the form that changes a name least to the one that changes it most."""

_FORMS_WITH_PTR: Final = frozenset(
    {NameForm.LENGTHEN, NameForm.CONFIRMED_REVERSE, NameForm.FORWARD_REVERSE, NameForm.REVERSE_ONLY}
)
_RACES: Final = {NameForm.FIRST_OR_LAST: (NameForm.FIRST_TARGET, NameForm.FORWARD)}


class OnLookupFailure(StrEnum):
    """What a client does when the look-up of its own canonicaliser fails. MIT krb5 and Heimdal always keep the name."""

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
    """Whether the SPN ends with ``:port``."""

    NEVER = "never"
    NON_STANDARD = "all but 80 and 443"
    ALWAYS = "always"


class NegotiateAbandoned(Failure):
    """The client abandons Negotiate because it could not canonicalise the host name."""


class SpnRule(Struct, frozen=True, kw_only=True):
    """How one client forms the SPNs for a host. See the module's docstring.

    - ``source``: where the rule was read or measured.
    - ``forms``: the client's own canonicaliser. ``library_forms``: that of its Kerberos library; empty if it has none.
      The next form is tried only if the KDC does not know the name of the form before.
    - ``adds_search_domain``: the search domain is added to a one-label name that no look-up has qualified.
    - ``channel_bindings``: over TLS the token is bound to the certificate of the host (RFC 5929, section 4).
    - ``remembers_failure``: after one failed negotiation the process never uses Negotiate with that host again.
    """

    name: str
    source: str
    forms: tuple[NameForm, ...]
    library_forms: tuple[NameForm, ...] = ()
    on_lookup_failure: OnLookupFailure = OnLookupFailure.USE_TYPED
    on_unknown: OnUnknown = OnUnknown.PLAIN_401
    port: PortInSpn = PortInSpn.NEVER
    service: str = "HTTP"
    adds_search_domain: bool = False
    channel_bindings: bool = False
    remembers_failure: bool = False

    @property
    def form_pairs(self) -> tuple[tuple[NameForm, NameForm], ...]:
        """The pairs of canonicalisers (client, library), in the order in which they are tried."""
        return tuple((own, library) for own in self.forms for library in (self.library_forms or (NameForm.TYPED,)))

    @property
    def family(self) -> str:
        """The form of each pair that changes a name more, in order and joined by ", then "."""
        return ", then ".join(dict.fromkeys(max(pair, key=_FORM_ORDER.index) for pair in self.form_pairs))

    def with_library(self, library: SpnRule) -> SpnRule:
        """The rule of this client with the Kerberos library settings of ``library`` (``mit-no-rdns``, …).

        A rule without a library is returned unchanged.
        """
        if not self.library_forms:
            return self
        return replace(self, library_forms=library.forms, adds_search_domain=library.adds_search_domain)

    @property
    def depends_on_address(self) -> bool:
        """Whether the SPN may depend on which address is the first in an answer."""
        return not _FORMS_WITH_PTR.isdisjoint((*self.forms, *self.library_forms))

    @property
    def has_race(self) -> bool:
        """Whether the SPN may depend on which of several DNS answers comes first."""
        return not _RACES.keys().isdisjoint((*self.forms, *self.library_forms))

    @property
    def race_outcomes(self) -> tuple[SpnRule, ...]:
        """One rule for each possible result of the race; the rule itself if it has no race."""
        if not self.has_race:
            return (self,)
        own = product(*(_RACES.get(form, (form,)) for form in self.forms))
        outcomes = product(own, product(*(_RACES.get(form, (form,)) for form in self.library_forms)))
        return tuple(replace(self, forms=forms, library_forms=library) for forms, library in outcomes)

    def resolve_race(self, random: Random) -> SpnRule:
        """The rule for one look-up: ``random`` chooses the result of the race. The rule itself if it has no race."""
        return random.choice(self.race_outcomes) if self.has_race else self

    async def form_spn(
        self,
        form_pair: tuple[NameForm, NameForm],
        host: str,
        resolver: Resolver,
        *,
        port: int = 443,
        search_domain: str = "",
    ) -> str:
        """The SPN that ``form_pair`` gives for the ``host`` of a URL.

        Raises ``NegotiateAbandoned`` or ``DnsFailure`` as ``on_lookup_failure`` says, and ValueError for a rule with an
        unresolved race.
        """
        typed = host.lower().rstrip(".")
        # The search list is for a name of one label without a dot at its end.
        is_absolute = host.endswith(".")
        if is_absolute and "." not in typed:
            typed = f"{typed}."
        own, library = form_pair
        is_canonical = False
        try:
            name = await _canonicalise(own, typed, resolver)
            is_canonical = own is not NameForm.TYPED
        except DnsFailure as failure:
            if self.on_lookup_failure is OnLookupFailure.RAISE:
                raise
            if self.on_lookup_failure is OnLookupFailure.GIVE_UP_SCHEME:
                raise NegotiateAbandoned(str(failure)) from failure
            name = typed
        if self.library_forms:
            is_canonical = False
            with contextlib.suppress(DnsFailure):  # a Kerberos library keeps the name if its look-up fails
                name = await _canonicalise(library, name, resolver)
                is_canonical = library is not NameForm.TYPED
        name = name.lower().rstrip(".")
        if self.adds_search_domain and search_domain and "." not in name and not is_canonical and not is_absolute:
            name = f"{name}.{search_domain.lower().strip('.')}"
        return f"{self.service}/{name}{self._port_suffix(port)}"

    async def form_candidates(
        self, host: str, resolver: Resolver, *, port: int = 443, search_domain: str = ""
    ) -> tuple[str, ...]:
        """Every SPN that the client may request, given the answers of ``resolver``, in order and without repetitions.

        Without a race the client requests them one after the other, until the KDC knows one. With a race they are the
        SPNs of all ``race_outcomes``. Raises as ``form_spn``.
        """
        found = [
            await rule.form_spn(pair, host, resolver, port=port, search_domain=search_domain)
            for rule in self.race_outcomes
            for pair in rule.form_pairs
        ]
        return tuple(dict.fromkeys(found))

    async def form_possibilities(
        self, host: str, resolver: Resolver, *, port: int = 443, search_domain: str = ""
    ) -> tuple[tuple[str, ...], ...]:
        """The candidates for each result that chance can have, without repetitions; a client has one of the results.

        Chance decides a race of the rule, and the first address of an answer if the rule uses its PTR name (round
        robin). The first entry is for the answers as ``resolver`` gives them. Raises as ``form_spn``.
        """
        found: list[tuple[str, ...]] = []
        for rule in self.race_outcomes:
            first = RotatedResolver(resolver)
            found.append(await rule.form_candidates(host, first, port=port, search_domain=search_domain))
            for offset in range(1, first.rotations if rule.depends_on_address else 1):
                rotated = RotatedResolver(resolver, offset)
                found.append(await rule.form_candidates(host, rotated, port=port, search_domain=search_domain))
        return tuple(dict.fromkeys(found))

    def _port_suffix(self, port: int) -> str:
        kept = self.port is PortInSpn.ALWAYS or (self.port is PortInSpn.NON_STANDARD and port not in (80, 443))
        return f":{port}" if kept else ""


NO_TICKET: Final = SpnRule(name="no-ticket", source="a way of signing in that requests no service ticket", forms=())
"""The rule of clients that do not use Kerberos."""


async def _canonicalise(form: NameForm, name: str, resolver: Resolver) -> str:
    """``name`` after one canonicaliser.

    Raises ``DnsFailure`` if the forward look-up fails, ValueError for a form with a race.
    """
    if form in _RACES:
        raise ValueError(f"the form {form.value!r} is a race between DNS answers: use one of the rule's race_outcomes")
    if form is NameForm.TYPED:
        return name
    found = Resolution(name, name, (name,)) if _is_address(name) else await resolver.resolve(name, "any")
    if form is NameForm.HOST_ENTRY and _is_address(name):
        return await _find_name_of_address(name, resolver)
    if form in (NameForm.FORWARD, NameForm.HOST_ENTRY):
        return found.canonical
    if form is NameForm.FIRST_TARGET:
        return found.chain[0] if found.chain else found.canonical
    return await _use_pointer(form, name, found, resolver)


async def _find_name_of_address(address: str, resolver: Resolver) -> str:
    """The canonical name of the PTR name of ``address``; that name itself where it has no address of its own."""
    reverse = await resolver.reverse(address)
    if reverse is None:
        raise DnsFailure("nxdomain", ipaddress.ip_address(address.partition("%")[0]).reverse_pointer)
    with contextlib.suppress(DnsFailure):
        return (await resolver.resolve(reverse, "any")).canonical
    return reverse


async def _use_pointer(form: NameForm, name: str, found: Resolution, resolver: Resolver) -> str:
    """``name``, whose look-up gave ``found``, after a canonicaliser that uses the PTR name of the first address."""
    address = found.addresses[0]
    reverse = await resolver.reverse(address)
    if form is NameForm.FORWARD_REVERSE:
        return reverse or found.canonical
    if form is NameForm.REVERSE_ONLY:
        if reverse is None:
            raise DnsFailure("nxdomain", ipaddress.ip_address(address.partition("%")[0]).reverse_pointer)
        return reverse
    if reverse is None or (form is NameForm.LENGTHEN and not reverse.lower().startswith(f"{name.rstrip('.')}.")):
        return name
    return reverse if address in (await resolver.resolve(reverse, "any")).addresses else name


@lru_cache(maxsize=1024)
def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True

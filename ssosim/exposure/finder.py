"""Find credentials in a request whose recipient has no business with them.

``find_exposures`` is a pure function: it examines every view of every part of a request. ``ExposureFinder`` is what a
lab calls for each request. It first applies ``ShortTest`` to requests of the usual kind (at a known step of an identity
host, over TLS, answered by the service itself), and calls ``find_exposures`` for all others.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from ssosim.entra import Call, Provider
from ssosim.exposure.credentials import CredentialKind, FoundCredential, KnownCredentials, ReadTicket
from ssosim.exposure.decoding import decode
from ssosim.exposure.recipients import Recipient, Recipients, explain_exposure
from ssosim.exposure.request_parts import RequestParts, parts_of_call
from ssosim.exposure.short_test import ShortTest
from ssosim.services import Service
from ssosim.trace import CredentialExposed, SignInStep, TicketChecked

__all__ = ["ExposureFinder", "find_exposures"]

_FULL_STEPS = frozenset({SignInStep.OTHER, SignInStep.UNKNOWN})


def find_exposures(request: RequestParts, known: KnownCredentials, to: Recipient) -> tuple[CredentialExposed, ...]:
    """Return one event for each credential of ``known`` in ``request`` that ``to`` has no business with.

    A credential that is in several parts of a request is reported once, with the first of them.
    """
    found: dict[tuple[CredentialKind, str, str], CredentialExposed] = {}
    for part, data in request.parts:
        for credential in _find_credentials(data, known):
            why = explain_exposure(credential, to, request.address, part)
            key = (credential.kind, credential.owner, why)
            if why and key not in found:
                found[key] = CredentialExposed(
                    credential=credential.kind.value,
                    owner=credential.owner,
                    host=to.host[:253],
                    address=request.address,
                    part=_name_part(part),
                    reason=why,
                )
    return tuple(found.values())


def _find_credentials(data: bytes, known: KnownCredentials) -> Iterator[FoundCredential]:
    seen: set[FoundCredential] = set()
    for view in decode(data) if data else ():
        for credential in known.find(view):
            if credential not in seen:
                seen.add(credential)
                yield credential


def _name_part(part: str) -> str:
    """Return the name of a part for the trace: it has the names of usual header fields only."""
    field = part.removeprefix("header ").lower()
    if field == part:
        return part
    return f"{field} header" if field in ("authorization", "cookie", "referer", "user-agent") else "header"


class ExposureFinder:
    """Examines the requests to the services of a lab, and those that hosts outside of the estate receive.

    ``read_ticket`` returns the service that a ticket is for. When a fault changes the estate of ``provider``, the
    tables are made again: a domain that becomes managed has passwords that belong to the login host.
    """

    def __init__(self, provider: Provider, services: Iterable[Service], read_ticket: ReadTicket) -> None:
        self._provider = provider
        self._services = tuple(services)
        self._read_ticket = read_ticket
        self._challenges: dict[str, None] = {}
        self._build()

    def _build(self) -> None:
        self._estate = self._provider.estate
        self._known = KnownCredentials(self._provider, self._read_ticket, self._challenges)
        self._recipients = Recipients(self._estate, self._services)
        self._short_test = ShortTest(self._known.texts)

    def examine(self, call: Call, step: SignInStep, *, in_place: bool = False) -> tuple[CredentialExposed, ...]:
        """Return the credentials in ``call`` that its recipient must not have.

        ``step`` is what the provider has at that path. ``in_place``: something else answered in the service's place.
        """
        if self._provider.estate is not self._estate:
            self._build()
        if "code_challenge" in call.query:
            self._known.add_challenge(call.query["code_challenge"])
        to = self._recipients.find(call.host)
        if not in_place and self._is_usual(call, to, step):
            return ()
        to = dataclasses.replace(to, step=step, scheme=call.scheme, in_place=in_place)
        return find_exposures(parts_of_call(call), self._known, to)

    def examine_foreign(self, request: RequestParts) -> tuple[CredentialExposed, ...]:
        """Return the credentials in a request that a host outside of the estate received."""
        return find_exposures(request, self._known, Recipient(request.host, "foreign", scheme=request.scheme))

    def _is_usual(self, call: Call, to: Recipient, step: SignInStep) -> bool:
        """Return whether the short test shows that ``to`` gets nothing that it must not have."""
        if call.scheme != "https" or to.role in ("unknown", "application") or step in _FULL_STEPS:
            return False
        takes_tokens = to.role == "login"
        if (self._known.has_challenges and not takes_tokens) or "Content-Encoding" in call.headers:
            return False
        test = self._short_test
        if not test.is_clean_value(call.target, False):
            return False
        for value in test.list_unknown(call.headers.values()):
            if value[:10].lower() == "negotiate " and value == call.headers.get("Authorization"):
                if not _was_accepted(call):
                    return False
            elif not test.is_clean_value(value, takes_tokens):
                return False
        return not call.body or test.examine(call.body, takes_tokens)


def _was_accepted(call: Call) -> bool:
    """Return whether the service has accepted the ticket in this request, so that it was for this service."""
    return any(isinstance(event, TicketChecked) and event.accepted for event in call.trace_buffer.events)

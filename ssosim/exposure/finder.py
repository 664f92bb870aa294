"""Find credentials in a request whose recipient has no business with them.

``find_exposures`` is a pure function: it examines every view of every part of a request. ``ExposureFinder`` is what a
lab calls for each request. It first applies ``ShortTest`` to each part of a request of the usual kind (at a known step
of an identity host, over TLS, answered by the service itself). ``find_exposures`` examines the parts that this test
does not clear, and all parts of any other request. That is the same finding, since each part is examined by itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Iterable, Iterator
from functools import lru_cache

from ssosim.entra import Call, Provider
from ssosim.exposure.base64_value import split_base64_value
from ssosim.exposure.credentials import CredentialKind, FoundCredential, KnownCredentials, ReadTicket
from ssosim.exposure.decoding import decode
from ssosim.exposure.recipients import Recipient, Recipients, explain_exposure
from ssosim.exposure.request_parts import RequestParts, parts_of_call
from ssosim.exposure.short_test import ShortTest
from ssosim.services import Service
from ssosim.trace import CredentialExposed, SignInStep, TicketChecked

__all__ = ["ExposureFinder", "find_exposures"]

_OTHER, _UNKNOWN = SignInStep.OTHER, SignInStep.UNKNOWN
_LONGEST_NAME, _LONGEST_REASON = 253, 512
"""Characters of the trace's texts: names and audiences in a token are what the sender wrote."""
_LONGEST_KEPT, _MOST_KEPT = 256, 1024
"""Characters of a header field, and fields, whose full search is remembered if it found nothing."""
_NOTHING: tuple[Call | None, bytes, SignInStep | None] = (None, b"", None)


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
                    owner=credential.owner[:_LONGEST_NAME],
                    host=to.host[:_LONGEST_NAME],
                    address=request.address,
                    part=_name_part(part),
                    reason=why[:_LONGEST_REASON],
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
        self._short_test = _make_short_test(self._known.texts)
        self._values_without_credentials: set[str] = set()
        self._allowed: dict[tuple[str, SignInStep], frozenset[bytes]] = {}
        self._cleared: dict[int, tuple[Call | None, bytes, SignInStep | None]] = {}
        self._tables = object()

    def examine(self, call: Call, step: SignInStep, *, in_place: bool = False) -> tuple[CredentialExposed, ...]:
        """Return the credentials in ``call`` that its recipient must not have.

        ``step`` is what the provider has at that path. ``in_place``: something else answered in the service's place.
        """
        if self._provider.estate is not self._estate:
            self._build()
        if "code_challenge" in call.query:
            self._known.add_challenge(call.query["code_challenge"])
            self._cleared.clear()
        elif not in_place and self._is_known(call, step):
            return ()
        to = self._recipients.find(call.host)
        suspicious = None if in_place else self._list_suspicious(call, to, step)
        if suspicious is not None and not suspicious:
            self._keep(call, step)
            return ()
        to = dataclasses.replace(to, step=step, scheme=call.scheme, in_place=in_place)
        return find_exposures(parts_of_call(call, suspicious), self._known, to)

    def _is_known(self, call: Call, step: SignInStep) -> bool:
        """Return whether the short test has cleared this very request before."""
        return call.repeats is not None and (call.body, step) == self._cleared.get(id(call.repeats), _NOTHING)[1:]

    def _keep(self, call: Call, step: SignInStep) -> None:
        """Keep that the short test clears ``call``, if it repeats another and has no ticket that was accepted.

        The finding depends on the parts of the request, the known texts and whether challenges are known. A later
        challenge, or a change of the estate, drops what is kept.
        """
        if call.repeats is None or "code_challenge" in call.query or _was_accepted(call):
            return
        if len(self._cleared) >= _MOST_KEPT:
            self._cleared.clear()
        self._cleared[id(call.repeats)] = (call.repeats, call.body, step)

    def examine_foreign(self, request: RequestParts) -> tuple[CredentialExposed, ...]:
        """Return the credentials in a request that a host outside of the estate received."""
        return find_exposures(request, self._known, Recipient(request.host, "foreign", scheme=request.scheme))

    def _list_suspicious(self, call: Call, to: Recipient, step: SignInStep) -> frozenset[str] | None:
        """Return the parts of ``call`` that may hold what ``to`` must not have; None if all must be examined."""
        if call.scheme != "https" or to.role in ("unknown", "application") or step is _OTHER or step is _UNKNOWN:
            return None
        if (self._challenges and to.role != "login") or "Content-Encoding" in call.headers:
            return None
        found: list[str] = []
        if call.head is None or call.head.clean_for != (self._tables, step):
            # A password or client secret in a URL is for nobody.
            found = [] if self._short_test.is_clean_value(call.target, False) else ["path", "query"]
            if unknown := self._short_test.list_unknown(call.headers.values()):
                found += self._list_suspicious_headers(call, unknown, to, step)
            if call.head is not None and not found and self._short_test.holds_for_other_ids(call.target):
                call.head.clean_for = (self._tables, step)
        elif not _has_no_other_ticket(call):  # of a head that is clean, only the ticket is another one
            found += self._list_suspicious_headers(call, (call.headers["Authorization"],), to, step)
        if call.body:
            sealed = call.trace_buffer.sealed_field if to.role == "login" else ""
            texts = self._short_test.find_texts_beside(call.body, sealed.encode()) if sealed else None
            if not (self._is_clean(call.body, to, step) if texts is None else self._may_have(texts, to, step)):
                found.append("body")
        return frozenset(found)

    def _list_suspicious_headers(
        self, call: Call, unknown: Container[str], to: Recipient, step: SignInStep
    ) -> Iterator[str]:
        """Yield the names of the parts for those header fields whose values are ``unknown`` and not clean."""
        takes_tokens = to.role == "login"
        for name, value in call.headers.items():
            if value not in unknown:
                continue
            if value[:10].lower() == "negotiate " and value == call.headers.get("Authorization"):
                clean = _was_accepted(call) or self._holds_own_ticket_only(value, to)
            else:
                clean = self._short_test.is_clean_value(value, takes_tokens) or self._is_clean(
                    value.encode("utf-8", "surrogateescape"), to, step
                )
            if not clean and not self._holds_nothing(value):
                yield f"header {name}"

    def _holds_own_ticket_only(self, value: str, to: Recipient) -> bool:
        """Return whether the full search of a Negotiate header certainly finds nothing but tickets for ``to``.

        So it is with a ticket that the service refused because of its time, its key, or as used before.
        """
        if len(value) <= _LONGEST_KEPT or self._known.has_challenges:  # what a short value holds is kept
            return False
        views = split_base64_value(value.encode("utf-8", "surrogateescape"))
        if views is None or self._known.may_hold_by_octets(views.octets):
            return False
        own, *in_form = views.texts
        if any(True for _ in self._known.find(own)) or any(map(self._known.holds_text, in_form)):
            return False
        services = set(map(self._known.read_ticket, (*in_form, *views.opaque))) - {None}
        found = [FoundCredential(CredentialKind.TICKET, service or "") for service in services]
        found += (each for view in views.others for each in _find_credentials(view, self._known))
        return all(each.kind is CredentialKind.TICKET and not explain_exposure(each, to) for each in found)

    def _is_clean(self, data: bytes, to: Recipient, step: SignInStep) -> bool:
        """Return whether ``data``, not of a URL, certainly holds nothing but texts that ``to`` may have at ``step``."""
        found = self._short_test.find_texts(data, takes_tokens=to.role == "login")
        return found is not None and self._may_have(found, to, step)

    def _may_have(self, texts: frozenset[bytes], to: Recipient, step: SignInStep) -> bool:
        """Return whether ``to`` may have all ``texts`` at ``step``."""
        return not texts or texts <= self._allowed_texts(to, step)

    def _holds_nothing(self, value: str) -> bool:
        """Return whether a short header field certainly holds no credential at all, such as a first message of NTLM.

        That is remembered: what the provider issues later is random, and cannot be in a value that was seen before. A
        client chooses its code verifier itself, but where one must not come all parts are searched.
        """
        if len(value) > _LONGEST_KEPT:
            return False
        known = self._values_without_credentials
        if value not in known:
            if any(True for _ in _find_credentials(value.encode("utf-8", "surrogateescape"), self._known)):
                return False
            if len(known) >= _MOST_KEPT:
                known.clear()
            known.add(value)
        return True

    def _allowed_texts(self, to: Recipient, step: SignInStep) -> frozenset[bytes]:
        """Return the passwords and client secrets that ``to`` may have at ``step``, except in URLs."""
        found = self._allowed.get((to.host, step))
        if found is None:
            at_step = dataclasses.replace(to, step=step)
            found = self._allowed[to.host, step] = frozenset(
                text
                for text, credentials in self._known.owners_of_texts
                if not any(explain_exposure(each, at_step) for each in credentials)
            )
        return found


@lru_cache(maxsize=8)
def _make_short_test(texts: tuple[bytes, ...]) -> ShortTest:
    """Return the short test for ``texts``, the same for all labs with them: what it remembers depends on these only."""
    return ShortTest(texts)


def _has_no_other_ticket(call: Call) -> bool:
    """Return whether ``call`` has no ticket in its header, or one that was accepted."""
    value = call.headers.get("Authorization")
    return value is None or value[:10].lower() != "negotiate " or _was_accepted(call)


def _was_accepted(call: Call) -> bool:
    """Return whether the service has accepted the ticket in this request, so that it was for this service."""
    return any(isinstance(event, TicketChecked) and event.accepted for event in call.trace_buffer.events)

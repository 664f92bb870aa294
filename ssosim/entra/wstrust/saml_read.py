"""Reading of verified assertions. The input must be the element that the signature check has returned.

What the issuer has restricted is read or refused, never skipped: each audience restriction, conditions that are not
understood, how the subject is confirmed, and the end of the session.

Sources: SAML 2.0 core, sections 2.4.1 (confirmation of subjects), 2.5.1 (conditions) and 2.7.2 (end of the session),
1.3.3 (times); SAML 1.1 core, sections 2.3.2 and 2.4.1; RFC 7522, section 3. Reports of services that skipped them:
node-saml issues 435 and 436, keycloak issue 45652 (CVE-2026-1190), jellyfin-plugin-sso issue 460 (audiences).
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from lxml.etree import _Element
from msgspec import Struct

from ssosim.entra.core.safe_xml import text_of
from ssosim.entra.core.timestamps import read_xml_time
from ssosim.entra.wstrust.saml_write import SAML1, SAML2

__all__ = ["AssertionClaims", "MalformedAssertionError", "assertion_id", "read_assertion", "read_claimed_issuer"]


class MalformedAssertionError(ValueError):
    """A required part of the assertion is missing or occurs twice. The text may be shown to the sender."""


_BEARER = frozenset({"urn:oasis:names:tc:SAML:1.0:cm:bearer", "urn:oasis:names:tc:SAML:2.0:cm:bearer"})
_KNOWN_CONDITIONS = frozenset(
    {
        f"{{{SAML1}}}AudienceRestrictionCondition",
        f"{{{SAML1}}}DoNotCacheCondition",
        f"{{{SAML2}}}AudienceRestriction",
        f"{{{SAML2}}}OneTimeUse",
        f"{{{SAML2}}}ProxyRestriction",
    }
)


class AssertionClaims(Struct, frozen=True):
    """The claims of a SAML 1.1 or 2.0 assertion. Times are in seconds since the Unix epoch; missing texts are empty.

    ``restrictions`` are the audiences of each audience restriction: the recipient must be in all of them.
    ``not_before`` and ``not_on_or_after`` are the range in which the conditions, the confirmation of the subject and
    the session are valid. ``recipients`` are the hosts for which the subject is confirmed, empty for any. ``once``: the
    issuer allows one use only (``OneTimeUse``).
    """

    id: str
    issuer: str
    restrictions: tuple[frozenset[str], ...]
    not_before: float
    not_on_or_after: float
    name_id: str
    upn: str
    method: str
    recipients: frozenset[str] = frozenset()
    once: bool = False


def assertion_id(assertion: _Element) -> str:
    """Return the ID attribute of a SAML 1.1 or 2.0 assertion."""
    return assertion.get("AssertionID") or assertion.get("ID") or ""


def read_claimed_issuer(assertion: _Element) -> str:
    """Return the issuer in the assertion. Before verification it may only be used to select a key."""
    if assertion.tag == f"{{{SAML1}}}Assertion":
        return assertion.get("Issuer") or ""
    return text_of(assertion.find(f"{{{SAML2}}}Issuer")).strip()


def read_assertion(assertion: _Element) -> AssertionClaims:
    """Read a SAML 1.1 or 2.0 assertion; raises MalformedAssertionError."""
    return _read_saml1(assertion) if assertion.tag == f"{{{SAML1}}}Assertion" else _read_saml2(assertion)


def _read_saml1(assertion: _Element) -> AssertionClaims:
    if assertion.get("MajorVersion") != "1" or assertion.get("MinorVersion") not in ("0", "1"):
        raise MalformedAssertionError("The version of the assertion is not 1.0 or 1.1.")
    conditions = _find_single(assertion, f"{{{SAML1}}}Conditions")
    subjects = assertion.findall(f"{{{SAML1}}}*/{{{SAML1}}}Subject")
    names = {text_of(each).strip() for subject in subjects for each in subject.iterfind(f"{{{SAML1}}}NameIdentifier")}
    if len(names) > 1:
        raise MalformedAssertionError("The statements name different subjects.")
    for subject in subjects:
        methods = _all_texts(subject, f"{{{SAML1}}}SubjectConfirmation/{{{SAML1}}}ConfirmationMethod")
        if _BEARER.isdisjoint(methods):
            raise MalformedAssertionError("The subject is not confirmed for a bearer.")
    path = f"{{{SAML1}}}AttributeStatement/{{{SAML1}}}Attribute"
    upns = (each for each in assertion.iterfind(path) if each.get("AttributeName") == "UPN")
    statement = assertion.find(f"{{{SAML1}}}AuthenticationStatement")
    not_before, not_on_or_after = _read_range([conditions])
    return AssertionClaims(
        id=assertion_id(assertion),
        issuer=read_claimed_issuer(assertion),
        restrictions=_read_restrictions(conditions, f"{{{SAML1}}}AudienceRestrictionCondition"),
        not_before=not_before,
        not_on_or_after=not_on_or_after,
        name_id=names.pop() if names else "",
        upn=_read_upn(upns, f"{{{SAML1}}}AttributeValue"),
        method="" if statement is None else statement.get("AuthenticationMethod", ""),
    )


def _read_saml2(assertion: _Element) -> AssertionClaims:
    if assertion.get("Version") != "2.0":
        raise MalformedAssertionError("The version of the assertion is not 2.0.")
    conditions = _find_single(assertion, f"{{{SAML2}}}Conditions")
    subject = _find_single(assertion, f"{{{SAML2}}}Subject")
    path = f"{{{SAML2}}}AttributeStatement/{{{SAML2}}}Attribute"
    upns = (each for each in assertion.iterfind(path) if each.get("Name", "").rpartition("/")[2] == "UPN")
    context = f"{{{SAML2}}}AuthnStatement/{{{SAML2}}}AuthnContext/{{{SAML2}}}AuthnContextClassRef"
    confirmation = _find_bearer_confirmation(subject)
    sessions = [
        _parse_instant(each.get("SessionNotOnOrAfter", ""))
        for each in assertion.iterfind(f"{{{SAML2}}}AuthnStatement")
        if "SessionNotOnOrAfter" in each.attrib
    ]
    not_before, not_on_or_after = _read_range([conditions, *confirmation])
    return AssertionClaims(
        id=assertion_id(assertion),
        issuer=read_claimed_issuer(assertion),
        restrictions=_read_restrictions(conditions, f"{{{SAML2}}}AudienceRestriction"),
        not_before=not_before,
        not_on_or_after=min([not_on_or_after, *sessions]),
        name_id=text_of(subject.find(f"{{{SAML2}}}NameID")).strip(),
        upn=_read_upn(upns, f"{{{SAML2}}}AttributeValue"),
        method=text_of(assertion.find(context)).strip(),
        recipients=frozenset(
            _host_of(each.get("Recipient", "")) for each in confirmation if "Recipient" in each.attrib
        ),
        once=conditions.find(f"{{{SAML2}}}OneTimeUse") is not None,
    )


def _find_bearer_confirmation(subject: _Element) -> list[_Element]:
    """Return the data of the first confirmation of the subject for a bearer, if it has any."""
    for confirmation in subject.iterfind(f"{{{SAML2}}}SubjectConfirmation"):
        if confirmation.get("Method") in _BEARER:
            return confirmation.findall(f"{{{SAML2}}}SubjectConfirmationData")
    raise MalformedAssertionError("The subject is not confirmed for a bearer.")


def _host_of(address: str) -> str:
    """Return the host of an https address in lower case; empty for any other text."""
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        return ""
    return (parts.hostname or "") if parts.scheme == "https" else ""


def _read_restrictions(conditions: _Element, tag: str) -> tuple[frozenset[str], ...]:
    """Return the audiences of each restriction. A condition that is not understood makes the assertion invalid."""
    for condition in conditions.iterchildren("*"):
        if condition.tag not in _KNOWN_CONDITIONS:
            raise MalformedAssertionError("The conditions have one that is not understood.")
    audience = f"{tag.partition('}')[0]}}}Audience"
    return tuple(frozenset(_all_texts(each, audience)) for each in conditions.iterfind(tag))


def _read_upn(attributes: Iterable[_Element], tag: str) -> str:
    values = {text_of(value).strip() for attribute in attributes for value in attribute.iterfind(tag)}
    if len(values) > 1:
        raise MalformedAssertionError("There are several values of the UPN.")
    return values.pop() if values else ""


def _find_single(parent: _Element, tag: str) -> _Element:
    found = parent.findall(tag)
    if len(found) != 1:
        raise MalformedAssertionError(f"Expected one {tag.rpartition('}')[2]}, found {len(found)}.")
    return found[0]


def _all_texts(parent: _Element, path: str) -> tuple[str, ...]:
    return tuple(text_of(element).strip() for element in parent.iterfind(path))


def _read_range(parts: list[_Element]) -> tuple[float, float]:
    """Return the time range in which all ``parts`` are valid, in seconds since the Unix epoch; one must have an end.

    A start that is not before its end is no range (SAML core, section 2.5.1).
    """
    starts = [_parse_instant(each.get("NotBefore", "")) for each in parts if "NotBefore" in each.attrib]
    ends = [_parse_instant(each.get("NotOnOrAfter", "")) for each in parts if "NotOnOrAfter" in each.attrib]
    if not ends:
        raise MalformedAssertionError("The conditions have no NotOnOrAfter.")
    start, end = max(starts, default=0.0), min(ends)
    if start >= end:
        raise MalformedAssertionError("The NotBefore is not before the NotOnOrAfter.")
    return start, end


def _parse_instant(text: str) -> float:
    try:
        return read_xml_time(text)
    except ValueError:
        raise MalformedAssertionError("The assertion has an instant that cannot be read.") from None

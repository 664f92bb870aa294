"""Reading of verified assertions. The input must be the element that the signature check has returned."""

from __future__ import annotations

from datetime import UTC, datetime

from lxml.etree import _Element
from msgspec import Struct

from ssosim.entra.core.safe_xml import text_of
from ssosim.entra.wstrust.saml_write import SAML1, SAML2

__all__ = ["AssertionClaims", "MalformedAssertionError", "assertion_id", "read_assertion", "read_claimed_issuer"]


class MalformedAssertionError(ValueError):
    """A required part of the assertion is missing or occurs twice. The text may be shown to the sender."""


class AssertionClaims(Struct, frozen=True):
    """The claims of a SAML 1.1 or 2.0 assertion. Times are in seconds since the Unix epoch; missing texts are empty."""

    id: str
    issuer: str
    audiences: tuple[str, ...]
    not_before: float
    not_on_or_after: float
    name_id: str
    upn: str
    method: str


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
    conditions = _find_single(assertion, f"{{{SAML1}}}Conditions")
    names = {
        text_of(name).strip()
        for name in assertion.iterfind(f"{{{SAML1}}}*/{{{SAML1}}}Subject/{{{SAML1}}}NameIdentifier")
    }
    if len(names) > 1:
        raise MalformedAssertionError("The statements name different subjects.")
    path = f"{{{SAML1}}}AttributeStatement/{{{SAML1}}}Attribute"
    upns = [
        text_of(attribute.find(f"{{{SAML1}}}AttributeValue")).strip()
        for attribute in assertion.iterfind(path)
        if attribute.get("AttributeName") == "UPN"
    ]
    statement = assertion.find(f"{{{SAML1}}}AuthenticationStatement")
    return AssertionClaims(
        id=assertion_id(assertion),
        issuer=read_claimed_issuer(assertion),
        audiences=_all_texts(conditions, f"{{{SAML1}}}AudienceRestrictionCondition/{{{SAML1}}}Audience"),
        not_before=_parse_instant(conditions.get("NotBefore"), 0.0),
        not_on_or_after=_parse_instant(conditions.get("NotOnOrAfter"), None),
        name_id=names.pop() if names else "",
        upn=upns[0] if upns else "",
        method="" if statement is None else statement.get("AuthenticationMethod", ""),
    )


def _read_saml2(assertion: _Element) -> AssertionClaims:
    conditions = _find_single(assertion, f"{{{SAML2}}}Conditions")
    subject = _find_single(assertion, f"{{{SAML2}}}Subject")
    path = f"{{{SAML2}}}AttributeStatement/{{{SAML2}}}Attribute"
    upns = [
        text_of(attribute.find(f"{{{SAML2}}}AttributeValue")).strip()
        for attribute in assertion.iterfind(path)
        if attribute.get("Name", "").rpartition("/")[2] == "UPN"
    ]
    context = f"{{{SAML2}}}AuthnStatement/{{{SAML2}}}AuthnContext/{{{SAML2}}}AuthnContextClassRef"
    return AssertionClaims(
        id=assertion_id(assertion),
        issuer=read_claimed_issuer(assertion),
        audiences=_all_texts(conditions, f"{{{SAML2}}}AudienceRestriction/{{{SAML2}}}Audience"),
        not_before=_parse_instant(conditions.get("NotBefore"), 0.0),
        not_on_or_after=_parse_instant(conditions.get("NotOnOrAfter"), None),
        name_id=text_of(subject.find(f"{{{SAML2}}}NameID")).strip(),
        upn=upns[0] if upns else "",
        method=text_of(assertion.find(context)).strip(),
    )


def _find_single(parent: _Element, tag: str) -> _Element:
    found = parent.findall(tag)
    if len(found) != 1:
        raise MalformedAssertionError(f"Expected one {tag.rpartition('}')[2]}, found {len(found)}.")
    return found[0]


def _all_texts(parent: _Element, path: str) -> tuple[str, ...]:
    return tuple(text_of(element).strip() for element in parent.iterfind(path))


def _parse_instant(text: str | None, default: float | None) -> float:
    if text is None:
        if default is None:
            raise MalformedAssertionError("The conditions have no NotOnOrAfter.")
        return default
    try:
        instant = datetime.fromisoformat(text)
        # SAML core 1.2.2: instants without a zone are UTC.
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise MalformedAssertionError("The conditions hold an instant that cannot be read.") from None

"""Who may receive which credential, by the RFCs of OAuth 2.0, Kerberos and federation: the table on both sides."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.estate import load_estate
from ssosim.exposure.credentials import CredentialKind as Kind
from ssosim.exposure.credentials import FoundCredential
from ssosim.exposure.recipients import Recipient, Recipients, Role, explain_exposure
from ssosim.memory import Engine, MemoryLab
from ssosim.trace import SignInStep

ROLES: tuple[Role, ...] = ("login", "autologon", "federation", "application")
HOSTS = {
    "login": "login.microsoftonline.com",
    "autologon": "autologon.microsoftazuread-sso.com",
    "federation": "sts.fabrikam.com",
    "application": "graph.microsoft.com",
}
TICKET = FoundCredential(Kind.TICKET, "HTTP/web.corp.contoso.com")
GRAPH = "https://graph.microsoft.com"

# RFC 6749 sections 2.3.1, 4.1.3, 6; RFC 7522 section 2.1; RFC 7523 section 2.2; RFC 7636 section 4.5; RFC 8628 section
# 3.4: all of these go to the token endpoint of the authorization server, and to nobody else
TO_LOGIN = [
    Kind.CLIENT_SECRET,
    Kind.ASSERTION,
    Kind.CLIENT_ASSERTION,
    Kind.FEDERATED_TOKEN,
    Kind.REFRESH_TOKEN,
    Kind.AUTHORIZATION_CODE,
    Kind.CODE_VERIFIER,
    Kind.DEVICE_CODE,
]


def to(role: Role, **fields: object) -> Recipient:
    """A recipient with this role, at its host."""
    return Recipient(HOSTS.get(role, "portal.example"), role, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", TO_LOGIN)
@pytest.mark.parametrize("role", ROLES)
def test_what_the_token_endpoint_takes_is_for_nobody_else(kind: Kind, role: Role) -> None:
    """Only the login host may have it; the reason at any other host names the kind with its article."""
    why = explain_exposure(FoundCredential(kind), to(role))
    assert why == ("" if role == "login" else f"this host has no business with {kind.with_article}")


@pytest.mark.parametrize(
    ("found", "recipient", "why"),
    [
        # Entra documentation: a federated user's password goes to the federation service of the domain
        (FoundCredential(Kind.PASSWORD, "frank@fabrikam.com", federated=True), to("login"), "belongs to a federation"),
        (FoundCredential(Kind.PASSWORD, "alice@contoso.com"), to("login"), ""),
        (
            FoundCredential(Kind.PASSWORD, "frank@fabrikam.com", federated=True),
            to("federation", domains=frozenset({"fabrikam.com"})),
            "",
        ),
        (
            FoundCredential(Kind.PASSWORD, "Frank@FABRIKAM.com", federated=True),
            to("federation", domains=frozenset({"fabrikam.com"})),
            "",
        ),
        (
            FoundCredential(Kind.PASSWORD, "alice@contoso.com"),
            to("federation", domains=frozenset({"fabrikam.com"})),
            "the user's domain is not one of this federation service",
        ),
        (
            FoundCredential(Kind.PASSWORD, "ann@notfabrikam.com"),
            to("federation", domains=frozenset({"fabrikam.com"})),
            "the user's domain is not one",
        ),
        (
            FoundCredential(Kind.PASSWORD, "alice@contoso.com"),
            to("autologon", step=SignInStep.WSTRUST_PASSWORD),
            "",
        ),
        (
            FoundCredential(Kind.PASSWORD, "alice@contoso.com"),
            to("autologon", step=SignInStep.WSTRUST_TICKET),
            "nothing at this address takes a password",
        ),
        (
            FoundCredential(Kind.PASSWORD, "frank@fabrikam.com", federated=True),
            to("autologon", step=SignInStep.WSTRUST_PASSWORD),
            "nothing at this address takes a password",
        ),
        (FoundCredential(Kind.PASSWORD, "alice@contoso.com"), to("application"), "nothing at this address takes"),
        # RFC 4120 section 1.3: a ticket is for the service that it names
        (TICKET, to("application", spns=frozenset({"http/web.corp.contoso.com"})), ""),
        (TICKET, to("application", spns=frozenset({"http/other.corp.contoso.com"})), "the ticket is for HTTP/web"),
        (TICKET, to("application"), "takes no Kerberos tickets"),
        (TICKET, to("login"), "takes no Kerberos tickets"),
        (
            FoundCredential(Kind.TICKET),
            to("autologon", spns=frozenset({"http/x"})),
            "the ticket is for another service",
        ),
        # RFC 6750 section 5.2: a bearer token is for the resource servers of its audience
        (FoundCredential(Kind.ACCESS_TOKEN, audience=GRAPH), to("application"), ""),
        (FoundCredential(Kind.ACCESS_TOKEN, audience=f"{GRAPH}/"), to("application"), ""),
        (FoundCredential(Kind.ACCESS_TOKEN, audience="https://GRAPH.Microsoft.com"), to("application"), ""),
        (FoundCredential(Kind.ACCESS_TOKEN, audience="https://vault.azure.net"), to("application"), "the token is for"),
        (FoundCredential(Kind.ACCESS_TOKEN, audience=f"{GRAPH}.evil.example"), to("application"), "the token is for"),
        (FoundCredential(Kind.ACCESS_TOKEN, audience=f"https://evil.example/{GRAPH}"), to("application"), "is for"),
        (FoundCredential(Kind.ACCESS_TOKEN, audience=f"https://x@{HOSTS['application']}"), to("application"), ""),
        (FoundCredential(Kind.ACCESS_TOKEN, audience="https://["), to("application"), "the token is for"),
        (FoundCredential(Kind.ACCESS_TOKEN, audience="https://"), to("application"), "the token is for"),
        (FoundCredential(Kind.ACCESS_TOKEN, audience="https://[x]/a"), to("application"), "the token is for"),
        (
            FoundCredential(Kind.ACCESS_TOKEN, audience="api://web"),
            to("application", audiences=frozenset({"api://web"})),
            "",
        ),
        (
            FoundCredential(Kind.ACCESS_TOKEN, audience=GRAPH),
            to("application", audiences=frozenset({"api://web"})),
            "the token is for",
        ),
        (FoundCredential(Kind.ACCESS_TOKEN, audience=GRAPH), to("login"), ""),  # on behalf of
        (FoundCredential(Kind.ACCESS_TOKEN, audience=GRAPH), to("federation"), "no business with an access token"),
        (FoundCredential(Kind.ACCESS_TOKEN, audience=GRAPH), to("autologon"), "no business with an access token"),
        # RFC 6749 section 4.1.2: the code goes to the redirection endpoint of the application
        (
            FoundCredential(Kind.AUTHORIZATION_CODE, redirect_hosts=frozenset({HOSTS["application"]})),
            to("application"),
            "",
        ),
        (
            FoundCredential(Kind.AUTHORIZATION_CODE, redirect_hosts=frozenset({"app.example"})),
            to("application"),
            "no business with an authorization code",
        ),
    ],
)
def test_each_credential_has_its_own_recipients(found: FoundCredential, recipient: Recipient, why: str) -> None:
    """A yes is the empty reason; a no says whose the credential is, or that nothing there takes it."""
    said = explain_exposure(found, recipient)
    assert (why in said) if why else said == ""


@pytest.mark.parametrize("kind", list(Kind))
def test_some_hosts_may_have_nothing(kind: Kind) -> None:
    """A foreign host, a host without a service, and what answers in the place of a service: whatever the kind."""
    owner = "HTTP/x" if kind is Kind.TICKET else "alice@contoso.com"
    found = FoundCredential(kind, owner, audience=GRAPH)
    assert explain_exposure(found, to("foreign"), "203.0.113.9") == "the host at 203.0.113.9 is none of the estate's"
    assert explain_exposure(found, to("foreign")) == "the host at that address is none of the estate's"
    assert explain_exposure(found, to("unknown")) == "this host is none of the services"
    for role in ROLES:
        there = to(role, in_place=True, spns=frozenset({"http/x"}), domains=frozenset({"contoso.com"}))
        assert explain_exposure(found, there) == "something else answered in the service's place"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("part", ["body", "path", "header Authorization"])
def test_a_private_key_is_for_nobody(role: Role, scheme: str, part: str) -> None:
    """RFC 7517 section 9.2: it is never sent, not even to the login host over TLS."""
    found = FoundCredential(Kind.PRIVATE_KEY)
    assert explain_exposure(found, to(role, scheme=scheme), part=part) == "a private key is never sent"


@pytest.mark.parametrize("kind", [each for each in Kind if each not in (Kind.TICKET, Kind.PRIVATE_KEY)])
@pytest.mark.parametrize("role", ROLES)
def test_clear_text_is_for_nobody_but_a_ticket(kind: Kind, role: Role) -> None:
    """RFC 6750 section 5.3: over TLS only. A ticket is encrypted (RFC 4120), so it may be sent over plain HTTP."""
    found = FoundCredential(kind, "alice@contoso.com", audience=GRAPH)
    assert explain_exposure(found, to(role, scheme="http")) == "it was sent in clear text (http)"
    there = to(role, scheme="http", spns=frozenset({TICKET.owner.lower()}))
    assert explain_exposure(TICKET, there) == ""


IN_URLS = {
    Kind.PASSWORD: False,
    Kind.CLIENT_SECRET: False,  # RFC 6749 section 2.3.1
    Kind.CLIENT_ASSERTION: False,
    Kind.FEDERATED_TOKEN: False,
    Kind.REFRESH_TOKEN: False,
    Kind.ACCESS_TOKEN: False,  # RFC 6750 section 5.3
    Kind.ASSERTION: True,  # the redirect binding of SAML
    Kind.AUTHORIZATION_CODE: True,  # RFC 6749 section 4.1.2
    Kind.CODE_VERIFIER: True,
    Kind.DEVICE_CODE: True,
}


@pytest.mark.parametrize(("kind", "allowed"), IN_URLS.items())
@pytest.mark.parametrize("part", ["path", "query"])
def test_a_url_is_no_place_for_a_secret(kind: Kind, part: str, *, allowed: bool) -> None:
    """Browsers, proxies and logs keep URLs; also the right recipient must not get these there."""
    found = FoundCredential(kind, "alice@contoso.com", audience=GRAPH)
    assert explain_exposure(found, to("login"), part="body") == ""
    said = explain_exposure(found, to("login"), part=part)
    assert said == ("" if allowed else "it is in the URL, which browsers, proxies and logs keep")


@given(
    st.builds(
        FoundCredential,
        st.sampled_from(list(Kind)),
        st.sampled_from(["", "alice@contoso.com", "HTTP/x", "@", "a@"]),
        st.booleans(),
        st.sampled_from(["", "https://", "https://[", "http://[::1", GRAPH, "00000003-0000-0000-c000-000000000000"]),
    ),
    st.sampled_from([*ROLES, "foreign", "unknown"]),
    st.sampled_from(["https", "http"]),
    st.sampled_from(["path", "query", "body", "header Cookie"]),
)
@settings(max_examples=150, deadline=None)
def test_every_case_is_decided(found: FoundCredential, role: Role, scheme: str, part: str) -> None:
    """Whatever a token says of its audience and owner: a yes or a reason, and never an error."""
    why = explain_exposure(found, to(role, scheme=scheme), part=part)
    assert why == why.strip()
    if role in ("foreign", "unknown") or found.kind is Kind.PRIVATE_KEY:
        assert why


@pytest.mark.parametrize(("kind", "text"), [(Kind.ASSERTION, "an assertion"), (Kind.TICKET, "a ticket")])
def test_a_kind_has_its_article(kind: Kind, text: str) -> None:
    """The reason is a sentence."""
    assert kind.with_article == text


def test_the_hosts_of_an_estate_have_their_roles() -> None:
    """Identity hosts by their role, all other names of services as applications, any other name as unknown."""
    lab = MemoryLab(Engine(1_740_000_000.0), load_estate(Path("contoso-azure")))
    recipients = Recipients(lab.estate, lab.services)
    assert {role: recipients.find(host).role for role, host in HOSTS.items()} == {role: role for role in HOSTS}
    assert recipients.find("graph.microsoft.com").audiences >= {GRAPH, "00000003-0000-0000-c000-000000000000"}
    assert recipients.find(HOSTS["autologon"]).spns == {"http/autologon.microsoftazuread-sso.com"}
    assert recipients.find("nowhere.example").role == "unknown"
    assert recipients.find(HOSTS["federation"]).domains >= {"fabrikam.com"}
    assert "contoso.com" not in recipients.find(HOSTS["federation"]).domains

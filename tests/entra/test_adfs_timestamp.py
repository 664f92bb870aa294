"""AD FS checks the Timestamp of a message by the clock of the client's machine, with five minutes of skew."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import AUTOLOGON, STS

FRANK, PASSWORD = "frank@fabrikam.com", "Frank-lab-password-1"


def ask(site: Any, created: str, expires: str, version: str = "13") -> Any:
    """A request with a password and a Timestamp."""
    body = site.rst(version, user=FRANK, password=PASSWORD, dates=(created, expires))
    return site.ask("POST", STS, f"/adfs/services/trust/{version}/usernamemixed", body=body)


@pytest.mark.parametrize("version", ["2005", "13"])
@pytest.mark.parametrize(
    ("created", "expires", "accepted"),
    [
        (0, 600, True),
        (299, 900, True),
        (301, 900, False),
        (-900, -299, True),
        (-900, -301, False),
        (100, 50, False),
        (-1e9, -1e9 + 600, False),
    ],
)
def test_a_timestamp_may_differ_by_five_minutes(
    site: Any, version: str, created: float, expires: float, accepted: bool
) -> None:
    """a:InvalidSecurity outside of it (php-crm-toolkit issues 29 and 74, XrmToolBox issue 473)."""
    answer = ask(site, site.date(created), site.date(expires), version)
    text = answer.body.decode()
    assert (answer.status == 200) is accepted
    assert ("a:InvalidSecurity" in text) is not accepted
    if not accepted:
        assert 'xmlns:a="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"' in text
        assert "An error occurred when verifying security for the message." in text


@pytest.mark.parametrize("text", ["yesterday", "2025-02-30T00:00:00Z", "1740499620"])
def test_a_date_that_is_none_is_refused(site: Any, text: str) -> None:
    """Neither part of a Timestamp may be anything else than a date."""
    assert "a:InvalidSecurity" in ask(site, text, site.date(600)).body.decode()
    assert "a:InvalidSecurity" in ask(site, site.date(), text).body.decode()


def test_forms_of_dates(site: Any) -> None:
    """Seven digits of a second, as .NET writes them, none, and an offset."""
    plain = site.date()[:19]
    for created in (f"{plain}.1234567Z", f"{plain}Z", f"{plain}+00:00"):
        assert ask(site, created, site.date(600)).status == 200, created


def test_the_clock_is_that_of_the_client(site: Any) -> None:
    """In a lab with virtual time a program has the time of its machine."""
    site.provider.find_client_time = lambda _client: site.clock.now() + 1e7
    assert ask(site, site.date(), site.date(600)).status == 500
    assert ask(site, site.date(1e7), site.date(1e7 + 600)).status == 200


def test_the_cloud_ignores_the_timestamp(site: Any) -> None:
    """ROADtools sends autologon a constant one of 2020 (unconfirmed)."""
    body = site.rst(user="bob@contoso.com", password="Bob-lab-password-1", dates=("2020-11-23T16:50:44.068Z",) * 2)
    assert site.ask("POST", AUTOLOGON, "/contoso.com/winauth/trust/2005/usernamemixed", body=body).status == 200

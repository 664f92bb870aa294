"""Redirect URIs that Entra does not register are mistakes of an estate."""

from __future__ import annotations

from pathlib import Path

import pytest

from ssosim.cli import main

CLIENT_ID = "a0000000-0000-4000-8000-0000000000f1"


def check(tmp_path: Path, capsys: pytest.CaptureFixture[str], *lines: str) -> str:
    """What ``ssosim estate check`` says of an application with these lines; empty for a good one."""
    main(["estate", "init", str(tmp_path / "estate.toml")])
    text = "\n".join(("", "[[applications]]", f'client_id = "{CLIENT_ID}"', 'name = "Shop"', *lines, ""))
    with (tmp_path / "estate.toml").open("a", encoding="utf-8") as file:
        file.write(text)
    capsys.readouterr()
    code = main(["estate", "check", str(tmp_path / "estate.toml")])
    streams = capsys.readouterr()
    assert code in (0, 2)
    return streams.err if code else ""


@pytest.mark.parametrize(
    ("kind", "uri", "expected"),
    [
        ("web", "https://shop.contoso.com/back?x=1", ""),
        ("spa", "https://localhost:3000", ""),
        ("web", "http://localhost/x", ""),
        ("native", "http://127.0.0.1/x", ""),
        ("native", "msauth.com.contoso.shop://auth", ""),
        ("native", "urn:ietf:wg:oauth:2.0:oob", "AADSTS500119"),
        ("web", "http://shop.contoso.com/back", "the scheme http is for localhost only"),
        ("spa", "http://localhost.contoso.com/", "the scheme http is for localhost only"),
        ("native", "http://192.0.2.7/", "the scheme http is for localhost only"),
        ("native", "http://[::1]:8400/", "IPv6 loopback"),
        ("web", "https://*.contoso.com/back", "name each one instead of a wildcard"),
        ("web", "https://shop.contoso.com/back#top", "no fragment"),
        ("spa", "shop://auth", 'type = "native" only'),
        ("web", "urn:ietf:wg:oauth:2.0:oob", "AADSTS500119"),
        ("web", "shop.contoso.com/back", "is no URI"),
        ("web", "https://shop.contoso.com/a b", "is no URI"),
        ("web", "https://shöp.contoso.com/", "is no URI"),
        ("web", "https://shop.contoso.com:99999/", "is no URI"),
        ("web", "https:///back", "names no host"),
        ("web", "https://shop.contoso.com/(back)", "cannot contain ("),
        ("web", f"https://shop.contoso.com/{'a' * 232}", "at most 256"),
    ],
)
def test_addresses_that_can_be_registered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, uri: str, expected: str
) -> None:
    """Entra document "Redirect URI outline and restrictions": schemes, characters, length, loopback."""
    said = check(tmp_path, capsys, f'redirect_uris = [{{ uri = "{uri}", type = "{kind}" }}]')
    assert (expected in said) if expected else not said, said


def test_addresses_that_differ_in_their_port_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The port of a loopback address is ignored, so the type would be that of either; one type is no question."""
    first = '{ uri = "http://localhost:3000", type = "spa" }'
    two = f'redirect_uris = [{first}, {{ uri = "http://localhost:8400%s", type = "%s" }}]'
    assert "in its port only" in check(tmp_path, capsys, two % ("/", "native"))
    (tmp_path / "estate.toml").unlink()
    assert not check(tmp_path, capsys, two % ("/", "spa"))
    (tmp_path / "estate.toml").unlink()
    assert not check(tmp_path, capsys, two % ("/native", "native"))


def test_the_number_of_addresses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """256 at most, 100 with personal accounts, which also have no query."""
    uris = ", ".join(f'"https://shop.contoso.com/{number}"' for number in range(101))
    personal = 'sign_in_audience = "AzureADandPersonalMicrosoftAccount"'
    assert not check(tmp_path, capsys, f"redirect_uris = [{uris}]")
    (tmp_path / "estate.toml").unlink()
    assert "at most 100" in check(tmp_path, capsys, personal, f"redirect_uris = [{uris}]")
    (tmp_path / "estate.toml").unlink()
    assert "no query" in check(tmp_path, capsys, personal, 'redirect_uris = ["https://shop.contoso.com/?a=b"]')


def test_a_federated_credential_has_one_audience(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Microsoft Graph, federatedIdentityCredential: audiences accepts a single value."""
    one = 'federated_credentials = [{ name = "abc", issuer = "https://x.example", subject = "s", audiences = ["a"%s] }]'
    assert not check(tmp_path, capsys, one % "")
    (tmp_path / "estate.toml").unlink()
    assert "audiences" in check(tmp_path, capsys, one % ', "b"')


def test_an_identifier_uri_ends_without_a_slash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """IdentifierUrisEndsWithSlash (terraform-provider-azuread issue 1728, msgraph-sdk-powershell issue 2113)."""
    assert not check(tmp_path, capsys, 'identifier_uris = ["https://contoso.com/shop"]')
    (tmp_path / "estate.toml").unlink()
    assert "does not end with a slash" in check(tmp_path, capsys, 'identifier_uris = ["https://contoso.com/shop/"]')


def test_a_client_id_is_a_guid(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Microsoft Graph, application: ``appId`` is a GUID that the service assigns; no other name is one."""
    assert not check(tmp_path, capsys)
    (tmp_path / "estate.toml").unlink()
    monkeypatch.setattr(f"{__name__}.CLIENT_ID", "my-app")
    assert "'my-app' is not a GUID" in check(tmp_path, capsys)


@pytest.mark.parametrize("name", ["ab", "-abc", "with blank", "with.dot", "a" * 121, ""])
def test_the_name_of_a_federated_credential_fits_into_an_address(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """3 to 120 letters, digits, hyphens and underscores, as Entra registers it."""
    entry = 'federated_credentials = [{ name = "%s", issuer = "https://x.example", subject = "s" }]'
    assert not check(tmp_path, capsys, entry % "a_b-9")
    (tmp_path / "estate.toml").unlink()
    assert "federated_credentials[0].name" in check(tmp_path, capsys, entry % name)

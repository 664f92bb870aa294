"""Names of users that Entra and Active Directory do not accept are mistakes of an estate."""

from __future__ import annotations

from pathlib import Path

import pytest

from ssosim.cli import main


def check(tmp_path: Path, capsys: pytest.CaptureFixture[str], upn: str, *lines: str) -> str:
    """What ``ssosim estate check`` says of an estate with one more user; empty for a good one."""
    path = tmp_path / "estate.toml"
    main(["estate", "init", str(path)])
    own = (f'upn = "{upn}"', 'display_name = "X"', 'object_id = "0a1f5c1e-6f0d-4a6c-9a1d-999999999999"')
    rest = ('tenant = "contoso.onmicrosoft.com"', 'password = "X-lab-password-1"', *lines, "")
    with path.open("a", encoding="utf-8") as file:
        file.write("\n".join(("", "[[users]]", *own, *rest)))
    capsys.readouterr()
    code = main(["estate", "check", str(path)])
    path.unlink()
    return capsys.readouterr().err if code else ""


@pytest.mark.parametrize(
    "upn", ["o'neil-x_1.y#~!^@contoso.com", "x@Contoso.com", "x@contoso.onmicrosoft.com", f"{'x' * 64}@fabrikam.com"]
)
def test_names_that_entra_has(tmp_path: Path, capsys: pytest.CaptureFixture[str], upn: str) -> None:
    """Entra document "Username policies": letters, digits and '.-_!#^~, a domain of the tenant."""
    assert not check(tmp_path, capsys, upn)


@pytest.mark.parametrize(
    "upn", ["jörg@contoso.com", "x;y@contoso.com", "x+y@contoso.com", "x.@contoso.com", f"{'x' * 65}@contoso.com"]
)
def test_names_that_entra_does_not_have(tmp_path: Path, capsys: pytest.CaptureFixture[str], upn: str) -> None:
    """Diacritical marks, other signs, a dot before the @, more than 64 characters."""
    assert "cannot be a name in Entra" in check(tmp_path, capsys, upn)


def test_a_suffix_that_is_no_domain_of_the_tenant(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """UserPrincipalName population: the initial domain replaces it; who is not synchronised may have any name."""
    said = check(tmp_path, capsys, "x@corp.local")
    assert "corp.local is no domain of the tenant contoso.onmicrosoft.com" in said
    assert "x@contoso.onmicrosoft.com" in said
    assert "litware.example is no domain" in check(tmp_path, capsys, "x@litware.example")
    assert not check(tmp_path, capsys, "x@contoso.onmicrosoft.com", 'on_premises_upn = "x@corp.local"')
    assert not check(tmp_path, capsys, "x@corp.local", "synced = false")


def test_an_account_has_twenty_characters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Active Directory schema, SAM-Account-Name: 20 characters of a user, as NetBIOS has them."""
    sid = 'sid = "S-1-5-21-3623811015-3361044348-30300820-1999"'
    assert not check(tmp_path, capsys, "x@contoso.com", f'sam_account = "{"a" * 20}"', sid)
    assert "at most 20" in check(tmp_path, capsys, "x@contoso.com", f'sam_account = "{"a" * 21}"', sid)

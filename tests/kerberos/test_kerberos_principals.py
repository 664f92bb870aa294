from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from ssosim.estate import Estate, User
from ssosim.kerberos import RealmError
from ssosim.kerberos.lab_files import find_lab_files, render_template
from ssosim.kerberos.principals import build_principals_batch


def test_file_and_default_estate_agree(estate: Estate) -> None:
    """kdc-lab/principals.kadmin holds exactly the accounts of the default estate."""
    lines = (find_lab_files() / "principals.kadmin").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == build_principals_batch(estate).splitlines()


def test_lab_files_are_the_checkouts() -> None:
    """In a checkout the templates are those in kdc-lab at its top."""
    assert find_lab_files() == Path(__file__).parents[2] / "kdc-lab"


def test_unknown_placeholder_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The error for a template with an unknown placeholder has the file and the name."""
    (tmp_path / "kdc.conf").write_text("${relam}")
    monkeypatch.setattr("ssosim.kerberos.lab_files.find_lab_files", lambda: tmp_path)
    with pytest.raises(RealmError, match=r"kdc\.conf: unknown placeholder \$\{relam\}"):
        render_template("kdc.conf", {"realm": "X"})


def with_realm(estate: Estate, **changes: object) -> Estate:
    """The estate with a changed realm."""
    return msgspec.structs.replace(estate, realms=(msgspec.structs.replace(estate.default_realm, **changes),))


@pytest.mark.parametrize(
    "spn", ["HTTP", "HTTP/", "/host", "HTTP/a b", "HTTP/a\naddprinc -pw x evil", "HTTP/a@R", 'HTTP/"']
)
def test_spn_that_is_none_is_refused(estate: Estate, spn: str) -> None:
    """A service that is no SPN, or would inject a command into the batch, is refused by name."""
    with pytest.raises(RealmError, match="service principal name"):
        build_principals_batch(with_realm(estate, services=(spn,)))


def test_realm_name_cannot_write_configuration(estate: Estate) -> None:
    """A realm name with a line break or brace never reaches kdc.conf."""
    with pytest.raises(RealmError, match=r"realm\.name"):
        build_principals_batch(with_realm(estate, name="R\n}"))


def test_one_name_one_account(estate: Estate) -> None:
    """The same SPN on the service account and elsewhere is the classic duplicate-SPN mistake, and refused."""
    spn = estate.default_realm.service_account.spns[0]
    with pytest.raises(RealmError, match="occurs twice"):
        build_principals_batch(with_realm(estate, services=(spn,)))


@pytest.mark.parametrize("password", ["", "a\nb", "tab\there"])
def test_password_with_control_characters_is_refused(estate: Estate, password: str) -> None:
    """A password that the batch could not carry is refused with the user's name, without showing it."""
    user = User(upn="eve@contoso.com", object_id="x", password=password, tenant="t", sam_account="eve")
    with pytest.raises(RealmError, match=r"user eve@contoso\.com: the password") as caught:
        build_principals_batch(msgspec.structs.replace(estate, users=(user,)))
    assert not password or password not in str(caught.value)

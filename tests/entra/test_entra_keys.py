"""Keys in a folder, and assertions as text held against an XML signature library."""

import pytest
from lxml import etree

from ssosim.entra import Keys, KeysError
from ssosim.entra.oauth.assertion import read_signed_assertion
from ssosim.entra.wstrust.saml_write import AssertionFacts, sign_assertion


def test_keys_are_kept_in_private_files(tmp_path):
    """Keys survive a round through a folder, and nobody else can read the files."""
    keys = Keys.generate(["a/b c"])
    keys.save(tmp_path / "keys")
    again = Keys.load(tmp_path / "keys")
    assert (again.secret, again.cloud.key_id) == (keys.secret, keys.cloud.key_id)
    assert set(again.federation) == {"a/b c"}
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "keys").iterdir()} == {0o600}
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(("name", "content"), [("secret.bin", b"short"), ("cloud.pem", b"no PEM"), ("cloud.pem", None)])
def test_damaged_keys_name_the_file(tmp_path, keys, name, content):
    """A damaged or missing file is named, with what to do."""
    keys.save(tmp_path)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(KeysError, match=rf"{name}: .*delete the folder"):
        Keys.load(tmp_path)


@pytest.mark.parametrize("kind", ["1.0", "2.0"])
@pytest.mark.parametrize("odd", ["plain", "a&b<c>\"d'", "tab\there", "line\nfeed", "üñ€"])
def test_template_is_the_canonical_form(keys, kind, odd):
    """Whatever the values, the text that was signed is what signxml digests, and the values come back unchanged."""
    facts = AssertionFacts(
        id="_1",
        issuer=f"urn:{odd}",
        audience=f"aud {odd}",
        name_id=f"n{odd}n",
        upn=f"u{odd}u",
        not_before=1_790_000_000,
        not_on_or_after=1_790_003_600,
        method=f"m{odd}m",
    )
    text = sign_assertion(facts, keys.cloud, f"urn:oasis:names:tc:SAML:{kind}:assertion")
    root = etree.fromstring(text)
    claims = read_signed_assertion(root, keys.cloud)
    assert (claims.name_id, claims.upn, claims.issuer, claims.restrictions) == (
        facts.name_id,
        facts.upn,
        facts.issuer,
        (frozenset({facts.audience}),),
    )
    assert (claims.not_before, claims.not_on_or_after, claims.method) == (1_790_000_000, 1_790_003_600, facts.method)
    assert etree.tostring(root, method="c14n", exclusive=True).decode() == text.replace(
        '<ds:SignedInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">', "<ds:SignedInfo>"
    )

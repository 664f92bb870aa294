"""Estate files: the shipped one, and mistakes in files of users."""

from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssosim.estate import EstateError, default_estate, load_estate, parse_estate
from ssosim.estate.toml_lines import index_lines, parse_path, render_path

TEXT = (resources.files("ssosim.estate") / "contoso.toml").read_text()
SID = "S-1-5-21-3623811015-3361044348-30300820-1102"
MISTAKES = [
    # the schema: types, keys, enumerations
    (
        '["kdc"]',
        '["kcd"]',
        "hosts[0].services[0]",
        "no service 'kcd'; did you mean 'kdc'? known: dns, kdc, kdc-proxy, login",
    ),
    ('["kdc"]', '["kdc", "kdc"]', "hosts[0].services[1]", "is listed already for this host"),
    ('["kdc"]', '["kdc", { nam = "x" }]', "hosts[0].services[1].nam", "did you mean 'name'?"),
    ('["kdc"]', '["kdc", { name = "login", port = 0 }]', "hosts[0].services[1].port", "`int` >= 1"),
    ('["kdc"]', "[7]", "hosts[0].services[0]", "expected `str | object`, got `int`"),
    ('type = "A"', 'type = "B"', "zones[0].records[0].type", "of type A, AAAA or CNAME"),
    ("desktop_sso = false", 'desktop_sso = "no"', "tenants[1].desktop_sso", "expected `bool`, got `str`"),
    ("priority = 2", 'priority = "two"', "traffic_managers[0].endpoints[1].priority", "expected `int`"),
    ('values = ["192.0.2.10"]', 'values = "192.0.2.10"', "zones[2].records[0].values", "expected `array`"),
    ('values = ["192.0.2.10"]', "values = [1]", "zones[2].records[0].values[0]", "expected `str`, got `int`"),
    ('name = "dc1.corp.contoso.com"', 'nam = "x"', "hosts[0].nam", "did you mean 'name'?"),
    ("[[realms]]", "[[relms]]", "relms", "did you mean 'realms'?"),
    ('name = "contoso"', 'name = "contoso', "", "not valid TOML"),
    ('name = "contoso"', 'name = "contoso"\nname = "x"', "", "not valid TOML"),
    # what a schema cannot say: references, duplicates, forms
    ('user = "bob@contoso.com"', 'user = "bo@contoso.com"', "devices[1].user", "did you mean 'bob@contoso.com'?"),
    ('alias = "aadg-autologon"', 'alias = "aadg"', "zones[0].records[0].alias", "aadg-autologon"),
    ('federation = "fabrikam-sts"', 'federation = "sts"', "tenants[0].domains[1].federation", "fabrikam-sts"),
    ('address = "10.10.0.53"', 'address = "10.10.0.88"', "hosts[1].address", "is used already at hosts[0].address"),
    ('name = "desk-2"', 'name = "desk-1"', "devices[1].name", "is used already at devices[0].name"),
    ('upn = "bob@contoso.com"', 'upn = "ALICE@contoso.com"', "users[1].upn", "is used already at users[0].upn"),
    (f'sid = "{SID}"', f'sid = "{SID[:-1]}1"', "users[1].sid", "is used already at users[0].sid"),
    ('name = "litware.example"', 'name = "Contoso.com"', "tenants[1].domains[0].name", "already verified by tenant"),
    ('name = "fabrikam.com"\nkind', 'name = "contoso.com"\nkind', "tenants[0].domains[1].name", "already verified"),
    ('id = "5f0c9a66', 'id = "xf0c9a66', "tenants[0].id", "is not a GUID; expected e.g."),
    ('address = "10.10.0.88"', 'address = "10.10.0.888"', "hosts[0].address", "is not an IP address"),
    ('address = "10.10.0.88"', 'address = "127.0.0.1"', "hosts[0].address", "expected one like 192.0.2.10"),
    ('address = "10.10.0.88"', 'address = "100.64.0.1"', "hosts[0].address", "which the lab uses for its devices"),
    ('address = "10.10.0.88"', 'address = "fd00::88"', "hosts", '"kdc" in its services and an IPv4 address'),
    ('address = "192.0.2.21"', 'address = "2001:db8:64::5"', "hosts[4].address", "which the lab uses for its devices"),
    ('address = "192.0.2.21"', 'address = "fe80::5"', "hosts[4].address", "expected one like 2001:db8:1::10"),
    ('address = "192.0.2.21"', 'address = "2001:db8:1:0::5"', "hosts[4].address", "in its short form"),
    ('"login.microsoft.com"', '"*.a b"', "cloud.login_hosts", "is not a host name"),
    ('password = "Bob-lab-password-1"', 'password = ""', "users[1].password", "must not be empty"),
    ('password = "Bob-lab-password-1"', 'password = "a\\u0000"', "users[1].password", "controls"),
    ('name = "fabrikam-sts"', 'name = "../x"', "federation_services[0].name", "letters, digits"),
    ('name = "AZUREADSSOACC$"', 'name = "a b"', "realms[0].service_account.name", "expected e.g. AZUREADSSOACC$"),
    ('name = "CORP.CONTOSO.COM"', 'name = "A B"', "realms[0].name", "expected e.g. CORP.CONTOSO.COM"),
    ('spns = ["HTTP/', 'spns = ["HTTP:', "realms[0].service_account.spns", "expected SERVICE/host"),
    (
        'password = "Bob-lab-password-1"',
        'realm = "B.TEST"\npassword = "Bob-lab-password-1"',
        "users[1].realm",
        "there is no realm 'B.TEST'; known: CORP.CONTOSO.COM",
    ),
    ('["dns"]', '["login"]', "hosts", 'needs at least one host with "dns" in its services'),
    ('["federation"]', "[]", "hosts", "it answers for sts.fabrikam.com"),
]


@pytest.mark.parametrize(("old", "new", "key", "words"), MISTAKES)
def test_a_mistake_is_named_by_file_line_and_key(old, new, key, words):
    """The message of each kind of mistake has file, line, key, and what is expected."""
    text = TEXT.replace(old, new, 1)
    assert text != TEXT
    with pytest.raises(EstateError) as caught:
        parse_estate(text, "mine.toml")
    line = TEXT[: TEXT.index(old)].count("\n") + 1 + (new.count("\n") if key == "" else 0)
    if key == "hosts":
        line = TEXT[: TEXT.index("[[hosts]]")].count("\n") + 1
    lines = str(caught.value).splitlines()
    assert any(m.startswith(f"mine.toml:{line}: {key}") and words in m for m in lines), lines


def test_a_missing_key_is_named_at_its_table():
    """A missing key is reported at the line of its table."""
    text = TEXT.replace('upn = "alice@contoso.com"\n', "", 1)
    line = text[: text.index("[[users]]")].count("\n") + 1
    with pytest.raises(EstateError, match=rf"^mine.toml:{line}: users\[0\]: the key 'upn' is missing$"):
        parse_estate(text, "mine.toml")


def test_an_estate_needs_a_realm():
    """An estate without a realm is refused."""
    start, end = TEXT.index("[[realms]]"), TEXT.index("[[hosts]]")
    with pytest.raises(EstateError, match=r"realms: needs at least one realm"):
        parse_estate("realms = []\n" + TEXT[:start] + TEXT[end:], "mine.toml")


def test_all_mistakes_are_reported_at_once():
    """Independent mistakes are in one message, a line each, and at most twenty."""
    text = TEXT.replace('name = "desk-2"', 'name = "desk-1"').replace('user = "bob@contoso.com"', 'user = "nobody"')
    with pytest.raises(EstateError) as caught:
        parse_estate(text, "f")
    assert len(str(caught.value).splitlines()) == 2
    many = TEXT + '\n[[devices]]\nname = "d"\nuser = "nobody"\n' * 50
    with pytest.raises(EstateError) as caught:
        parse_estate(many, "f")
    assert len(str(caught.value).splitlines()) == 21


def test_the_shipped_estate_is_without_mistakes():
    """Contoso loads, with managed and federated domains."""
    estate = default_estate()
    assert estate.name == "contoso"
    assert {domain.kind for tenant in estate.tenants for domain in tenant.domains} == {"managed", "federated"}
    assert estate.default_realm.name == "CORP.CONTOSO.COM"
    assert estate.user("ALICE@Contoso.com").sid.startswith("S-1-5-21-")


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"\xff\xfe", "not UTF-8"), (b"#" * (5 << 20), "larger than 4 MiB"), (b"", "is missing"), (None, "No such file")],
)
def test_a_file_that_cannot_be_read_is_reported(tmp_path, content, words):
    """A file that is missing, too large, empty or not text is reported with its path."""
    file = tmp_path / "e.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(EstateError, match=words) as caught:
        load_estate(file)
    assert str(file) in str(caught.value)


keys = st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True)
noise = st.sampled_from(["", "# a = 1", "\t", "# \u2028 \x85 [x]", "#\r"])
strings = st.sampled_from(['"x"', "1", "[1, 2]", '["a = 1"]', '"""\na = 1\n[b]\n"""', "'''\n[[c]]\n'''", "{ a = 1 }"])


@given(st.dictionaries(keys, st.dictionaries(keys, strings, max_size=4), max_size=4), st.lists(noise, min_size=1))
def test_lines_are_those_of_the_file(tables, blanks):
    """The line of every table and key is found, with any comments, blank lines and multi-line strings between them."""
    lines, expected = [], {}
    for number, (table, entries) in enumerate(tables.items()):
        lines.append(blanks[number % len(blanks)])
        repeated = number % 2
        lines.append(f"[[{table}]]" if repeated else f" [ {table} ] # x")
        path = (table, 0) if repeated else (table,)
        expected[path] = len(lines)
        for key, value in entries.items():
            lines.append(f"{key} = {value}")
            expected[(*path, key)] = "\n".join(lines).count("\n") + 1 - value.count("\n")
            lines = "\n".join(lines).split("\n")
    found = index_lines("\n".join(lines))
    assert {path: found.get(path) for path in expected} == expected


@given(st.lists(st.one_of(st.integers(0, 99), st.from_regex(r"[A-Za-z_]{1,6}", fullmatch=True)), min_size=1))
def test_key_paths_read_as_they_are_written(path):
    """A key path that was rendered can be parsed again."""
    path = ("root", *path)
    assert parse_path(f"$.{render_path(path)}") == path


@given(st.text(max_size=200))
def test_any_text_is_an_estate_or_a_mistake(text):
    """No text raises any error but EstateError."""
    with pytest.raises(EstateError):
        parse_estate(text, "f")

"""What a folder of zones is read as: which files count, what is said of the others, and mistakes of ``ssosim.toml``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssosim.dns import put_rrset
from ssosim.dns.imports import ImportMistakeError
from ssosim.dns.imports.provider_data import quote_text
from ssosim.dns.imports.tree import read_tree_with_warnings, read_two_trees
from ssosim.dns.imports.tree_writer import TreeFormat, write_tree
from ssosim.dns.zones.rrset import plain
from tests.dns.provider_trees import CONFIG, list_records, resource, terraform
from tests.dns.test_provider_mistakes import route53
from tests.dns.zone_texts import HEAD, read_zones

PROFILE = """
[[traffic_managers]]
name = "p"
dns_name = "p.trafficmanager.net"
owner = "team"
endpoints = [{ name = "one", address = "192.0.2.9" }]
"""
ROUTE_53 = json.dumps(
    route53({"Name": "a.x.test.", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]})
)


def write(folder: Path, **files: str) -> Path:
    """Files by their names, with ``__`` for a slash and ``_`` for a dot."""
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("y_test_zone", HEAD + "www A 192.0.2.2\n"),
        ("more__db_y_test", HEAD + "www A 192.0.2.2\n"),
        ("y_test", HEAD + "www A 192.0.2.2\n"),
        ("export_json", ROUTE_53.replace("x.test", "y.test")),
    ],
)
def test_zones_beside_an_octodns_configuration_are_named(tmp_path: Path, name: str, text: str) -> None:
    """The configuration alone is read. A zone file beside it that changes would look like no change: a line says so."""
    write(tmp_path, production_yaml=CONFIG, zones__x_test_yaml="www: {type: A, value: 192.0.2.1}\n", **{name: text})
    zones, warnings = read_tree_with_warnings(tmp_path)
    assert list(list_records(zones)) == ["www.x.test A"]
    file = name.replace("__", "/").replace("_", ".")
    line = f"{tmp_path / file}: not read: production.yaml is an octoDNS configuration, which is read instead"
    assert [each for each in warnings if file in each] == [line]


def test_a_folder_of_octodns_alone_has_nothing_to_say(tmp_path: Path) -> None:
    """The other side: the files of the configuration, and files that are no zones, make no lines of that kind."""
    write(tmp_path, production_yaml=CONFIG, zones__x_test_yaml="www: {type: A, value: 192.0.2.1}\n", README_md="x",
          package_json='{"name": "x"}', broken_json="// {", sub__tsconfig_json="{,}")  # fmt: skip
    assert not [each for each in read_tree_with_warnings(tmp_path)[1] if "read instead" in each]


ALIAS = '[[aliases]]\nname = "{name}"\ntype = "{kind}"\nttl = {ttl}\n{target}\n'


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"kind": "MX"}, "an alias record set is of type A, AAAA or CNAME, not MX"),
        ({"kind": "TXT"}, "an alias record set is of type A, AAAA or CNAME, not TXT"),
        ({"kind": "NOPE"}, "'NOPE' is not a record type"),
        ({"ttl": "-1"}, "TTL -1 is out of range"),
        ({"ttl": "2147483648"}, "TTL 2147483648 is out of range"),
        ({"name": "www.y.test"}, "www.y.test is in none of the zones read"),
        ({"name": "a..b"}, "'a..b' is not a domain name"),
        ({"target": ""}, "has one target: profile or record"),
        ({"target": 'profile = "p"\nrecord = "a.x.test"'}, "has one target: profile or record"),
        ({"target": 'record = "a..b"'}, "'a..b' is not a domain name"),
    ],
)
def test_a_mistake_of_an_alias_has_its_place(tmp_path: Path, values: dict[str, str], words: str) -> None:
    """File, line, entry and what is wrong; a type that no alias record set has would be answered with nothing."""
    alias = {"name": "www.x.test", "kind": "A", "ttl": "60", "target": 'profile = "p"'} | values
    write(tmp_path, x_test_zone=HEAD, ssosim_toml=PROFILE + ALIAS.format(**alias))
    with pytest.raises(ImportMistakeError) as caught:
        read_tree_with_warnings(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'ssosim.toml'}:7: aliases[0]: ")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "target", "wanted"),
    [
        ("A", 'profile = "p"', ["alias p"]),
        ("AAAA", 'profile = "p"', ["alias p"]),
        ("A", 'record = "a.x.test"', ["alias a.x.test"]),
        ("a", 'record = "a.x.test."', ["alias a.x.test"]),
    ],
)
def test_an_alias_of_the_extras_is_one(tmp_path: Path, kind: str, target: str, wanted: list[str]) -> None:
    """Profiles and record sets of the same zone and type are targets (Azure DNS documentation of alias record sets)."""
    text = PROFILE + ALIAS.format(name="www.x.test", kind=kind, ttl=60, target=target)
    write(tmp_path, x_test_zone=f"{HEAD}a A 192.0.2.1\na AAAA ::1\n", trafficmanager_net_zone=HEAD, ssosim_toml=text)
    assert list_records(read_tree_with_warnings(tmp_path)[0])[f"www.x.test {kind.upper()}"] == wanted


def test_a_plan_as_both_trees_is_its_two_sides(tmp_path: Path) -> None:
    """The same file twice is the state before the plan and after it, not the same state twice."""
    values = {"name": "www.y.test", "zone_id": "Z1", "type": "A", "ttl": 60, "records": ["192.0.2.1"]}
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(terraform(resource("aws_route53_record", None, values, actions=["delete"]))))
    before, after, _ = read_two_trees(plan, plan)
    assert "www.y.test A" in list_records(before)
    assert "www.y.test A" not in list_records(after)
    for side, has_it in (("before", True), ("after", False)):
        zones, _ = read_tree_with_warnings(plan.with_name(f"plan.json#{side}"))
        assert ("www.y.test A" in list_records(zones)) is has_it


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"README_md": "x"}, "no zone file (*.zone, *.db, db.*, *.dns), no octoDNS YAML file and no JSON file"),
        ({"x_test_zone": HEAD, "sub__x_test_zone": HEAD}, "zone x.test is defined twice, first in"),
        ({"a_yaml": CONFIG, "b_yaml": CONFIG}, "holds several octoDNS configurations (a.yaml, b.yaml)"),
        ({"a__named_conf": "x", "b__named_conf": "x"}, "several configurations ("),
    ],
)
def test_a_folder_that_says_two_things_is_refused(tmp_path: Path, files: dict[str, str], words: str) -> None:
    """Which of two files counts is never left to chance, and a folder without zones is no empty tree."""
    with pytest.raises(ImportMistakeError) as caught:
        read_tree_with_warnings(write(tmp_path, **files))
    assert words in str(caught.value)


TEXTS = st.text(st.sampled_from('ab"\\\\; é'), max_size=6)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TEXTS, min_size=1, max_size=3), st.sampled_from(["zone-files", "octodns"]))
def test_a_text_is_read_as_it_was_written(tmp_path: Path, texts: list[str], form: TreeFormat) -> None:
    """Quotes, backslashes, semicolons and blanks come back as they were, or the record is named as left out."""
    values = [quote_text(text) for text in texts]
    zones = put_rrset(read_zones(x_test=""), "t.x.test", "TXT", values)
    folder = tmp_path / str(len(list(tmp_path.iterdir())))
    left = write_tree(zones, folder, form)
    was = list_records(zones)["t.x.test TXT"]
    now = list_records(read_tree_with_warnings(folder)[0]).get("t.x.test TXT")
    assert (sorted(now) == sorted(was)) if now is not None else any("t.x.test TXT: left out" in each for each in left)


ZONE = "$TTL 60\n@ SOA ns1 h 1 3600 900 1209600 60\n@ NS ns1\nns1 A 192.0.2.1\n"


def named_tree(folder: Path, configuration: str, *files: str) -> tuple[list[str], list[str]]:
    """The zones of a ``named.conf`` beside these files, which are zone files or have a ``zone`` statement; warnings."""
    (folder / "named.conf").write_text(configuration)
    for name in files:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        origin = path.name.removeprefix("db.").removesuffix(".conf").removesuffix(".signed")
        is_conf = name.endswith(".conf")
        path.write_text(f'zone "{origin}" {{ type primary; file "db.{origin}"; }};\n' if is_conf else ZONE)
    zones, warnings = read_tree_with_warnings(folder)
    return [plain(origin) for origin in zones.zones if len(origin) > 1], list(warnings)


def test_an_include_of_named_conf_may_have_wildcards(tmp_path: Path) -> None:
    """BIND reads all files that match, in their order; ssosim took the pattern for a missing file."""
    files = ("zones/a.test.conf", "zones/b.test.conf", "db.a.test", "db.b.test")
    zones, warnings = named_tree(tmp_path, 'include "/etc/bind/zones/*.conf";\n', *files)
    assert zones == ["a.test", "b.test"]
    assert not [each for each in warnings if "db." in each]


def test_a_zone_of_another_class_is_left_out(tmp_path: Path) -> None:
    """Zones of class CH (``version.bind``) are in many configurations; they have no names of the internet."""
    text = 'zone "a.test" IN { type primary; file "db.a.test"; };\nzone "bind" CH { type primary; file "db.bind"; };\n'
    zones, warnings = named_tree(tmp_path, text, "db.a.test")
    assert zones == ["a.test"]
    assert any("zone bind: left out: it is of class CH" in each for each in warnings)


@pytest.mark.parametrize("place", ["options {{ {} }};\n", 'view "x" {{ {} }};\n', "{}\n"])
def test_a_response_policy_is_named(tmp_path: Path, place: str) -> None:
    """A response policy zone replaces answers for the clients of a resolver, so the zones alone say too little."""
    text = place.format('response-policy { zone "a.test"; };') + 'zone "a.test" { type primary; file "db.a.test"; };\n'
    assert any("response-policy is not applied" in each for each in named_tree(tmp_path, text, "db.a.test")[1])


def test_a_file_that_named_signs_is_read_once(tmp_path: Path) -> None:
    """With inline-signing, named keeps a signed copy beside the file: the file is read, and no line says otherwise."""
    text = 'zone "a.test" { type primary; file "db.a.test"; inline-signing yes; };\n'
    zones, warnings = named_tree(tmp_path, text, "db.a.test", "db.a.test.signed")
    assert zones == ["a.test"]
    assert not [each for each in warnings if "db.a.test: not read" in each]

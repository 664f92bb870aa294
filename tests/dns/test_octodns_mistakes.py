"""Mistakes in zones of octoDNS: each is named by file and line, and nothing is dropped in silence."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from ssosim.dns.imports.import_errors import Imported
from ssosim.dns.imports.octodns import parse_zone, read_octodns
from ssosim.dns.imports.yaml_nodes import YamlMistakeError, parse_yaml
from ssosim.dns.zones.rrset import to_name


def zone_of(text: str) -> Imported:
    """The zone example.com. of a YAML text."""
    zone = Imported(to_name("example.com."), file="z.yaml")
    parse_zone(parse_yaml(textwrap.dedent(text), "z.yaml"), zone, "z.yaml")
    return zone


def dynamic(pools: str, rules: str, kind: str = "A") -> str:
    """A dynamic record."""
    return f"www: {{type: {kind}, dynamic: {{pools: {pools}, rules: {rules}}}}}"


ONE = "{a: {values: [{value: 192.0.2.1}]}}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1, 2]", "z.yaml:1: expected names with their records"),
        ("www: x", "z.yaml:1: www: expected a record: type, ttl, and value or values"),
        ("www: {value: 192.0.2.1}", "www: the key 'type' is missing"),
        ("www: {type: A}", "www: has neither value nor values"),
        ("'': {type: A, value: 192.0.2.999}", "(apex): "),
        ("www: {type: A, value: 192.0.2.1, colour: red}", "unknown key 'colour'; known here: "),
        ("www: {type: A, value: 192.0.2.1, geo: {}}", "geo is not supported: it depends on the client"),
        ("www: {type: A, value: 192.0.2.1, ttl: soon}", "ttl: expected seconds, not 'soon'"),
        ("www: {type: A, value: 192.0.2.1, ttl: -1}", "ttl: expected seconds, not '-1'"),
        ("www: {type: A, value: {a: b}}", "expected the value of A as text"),
        ("www: {type: NOTYPE, value: x}", "NOTYPE"),
        ("www: {type: CNAME, value: other.example}", "'other.example' lacks the dot at its end"),
        ("www: {type: MX, value: {preference: 10, exchange: mail.example}}", "'mail.example' lacks the dot at its end"),
        ("www: {type: MX, value: {preference: 10}}", "the key 'exchange' is missing"),
        ("_a._tcp: {type: SRV, value: {priority: 1, weight: 1, target: x.}}", "the key 'port' is missing"),
        (
            "www: {type: NAPTR, value: {order: 1, preference: 1, flags: U, service: s, regexp: r, replacement: x}}",
            "'x' lacks the dot",
        ),
        ("www: {type: CAA, value: {value: ca.example}}", "the key 'tag' is missing"),
        ("www: {type: A, octodns: {ssosim: {}}}", "expected octodns: ssosim: alias: PROFILE, or alias_record: NAME"),
        ("www: {type: A, octodns: {ssosim: {alias: p, alias_record: q}}}", "expected octodns: ssosim: alias"),
        (
            "www: {type: A, value: 192.0.2.1, octodns: {ssosim: {alias: p}}}",
            "an alias record set has no values of its own",
        ),
        ("www: {type: TXT, octodns: {ssosim: {alias: p}}}", "an alias record set is of type A, AAAA or CNAME"),
        (dynamic(ONE, "[{pool: b}]"), "dynamic: there is no pool 'b'; there are: a"),
        (dynamic(ONE, "[{}]"), "dynamic: a rule has no pool"),
        (dynamic(ONE, "[]"), "dynamic: expected one rule without geos and subnets, not 0"),
        (dynamic(ONE, "[{pool: a}, {pool: a}]"), "expected one rule without geos and subnets, not 2"),
        (
            dynamic(ONE, "[{pool: a}]", "CNAME"),
            "dynamic is not supported here: expected pools and rules of an A or AAAA",
        ),
        (dynamic(ONE, "[{pool: a, geos: [EU]}, {pool: a, subnets: [10.0.0.0/8]}]"), "a profile has one method"),
        (
            dynamic(
                "{a: {fallback: b, values: [{value: 192.0.2.1}]}, b: {fallback: a, values: [{value: 192.0.2.2}]}}",
                "[{pool: a}]",
            ),
            "the pools a > b > a fall back in a loop",
        ),
        (
            dynamic(
                "{a: {fallback: b, values: [{value: 192.0.2.1}, {value: 192.0.2.3}]}, b: {values: []}}",
                "[{pool: a}]",
            ),
            "a pool has several values beside a fallback",
        ),
        (
            dynamic("{a: {values: [{value: 192.0.2.1}, {value: 192.0.2.2}]}}", "[{pool: a, geos: [EU]}]"),
            "pool a of a rule by place",
        ),
        (dynamic("{a: {values: [{weight: 1}]}}", "[{pool: a}]"), "dynamic: a value of a-1 has no address"),
        (dynamic("{a: {values: [{value: host.example.}]}}", "[{pool: a}]"), "dynamic: 'host.example.' is no address"),
        (
            dynamic("{a: {values: [{value: 192.0.2.1, weight: heavy}]}}", "[{pool: a}]"),
            "dynamic: weight of a-1: expected a number",
        ),
        (dynamic("{a: {values: [{value: 192.0.2.1, weight: 5000}]}}", "[{pool: a}]"), "dynamic: "),
    ],
)
def test_a_record_that_cannot_be_read_is_named(text: str, words: str) -> None:
    """The line of the record, its name, and what is expected; the record is not served."""
    zone = zone_of(text)
    assert any(words in each for each in zone.mistakes), zone.mistakes
    assert not zone.profiles


def test_what_is_no_dns_record_is_told() -> None:
    """A record that octoDNS ignores, one for some providers only, and features of providers: each is told by name."""
    zone = zone_of(
        """
        old: {type: A, value: 192.0.2.1, octodns: {ignored: true}}
        some: {type: A, value: 192.0.2.2, octodns: {included: [one]}}
        redirect: {type: URLFWD, value: {path: /}}
        """
    )
    assert zone.warnings == [
        "z.yaml:2: old A: left out: octoDNS ignores it (ignored: true)",
        "z.yaml:3: some A: included: not every provider has it",
    ]
    assert [each.kind for each in zone.unserved] == ["URLFWD"]
    assert not zone.mistakes


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\na: 2", "z.yaml:2: the key 'a' is defined twice: put both in one"),
        ("[a]: 1", "a key that is no text"),
        ("a: !secret x", "the tag !secret is not read; write plain values"),
        ("a: [1", "z.yaml:2: not YAML: did not find expected"),
        ("a: \x01", "z.yaml: not YAML: "),
        ("[" * 5000, "deep: zones need far less; flatten it"),
        ("a: !include other.yaml", "the tag !include is not read"),
        ("a: &x [1]\nb: *y", "not YAML: found undefined alias"),
    ],
)
def test_yaml_that_cannot_be_read_is_named_by_its_line(text: str, words: str) -> None:
    """A mistake of YAML itself, and what other programs would execute."""
    with pytest.raises(YamlMistakeError) as caught:
        parse_yaml(text, "z.yaml")
    assert words in str(caught.value)


def test_aliases_that_multiply_are_refused() -> None:
    """Ten anchors of ten aliases each would be ten thousand million nodes."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(YamlMistakeError, match="aliases repeat more than"):
        parse_yaml("\n".join(lines), "z.yaml")


CONFIG = (
    "providers: {config: {class: octodns.provider.yaml.YamlProvider, directory: zones}, other: {class: x.Route53}}\n"
)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("providers: {}", "has no zones: expected zones: {example.com.: {sources: [...]}}"),
        ("zones: [a]", "has no zones"),
        (
            "zones: {example.com: {sources: [config]}}",
            "zone 'example.com': a zone's name ends with a dot: example.com.",
        ),
        ("zones: {example.com.: {sources: [nobody]}}", "zone example.com.: there is no provider 'nobody'"),
        ("zones: {example.com.: {sources: [other]}}", "none of its sources is a YamlProvider"),
        ("zones: {example.com.: {}}", "none of its sources is a YamlProvider"),
        ("zones: {other.com.: {sources: [config]}}", "zone other.com.: there is no file "),
        ("zones: {a.com.: {alias: b.com.}}", "zone a.com.: alias: there is no zone 'b.com.' with sources"),
        ("zones: {a.com.: {alias: b.com.}, b.com.: {alias: a.com.}}", "alias: there is no zone"),
        ("zones: {'*': {sources: [config], regex: x}}", "zone *: regex is not read: name the zones"),
        ("zones: {'*.nowhere.': {sources: [config]}}", ""),
        ("zones: !include missing.yaml", "!include missing.yaml: there is no such file in "),
        ("zones: !include ../../etc/passwd", "there is no such file in "),
        ("zones: !include config.yaml", "files include each other: remove one !include"),
        ("zones: !include [[a]]", "!include: expected a file or a list of files"),
        ("zones: !include [zones/example.com.yaml, list.yaml]", "the files are neither all maps nor all lists"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_named(tmp_path: Path, config: str, words: str) -> None:
    """Providers, zones, files and includes: what is missing, and where."""
    (tmp_path / "zones").mkdir()
    (tmp_path / "zones/example.com.yaml").write_text("www: {type: A, value: 192.0.2.1}\n")
    (tmp_path / "list.yaml").write_text("[1]\n")
    path = tmp_path / "config.yaml"
    path.write_text(config + "\n" if config.startswith("providers") else CONFIG + config + "\n")
    if not words:
        assert read_octodns(path) == []
        return
    with pytest.raises(YamlMistakeError) as caught:
        read_octodns(path)
    assert words in str(caught.value)


def test_zones_of_a_configuration_are_all_read(tmp_path: Path) -> None:
    """A star stands for the zones with files; an alias zone has the records of the other; other providers are told."""
    (tmp_path / "zones").mkdir()
    (tmp_path / "zones/example.com.yaml").write_text("www: {type: A, value: 192.0.2.1}\n")
    (tmp_path / "zones/example.org.yaml").write_text("www: {type: A, value: 192.0.2.2}\n")
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG + "zones: {'*': {sources: [config, other]}, copy.net.: {alias: example.com.}}\n")
    found = {each.origin.to_text(): each for each in read_octodns(path)}
    assert set(found) == {"example.com.", "example.org.", "copy.net."}
    assert all(
        "only YamlProvider is read; left out" in found[name].warnings[0] for name in ("example.com.", "example.org.")
    )

"""Route 53, Azure DNS and dnscontrol as JSON, and octoDNS: what each value means, by the providers' documentation."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssosim.dns.imports import ImportMistakeError
from ssosim.dns.imports.tree import read_tree_with_warnings
from tests.dns.provider_trees import list_records, octodns_tree, read_json, resource, terraform
from tests.dns.test_provider_mistakes import PROFILE_ID, domain, endpoint, profile, record_set, route53

R53_VALUES = [
    ("TXT", '"plain"', '"plain"'),
    ("TXT", '"a" "b"', '"a" "b"'),
    ("TXT", r'"say \"hi\""', r'"say \"hi\""'),
    ("TXT", r'"back\\slash"', r'"back\\slash"'),
    ("TXT", r'"\\101"', r'"\\101"'),
    ("TXT", r'"\101\134"', r'"A\\"'),
    ("TXT", r'"\303\251"', r'"\195\169"'),
    ("CNAME", "target.test", "target.test."),
    ("CNAME", "target.test.", "target.test."),
    ("CNAME", r"\137dmarc.test", "_dmarc.test."),
    ("MX", "10 mail.test", "10 mail.test."),
    ("NS", "ns1.test", "ns1.test."),
    ("PTR", "host.test.", "host.test."),
    ("SRV", "1 2 3 host.test", "1 2 3 host.test."),
    ("SRV", "0 0 0 .", "0 0 0 ."),
    ("HTTPS", '1 cdn.test alpn="h2,h3"', '1 cdn.test. alpn="h2,h3"'),
    ("HTTPS", "1 .", "1 ."),
    ("SVCB", "0 svc.test", "0 svc.test."),
    ("NAPTR", '1 2 "S" "SIP+D2U" "" sip.test', '1 2 "S" "SIP+D2U" "" sip.test.'),
    ("MX", "0 .", "0 ."),
    ("CAA", '0 issue "ca.test"', '0 issue "ca.test"'),
    ("A", " 192.0.2.1 ", "192.0.2.1"),
]


@pytest.mark.parametrize(("kind", "value", "wanted"), R53_VALUES)
def test_values_of_route_53(tmp_path: Path, kind: str, value: str, wanted: str) -> None:
    """Octal escapes, quoted strings, names with or without the last dot (Route 53 developer guide, record values)."""
    data = route53({"Name": "a.x.test.", "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]})
    assert read_json(tmp_path, data)[0] == {f"a.x.test {kind}": [f"60 {wanted}"]}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"ResourceRecords": []}, "has neither ResourceRecords nor an AliasTarget"),
        ({}, "has neither ResourceRecords nor an AliasTarget"),
        ({"ResourceRecords": [{"Value": "192.0.2.1"}], "TTL": None}, "the key 'TTL' is None"),
        ({"ResourceRecords": [{}]}, "the key 'Value' is missing"),
        ({"ResourceRecords": [{"Value": "192.0.2.1"}], "Weight": 0, "SetIdentifier": "one"}, "routing policy (Weight)"),
        ({"ResourceRecords": [{"Value": "192.0.2.1"}], "SetIdentifier": "one"}, "routing policy (SetIdentifier)"),
        ({"ResourceRecords": [{"Value": "192.0.2.1"}], "MultiValueAnswer": True}, "routing policy (MultiValueAnswer)"),
        ({"ResourceRecords": [{"Value": "192.0.2.1"}], "Failover": "PRIMARY"}, "routing policy (Failover)"),
        ({"ResourceRecords": [{"Value": "192.0.2.1"}], "GeoLocation": {}}, "routing policy (GeoLocation)"),
        ({"AliasTarget": {"DNSName": "lb.elb.amazonaws.com."}}, "which has no A record set in this zone"),
        ({"ResourceRecords": [{"Value": "192.0.2.1"}], "Name": "a.z.test."}, "is outside the zone x.test"),
    ],
)
def test_what_route_53_has_and_no_zone_can_say(tmp_path: Path, fields: dict[str, Any], words: str) -> None:
    """Record sets whose answer depends on a policy, or is not in the zone, are never plain records or no records."""
    data = route53({"Name": "a.x.test.", "Type": "A", "TTL": 60} | fields)
    with pytest.raises(ImportMistakeError) as caught:
        read_json(tmp_path, data)
    assert words in str(caught.value)


def test_a_policy_that_is_off_is_none(tmp_path: Path) -> None:
    """``MultiValueAnswer: false`` is written by some exports, and is no policy."""
    one = {"Name": "a.x.test.", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}
    assert read_json(tmp_path, route53(one | {"MultiValueAnswer": False}))[0] == {"a.x.test A": ["60 192.0.2.1"]}


@pytest.mark.parametrize(
    ("kind", "fields", "wanted"),
    [
        ("A", {"aRecords": [{"ipv4Address": "192.0.2.1"}, {"ipv4Address": "192.0.2.2"}]}, ["192.0.2.1", "192.0.2.2"]),
        ("AAAA", {"AAAARecords": [{"ipv6Address": "2001:db8::1"}]}, ["2001:db8::1"]),
        ("CNAME", {"CNAMERecord": {"cname": "t.test"}}, ["t.test."]),
        ("CNAME", {"cnameRecord": {"cname": "t.test."}}, ["t.test."]),
        ("MX", {"mxRecords": [{"preference": 10, "exchange": "m.test"}]}, ["10 m.test."]),
        ("SRV", {"srvRecords": [{"priority": 0, "weight": 1, "port": 2, "target": "t.test"}]}, ["0 1 2 t.test."]),
        ("TXT", {"txtRecords": [{"value": ["a;b", 'c"d']}]}, [r'"a;b" "c\"d"']),
        ("TXT", {"txtRecords": [{"value": ["x" * 300]}]}, [f'"{"x" * 255}" "{"x" * 45}"']),
        ("TXT", {"txtRecords": [{"value": ["é"]}]}, [r'"\195\169"']),
        ("CAA", {"caaRecords": [{"flags": 0, "tag": "issue", "value": "ca.test"}]}, ['0 issue "ca.test"']),
        ("PTR", {"ptrRecords": [{"ptrdname": "h.test"}]}, ["h.test."]),
        ("A", {"properties": {"TTL": 60, "ARecords": [{"ipv4Address": "192.0.2.1"}]}, "ttl": None}, ["192.0.2.1"]),
    ],
)
def test_values_of_azure(tmp_path: Path, kind: str, fields: dict[str, Any], wanted: list[str]) -> None:
    """The keys of azure-cli in all their spellings, and of the REST API; names are absolute without a dot."""
    found, _ = read_json(tmp_path, [record_set(kind, **fields)])
    assert found == {f"www.x.test {kind}": [f"60 {value}" for value in wanted]}


@pytest.mark.parametrize("key", ["targetResource", "trafficManagementProfile"])
def test_both_links_to_a_profile_are_aliases(tmp_path: Path, key: str) -> None:
    """An alias of a traffic manager profile, and a Traffic Manager link (API 2023-07-01-preview), are no empty sets."""
    found, warnings = read_json(tmp_path, [record_set("A", **{key: {"id": PROFILE_ID}}), profile(endpoint())])
    assert found["www.x.test A"] == ["alias p"]
    assert not any("empty" in text for text in warnings)


def test_a_link_to_a_profile_that_is_not_read_is_a_mistake(tmp_path: Path) -> None:
    """Without the profile nobody knows the answer: it is not an empty record set."""
    with pytest.raises(ImportMistakeError, match="no traffic manager 'p'"):
        read_json(tmp_path, [record_set("A", trafficManagementProfile={"id": PROFILE_ID})])


@pytest.mark.parametrize(
    ("record", "key", "wanted"),
    [
        ({"type": "A", "name": "www", "target": "192.0.2.1", "ttl": 60}, "www.x.test A", "60 192.0.2.1"),
        ({"type": "A", "name": "@", "target": "192.0.2.1"}, "x.test A", "300 192.0.2.1"),
        ({"type": "CNAME", "name": "www", "target": "t.test."}, "www.x.test CNAME", "300 t.test."),
        ({"type": "CNAME", "name": "www", "target": "t"}, "www.x.test CNAME", "300 t.x.test."),
        ({"type": "MX", "name": "@", "target": "m.test.", "mxpreference": 10}, "x.test MX", "300 10 m.test."),
        ({"type": "MX", "name": "@", "target": "m.test."}, "x.test MX", "300 0 m.test."),
        ({"type": "TXT", "name": "t", "target": 'a "b" c'}, "t.x.test TXT", r'300 "a \"b\" c"'),
        ({"type": "TXT", "name": "t", "target": "x", "txtstrings": ["a", "b"]}, "t.x.test TXT", '300 "a" "b"'),
        ({"type": "SRV", "name": "s", "target": "t.", "srvport": 5}, "s.x.test SRV", "300 0 0 5 t."),
        ({"type": "CAA", "name": "@", "target": "ca.test", "caatag": "issue"}, "x.test CAA", '300 0 issue "ca.test"'),
    ],
)
def test_values_of_dnscontrol(tmp_path: Path, record: dict[str, Any], key: str, wanted: str) -> None:
    """``print-ir`` leaves out zeros; a target without a dot is below the domain (dnscontrol, record model)."""
    assert read_json(tmp_path, domain(record))[0] == {key: [wanted]}


OCTODNS = [
    ("www: {type: A, value: 192.0.2.1}", {"www.x.test A": ["300 192.0.2.1"]}),
    ("www: {type: A, values: [192.0.2.1, 192.0.2.2], ttl: 60}", {"www.x.test A": ["60 192.0.2.1", "60 192.0.2.2"]}),
    ("'': {type: A, value: 192.0.2.1}", {"x.test A": ["300 192.0.2.1"]}),
    ("'*': {type: A, value: 192.0.2.1}", {"*.x.test A": ["300 192.0.2.1"]}),
    ("'1': {type: A, value: 192.0.2.1}", {"1.x.test A": ["300 192.0.2.1"]}),
    ("on: {type: a, value: 192.0.2.1}", {"on.x.test A": ["300 192.0.2.1"]}),
    ("www: [{type: A, value: 192.0.2.1}, {type: TXT, value: t}]",
     {"www.x.test A": ["300 192.0.2.1"], "www.x.test TXT": ['300 "t"']}),
    (r"t: {type: TXT, value: 'v=DKIM1\; k=rsa'}", {"t.x.test TXT": ['300 "v=DKIM1; k=rsa"']}),
    ("t: {type: TXT, value: '\"one\" \"two\"'}", {"t.x.test TXT": ['300 "onetwo"']}),
    ("t: {type: TXT, value: '\"one\"'}", {"t.x.test TXT": ['300 "one"']}),
    ("t: {type: TXT, value: 'say \"hi\"'}", {"t.x.test TXT": [r'300 "say \"hi\""']}),
    (f"t: {{type: TXT, value: {'x' * 256}}}", {"t.x.test TXT": [f'300 "{"x" * 255}" "x"']}),
    ("m: {type: MX, value: {preference: 1, exchange: a.test.}}", {"m.x.test MX": ["300 1 a.test."]}),
    ("m: {type: MX, value: {priority: 1, value: a.test.}}", {"m.x.test MX": ["300 1 a.test."]}),
    ("c: {type: CAA, value: {tag: issue, value: ca.test}}", {"c.x.test CAA": ['300 0 issue "ca.test"']}),
    ("www: {type: A, value: 192.0.2.1, octodns: {lenient: true}}", {"www.x.test A": ["300 192.0.2.1"]}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), OCTODNS)
def test_values_of_octodns(tmp_path: Path, text: str, wanted: dict[str, list[str]]) -> None:
    """The schema of each record type, and texts in one or several pieces (octoDNS documentation, chunked values)."""
    assert octodns_tree(tmp_path, f"{text}\n")[0] == wanted


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("www: {type: A, values: []}", "has neither value nor values"),
        ("www: {type: A, value: null}", "has neither value nor values"),
        ("www: {type: A}", "has neither value nor values"),
        ("www: {type: A, value: ''}", "is not a value of type A"),
        ("www.x.test.: {type: A, value: 192.0.2.1}", "the name ends with a dot: names are relative to the zone x.test"),
        ("www.: {type: A, value: 192.0.2.1}", "the name ends with a dot"),
        (".: {type: A, value: 192.0.2.1}", "the name ends with a dot"),
        ("www: {type: A, value: 010.2.3.4}", "is not a value of type A"),
        ("www: {type: A, value: 192.0.2.1, ttl: 1.5}", "ttl: expected seconds, not '1.5'"),
        ("www: {type: A, value: 192.0.2.1, ttl: -1}", "ttl: expected seconds, not '-1'"),
        ("www: {type: CNAME, value: a.test}", "'a.test' lacks the dot at its end"),
        ("www: {type: CNAME, values: [a.test., b.test.]}", "a CNAME record set holds one value, not 2"),
        ("www: {type: MX, value: {preference: 1}}", "the key 'exchange' is missing"),
        ("www: {type: A, value: 192.0.2.1, geo: {}}", "geo is not supported"),
        ("www: {type: A, value: 192.0.2.1, weight: 1}", "unknown key 'weight'"),
        ("www: {value: 192.0.2.1}", "the key 'type' is missing"),
        ("www: text", "expected a record: type, ttl, and value or values"),
        ("www: {type: A, value: 192.0.2.1}\nwww: {type: A, value: 192.0.2.2}", "the key 'www' is defined twice"),
        ("www: [{type: A, value: 192.0.2.1}, {type: A, value: 192.0.2.2}]", "www.x.test A is defined twice"),
        ("'': {type: CNAME, value: a.test.}", "x.test CNAME cannot stand beside SOA, NS"),
    ],
)
def test_what_octodns_refuses_is_a_mistake(tmp_path: Path, text: str, words: str) -> None:
    """A record that octoDNS would not accept never becomes another one, or none: it is named by file and line."""
    with pytest.raises(ImportMistakeError) as caught:
        octodns_tree(tmp_path, f"{text}\n")
    assert words in str(caught.value)
    assert "x.test.yaml:" in str(caught.value)


WORDS = st.sampled_from(["", "x.test", "www", "A", "192.0.2.1", "a..b", "é", "\\0", "-1", "True", "/", "b" * 70])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2**40) | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "name", "value"]), inner),
    max_leaves=6,
)
TEMPLATES = [
    terraform(),
    terraform(resource("aws_route53_record", {"name": "a", "zone_id": "Z1", "type": "A", "ttl": 1, "records": ["1"]})),
    terraform(resource("azurerm_dns_a_record", {"name": "a", "zone_name": "x.test", "ttl": 1, "records": ["1.1.1.1"]})),
    domain({"type": "A", "name": "www", "target": "192.0.2.1"}),
    route53({"Name": "a.x.test.", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}),
    [record_set(aRecords=[{"ipv4Address": "192.0.2.1"}])],
    [
        profile(
            endpoint(subnets=[{"first": "10.0.0.0", "scope": 8}], geoMapping=["WORLD"]), trafficRoutingMethod="Subnet"
        )
    ],
]


def replace_one(data: Any, draw: st.DataObject) -> Any:
    """``data`` with one part, drawn at any depth, replaced by another value."""
    if isinstance(data, dict) and data and draw.draw(st.integers(0, 5)):
        key = draw.draw(st.sampled_from(sorted(data)))
        return data | {key: replace_one(data[key], draw)}
    if isinstance(data, list) and data and draw.draw(st.integers(0, 5)):
        at = draw.draw(st.integers(0, len(data) - 1))
        return [*data[:at], replace_one(data[at], draw), *data[at + 1 :]]
    return draw.draw(VALUES)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(TEMPLATES), st.data())
def test_no_json_ends_in_another_error(tmp_path: Path, template: Any, draw: st.DataObject) -> None:
    """Whatever stands in the place of a value, the file is read or its mistake is named: no other error."""
    with contextlib.suppress(ImportMistakeError):
        read_json(tmp_path, replace_one(template, draw))


def test_a_regular_expression_of_dnscontrol_keeps_its_backslash(tmp_path: Path) -> None:
    """The expression of a NAPTR record is a plain text in JSON: each backslash is one of the value."""
    text = r"!^(.*)$!sip:\1@x.test!"
    fields = {"naptrorder": 1, "naptrpreference": 2, "naptrflags": "U", "naptrservice": "E2U+sip", "naptrregexp": text}
    found, _ = read_json(tmp_path, domain({"type": "NAPTR", "name": "n", "ttl": 60, "target": "."} | fields))
    assert found == {"n.x.test NAPTR": [r'60 1 2 "U" "E2U+sip" "!^(.*)$!sip:\\1@x.test!" .']}


def test_the_shared_file_of_octodns_is_read_for_every_zone(tmp_path: Path) -> None:
    """``shared_filename``: its records are those of the zone as well; a file that is missing is a mistake."""
    with contextlib.suppress(ImportMistakeError):
        octodns_tree(tmp_path, "www: {type: A, value: 192.0.2.1}\n")
    main = tmp_path / "production.yaml"
    main.write_text(main.read_text().replace("directory: zones", "directory: zones, shared_filename: shared.yaml"))
    with pytest.raises(ImportMistakeError, match="shared_filename: there is no file"):
        read_tree_with_warnings(tmp_path)
    (tmp_path / "zones" / "shared.yaml").write_text("---\nany: {type: A, value: 192.0.2.2}\n")
    found = list_records(read_tree_with_warnings(tmp_path)[0])
    assert found == {"www.x.test A": ["300 192.0.2.1"], "any.x.test A": ["300 192.0.2.2"]}


@pytest.mark.parametrize(
    ("main", "zone", "words"),
    [
        ("", ", processors: [no-www]", "processors are not run: no-www"),
        ("manager: {processors: [a, b]}\n", "", "processors are not run: a, b"),
        ("manager: {post_processors: [c]}\n", "", "processors are not run: c"),
        ("manager: {auto_arpa: true}\n", "", "auto_arpa is not applied"),
        ("manager: {auto_arpa: {ttl: 60}}\n", "", "auto_arpa is not applied"),
        ("manager: {auto_arpa: false, processors: []}\n", "", ""),
    ],
)
def test_what_octodns_would_change_is_named(tmp_path: Path, main: str, zone: str, words: str) -> None:
    """Processors filter and change what octoDNS pushes: what is read is not what is served, and a line says so."""
    octodns_tree(tmp_path, "www: {type: A, value: 192.0.2.1}\n")
    path = tmp_path / "production.yaml"
    path.write_text(main + path.read_text().replace("sources: [files]", f"sources: [files]{zone}"))
    warnings = read_tree_with_warnings(tmp_path)[1]
    assert [words in each for each in warnings] == [True] * bool(words)

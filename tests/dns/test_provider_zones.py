"""Zones of providers: aliases, profiles, plans, and what is said about records that cannot be served."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dns.rdatatype
import pytest

from ssosim.dns import ZoneSet, answer
from ssosim.dns.imports import ImportMistakeError, read_tree
from ssosim.dns.imports.tree import read_tree_with_warnings, read_two_trees
from ssosim.dns.zones.lint import lint
from ssosim.dns.zones.rrset import to_name

ID = "/subscriptions/0/resourceGroups/rg/providers/Microsoft.Network"
PROFILE = {
    "id": f"{ID}/trafficManagerProfiles/aadg",
    "name": "aadg",
    "type": "Microsoft.Network/trafficManagerProfiles",
    "profileStatus": "Enabled",
    "trafficRoutingMethod": "Weighted",
    "dnsConfig": {"relativeName": "aadg", "fqdn": "aadg.trafficmanager.net", "ttl": 60},
    "monitorConfig": {"protocol": "HTTPS", "port": 443, "path": "/", "intervalInSeconds": 30, "timeoutInSeconds": 10},
    "maxReturn": None,
    "endpoints": [
        {
            "name": "one",
            "type": "Microsoft.Network/trafficManagerProfiles/externalEndpoints",
            "target": "192.0.2.20",
            "endpointStatus": "Enabled",
            "weight": 5,
            "priority": 1,
        },
        {
            "name": "two",
            "type": "Microsoft.Network/trafficManagerProfiles/externalEndpoints",
            "target": "192.0.2.21",
            "endpointStatus": "Disabled",
            "weight": 1,
        },
    ],
}
EXPORT = f"""\
; Exported zone file from Azure DNS
;      Zone name: contoso.com
$TTL 300
$ORIGIN contoso.com.

@ 3600 IN SOA ns1-03.azure-dns.com. azuredns-hostmaster.microsoft.com. 1 3600 300 2419200 300
  172800 IN NS ns1-03.azure-dns.com.
  172800 IN NS ns2-03.azure-dns.net.

autologon 60 AZURE ALIAS A {ID}/trafficManagerProfiles/aadg
www 300 IN A 192.0.2.80
copy 300 AZURE ALIAS A {ID}/dnszones/contoso.com/A/www
  300 IN TXT "the owner is copy"
"""


def texts(zones: ZoneSet, name: str, kind: str = "A") -> list[str]:
    """What the zones answer, without CNAMEs on the way."""
    said = answer(zones, to_name(name), dns.rdatatype.from_text(kind))
    return [rdata.to_text() for rrset in said.answer for rdata in rrset.rdatas]


def write(path: Path, data: object) -> Path:
    """Write JSON."""
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def plan(*resources: tuple[str, Any, Any], unknown: Any = None) -> dict[str, Any]:
    """A Terraform plan of resources: type, before, after."""
    changes = [
        {
            "address": f"{kind}.r{number}",
            "mode": "managed",
            "type": kind,
            "change": {"before": before, "after": after, "after_unknown": unknown or {}},
        }
        for number, (kind, before, after) in enumerate(resources)
    ]
    return {"format_version": "1.2", "resource_changes": changes}


def test_an_azure_export_has_its_alias_record_sets(tmp_path: Path) -> None:
    """ALIAS lines lead to the profile of the JSON beside it, or to a record set; the owner of the next line stays."""
    (tmp_path / "contoso.com.txt").write_text(EXPORT)
    write(tmp_path / "profiles.json", [PROFILE])
    zones = read_tree(tmp_path)
    held = zones.find("autologon.contoso.com.", dns.rdatatype.A)
    assert held is not None
    assert (held.alias, held.ttl) == ("aadg", 60)
    assert texts(zones, "autologon.contoso.com.") == ["192.0.2.20"]
    assert texts(zones, "copy.contoso.com.") == ["192.0.2.80"]
    assert texts(zones, "copy.contoso.com.", "TXT") == ['"the owner is copy"']
    profile = zones.profiles["aadg"]
    assert (profile.routing, profile.endpoints[0].weight, profile.endpoints[1].enabled) == ("weighted", 5, False)


def test_an_alias_to_a_profile_that_is_missing_is_a_mistake(tmp_path: Path) -> None:
    """Nothing is served in its place."""
    (tmp_path / "contoso.com.txt").write_text(EXPORT)
    with pytest.raises(ImportMistakeError, match="no traffic manager 'aadg'"):
        read_tree(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        f"edge 300 AZURE ALIAS A {ID}/publicIPAddresses/edge",
        "edge 300 AWS ALIAS A d1.cloudfront.net. Z2FDTNDATAQYW2 false",
        "edge 300 IN ALIAS elsewhere.example.net.",
        "edge 300 IN ANAME elsewhere.example.net.",
        "edge 0 WINS LOCAL L2 C900 ( 10.0.0.1 )",
        "edge 300 NEWTYPE something",
        "edge 600/10 DYNA plugin!resource",
    ],
)
def test_what_cannot_be_served_blocks_unless_it_is_left_out(tmp_path: Path, line: str) -> None:
    """The mistake has file, line and type; with the type left out there is a line, and the rest is read."""
    file = tmp_path / "example.com.zone"
    file.write_text(f"$TTL 300\n@ SOA a b 1 2 3 4 5\n@ NS ns1.example.net.\n{line}\nwww A 192.0.2.1\n")
    with pytest.raises(ImportMistakeError) as caught:
        read_tree(tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{file}:4: ")
    assert "edge" in message
    if "DYNA" in line:
        return  # a TTL that no standard has: a mistake of the line
    kind = message.rpartition("--without ")[2]
    zones, warnings = read_tree_with_warnings(tmp_path, without={kind})
    assert texts(zones, "www.example.com.") == ["192.0.2.1"]
    assert [each for each in warnings if f"left out (--without {kind})" in each and ":4: " in each]


def test_types_can_be_left_out_that_could_be_served(tmp_path: Path) -> None:
    """--without removes every record set of the type, with a line for each."""
    (tmp_path / "example.com.zone").write_text(
        '$TTL 300\n@ SOA a b 1 2 3 4 5\n@ TXT "x"\nwww TXT "y"\nwww A 192.0.2.1\n'
    )
    zones, warnings = read_tree_with_warnings(tmp_path, without={"TXT"})
    assert texts(zones, "www.example.com.", "TXT") == []
    assert len([each for each in warnings if "TXT: left out" in each]) == 2


def test_an_empty_record_set_of_azure_stays_empty(tmp_path: Path) -> None:
    """The flagship incident: neither records nor a target. The name exists and has no address, and a line says so."""
    record = {
        "id": f"{ID}/dnszones/contoso.com/A/autologon",
        "name": "autologon",
        "type": "Microsoft.Network/dnszones/A",
        "ttl": 60,
        "targetResource": {"id": None},
    }
    zones, warnings = read_tree_with_warnings(write(tmp_path / "records.json", [record]))
    held = zones.find("autologon.contoso.com.", dns.rdatatype.A)
    assert held is not None
    assert held.shape == "empty"
    assert "an empty record set" in warnings[0]


def test_route_53_aliases_and_policies(tmp_path: Path) -> None:
    """Alias within the zone: served with its target's TTL. A load balancer and a weighted set are unserved by name."""
    sets = [
        {"Name": "example.com.", "Type": "SOA", "TTL": 900, "ResourceRecords": [{"Value": "a. b. 1 2 3 4 5"}]},
        {"Name": "web.example.com.", "Type": "A", "TTL": 77, "ResourceRecords": [{"Value": "192.0.2.1"}]},
        {"Name": "example.com.", "Type": "A", "AliasTarget": {"DNSName": "web.example.com.", "HostedZoneId": "Z1"}},
        {"Name": "\\052.example.com.", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.9"}]},
    ]
    zones = read_tree(write(tmp_path / "a.json", {"ResourceRecordSets": sets}))
    held = zones.find("example.com.", dns.rdatatype.A)
    assert held is not None
    assert held.ttl == 77
    assert texts(zones, "example.com.") == ["192.0.2.1"]
    assert texts(zones, "anything.example.com.") == ["192.0.2.9"]
    sets += [
        {"Name": "lb.example.com.", "Type": "A", "AliasTarget": {"DNSName": "x.elb.amazonaws.com."}},
        {"Name": "w.example.com.", "Type": "A", "TTL": 1, "Weight": 0, "SetIdentifier": "a", "ResourceRecords": []},
    ]
    with pytest.raises(ImportMistakeError) as caught:
        read_tree(write(tmp_path / "a.json", {"ResourceRecordSets": sets}))
    assert "lb.example.com ALIAS: cannot be served" in str(caught.value)
    assert "w.example.com ROUTING: cannot be served" in str(caught.value)
    _, warnings = read_tree_with_warnings(tmp_path / "a.json", without={"ALIAS", "ROUTING"})
    assert len(warnings) == 2


def test_a_plan_has_two_trees(tmp_path: Path) -> None:
    """The same file as both trees is the state before and after; an alias that loses its target is seen."""
    zone = {"name": "contoso.com", "soa_record": []}
    was = {
        "name": "autologon",
        "zone_name": "contoso.com",
        "ttl": 60,
        "target_resource_id": f"{ID}/trafficManagerProfiles/aadg",
    }
    now = was | {"target_resource_id": None, "records": ["192.0.2.99"]}
    profile = {
        "name": "aadg",
        "traffic_routing_method": "Priority",
        "dns_config": [{"relative_name": "aadg", "ttl": 30}],
        "monitor_config": [{"protocol": "TCP", "port": 443}],
    }
    endpoint = {"name": "one", "profile_id": f"{ID}/trafficManagerProfiles/aadg", "target": "192.0.2.20", "priority": 1}
    file = write(
        tmp_path / "plan.json",
        plan(
            ("azurerm_dns_zone", zone, zone),
            ("azurerm_dns_a_record", was, now),
            ("azurerm_traffic_manager_profile", profile, None),
            ("azurerm_traffic_manager_external_endpoint", endpoint, None),
        ),
    )
    before, after, _ = read_two_trees(file, file)
    assert texts(before, "autologon.contoso.com.") == ["192.0.2.20"]
    assert texts(after, "autologon.contoso.com.") == ["192.0.2.99"]
    assert texts(read_tree(tmp_path / "plan.json#before"), "autologon.contoso.com.") == ["192.0.2.20"]
    assert texts(read_tree(file), "autologon.contoso.com.") == ["192.0.2.99"]


def test_what_a_plan_does_not_know_is_a_mistake(tmp_path: Path) -> None:
    """Values known after the apply, zones that are not in the plan; an unmanaged zone is noted."""
    record = {"name": "www", "zone_name": "contoso.com", "ttl": 60, "records": None}
    unknown = plan(("azurerm_dns_a_record", None, record), unknown={"records": True})
    with pytest.raises(ImportMistakeError, match="records is known only after the apply"):
        read_tree(write(tmp_path / "a.json", unknown))
    aws = {"name": "www", "type": "A", "ttl": 60, "zone_id": "Z9", "records": ["192.0.2.1"]}
    with pytest.raises(ImportMistakeError, match=r"zone_id Z9: the name of the zone is not in the plan"):
        read_tree(write(tmp_path / "b.json", plan(("aws_route53_record", None, aws))))
    known = plan(("azurerm_dns_a_record", None, record | {"records": ["192.0.2.1"]}))
    _, warnings = read_tree_with_warnings(write(tmp_path / "c.json", known))
    assert "zone contoso.com is not managed by Terraform" in warnings[0]


def test_dnscontrol_features_are_no_records(tmp_path: Path) -> None:
    """A redirect blocks by its name; an Azure alias is an alias; an apex ALIAS within the zone is served."""
    records = [
        {"type": "A", "name": "web", "ttl": 60, "target": "192.0.2.1"},
        {"type": "ALIAS", "name": "@", "ttl": 60, "target": "web.example.com."},
        {
            "type": "AZURE_ALIAS",
            "name": "c",
            "azure_alias": {"type": "A"},
            "target": f"{ID}/dnszones/example.com/A/web",
        },
        {"type": "URL301", "name": "go", "target": "https://example.net/"},
    ]
    data = {"dns_providers": [], "domains": [{"name": "example.com", "records": records, "nameservers": []}]}
    file = write(tmp_path / "ir.json", data)
    with pytest.raises(ImportMistakeError, match=r"go\.example\.com URL301: cannot be served"):
        read_tree(file)
    zones = read_tree(file, {"URL301"})
    assert texts(zones, "example.com.") == texts(zones, "c.example.com.") == ["192.0.2.1"]


MAIN = """\
providers:
  config: {class: octodns.provider.yaml.YamlProvider, directory: ./zones}
zones:
  '*': {sources: [config]}
  example.net.: {alias: example.com.}
"""
RECORDS = """\
'':
  type: ALIAS
  value: www.example.com.
www: {type: CNAME, value: web.example.com.}
web: {type: A, value: 192.0.2.1}
kept:
  type: A
  value: 192.0.2.2
  octodns: {ignored: true}
"""


def test_octodns_alias_ignored_star_and_alias_zone(tmp_path: Path) -> None:
    """ALIAS at the apex answers with the addresses behind its CNAME; ignored records are left out with a line."""
    (tmp_path / "zones").mkdir()
    (tmp_path / "octodns.yaml").write_text(MAIN)
    (tmp_path / "zones" / "example.com.yaml").write_text(RECORDS)
    with pytest.raises(ImportMistakeError, match=r"ALIAS: cannot be served: its target www\.example\.com"):
        read_tree(tmp_path)  # example.net has the same ALIAS, whose target is in another zone
    zones, warnings = read_tree_with_warnings(tmp_path, without={"ALIAS"})
    assert texts(zones, "example.com.") == ["192.0.2.1"]
    assert texts(zones, "web.example.net.") == ["192.0.2.1"]
    assert texts(zones, "kept.example.com.") == []
    assert [each for each in warnings if "kept A: left out: octoDNS ignores it" in each]


def test_an_include_stays_in_the_folder(tmp_path: Path) -> None:
    """Files: !include of octoDNS and $INCLUDE read no file outside of what the user named, links included."""
    secret = tmp_path / "secret.yaml"
    secret.write_text("type: A\nvalue: 192.0.2.66\n")
    tree = tmp_path / "tree"
    (tree / "zones").mkdir(parents=True)
    (tree / "octodns.yaml").write_text(MAIN.replace("  example.net.: {alias: example.com.}\n", ""))
    (tree / "zones" / "example.com.yaml").write_text("www: !include ../../secret.yaml\n")
    with pytest.raises(ImportMistakeError, match="there is no such file in"):
        read_tree(tree)
    zone = tmp_path / "zone"
    zone.mkdir()
    (zone / "link.inc").symlink_to(secret)
    (zone / "example.com.zone").write_text("$TTL 60\n@ SOA a b 1 2 3 4 5\n$INCLUDE link.inc\n")
    with pytest.raises(ImportMistakeError, match=r"example\.com\.zone:3: \$INCLUDE link\.inc: it is not read here"):
        read_tree(zone)


DYNAMIC = """\
www:
  type: A
  ttl: 60
  value: 192.0.2.1
  dynamic:
    pools:
      eu: {fallback: main, values: [{value: 192.0.2.10, status: STATUS}]}
      main: {values: [{value: 192.0.2.20}]}
      two: {values: [{value: 192.0.2.20, weight: 3}, {value: 192.0.2.21, weight: 1}]}
    rules:
      RULES
"""


def dynamic_zones(tmp_path: Path, rules: str, status: str = "obey") -> ZoneSet:
    """The zones of a dynamic record with those rules."""
    (tmp_path / "zones").mkdir(exist_ok=True)
    (tmp_path / "octodns.yaml").write_text(MAIN.replace("  example.net.: {alias: example.com.}\n", ""))
    text = DYNAMIC.replace("RULES", rules).replace("STATUS", status)
    (tmp_path / "zones" / "example.com.yaml").write_text(text)
    return read_tree(tmp_path)


def test_dynamic_records_are_profiles(tmp_path: Path) -> None:
    """Fallbacks are priority routing, weights weighted, geos geographic; a value that is down is not answered."""
    zones = dynamic_zones(tmp_path, "- pool: eu")
    assert texts(zones, "www.example.com.") == ["192.0.2.10"]
    zones = dynamic_zones(tmp_path, "- pool: eu", status="down")
    assert texts(zones, "www.example.com.") == ["192.0.2.20"]
    zones = dynamic_zones(tmp_path, "- pool: two")
    top = zones.profiles["www.example.com A"]
    assert (top.routing, [each.weight for each in top.endpoints]) == ("weighted", [3, 1])
    zones = dynamic_zones(tmp_path, "- {geos: [EU, NA-US-CA], pool: main}\n      - pool: main")
    top = zones.profiles["www.example.com A"]
    assert top.routing == "geographic"
    assert [each.regions for each in top.endpoints] == [("GEO-EU", "US-CA"), ("WORLD",)]
    zones = dynamic_zones(tmp_path, "- {subnets: [198.51.100.0/24], pool: main}\n      - pool: main")
    assert zones.profiles["www.example.com A"].routing == "subnet"


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ("- {geos: [AS], pool: main}", "geo 'AS' has no equal region"),
        ("- {geos: [EU], pool: eu}", "pool eu of a rule by place has a fallback"),
        ("- pool: gone", "there is no pool 'gone'"),
        ("- {geos: [EU], pool: eu}\n      - {subnets: [192.0.2.0/24], pool: main}", "a profile has one method"),
    ],
)
def test_dynamic_records_without_an_equal_are_mistakes(tmp_path: Path, rules: str, words: str) -> None:
    """They are refused with their place, and never served as their default values."""
    with pytest.raises(ImportMistakeError) as caught:
        dynamic_zones(tmp_path, rules)
    assert words in str(caught.value)
    assert "example.com.yaml:" in str(caught.value)


def azure_a(zone: str, name: str, address: str, group: str = "rg", kind: str = "dnszones") -> dict[str, Any]:
    """An A record set of Azure DNS."""
    return {
        "id": f"{ID.replace('/rg/', f'/{group}/')}/{kind}/{zone}/A/{name}",
        "name": name,
        "type": f"Microsoft.Network/{kind}/A",
        "ttl": 60,
        "aRecords": [{"ipv4Address": address}],
    }


def test_two_zones_of_one_name_are_never_mixed(tmp_path: Path) -> None:
    """Split horizon: public and private zones, two resource groups, two hosted zones, tagged domains of dnscontrol."""
    azure = [azure_a("x.test", "a", "192.0.2.1"), azure_a("x.test", "b", "10.0.0.1", kind="privateDnsZones")]
    groups = [azure_a("x.test", "a", "192.0.2.1"), azure_a("x.test", "b", "10.0.0.1", group="other")]
    record = {"zone_name": "x.test", "ttl": 60}
    terraform = plan(
        ("azurerm_dns_a_record", None, record | {"name": "a", "records": ["192.0.2.1"]}),
        ("azurerm_private_dns_a_record", None, record | {"name": "b", "records": ["10.0.0.1"]}),
    )
    aws = plan(
        ("aws_route53_zone", None, {"name": "x.test", "zone_id": "Z1"}),
        ("aws_route53_zone", None, {"name": "x.test", "zone_id": "Z2"}),
    )
    domains = [{"name": f"x.test!{tag}", "records": [], "nameservers": []} for tag in ("inside", "outside")]
    for data in (azure, groups, terraform, aws, {"dns_providers": [], "domains": domains}):
        with pytest.raises(ImportMistakeError, match="split horizon"):
            read_tree(write(tmp_path / "a.json", data))


def test_what_a_plan_leaves_out_is_said(tmp_path: Path) -> None:
    """Deposed objects are not records; a targeted plan is noted; a plan that failed is a mistake."""
    record = {"name": "a", "zone_name": "x.test", "ttl": 60, "records": ["192.0.2.1"]}
    data = plan(("azurerm_dns_a_record", record, record))
    old = data["resource_changes"][0] | {"deposed": "8f9a"}
    old["change"] = old["change"] | {"before": record | {"records": ["192.0.2.9"]}, "after": None}
    data["resource_changes"].append(old)
    file = write(tmp_path / "a.json", data | {"complete": False})
    zones, warnings = read_tree_with_warnings(tmp_path / "a.json#before")
    assert texts(zones, "a.x.test.") == ["192.0.2.1"]
    assert [each for each in warnings if "the plan is of a part" in each]
    write(file, data | {"errored": True})
    with pytest.raises(ImportMistakeError, match="the plan ended with an error"):
        read_tree(file)


@pytest.mark.parametrize("profiles", [[], ["other"]])
def test_endpoints_without_their_profile_are_a_mistake(tmp_path: Path, profiles: list[str]) -> None:
    """A plan that changes an endpoint of a profile that others manage would look as if it changed nothing."""
    endpoint = {"name": "one", "target": "192.0.2.1", "profile_id": f"{ID}/trafficManagerProfiles/AADG"}
    resources = [("azurerm_traffic_manager_external_endpoint", endpoint, None)]
    resources += [
        ("azurerm_traffic_manager_profile", profile, profile)
        for profile in (
            {"name": name, "traffic_routing_method": "Weighted", "dns_config": [{"relative_name": name, "ttl": 60}]}
            for name in profiles
        )
    ]
    record = {"name": "a", "zone_name": "x.test", "ttl": 60, "records": ["192.0.2.1"]}
    write(tmp_path / "a.json", plan(*resources, ("azurerm_dns_a_record", record, record)))
    with pytest.raises(ImportMistakeError, match="profile 'aadg' of the endpoints one is not in the plan"):
        read_tree(tmp_path / "a.json#before")
    assert not read_tree(tmp_path / "a.json#after").profiles.get("aadg")


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        (
            ("azurerm_traffic_manager_external_endpoint", {"name": "one", "target": "192.0.2.1"}),
            "profile_id is known only after",
        ),
        (
            ("azurerm_traffic_manager_azure_endpoint", {"name": "one", "profile_id": "/x/aadg"}),
            "has no address of its target_resource_id",
        ),
        (
            (
                "azurerm_traffic_manager_external_endpoint",
                {"name": "one", "target": "a.", "profile_id": "/x/aadg", "subnet": [{"first": "ten"}]},
            ),
            "ten",
        ),
        (
            (
                "azurerm_traffic_manager_external_endpoint",
                {
                    "name": "one",
                    "target": "a.",
                    "profile_id": "/x/aadg",
                    "subnet": [{"first": "10.0.0.9", "last": "10.0.0.1"}],
                },
            ),
            "subnet 10.0.0.9 - 10.0.0.1",
        ),
        (
            (
                "azurerm_traffic_manager_profile",
                {"name": "p", "traffic_routing_method": "Nearest", "dns_config": [{"relative_name": "p"}]},
            ),
            "routing method 'Nearest': expected one of",
        ),
        (
            ("aws_route53_record", {"name": "a", "type": "A", "zone_id": "Z9", "ttl": 60, "records": ["192.0.2.1"]}),
            "zone_id Z9: the name of the zone is not in the plan",
        ),
        (("google_dns_record_set", {"name": "a.x.test."}), "resources of type google_dns_record_set are not read"),
        (
            ("azurerm_dns_a_record", {"name": "a", "zone_name": "x.test", "ttl": "soon", "records": []}),
            "the key 'ttl' is 'soon'",
        ),
    ],
)
def test_a_resource_that_cannot_be_read_is_named(
    tmp_path: Path, resource: tuple[str, dict[str, Any]], words: str
) -> None:
    """The address of the resource and what is expected; the zones of the plan are not used without it."""
    kind, values = resource
    with pytest.raises(ImportMistakeError) as caught:
        read_tree(write(tmp_path / "a.json", plan((kind, None, values))))
    assert f"{kind}.r0: " in str(caught.value)
    assert words in str(caught.value)


def test_names_of_old_azure_exports_without_dots_are_found(tmp_path: Path) -> None:
    """azure-cli issue 14412: targets without their last dot are below the zone, and lint calls each an error."""
    lines = "mx 300 IN MX 0 mail.contoso.com\nsrv 300 IN SRV 0 0 443 host.contoso.com\n"
    (tmp_path / "contoso.com.txt").write_text(EXPORT.replace("autologon", ";") + lines)
    found = [each for each in lint(read_tree(tmp_path)) if each.code == "missing-trailing-dot"]
    assert [(each.name, each.severity) for each in found] == [("mx.contoso.com", "error"), ("srv.contoso.com", "error")]

"""Entries in the JSON of providers that cannot be read: each is named by its place, and none is dropped in silence."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from dns.rdatatype import A

from ssosim.dns.imports import ImportMistakeError, read_tree
from ssosim.dns.imports.tree import read_tree_with_warnings

ZONE = "/subscriptions/0/resourceGroups/rg/providers/Microsoft.Network/dnszones/x.test"
PROFILE_ID = "/subscriptions/0/resourceGroups/rg/providers/Microsoft.Network/trafficManagerProfiles/p"
Data = dict[str, Any]


def write(folder: Path, data: object) -> Path:
    """Write JSON."""
    path = folder / "a.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def record_set(kind: str = "A", **fields: object) -> Data:
    """A record set as azure-cli lists it."""
    return {"id": f"{ZONE}/{kind}/www", "name": "www", "type": f"Microsoft.Network/dnszones/{kind}", "ttl": 60} | fields


def endpoint(**fields: object) -> Data:
    """An endpoint of a profile."""
    kind = "Microsoft.Network/trafficManagerProfiles/externalEndpoints"
    return {"name": "one", "type": kind, "target": "192.0.2.1", "endpointStatus": "Enabled"} | fields


def profile(*endpoints: Data, **fields: object) -> Data:
    """A traffic manager profile as azure-cli lists it."""
    return {
        "id": PROFILE_ID,
        "name": "p",
        "type": "Microsoft.Network/trafficManagerProfiles",
        "profileStatus": "Enabled",
        "trafficRoutingMethod": "Weighted",
        "dnsConfig": {"relativeName": "p", "fqdn": "p.trafficmanager.net", "ttl": 60},
        "endpoints": list(endpoints),
    } | fields


def domain(*records: Data, **fields: object) -> Data:
    """The domains of dnscontrol."""
    return {"dns_providers": [], "domains": [{"name": "x.test", "records": list(records), "nameservers": []} | fields]}


def route53(*sets: Data, **fields: object) -> Data:
    """The answer of Route 53."""
    return {"HostedZone": {"Name": "x.test."}, "ResourceRecordSets": list(sets)} | fields


TARGET = {"targetResource": {"id": f"{ZONE}/A/other"}}
ADDRESS = {"ipv4Address": "192.0.2.1"}
R53 = {"Name": "a.x.test.", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([record_set(aRecords=[ADDRESS], **TARGET)], "has both records and a target resource"),
        (
            [record_set("NAPTR", naptrRecords=[{"order": 1}])],
            "record sets of type NAPTR are not read from JSON: known here: A, ",
        ),
        ([record_set(aRecords=[ADDRESS], id="")], "has neither id nor fqdn: the zone is not known"),
        ([record_set(aRecords=[ADDRESS], ttl="soon")], "the key 'ttl' is 'soon': expected a TTL in seconds"),
        ([record_set(aRecords=[ADDRESS], ttl=True)], "the key 'ttl' is True: expected a TTL in seconds"),
        ([record_set(aRecords=[ADDRESS], ttl=60.5)], "the key 'ttl' is 60.5: expected a TTL in seconds"),
        ([record_set(aRecords=[ADDRESS], ttl=-1)], "the key 'ttl' is -1: expected a TTL in seconds"),
        ([record_set(aRecords=[ADDRESS], ttl=2**31)], "TTL 2147483648 is out of range"),
        ([record_set(aRecords=[{}])], "the key 'ipv4Address' is missing: expected a text or number"),
        ({"value": [record_set(aRecords=[ADDRESS])], "nextLink": "https://next"}, "the list is cut off (nextLink)"),
        ([profile(endpoint(target=None))], "endpoint 'one' has no target: the address of None is not known"),
        ([profile(endpoint(), trafficRoutingMethod="Nearest")], "routing method 'Nearest': expected one of"),
        ([profile(endpoint(weight=5000))], "profile 'p': "),
        ([profile(endpoint(subnets=[{"first": "ten"}]), trafficRoutingMethod="Subnet")], "endpoint 'one': 'ten'"),
        (
            [profile(endpoint(subnets=[{"first": "10.0.0.2", "last": "10.0.0.1"}]), trafficRoutingMethod="Subnet")],
            "subnet 10.0.0.2 - 10.0.0.1",
        ),
        (
            [profile(endpoint(subnets=[{"first": "10.0.0.0", "scope": 99}]), trafficRoutingMethod="Subnet")],
            "endpoint 'one': ",
        ),
        (
            domain(
                {"type": "A", "name": "www", "target": "192.0.2.1", "ttl": 60},
                {"type": "A", "name": "www", "target": "192.0.2.2", "ttl": 61},
            ),
            "has TTL 61 here and 60 at ",
        ),
        (domain({"name": "www", "target": "192.0.2.1"}), "the key 'type' is missing"),
        (domain({"type": "A", "name": "www", "target": "ten"}), "records[0] (www.x.test A)"),
        (domain(nameservers=[{"name": "ns.x.test"}], meta={"ns_ttl": "soon"}), "ns_ttl"),
        (domain(nameservers=[{}]), "the key 'name' is missing"),
        (route53(R53, IsTruncated=True), "the list is cut off: list all record sets"),
        (route53(R53, NextRecordName="b.x.test."), "the list is cut off: list all record sets"),
        ({"ResourceRecordSets": [R53]}, "no record set is of type SOA: the name of the zone is not known"),
        (route53({"Name": "a.x.test."}), "the key 'Type' is missing"),
    ],
)
def test_an_entry_that_cannot_be_read_is_named(tmp_path: Path, data: object, words: str) -> None:
    """File, place and reason; the zones of the file are not used without the entry."""
    with pytest.raises(ImportMistakeError) as caught:
        read_tree(write(tmp_path, data))
    assert words in str(caught.value)
    assert "a.json" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([record_set()], "an empty record set: it has neither records nor a target"),
        (
            [record_set(aRecords=[ADDRESS]), {"type": "Microsoft.Network/virtualNetworks"}],
            "not read: Microsoft.Network/virtualNetworks",
        ),
        ([record_set(aRecords=[ADDRESS]), "text"], "not read: str"),
        (
            [record_set(aRecords=[ADDRESS]), profile(endpoint(alwaysServe="Enabled"))],
            "alwaysServe is not read: its health counts here",
        ),
        (
            domain({"type": "A", "name": "www", "target": "192.0.2.1"}, keepunknown=True),
            "NO_PURGE: records that others manage are not seen",
        ),
        (
            domain({"type": "A", "name": "www", "target": "192.0.2.1"}, unmanaged=[{}]),
            "unmanaged: records that others manage are not seen",
        ),
        (route53(R53 | {"HealthCheckId": "1"}), "HealthCheckId is not read: the records are always answered"),
    ],
)
def test_what_is_not_read_is_told(tmp_path: Path, data: object, words: str) -> None:
    """A part that the lab does not have is a warning: the zones are used, and the reader knows what is missing."""
    _, warnings = read_tree_with_warnings(write(tmp_path, data))
    assert any(words in each for each in warnings), warnings


def test_every_setting_of_a_profile_is_kept(tmp_path: Path) -> None:
    """Monitor, nested endpoints, regions, subnets, weights and priorities come through as they are."""
    child = profile(endpoint(), name="child", id=f"{PROFILE_ID}child", dnsConfig={"relativeName": "child", "ttl": 30})
    nested = endpoint(
        name="nested",
        type="Microsoft.Network/trafficManagerProfiles/nestedEndpoints",
        target=None,
        targetResourceId=f"{PROFILE_ID}child".replace("/pchild", "/child"),
        minChildEndpoints=2,
        priority=3,
        weight=7,
    )
    monitor = {
        "protocol": "HTTP",
        "port": 8080,
        "path": "/up",
        "intervalInSeconds": 10,
        "timeoutInSeconds": 7,
        "toleratedNumberOfFailures": 2,
        "expectedStatusCodeRanges": [{"min": 200, "max": 204}],
        "customHeaders": [{"name": "host", "value": "up.test"}],
    }
    ranges = [{"first": "10.0.0.0", "scope": 8}, {"first": "192.0.2.1", "last": "192.0.2.2"}, {"first": "2001:db8::1"}]
    by_subnet = profile(endpoint(subnets=ranges), name="s", id=f"{PROFILE_ID}s", trafficRoutingMethod="Subnet")
    by_subnet["dnsConfig"] = {"relativeName": "s", "fqdn": "s.trafficmanager.net", "ttl": 60}
    off = profile(endpoint(endpointStatus="Disabled"), name="off", id=f"{PROFILE_ID}off", profileStatus="Disabled")
    off["dnsConfig"] = {"relativeName": "off", "fqdn": "off.trafficmanager.net", "ttl": 60}
    data = [profile(nested, monitorConfig=monitor), child, by_subnet, off, record_set(aRecords=[ADDRESS])]
    before = copy.deepcopy(data)
    zones = read_tree(write(tmp_path, data))
    assert data == before
    read = zones.profiles["p"]
    (one,) = read.endpoints
    assert (one.profile, one.min_children, one.priority, one.weight) == ("child", 2, 3, 7)
    assert read.monitor is not None
    assert (read.monitor.protocol, read.monitor.port, read.monitor.path) == ("http", 8080, "/up")
    assert (read.monitor.interval, read.monitor.timeout, read.monitor.tolerated_failures) == (10, 7, 2)
    assert (read.monitor.expected, read.monitor.headers) == (("200-204",), ("host: up.test",))
    (subnets,) = (each.subnets for each in zones.profiles["s"].endpoints)
    assert subnets == ("10.0.0.0/8", "192.0.2.1/32", "192.0.2.2/32", "2001:db8::1/128")
    assert (zones.profiles["off"].enabled, zones.profiles["off"].endpoints[0].enabled) == (False, False)
    assert zones.find("www.x.test.", A) is not None

"""Terraform plans: what is not known, not managed or not read must not look like a record, or like no change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.dns.provider_trees import plan_side, resource, terraform

A = {"name": "www", "zone_name": "x.test", "ttl": 60, "records": ["192.0.2.1"]}
R53 = {"name": "www.y.test", "zone_id": "Z1", "type": "A", "ttl": 60, "records": ["192.0.2.1"]}

UNKNOWN: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("azurerm_dns_a_record", A | {"records": None}, {"records": True}),
    ("azurerm_dns_a_record", A | {"records": []}, {"records": [True]}),
    ("azurerm_dns_a_record", A | {"records": ["192.0.2.1"]}, {"records": [False, True]}),
    ("azurerm_dns_ns_record", A | {"records": [None, "ns2.z.test"]}, {"records": [True, False]}),
    ("azurerm_dns_ptr_record", A | {"records": [None]}, {"records": [True]}),
    ("azurerm_dns_cname_record", A | {"records": None, "record": None}, {"record": True}),
    ("azurerm_dns_mx_record", A | {"records": None, "record": [{"preference": "1"}]}, {"record": [{"exchange": True}]}),
    ("azurerm_dns_a_record", A | {"records": None, "target_resource_id": None}, {"target_resource_id": True}),
    ("azurerm_dns_a_record", A | {"zone_name": None}, {"zone_name": True}),
    ("azurerm_dns_a_record", A | {"name": None}, {"name": True}),
    ("azurerm_dns_a_record", A | {"ttl": None}, {"ttl": True}),
    ("aws_route53_record", R53 | {"records": [None]}, {"records": [True]}),
    ("aws_route53_record", R53 | {"type": "CNAME", "records": []}, {"records": [True]}),
    ("aws_route53_record", R53 | {"type": None}, {"type": True}),
    ("aws_route53_record", R53 | {"records": None, "alias": [{"zone_id": "Z2"}]}, {"alias": [{"name": True}]}),
]


@pytest.mark.parametrize(("kind", "values", "unknown"), UNKNOWN)
def test_what_is_known_after_the_apply_only_is_a_mistake(
    tmp_path: Path, kind: str, values: dict[str, Any], unknown: dict[str, Any]
) -> None:
    """A value, or one of a list, that the plan does not have is never a record: null, nothing, or a host ``None``."""
    records, _, mistakes = plan_side(tmp_path, terraform(resource(kind, values, unknown=unknown)), "after")
    assert records == {}
    assert [f"{kind}.x: " in text and "is known only after the apply" in text for text in mistakes] == [True]


@pytest.mark.parametrize(
    ("kind", "values", "unknown"),
    [
        ("azurerm_dns_a_record", A, {"id": True, "fqdn": True, "records": [False], "tags": {}}),
        ("aws_route53_record", R53, {"id": True, "fqdn": True, "records": [False], "alias": []}),
    ],
)
def test_what_the_provider_computes_may_be_unknown(
    tmp_path: Path, kind: str, values: dict[str, Any], unknown: dict[str, Any]
) -> None:
    """The other side: ids and other results of a new resource are always unknown, and no record depends on them."""
    records, _, mistakes = plan_side(tmp_path, terraform(resource(kind, values, unknown=unknown)), "after")
    assert (list(records.values()), mistakes) == ([["192.0.2.1"]], [])


def test_a_name_that_ends_like_the_zone_is_outside_of_it(tmp_path: Path) -> None:
    """The provider takes ``my-y.test`` for an absolute name, which Route 53 refuses."""
    given = resource("aws_route53_record", R53 | {"name": "my-y.test"})
    records, _, mistakes = plan_side(tmp_path, terraform(given), "after")
    assert records == {}
    assert ["my-y.test is outside the zone y.test" in text for text in mistakes] == [True]


@pytest.mark.parametrize(("actions", "is_said"), [(["create"], True), (["update"], False), (["no-op"], False)])
def test_an_overwritten_record_is_in_no_plan(tmp_path: Path, actions: list[str], is_said: bool) -> None:
    """With ``allow_overwrite`` a creation replaces a record of others without a word (provider issue 4493)."""
    values = R53 | {"allow_overwrite": True}
    given = resource("aws_route53_record", values, None if actions == ["create"] else values, actions=actions)
    _, warnings, _ = plan_side(tmp_path, terraform(given), "after")
    assert any("is replaced unseen" in text for text in warnings) is is_said


def test_targets_of_service_bindings_are_absolute(tmp_path: Path) -> None:
    """Route 53 takes the target of an HTTPS record for absolute, with or without a last dot."""
    given = resource("aws_route53_record", R53 | {"type": "HTTPS", "records": ['1 cdn.test alpn="h2"']})
    assert plan_side(tmp_path, terraform(given), "after")[0] == {"www.y.test HTTPS": ['1 cdn.test. alpn="h2"']}


@pytest.mark.parametrize(("kind", "values"), [("azurerm_dns_a_record", A), ("aws_route53_record", R53)])
@pytest.mark.parametrize(
    ("actions", "before", "after", "sides"),
    [
        (["no-op"], True, True, (True, True)),
        (["create"], False, True, (False, True)),
        (["update"], True, True, (True, True)),
        (["delete"], True, False, (True, False)),
        (["delete", "create"], True, True, (True, True)),
        (["create", "delete"], True, True, (True, True)),
        (["forget"], True, False, (True, True)),
    ],
)
def test_which_side_has_a_resource(
    tmp_path: Path,
    kind: str,
    values: dict[str, Any],
    actions: list[str],
    before: bool,
    after: bool,
    sides: tuple[bool, bool],
) -> None:
    """``before`` and ``after`` are null where it does not exist; what Terraform forgets stays (``destroy = false``)."""
    data = terraform(resource(kind, values if after else None, values if before else None, actions=actions))
    found = [plan_side(tmp_path, data, side) for side in ("before", "after")]
    assert tuple(bool(records) for records, _, _ in found) == sides
    said = any("Terraform forgets it (removed block): it stays as it is" in text for text in found[1][1])
    assert said is (actions == ["forget"])


OTHERS = [
    ("dns_a_record_set", {"zone": "x.test.", "name": "www"}),
    ("awscc_route53_record_set", {"name": "www.y.test"}),
    ("ns1_record", {"zone": "x.test"}),
    ("powerdns_record", {"zone": "x.test."}),
    ("digitalocean_record", {"domain": "x.test"}),
    ("oci_dns_rrset", {"domain": "x.test"}),
    ("openstack_dns_recordset_v2", {"name": "x.test."}),
    ("azapi_resource", {"name": "www", "type": "Microsoft.Network/dnsZones/A@2018-05-01"}),
    ("azapi_update_resource", {"name": "www", "type": "Microsoft.Network/privateDnsZones/A@2020-06-01"}),
    ("azapi_resource", {"name": "p", "type": "Microsoft.Network/trafficManagerProfiles@2022-04-01"}),
]


@pytest.mark.parametrize(("kind", "values"), OTHERS)
@pytest.mark.parametrize("changes", [True, False])
def test_records_of_other_providers_are_not_dropped_in_silence(
    tmp_path: Path, kind: str, values: dict[str, Any], changes: bool
) -> None:
    """A change of a record that is not read is a mistake: it would look like no change. An unchanged one is noted."""
    made = resource(kind, values, values, actions=["update" if changes else "no-op"])
    _, warnings, mistakes = plan_side(tmp_path, terraform(made), "after")
    text = f"{kind}.x: resources of type {kind} are not read"
    assert any(text in each for each in (mistakes if changes else warnings))
    assert bool(mistakes) is changes


@pytest.mark.parametrize("kind", ["aws_route53_records_exclusive", "cloudflare_record", "google_dns_record_set"])
def test_records_of_known_providers_that_are_not_read_are_a_mistake(tmp_path: Path, kind: str) -> None:
    """A resource with records is never noted as one that has none."""
    _, warnings, mistakes = plan_side(tmp_path, terraform(resource(kind, {"zone_id": "Z1"})), "after")
    assert any(f"resources of type {kind} are not read" in text for text in mistakes)
    assert not any("has no records" in text for text in warnings)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("azurerm_virtual_network", {"name": "x"}),
        ("azapi_resource", {"name": "x", "type": "Microsoft.Network/virtualNetworks@2024-01-01"}),
        ("aws_route53_health_check", {"type": "HTTP"}),
        ("azurerm_private_dns_zone_virtual_network_link", {"name": "x"}),
        ("random_pet", {"length": 1}),
    ],
)
def test_resources_without_records_stop_nothing(tmp_path: Path, kind: str, values: dict[str, Any]) -> None:
    """The other side: what has no DNS records is no mistake, changed or not."""
    _, _, mistakes = plan_side(
        tmp_path, terraform(resource(kind, values), resource("azurerm_dns_a_record", A)), "after"
    )
    assert mistakes == []


def test_the_registrar_is_noted(tmp_path: Path) -> None:
    """A change of the name servers at the registrar moves the whole zone, and no record of the plan says so."""
    _, warnings, _ = plan_side(
        tmp_path, terraform(resource("aws_route53domains_registered_domain", {"id": 1})), "after"
    )
    assert any("not read: the name servers at the registrar" in text for text in warnings)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (R53 | {"records": []}, "has neither records nor an alias"),
        (R53 | {"ttl": None}, "the key 'ttl' is None"),
        (R53 | {"zone_id": "Z9", "name": "www.z.test"}, "zone_id Z9: the name of the zone is not in the plan"),
        (R53 | {"type": "NOPE"}, "'NOPE' is not a record type"),
        (R53 | {"type": "AAAA"}, "is not a value of type AAAA"),
    ],
)
def test_a_record_that_route_53_refuses_is_a_mistake(tmp_path: Path, values: dict[str, Any], words: str) -> None:
    """The resource is named with what is wrong."""
    _, _, mistakes = plan_side(tmp_path, terraform(resource("aws_route53_record", values)), "after")
    assert len(mistakes) == 1
    assert words in mistakes[0]
    assert "aws_route53_record.x: " in mistakes[0]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("www.y.test", "www.y.test"), ("www", "www.y.test"), ("", "y.test"), ("y.test", "y.test"),
     ("\\052.y.test", "*.y.test"), ("WWW.Y.TEST.", "www.y.test"), ("y.test.y.test", "y.test.y.test")],
)  # fmt: skip
def test_the_name_of_a_route_53_record(tmp_path: Path, name: str, wanted: str) -> None:
    """The provider takes a full name or one relative to the zone; Route 53 writes ``*`` as an octal escape."""
    records, _, mistakes = plan_side(tmp_path, terraform(resource("aws_route53_record", R53 | {"name": name})), "after")
    assert (list(records), mistakes) == ([f"{wanted} A"], [])


def test_health_checks_and_empty_sets_are_noted(tmp_path: Path) -> None:
    """A health check may take a record away, and a record set without records has lost its target: both are said."""
    data = terraform(
        resource("aws_route53_record", R53 | {"health_check_id": "h"}),
        resource("azurerm_dns_a_record", A | {"records": []}),
    )
    records, warnings, mistakes = plan_side(tmp_path, data, "after")
    assert mistakes == []
    assert records["www.x.test A"] == []
    for words in ("health_check_id is not read", "an empty record set: it has neither records nor a target"):
        assert any(words in text for text in warnings)


def test_a_data_source_is_no_resource(tmp_path: Path) -> None:
    """A data source reads what others manage; in a plan it stands among the resources if it is read at the apply."""
    read = resource("azurerm_dns_a_record", A, actions=["read"], mode="data")
    assert plan_side(tmp_path, terraform(read), "after") == plan_side(tmp_path, terraform(), "after")

"""The predicted outcome for every kind of client, from both states of the zones, without a socket."""

from __future__ import annotations

import pytest
from conftest_ops import AUTOLOGON, MANAGER, PROFILE, cname_for_alias
from ssosim_clients.catalogue import MODELS
from ssosim_clients.spn import RULES

from ssosim.changes.operations import apply_operations
from ssosim.dns import ZoneSet, delete_profile, put_rrset
from ssosim.entra import Keys
from ssosim.estate import default_estate
from ssosim.scenario.forecast import Forecast, affected_hosts, forecast

ESTATE = default_estate()
SPN, MOVED = f"HTTP/{AUTOLOGON}", f"HTTP/{MANAGER}"


@pytest.fixture(scope="module")
def keys() -> Keys:
    """Signing keys, made once."""
    return Keys.generate([service.name for service in ESTATE.federation_services])


def by_rule(found: Forecast) -> dict[str, tuple[str, tuple[str, ...], bool]]:
    """Outcome after, SPNs after and whether it is worse, by rule."""
    return {name: (each.after, each.spn_after, each.worse) for each in found.rules for name in each.names}


def by_model(found: Forecast) -> dict[str, tuple[str, str]]:
    """Outcome before and after, by model."""
    return {each.names[0]: (each.before, each.after) for each in found.models}


def test_every_rule_and_every_model_is_played(zones: ZoneSet, keys: Keys):
    """No kind of client is left out; where nothing changes nobody is worse off."""
    found = forecast(zones, zones, ESTATE, keys)
    assert set(by_rule(found)) == {name for name, rule in RULES.items() if rule.service == "HTTP"}
    assert set(by_model(found)) == set(MODELS)
    assert found.worse == ()
    assert by_model(found)["office"] == ("silent", "silent")
    assert "not played" not in {outcome for pair in by_model(found).values() for outcome in pair}


def test_a_cname_moves_the_spn_of_some_families_only(zones: ZoneSet, keys: Keys):
    """TMS9-043, TMS9-082: typed rules stay silent, forward ones ask for a name that the KDC does not know."""
    found = forecast(zones, apply_operations(zones, cname_for_alias()), ESTATE, keys)
    rules = by_rule(found)
    for name in ("mit-no-canon", "sspi", "java-no-canon", "java", "mit-fallback"):
        assert rules[name] == ("ticket", (SPN,), False), name
    for name in ("mit-default", "wininet", "dotnet", "curl-gssapi", "chromium-linux"):
        assert rules[name][1:] == ((MOVED,), True), name
    assert "NTLM" in rules["wininet"][0]
    models = by_model(found)
    assert models["office"] == ("silent", "refused")
    assert models["native-prompt"] == ("silent", "interactive")
    assert models["msal4j-iwa"] == ("silent", "silent")


def test_a_race_is_forecast_by_its_worse_end(zones: ZoneSet, keys: Keys):
    """Two CNAMEs, the last of which leads to a registered name: gokrb5 asks for either, so it may be refused."""
    moved = apply_operations(zones, cname_for_alias())
    changed = put_rrset(moved, AUTOLOGON, "CNAME", ["hop.microsoftazuread-sso.com."])
    changed = put_rrset(changed, "hop.microsoftazuread-sso.com", "CNAME", ["sts.fabrikam.com."])
    after, asked, worse = by_rule(forecast(zones, changed, ESTATE, keys))["gokrb5"]
    assert after.startswith("ticket, or by chance unknown to the KDC")
    assert asked == ("HTTP/hop.microsoftazuread-sso.com", "HTTP/sts.fabrikam.com")
    assert worse
    assert by_rule(forecast(zones, changed, ESTATE, keys))["dotnet"][0] == "ticket"


def test_the_emptied_record_stops_everybody_on_that_way(zones: ZoneSet, keys: Keys):
    """TMS9-020, TMS9-080: without an address no rule gets as far as a ticket; prompting clients go on, others stall."""
    found = forecast(zones, delete_profile(zones, PROFILE), ESTATE, keys)
    assert {after for after, _, _ in by_rule(found).values()} == {"no address (nodata)"}
    models = by_model(found)
    assert models["office"] == ("silent", "stalled")
    assert models["native-prompt"] == ("silent", "interactive")
    assert "office" in found.worse


def test_the_cure_is_shown_too(zones: ZoneSet, keys: Keys):
    """From the CNAME back to the alias: nobody is worse off, and the SPN moves back."""
    found = forecast(apply_operations(zones, cname_for_alias()), zones, ESTATE, keys)
    assert found.worse == ()
    assert by_model(found)["office"] == ("refused", "silent")


def test_an_address_where_nothing_listens_is_no_sign_in(zones: ZoneSet, keys: Keys):
    """A wrong address is a failed connection, whatever the SPN."""
    found = forecast(zones, put_rrset(zones, AUTOLOGON, "A", ["203.0.113.9"]), ESTATE, keys)
    assert by_model(found)["office"][1] == "stalled"
    wrong_host = forecast(zones, put_rrset(zones, AUTOLOGON, "A", ["192.0.2.10"]), ESTATE, keys)
    assert by_model(wrong_host)["office"][1] == "stalled"


def test_only_names_with_https_are_forecast():
    """A change of a name that nobody signs in at needs no forecast."""
    assert affected_hosts((AUTOLOGON, "dc1.corp.contoso.com"), ESTATE) == (AUTOLOGON,)


def test_a_federated_user_is_played_on_a_federated_users_device(zones: ZoneSet, keys: Keys):
    """TMS9-008, TMS9-024: what happens to autologon does not matter to a domain with a token service of its own."""
    said = forecast(zones, delete_profile(zones, PROFILE), default_estate(), keys)
    (federated,) = [each for each in said.models if each.names == ("federated-user",)]
    assert (federated.before, federated.after, federated.worse) == ("silent", "silent", False)
    assert federated.spn_after == ("HTTP/sts.fabrikam.com",)

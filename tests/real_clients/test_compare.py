"""What is made of what clients sent: the form for comparison, the differences, and what a manifest may set aside."""

import msgspec
import pytest

from ssosim.real_clients.batch import Cell
from ssosim.real_clients.lookup import ClientFlow, find_flows, list_shipped
from ssosim.real_clients.manifest import read_manifest
from ssosim.real_clients.measured import find_measurement_differences, load_measured
from ssosim.real_clients.model_comparison import compare
from ssosim.real_clients.sent_requests import SentRequests, collect_sent_requests
from ssosim.scenario.loader import load_scenario
from ssosim.trace import ConnectionFailed, DnsAnswered, HttpExchange, KdcExchange, SignInStep, Trace

HOST = "login.microsoftonline.com"


def _seen(*events):
    trace = Trace()
    for event in events:
        trace.record("it", event)
    return collect_sent_requests(trace.since(), ["fabrikam.com"])


def _http(path, step, auth="none"):
    return HttpExchange(host=HOST, method="GET", path=path, status=200, auth=auth, step=step)


def _lookup(name, rcode="NXDOMAIN"):
    return DnsAnswered(name=name, type="A", rcode=rcode)


def test_requests_are_steps_in_order_with_counts():
    """Retries count; discovery, keys and the person's pages are left out; passwords are those that programs post."""
    seen = _seen(
        _http("/common/.well-known/openid-configuration", SignInStep.CONFIGURATION),
        _http("/common/UserRealm/a@b", SignInStep.REALM),
        _http("/adfs/services/trust/mex", SignInStep.MEX),
        _http("/adfs/services/trust/mex", SignInStep.MEX),
        _http("/common/login", SignInStep.SIGN_IN_PAGE, "password"),
        _http("/favicon.ico", SignInStep.OTHER),
        _http("/adfs/services/trust/13/usernamemixed", SignInStep.WSTRUST_PASSWORD, "password"),
        _http("/organizations/oauth2/v2.0/token", SignInStep.TOKEN),
        _http("/nowhere", SignInStep.OTHER),
    )
    assert seen.sequence == "realm, mex x2, wstrust-password, token, other"
    assert seen.passwords == {HOST: 1}


def test_a_name_without_address_is_a_step_where_it_matters():
    """Each try of the client counts, not the packets that a stub resolver sends for one; other names do not matter."""
    assert (
        _seen(*[_lookup("mex.fabrikam.com")] * 2, _lookup("mex.fabrikam.com.corp.contoso.com"), _lookup("vm")).steps
        == ("no name mex.fabrikam.com",) * 2
    )
    assert len(_seen(*[_lookup("mex.fabrikam.com", "SERVFAIL")] * 4).steps) == 1


def test_a_handshake_that_a_browser_gives_up_is_no_request():
    """It answered on another connection, and no fault touched it: a browser opens connections in advance."""
    answer = _http("/common/UserRealm/a@b", SignInStep.REALM)
    closed = ConnectionFailed(host=HOST, address="192.0.2.10", stage="tls", reason="unfinished", by="server")
    refused = f"no TLS {HOST}"
    assert _seen(answer, closed).steps == ("realm",)
    assert _seen(closed).steps == (refused,)
    assert _seen(answer, msgspec.structs.replace(closed, faults=(1,))).steps == ("realm", refused)
    assert _seen(answer, msgspec.structs.replace(closed, reason="unknown_ca")).steps == ("realm", refused)


def test_services_are_those_of_the_host_type():
    """In the order of asking, each once, without the tickets on the way."""
    asked = ["HTTP/a", "krbtgt/B", "HTTP/c", "HTTP/a"]
    events = [KdcExchange(request="TGS", service=each, outcome="issued") for each in asked]
    assert _seen(*events).spns == ("HTTP/a", "HTTP/c")


def _part(tmp_path, deviations=""):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "client.toml").write_text(
        'name = "mine"\ntitle = "M"\n[[flows]]\nname = "f"\ntitle = "t"\nrun = ["true"]\nmodel = "office"\n'
        + deviations
    )
    original = read_manifest(folder)
    return ClientFlow(original, original.flow("f"))


def _cells(phase, model="silent", original="silent", steps=("realm",)):
    return [
        Cell(
            scenario="s",
            phase=phase,
            client="model of mine/f",
            outcome=model,
            reason="",
            sent=SentRequests(steps=("realm",)),
        ),
        Cell(scenario="s", phase=phase, client="mine/f", outcome=original, reason="", sent=SentRequests(steps=steps)),
    ]


DEVIATION = '[[flows.deviations]]\nphase = "{}"\ndiffers = "requests"\nreason = "because"\n'


def test_a_difference_is_wrong_unless_it_is_listed(tmp_path):
    """Outcome, services, requests: each is told with both sides; a reason in the manifest makes it known."""
    cells = [*_cells("one", original="failed"), *_cells("two", steps=("realm", "mex"))]
    client_flow = _part(tmp_path, DEVIATION.format("two"))
    found = compare(cells, [client_flow])
    assert [(each.phase, each.differs, bool(each.known)) for each in found.differences] == [
        ("one", "outcome", False),
        ("two", "requests", True),
    ]
    (wrong,) = found.wrong("mine/f")
    assert "mine/f in s#one: outcome: the model has [silent], the real client [failed]" in wrong


@pytest.mark.parametrize("phase", ["*", "two", "s#two"])
def test_a_listed_deviation_that_does_not_show_is_wrong(tmp_path, phase):
    """Nothing stays on the list for ever; what was not played is not judged."""
    client_flow = _part(tmp_path, DEVIATION.format(phase))
    (wrong,) = compare([*_cells("one"), *_cells("two")], [client_flow]).wrong("mine/f")
    assert "did not occur" in wrong
    if phase != "*":
        assert compare(_cells("one"), [client_flow]).wrong("mine/f") == []


def test_a_deviation_of_chance_may_not_show(tmp_path):
    """``at_times``: it is known where it shows, and no mistake where it does not."""
    client_flow = _part(tmp_path, DEVIATION.format("two") + "at_times = true\n")
    assert compare(_cells("two"), [client_flow]).wrong("mine/f") == []
    assert compare(_cells("two", steps=("realm", "mex")), [client_flow]).wrong("mine/f") == []
    assert compare(_cells("two", original="failed"), [client_flow]).wrong("mine/f") != []


def test_the_measured_rows_are_those_of_the_scenario():
    """Every phase has its measurement, every flow named there is shipped, and every known difference has a reason."""
    facts = load_measured()
    assert list(facts.rows) == [phase.name for phase in load_scenario(facts.scenario).phases]
    names = {client_flow.name for client in list_shipped("sign-in") for client_flow in find_flows(client.name)}
    assert {client_flow for client_flows in facts.clients.values() for client_flow in client_flows} <= names
    assert all(set(row) == set(facts.clients) for row in facts.rows.values())
    assert all(each.reason.strip() for each in facts.differences)


def _measured_cell(phase, outcome, **seen):
    return Cell(
        scenario="password-faults", phase=phase, client="msal-python/username-password", outcome=outcome, reason="",
        sent=SentRequests(**seen),
    )  # fmt: skip


def test_a_departure_from_the_measurement_is_told():
    """One request more than measured is a departure, without a reason until somebody gives one."""
    good = _measured_cell("realm-dropped", "failed", steps=("realm", "realm"))
    assert list(find_measurement_differences([good])) == []
    (found,) = find_measurement_differences([_measured_cell("realm-dropped", "failed", steps=("realm",))])
    assert (found.facts, found.seen, found.reason) == ("2000 none", "1000 none", None)
    (known,) = find_measurement_differences([_measured_cell("realm-404", "refused", steps=("realm", "token"))])
    assert known.reason is not None
    no_name = _measured_cell("mex-no-name", "failed", steps=("realm", *["no name mex.fabrikam.com"] * 2))
    assert list(find_measurement_differences([no_name])) == []


def test_a_wait_is_compared_in_seconds():
    """The time until a verdict stood, more or less what a machine's load makes of it."""
    for seconds, wrong in ((55.0, 0), (15.0, 1)):
        cell = Cell(
            scenario="kdc-unreachable", phase="away", client="curl/winauth-sso", outcome="refused", reason="",
            decided_s=seconds,
        )  # fmt: skip
        assert len(list(find_measurement_differences([cell]))) == wrong

"""A fault that touched nothing in its phase is said, and only then."""

import json

import msgspec
import pytest

from ssosim.estate import DnsResolver, default_estate
from ssosim.report.text_table import table
from ssosim.scenario.client_choice import model_of
from ssosim.scenario.in_memory import play_in_memory
from ssosim.scenario.loader import convert_scenario
from ssosim.scenario.results import run_result
from tests.memory.estates import ESTATES
from tests.memory.rows import ROWS

HOST = "autologon.microsoftazuread-sso.com"
CLIENTS = (("office", "desk-1"), ("native-prompt", "desk-2"), ("federated-user", "desk-3"))


def _play(faults, clients=CLIENTS, resolvers=(), estate=None):
    scenario = convert_scenario(
        {
            "name": "s",
            "title": "t",
            "end": "2025-03-01T11:00:00Z",
            "clients": [{"name": name, "model": name, "device": device} for name, device in clients],
            "phases": [{"name": "p", "start": "2025-03-01T10:00:00Z", "faults": faults}],
        }
    )
    estate = estate or msgspec.structs.replace(default_estate(), resolvers=resolvers)
    return play_in_memory(scenario, estate, {each.name: model_of(each) for each in scenario.clients})


def _verdicts(played):
    return {each.client: (each.verdict.outcome, each.verdict.after_s) for each in played.results}


@pytest.fixture(scope="module")
def healthy():
    """The verdicts without a fault."""
    return _verdicts(_play([]))


@pytest.mark.parametrize("name", ROWS)
def test_a_fault_that_changed_a_verdict_is_never_called_idle(name, healthy):
    """Every fault there is: where an outcome or its time is another one, nothing is said."""
    estate = ESTATES.get(name)
    if estate is not None:
        healthy = _verdicts(_play([], estate=estate))
    for fields in ROWS[name]:
        played = _play([{"fault": name, **fields}], estate=estate)
        assert _verdicts(played) == healthy or not played.notes["p"], fields


NOT_FOR_THEM = "it is for curl only, which did not play"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"fault": "servfail", "names": ["graph.microsoft.com"]}, "no client asked for graph.microsoft.com"),
        ({"fault": "nxdomain", "names": [HOST], "clients": ["curl"]}, f"{NOT_FOR_THEM}: office, native-prompt did"),
        ({"fault": "http-status", "host": "sts.fabrikam.com"}, "no client asked for sts.fabrikam.com"),
        ({"fault": "http-delay", "host": "sts.fabrikam.com", "seconds": 5}, "no client asked for sts.fabrikam.com"),
    ],
)
def test_a_fault_that_touched_nothing_is_said_with_the_reason(fault, words):
    """In the table and in JSON: the fault's name, and what the clients did instead."""
    result = run_result(_play([fault], CLIENTS[:2]))
    (note,) = result.phases[0].notes
    assert note == f"{fault['fault']} touched nothing: {words}"
    assert f"  note: {note}" in table(result).splitlines()
    assert run_result(_play([{"fault": "servfail", "names": [HOST]}])).phases[0].notes == ()


def test_a_fault_at_another_resolver_names_the_one_that_is_asked():
    """The client's device has another resolver than the faulty one."""
    one, other = (
        DnsResolver(name=name, address=at) for name, at in (("res-oslo", "10.10.0.54"), ("res-bergen", "10.10.0.55"))
    )
    fault = {"fault": "servfail", "names": [HOST], "at": "resolver", "servers": ["res-oslo"]}
    played = _play([fault], [("office", "desk-1")], (one, other))
    assert played.notes["p"] == ("servfail touched nothing: office asks res-bergen",)


def test_it_is_said_over_sockets_and_in_the_report(bench, tmp_path):
    """``ssosim run`` prints it, and the report has it."""
    file, report = tmp_path / "s.toml", tmp_path / "r.html"
    file.write_text(
        'name = "idle"\ntitle = "t"\nend = 2025-03-01T11:00:00Z\n[[clients]]\nname = "office"\nmodel = "office"\n'
        '[[phases]]\nname = "p"\nstart = 2025-03-01T10:00:00Z\n'
        'faults = [{ fault = "servfail", names = ["graph.microsoft.com"] }]\n'
    )
    done = bench.run("run", str(file), "--report", str(report), "--json")
    assert done.returncode == 0, done.stderr
    note = "servfail touched nothing: no client asked for graph.microsoft.com"
    assert json.loads(done.stdout)["phases"][0]["notes"] == [note]
    assert note in report.read_text()

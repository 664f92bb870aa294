"""A real Chromium at a federated domain's own sign-in page, by its form and by its ticket."""

import json

import pytest

from ssosim.real_clients.folders import find_client_home
from ssosim.real_clients.installation import describe_missing_tools
from ssosim.real_clients.lookup import find_flows
from ssosim.trace import HttpExchange, KdcExchange, UserPrompted
from ssosim.trace.export import read_records
from ssosim.verdict.judge import judge
from ssosim.verdict.outcome import Outcome

STS = "sts.fabrikam.com"
POLICY = {"AuthServerAllowlist": STS, "BlockThirdPartyCookies": False}
INTERNET_EXPLORER = 'CHROMIUM_FLAGS="$CHROMIUM_FLAGS --user-agent=Trident/7.0"\n'


@pytest.fixture
def chromium(running, request, tmp_path):
    """Runs the page flow as the federated user; the records of its trace."""
    (client_flow,) = find_flows("chromium/sign-in-page")
    if text := describe_missing_tools(client_flow.client):
        pytest.skip(text)
    policies = tmp_path / "chromium/policies/managed"
    policies.mkdir(parents=True)
    (policies / "allowed.json").write_text(json.dumps(POLICY))
    (tmp_path / "chromium.d").mkdir()

    def run(flags=""):
        (tmp_path / "chromium.d/flags").write_text(flags)
        label, place = request.node.name, str(find_client_home(client_flow.client))
        command = [word.replace("{home}", place) for word in client_flow.flow.run]
        done = running.run("exec", "--device", "desk-3", "--as", label, "--etc", str(tmp_path), "--", *command)
        assert done.stdout == "signed in as frank@fabrikam.com\n", done.stderr
        return list(read_records(running.run("trace", "--json", "--client", label).stdout.splitlines()))

    return run


def events(records, kind):
    """The events of one kind."""
    return [record.event for record in records if isinstance(record.event, kind)]


def test_chromium_comes_back_from_the_company_with_a_code(chromium):
    """CONNECT-013: out by the login hint, the form, and the answer from another site with the first site's cookie."""
    records = chromium()
    assert [event.reason for event in events(records, UserPrompted)] == [f"sign-in page of {STS}"]
    assert [event.host for event in events(records, HttpExchange) if event.auth == "password"] == [STS]
    assert judge(records, records[0].at).outcome is Outcome.INTERACTIVE


def test_a_browser_that_the_service_knows_signs_in_silently(chromium):
    """WIASupportedUserAgents: challenge and ticket at /adfs/ls/wia, and nobody is asked."""
    records = chromium(INTERNET_EXPLORER)
    wia = [(event.status, event.auth) for event in events(records, HttpExchange) if event.path == "/adfs/ls/wia"]
    assert wia == [(401, "none"), (200, "kerberos")]
    assert [e.service for e in events(records, KdcExchange) if e.request == "TGS"][-1] == f"HTTP/{STS}"
    assert judge(records, records[0].at).outcome is Outcome.SILENT

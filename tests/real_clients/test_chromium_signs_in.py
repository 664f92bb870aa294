"""A real Chromium in the lab: how it signs in, under which policies it does not, and which services it asks for."""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import msgspec
import pytest
from ssosim_clients.spn import RULES

from ssosim.faults import CnameForAlias, PtrMismatch, TrafficManagerDeleted
from ssosim.real_clients.lookup import find_flows
from ssosim.testing import ClientEnvironment, host_lab
from ssosim.trace import HttpExchange, KdcExchange, UserPrompted
from ssosim.trace.export import read_records
from ssosim.verdict.judge import judge

FOLDER = Path(__file__).parents[2] / "clients" / "real" / "chromium"
TYPED, TARGET = "HTTP/autologon.microsoftazuread-sso.com", "HTTP/www.tm.a.prd.aadg.trafficmanager.net"
POINTER = "HTTP/node7.example.com"
STATES = {
    "sign-in-page": (),
    "empty": (TrafficManagerDeleted(profile="aadg-autologon"),),
    "cname": (CnameForAlias(name="autologon.microsoftazuread-sso.com", profile="aadg-autologon"),),
    "ptr": (PtrMismatch(address="192.0.2.20", points_to="node7.example.com"),),
}

# By label: outcome, what /winauth/sso was sent and said, the services for which tickets were asked.
HAPPY = ["401 none", "200 kerberos"]
PLAIN, TWICE = ["401 none"], ["401 none", "401 none"]
SEEN = {
    "sign-in-page": ("silent", HAPPY, [TYPED]),
    "winauth-sso": ("silent", HAPPY, [TYPED]),
    "first-start": ("interactive", PLAIN, []),
    "no-allowlist": ("interactive", PLAIN, []),
    "cookies-blocked": ("interactive", PLAIN, []),
    "refuses": ("failed", PLAIN, []),
    "no-credentials": ("interactive", TWICE, []),
    "kdc-silent": ("interactive", TWICE, [TYPED]),
    "empty": ("interactive", [], []),
    "cname": ("interactive", TWICE, [TARGET]),
    "cname-no-cname": ("interactive", TWICE, [TARGET]),
    "cname-library": ("interactive", TWICE, [TARGET]),
    "cname-as-typed": ("silent", HAPPY, [TYPED]),
    "ptr": ("interactive", TWICE, [POINTER]),
}


class Desk:
    """Starts flows of the client in a lab, several at once."""

    def __init__(self, running, scratch):
        self.running = running
        self.started = []
        self.fault = ""
        self.scratch = scratch

    def start(self, label, flow="", *options, krb5=""):
        """One flow, as its manifest says, under a label of its own; ``krb5``: with the environment of that flow."""
        client_flow, environment = (find_flows(f"chromium/{name or label}")[0].flow for name in (flow, krb5 or flow))
        settings = [f"{name}={value}".replace("{home}", str(FOLDER)) for name, value in environment.environment.items()]
        command = [word.replace("{home}", str(FOLDER)) for word in client_flow.run]
        self.run(label, FOLDER / client_flow.etc, *options, "--", "env", *settings, *command)

    def run(self, label, etc, *words):
        """A program with the files of ``etc``."""
        words = ("exec", "--as", label, "--etc", str(etc), *words)
        self.started.append(self.running.popen(*words, env={"TMPDIR": str(self.scratch)}))

    def wait(self):
        """Until all have ended."""
        for process in self.started:
            process.communicate(timeout=240)
        self.started = []

    def broken(self, state):
        """Put a state in force, in the place of the one before."""
        if self.fault:
            self.running.run("fault", "undo", self.fault)
        (fault,) = STATES[state]
        fields = msgspec.to_builtins(fault)
        self.fault = fields.pop("fault")
        self.apply(self.fault, **fields)

    def apply(self, fault, **fields):
        """A fault by name."""
        done = self.running.run("fault", "apply", fault, *(f"{n}={v}" for n, v in fields.items() if v))
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def scratch():
    """Where programs put what they do not keep; a short path, since sockets' names may have 107 letters."""
    with tempfile.TemporaryDirectory(prefix="c") as folder:
        yield folder


@pytest.fixture(scope="module")
def trace(running, scratch):
    """Every flow and state once, side by side where that is possible; the records of each by label."""
    if shutil.which("chromium") is None:
        pytest.skip("there is no Chromium on this machine: sudo apt-get install chromium")
    slow, desk = Desk(running, scratch), Desk(running, scratch)
    slow.apply("kdc-silent", clients="kdc-silent")
    slow.start("kdc-silent", "sign-in-page")
    for label in ("sign-in-page", "winauth-sso", "first-start", "no-allowlist", "cookies-blocked"):
        desk.start(label)
    desk.start("refuses", "cookies-blocked", "--person", "refuses")
    desk.start("no-credentials", "sign-in-page", "--device", "laptop-1")
    _ports(desk)
    desk.wait()
    desk.broken("cname")
    desk.start("cname", "sign-in-page")
    desk.start("cname-no-cname", "no-cname")
    desk.start("cname-library", "sign-in-page", krb5="as-typed")
    desk.start("cname-as-typed", "as-typed")
    desk.wait()
    slow.wait()
    for label in ("empty", "ptr"):
        desk.broken(label)
        desk.start(label, "sign-in-page")
        desk.wait()
    found = {}
    for record in read_records(running.run("trace", "--json").stdout.splitlines()):
        found.setdefault(record.client, []).append(record)
    return found


def _ports(desk):
    """A service on another port, with the policy that puts the port into its name and without."""
    for label, policy in (("port", {"EnableAuthNegotiatePort": True}), ("no-port", {})):
        folder = desk.running.home / label / "chromium" / "policies" / "managed"
        folder.mkdir(parents=True)
        (folder / "port.json").write_text(json.dumps({"AuthServerAllowlist": "localhost", **policy}))
        program = [sys.executable, "-B", str(Path(__file__).with_name("chromium_port.py")), str(FOLDER)]
        desk.run(label, desk.running.home / label, "--", *program)


def _events(records, kind):
    return [record.event for record in records if isinstance(record.event, kind)]


def _asked(records):
    """What /winauth/sso was sent and said; the services asked for, each once, without the next realm's."""
    exchanges = [each for each in _events(records, HttpExchange) if each.path.endswith("/winauth/sso")]
    services = dict.fromkeys(each.service for each in _events(records, KdcExchange) if each.request == "TGS")
    return [f"{each.status} {each.auth}" for each in exchanges], [s for s in services if not s.startswith("krbtgt/")]


@pytest.mark.parametrize("label", SEEN)
def test_what_a_chromium_does(trace, label):
    """read-spn, the row of Chromium on Linux: both canonicalisers, the PTR, each knob, no ticket.

    Besides: GSSAPI only from the second start on, no ticket without an allow list or with third-party cookies blocked,
    and a whole sign-in by the page's script (TMS9-043, TMS9-082).
    """
    records = trace[label]
    verdict = judge(records, records[0].at)
    outcome, exchanges, services = SEEN[label]
    assert (verdict.outcome.value, *_asked(records)) == (outcome, exchanges, services), verdict.reason
    asked = outcome != "silent"
    assert len(_events(records, UserPrompted)) == asked


def test_the_page_is_gone_through_in_order(trace):
    """Authorize, challenge, ticket, the page's own post, and the application redeems the code."""
    paths = [f"{e.method} {e.path.rpartition('/')[2]} {e.status}" for e in _events(trace["sign-in-page"], HttpExchange)]
    assert paths == ["GET authorize 200", "GET sso 401", "GET sso 200", "POST login 302", "POST token 200"]


def test_a_silent_kdc_holds_up_all_that_the_browser_sends(trace):
    """One attempt of libkrb5 (27 s), in which not even the form's password leaves, though its page shows it at 10 s."""
    exchanges = [record for record in trace["kdc-silent"] if isinstance(record.event, HttpExchange)]
    challenge, again = (record.at for record in exchanges if record.event.path.endswith("/winauth/sso"))
    assert 20 < again - challenge < 50
    assert not [record for record in exchanges if challenge < record.at < again]


def test_without_credentials_only_chromium_looks_the_name_up(trace):
    """Libkrb5 canonicalises when it has something to ask with: no PTR is asked for."""
    questions = {
        label: [r.event.type for r in trace[label] if type(r.event).__name__ == "DnsAnswered"] for label in SEEN
    }
    assert "PTR" in questions["sign-in-page"]
    assert "PTR" not in questions["no-credentials"]


def test_nothing_is_left_of_a_browser(trace, scratch):
    """Profile, home and sockets are gone with it, whatever came of the sign-in."""
    assert trace
    assert list(Path(scratch).iterdir()) == []


def test_the_port_is_part_of_the_name_only_by_policy(trace):
    """EnableAuthNegotiatePort: HTTP/host:port for ports other than 80 and 443."""
    assert _asked(trace["port"])[1] == ["HTTP/localhost:8080"]
    assert _asked(trace["no-port"])[1] == ["HTTP/localhost"]


@pytest.fixture(scope="module")
def hosted(tmp_path_factory, prepared):
    """A lab for the model."""
    with host_lab(folder=tmp_path_factory.mktemp("hosted"), cache=prepared) as lab:
        yield lab


@pytest.mark.parametrize("label", ["sign-in-page", "empty", "cname", "ptr"])
def test_the_model_does_as_its_original(trace, hosted, label):
    """browser-linux: the same outcome, the same SPN, and the same requests to the autologon host, in each state."""
    before = len(hosted.records("browser-linux"))
    with hosted.broken(*STATES[label]):
        verdict = hosted.sign_in("browser-linux")
    records = hosted.records("browser-linux")[before:]
    original = judge(trace[label], trace[label][0].at)
    assert (verdict.outcome, verdict.spn) == (original.outcome, original.spn)
    assert original.reason.startswith(verdict.reason)
    assert _asked(records) == _asked(trace[label])


def test_the_rule_fits_the_original_above_another_library(trace):
    """With dns_canonicalize_hostname = false Chromium's own look-up alone follows the CNAME."""
    world = ClientEnvironment()
    world.put_cname()
    rule = RULES["chromium-linux"].with_library(RULES["mit-no-canon"])
    asked = world.play(rule.form_candidates(TYPED.partition("/")[2], world.device().resolver))
    assert list(asked) == _asked(trace["cname-library"])[1]

"""What the control API answers is read into models: nothing is lost on the way, and a mismatch is told."""

import json

import pytest

from ssosim.lab.base.errors import LabError
from ssosim.lab.base.folder import LabFolder
from ssosim.lab.control import answers
from ssosim.lab.control.answers import Faults, LabStatus, UndoneFaults, parse_fault, read_answer, request_typed
from ssosim.lab.control.dns_answers import Zones
from ssosim.lab.control.spn_answers import Spns
from ssosim.lab.program_devices.control_client import request_json

STATUS = {
    "name": "n", "state": "up", "estate": "e", "pid": 1, "ready_s": 0.5, "uptime_s": 1, "trace_records": 3,
    "folder": "/f", "parts": [{"part": "kdc", "what": "w", "where": "x"}], "api": {"socket": "/s"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pid": "1"}, ["Expected `int`, got `str`", "$.pid"]),
        ({"parts": [{"part": "kdc"}]}, ["$.parts[0]", "`what`"]),
        ({"moon": "full"}, ["unknown field `moon`"]),
        ({"api": None}, ["$.api"]),
    ],
)
def test_an_answer_that_does_not_fit_is_told(monkeypatch, change, words):
    """The error names the lab, the request, the place in the answer, and what may be the matter; exit code 1."""
    monkeypatch.setattr(answers, "send_request", lambda *_: json.dumps(STATUS | change).encode())

    class Folder:
        name = "here"

    with pytest.raises(LabError) as refused:
        request_typed(Folder(), "GET", "/v1/status", LabStatus)
    text = str(refused.value)
    assert all(word in text for word in (*words, 'lab "here"', "GET /v1/status", "another version")), text
    assert refused.value.exit_code == 1


@pytest.mark.parametrize("text", [b"", b"null", b"[1]", b"{", b"\xff"])
def test_what_is_no_answer_is_told(text):
    """Whatever comes, it is an error with words."""
    with pytest.raises(LabError, match="not understood"):
        read_answer(text, LabStatus, "a lab")


def test_a_fault_without_a_number_is_told():
    """A fault in force has a number, a name and a description at least."""
    assert parse_fault({"id": 3, "fault": "drop", "description": "d", "names": ["x"]}).id == 3
    with pytest.raises(LabError, match="not understood"):
        parse_fault({"fault": "drop"})


def test_json_loses_nothing_of_what_the_lab_says(running):
    """`--json` prints the lab's own answer: status, faults in force, SPNs."""

    def raw(method, path, body=None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SSOSIM_HOME", str(running.home))
            return request_json(LabFolder.of("default"), method, path, body)

    def said(*words):
        done = running.run(*words)
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        del answer["version"], answer["kind"]  # of the document, beside the lab's answer
        return answer

    changing = ("uptime_s", "trace_records")
    status, own = said("status", "--name", "default", "--json")["labs"][0], raw("GET", "/v1/status")
    assert {k: v for k, v in status.items() if k not in changing} == {k: v for k, v in own.items() if k not in changing}
    assert set(status) == set(own)

    applied = said("fault", "apply", "http-status", "host=login.microsoftonline.com", "status=503", "--json")
    assert applied["status"] == 503
    listed = said("fault", "list", "--json")["active"]
    assert listed == raw("GET", "/v1/faults")["faults"] == [applied]
    assert said("fault", "undo", "all", "--json") == {"undone": [applied]}

    host = "autologon.microsoftazuread-sso.com"
    rows = said("spn", host, "--json")
    own = raw("POST", "/v1/spn", {"host": host})
    assert [{k: v for k, v in row.items() if k != "clients"} for row in rows.pop("rules")] == own.pop("rules")
    assert rows == own


def test_models_read_what_the_lab_writes(running):
    """Each model fits the answer of a lab of this version, to the last field."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSOSIM_HOME", str(running.home))
        folder = LabFolder.of("default")
        assert request_typed(folder, "GET", "/v1/status", LabStatus).state == "up"
        assert request_typed(folder, "GET", "/v1/faults", Faults).faults == ()
        assert request_typed(folder, "DELETE", "/v1/faults/all", UndoneFaults).undone == ()
        assert request_typed(folder, "POST", "/v1/spn", Spns, {"host": "autologon.microsoftazuread-sso.com"}).rules
        assert request_typed(folder, "GET", "/v1/dns/zones", Zones).estate.name

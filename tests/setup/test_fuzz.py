"""The fuzzer finds what a parser does not bear, and says which target it is."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from fuzz import run
from fuzz.targets import TARGETS
from fuzz.worst import list_inputs

ROOT = Path(run.__file__).parents[1]

READERS = {
    "form, scope": "ssosim.entra.oauth.requested_access.read_scopes",
    "form, token endpoint": "ssosim.entra.oauth.token_request.read_fields",
    "http cookie": "ssosim.entra.oauth.authorize_endpoint.read_browser_cookie",
    "http request": "ssosim.entra.http.exchange.find_route",
    "http target": "ssosim.entra.http.exchange.find_route",
    "http user agent": "ssosim.entra.signin.adfs_pages._show_page",
    "json, credential type": "ssosim.entra.signin.credential_type.build_credential_type",
    "negotiate header": "ssosim.entra.wstrust.integrated_auth.accept_ticket",
    "negotiate token": "fuzz.targets.read_message",
    "sealed token": "ssosim.entra.core.sealed_tokens._decode",
    "xml, assertion": "ssosim.entra.oauth.assertion.read_assertion",
    "xml, signature": "ssosim.entra.oauth.assertion.read_assertion",
    "xml, wresult": "fuzz.targets.verify_assertion",
}
"""What reads the input of a target that has other checks before it."""


class ReachedError(Exception):
    """The parser was called."""


def test_seeds_select_their_target(tmp_path):
    """The first byte of each seed is the number of its target; every target has seeds; none is too long."""
    names = sorted(TARGETS)
    run.write_seeds(names, tmp_path)
    seeds = [path.read_bytes() for path in tmp_path.iterdir()]
    assert {seed[0] for seed in seeds} == set(range(len(names)))
    assert max(map(len, seeds)) <= 4096


@pytest.mark.usefixtures("caplog")
@pytest.mark.parametrize("name", READERS)
def test_a_target_reaches_its_parser(name, monkeypatch):
    """An input that is refused before it is read, as by a missing header of the request, tests no parser."""

    def fail(*_, **__):
        raise ReachedError

    TARGETS[name].function(b"")
    monkeypatch.setattr(READERS[name], fail)

    def play() -> None:
        for _, data in list_inputs(name, 16 * 1024):
            TARGETS[name].function(data)

    with pytest.raises(ReachedError):
        play()


def test_new_inputs_go_to_the_folder_of_their_target(tmp_path, monkeypatch):
    """An input is stored without its first byte, once."""
    monkeypatch.setattr(run, "CORPUS", tmp_path / "corpus")
    grown = tmp_path / "grown"
    grown.mkdir()
    (grown / "a").write_bytes(b"\x01hello")
    names = ["xml", "zone file"]
    assert (run.keep_new(names, grown), run.keep_new(names, grown)) == (1, 0)
    (kept,) = (tmp_path / "corpus" / "zone-file").iterdir()
    assert kept.read_bytes() == b"hello"


@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris has no wheel for this interpreter or machine")
def test_an_exception_is_found_and_named(tmp_path):
    """A parser that raises ends the run with 1, with the input in a file and the target's name on standard error."""
    code = """
import sys, runpy
from fuzz import run
run._CHILD = run._CHILD.replace("functions = [", "import json; functions = [json.loads, *(").replace(
    'split("|")]', 'split("|"))]')
run.FOUND = __import__("pathlib").Path(sys.argv.pop(1))
sys.exit(run.main(["--seconds", "20", "--target", "xml"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "found")],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "clients")])},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1, done.stderr[-2000:]
    assert "does not bear" in done.stderr
    assert len(list((tmp_path / "found").iterdir())) == 1


@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris has no wheel for this interpreter or machine")
@pytest.mark.parametrize(
    ("child", "code"),
    [("", 4), ("import sys; print('stat::number_of_executed_units: 5000', file=sys.stderr)", 0), ("raise OSError", 1)],
)
def test_a_run_that_tries_nothing_finds_nothing(child, code, tmp_path, monkeypatch):
    """The exit code is 4 where libFuzzer ends before it has tried each seed: such a run says nothing about parsers."""
    monkeypatch.setattr(run, "_CHILD", child)
    monkeypatch.setattr(run, "FOUND", tmp_path / "found")
    assert run.main(["--seconds", "1", "--target", "xml", "--jobs", "2"]) == code


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("form, token endpoint", "exchange.find_route"),
        ("http request", "exchange.find_route"),
        ("http request", "app.read_body"),
    ],
)
def test_an_exception_that_is_answered_with_500_is_found(name, broken, monkeypatch, caplog):
    """A target raises what the identity provider or aiohttp logged: a status 500 alone ends no run of the fuzzer."""

    def fail(*_):
        raise ZeroDivisionError

    body = b"grant_type=password"
    monkeypatch.setattr(f"ssosim.entra.http.{broken}", fail)
    # With ``Connection: close`` the request reaches the handler of aiohttp, which reads the body, on each Python.
    head = (
        b"POST /organizations/oauth2/v2.0/token HTTP/1.1\r\nHost: login.microsoftonline.com\r\n"
        b"Connection: close\r\nContent-Length: %d\r\n"
    )
    data = body if name.startswith("form") else head % len(body) + b"\r\n" + body
    with pytest.raises(ZeroDivisionError):
        TARGETS[name].function(data)
    assert len(caplog.records) == 1
    monkeypatch.undo()
    TARGETS[name].function(data)

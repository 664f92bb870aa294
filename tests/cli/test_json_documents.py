"""``--json``: one document in every outcome, with the verdict of the exit code; and no option is dropped in silence."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from ssosim.changes.snapshot import to_data
from ssosim.dns.imports import read_tree
from ssosim.estate import default_estate
from ssosim.lab.base.errors import LabInputError, LabRefusedError
from tests.cli.zone_trees import ZONE, write_trees


@pytest.fixture
def tree(own_home: Path) -> Path:
    """Two trees of zones in the working folder, a change, and an empty file; the first tree is returned."""
    (own_home / "mine.toml").write_text("", encoding="utf-8")
    return write_trees(own_home)


@pytest.mark.parametrize(
    "words",
    [
        "dns export out --zones tree --json",
        "dns lint --codes --json",
        "clients --packages --json",
        "clients --install nope --json",
        "estate schema --json",
        "man --json",
    ],
)
@pytest.mark.usefixtures("tree")
def test_json_is_refused_where_there_is_no_document(words, play_command, own_home):
    """A command without a document does not print text to a program that asked for JSON: exit code 2, nothing done."""
    ended = play_command(*words.split())
    assert (ended.code, ended.out) == (2, "")
    assert "--json" in ended.err
    assert not (own_home / "out").exists()


@pytest.mark.parametrize(
    ("words", "option"),
    [
        ("dns show --estate mine.toml", "--estate"),
        ("dns lint --estate mine.toml", "--estate"),
        ("dns export out --estate mine.toml", "--estate"),
        ("dns plan change.toml --estate mine.toml", "--estate"),
        ("dns show --without CAA", "--without"),
        ("dns lint --without CAA", "--without"),
        ("dns export out --without CAA", "--without"),
        ("dns plan change.toml --policy strict", "--policy"),
        ("dns plan change.toml --inventory mine.toml", "--inventory"),
        ("dns plan --from tree --to after --policy strict", "--policy"),
    ],
)
def test_an_option_about_files_is_refused_for_a_lab(words, option, tree, answering_lab, play_command):
    """The zones of a lab are judged with the lab's estate, policy and inventory: another one is refused."""
    answering_lab.answers["GET /v1/dns/zones"] = {
        "zones": to_data(read_tree(tree)),
        "staged": [],
        "estate": msgspec.to_builtins(default_estate()),
        "locks": {},
        "ledger": [],
        "policy": "strict",
    }
    ended = play_command(*words.split())
    assert (ended.code, ended.out) == (2, ""), ended.err
    assert f"{option}: without --zones DIR" in ended.err
    assert not any(method == "POST" for method, _, _ in answering_lab.requests)


def test_a_lint_that_looks_for_nothing_is_refused(tree, play_command):
    """``--only`` and ``--skip`` of the same code leave no code: such a check could not fail."""
    ended = play_command("dns", "lint", "--zones", str(tree), "--only", "no-ns", "--skip", "no-ns")
    assert (ended.code, ended.out) == (2, "")
    assert "leaves no code" in ended.err


@pytest.mark.parametrize(
    ("zone", "words", "code"),
    [
        (ZONE, "", 0),
        (f"{ZONE}x CNAME y\n", "", 1),
        (f"{ZONE}x CNAME y\n", "--fail-on none", 0),
        (f"{ZONE}x CNAME y\n", "--skip dangling-cname", 0),
        (f"{ZONE}x CNAME y\n", "--only ttl-short --fail-on lint=warning", 0),
        (f"{ZONE}x 5 A 192.0.2.1\n", "--only ttl-short", 0),
        (f"{ZONE}x 5 A 192.0.2.1\n", "--only ttl-short --fail-on lint=warning", 1),
        (f"{ZONE}x 5 A 192.0.2.1\n", "--only ttl-short --fail-on lint=info", 1),
    ],
)
def test_lint_fails_exactly_where_a_finding_is_severe(zone, words, code, tree, play_command):
    """Exit code 1 goes with a finding of that severity in the document, exit code 0 with none."""
    (tree / "example.test.zone").write_text(zone, encoding="utf-8")
    ended = play_command("dns", "lint", "--zones", "tree", *words.split(), "--json")
    severities = {finding["severity"] for finding in ended.document["findings"]}
    least = words.partition("lint=")[2] or ("none" if "none" in words else "error")
    failing = {"none": [], "error": ["error"], "warning": ["error", "warning"], "info": ["error", "warning", "info"]}
    assert ended.code == code
    assert bool(severities.intersection(failing[least])) == bool(code)


@pytest.mark.parametrize(
    ("name", "code"), [("example.test", 0), ("new.example.test", 1), ("test", 0), ("xexample.test", 1)]
)
def test_show_fails_where_it_shows_nothing(name, code, tree, play_command):
    """No record at or below a name gives exit code 1, and a document without records; a suffix is not "below"."""
    (tree / "example.test.zone").write_text(f"{ZONE}renew A 192.0.2.9\n", encoding="utf-8")
    ended = play_command("dns", "show", name, "--zones", str(tree), "--json")
    assert ended.code == code
    assert bool(ended.document["records"]) == (code == 0)


@pytest.mark.parametrize(
    ("refused", "code", "err"),
    [
        (LabRefusedError("the gate is shut", {"error": "the gate is shut"}), 1, "ssosim: the gate is shut\n"),
        (LabInputError("no such change"), 2, "ssosim: no such change\n"),
    ],
)
@pytest.mark.usefixtures("tree")
def test_a_refusal_is_a_document_and_a_mistake_is_none(refused, code, err, answering_lab, play_command):
    """What the gate refuses is printed as JSON with exit code 1; a mistake of the user leaves standard output empty."""
    answering_lab.answers["POST /v1/dns/rollback"] = refused
    ended = play_command("dns", "rollback", "7", "--json")
    assert (ended.code, ended.err) == (code, err)
    if code == 1:
        assert ended.document == {"version": "1", "kind": "dns-refusal", "error": "the gate is shut"}
    else:
        assert ended.out == ""


@pytest.mark.parametrize(("total", "code"), [(0, 0), (2, 1)])
@pytest.mark.usefixtures("tree")
def test_a_name_in_use_stops_the_change_before_it_is_made(total, code, answering_lab, play_command, monkeypatch):
    """A hit of the counting backend ends ``apply`` with exit code 1 and a document; nothing is applied."""
    monkeypatch.setattr("ssosim.cli.dns.changes.time.sleep", lambda _: None)
    answering_lab.answers |= {
        "POST /v1/dns/substitutions": {"names": ["new.fabrikam.com"], "ttl": 60},
        "POST /v1/dns/substitutions/finish": {"hits": {"new.fabrikam.com": total}, "total": total},
        "POST /v1/dns/apply": LabInputError("applied"),
    }
    ended = play_command("dns", "apply", "change.toml", "--substitute", "1s", "--json")
    applied = "/v1/dns/apply" in [path for _, path, _ in answering_lab.requests]
    assert applied == (total == 0)
    if total:
        assert ended.code == code
        assert "new.fabrikam.com: 2 connections" in ended.document["error"]


@pytest.mark.usefixtures("tree")
def test_a_counting_backend_is_ended_when_the_wait_is(answering_lab, play_command, monkeypatch):
    """Ctrl-C while the backend counts ends it, with exit code 130; the change is not made."""

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ssosim.cli.dns.changes.time.sleep", interrupt)
    answering_lab.answers |= {
        "POST /v1/dns/substitutions": {"names": ["new.fabrikam.com"], "ttl": 60},
        "POST /v1/dns/substitutions/finish": {"hits": {}, "total": 0},
    }
    assert play_command("dns", "apply", "change.toml", "--substitute", "1s").code == 130
    assert [path for _, path, _ in answering_lab.requests] == ["/v1/dns/substitutions", "/v1/dns/substitutions/finish"]


@pytest.mark.parametrize("waits", [("1s", 60, 61.0), ("2m", 60, 120.0)])
@pytest.mark.usefixtures("tree")
def test_a_counting_backend_counts_for_the_ttl_at_least(waits, answering_lab, play_command, monkeypatch):
    """It counts longer than caches have the old address: TTL and a second, or the option's time if longer."""
    given, ttl, slept = waits
    times: list[float] = []
    monkeypatch.setattr("ssosim.cli.dns.changes.time.sleep", times.append)
    answering_lab.answers |= {
        "POST /v1/dns/substitutions": {"names": ["new.fabrikam.com"], "ttl": ttl},
        "POST /v1/dns/substitutions/finish": {"hits": {}, "total": 0},
        "POST /v1/dns/apply": LabInputError("enough"),
    }
    play_command("dns", "apply", "change.toml", "--substitute", given)
    assert times == [slept]


@pytest.mark.parametrize("claim", ["NaN", "Infinity", "-Infinity", "1e999", "[NaN]"])
def test_a_claim_that_is_not_json_is_text(claim, answering_lab, play_command):
    """Numbers that JSON does not have are plain text, so that a token is valid JSON (RFC 8259, section 6; RFC 7519)."""
    answering_lab.answers["POST /v1/federated-tokens"] = {"token": "a.b.c"}
    assert play_command("federated-token", "--subject", "s", "--claim", f"x={claim}").code == 0
    assert answering_lab.requests[0][2] == {"subject": "s", "claims": {"x": claim}}
    json.dumps(answering_lab.requests[0][2], allow_nan=False)


def test_claims_keep_their_types_and_names(answering_lab, play_command):
    """A claim is JSON where it can be, else text; the value may contain the equals sign; null leaves a claim out."""
    answering_lab.answers["POST /v1/federated-tokens"] = {"token": "a.b.c"}
    words = ['a={"b": [1, true]}', "c=x=y", "d=null", 'e="1"', "f="]
    ended = play_command("federated-token", "--subject", "s", *(part for word in words for part in ("--claim", word)))
    assert ended.out == "a.b.c\n"
    claims = {"a": {"b": [1, True]}, "c": "x=y", "d": None, "e": "1", "f": ""}
    assert answering_lab.requests[0][2] == {"subject": "s", "claims": claims}


@pytest.mark.parametrize(
    ("claims", "hint"), [(["x=1", "x=2"], "x is given twice"), (["x"], "expected NAME=VALUE"), (["=1"], "NAME=VALUE")]
)
def test_a_claim_that_would_be_dropped_is_refused(claims, hint, answering_lab, play_command):
    """A claim without a name, without a value, or given twice: exit code 2, and no token."""
    ended = play_command("federated-token", "--subject", "s", *(word for each in claims for word in ("--claim", each)))
    assert (ended.code, ended.out) == (2, "")
    assert hint in ended.err
    assert answering_lab.requests == []


@pytest.mark.parametrize(("text", "seconds"), [("-5m", -300), ("90s", 90), ("0", 0), ("1.4s", 1)])
def test_an_expiry_is_from_now_in_whole_seconds(text, seconds, answering_lab, play_command):
    """``--expires-in`` may be past or present; the lab gets whole seconds, as NumericDate of a token is here."""
    answering_lab.answers["POST /v1/federated-tokens"] = {"token": "a.b.c"}
    assert play_command("federated-token", "--subject", "s", f"--expires-in={text}").code == 0
    assert answering_lab.requests[0][2] == {"subject": "s", "expires_in": seconds}

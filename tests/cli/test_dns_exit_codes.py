"""``ssosim dns`` on a lab: the exit code is the verdict of the lab's answer, as text and with ``--json``."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ssosim.cli.documents import DOCUMENTS
from ssosim.lab.control import dns_answers
from tests.cli.test_documents import CHANGE


@pytest.fixture
def answer(answering_lab, filler, own_home):
    """Have the lab answer an action of DNS with a model that is filled, and changed by some fields."""
    (own_home / "change.toml").write_text(CHANGE, encoding="utf-8")

    def give(action: str, kind: type[Any], **changes: Any) -> dict[str, Any]:
        filled: dict[str, Any] = filler("x", {}).fill(kind) | changes
        msgspec.convert(filled, kind)
        answering_lab.answers[f"POST /v1/dns/{action}"] = filled
        return filled

    give.requests = answering_lab.requests  # type: ignore[attr-defined]
    return give


def check_both(play_command: Any, words: list[str], kind: str, code: int) -> dict[str, Any]:
    """The document of a command, whose exit code is ``code`` with it and without it."""
    shown, document = play_command(*words), play_command(*words, "--json")
    assert (shown.code, document.code) == (code, code), (shown.err, document.err)
    assert shown.out
    msgspec.convert(document.document, DOCUMENTS[kind])
    found: dict[str, Any] = document.document
    return found


@pytest.mark.parametrize("equal", [True, False])
@pytest.mark.parametrize(
    ("action", "words"),
    [("apply", ["apply", "change.toml"]), ("rollback", ["rollback"]), ("rollback", ["rollback", "3"])],
)
def test_a_change_that_is_not_what_was_planned_is_a_failure(action, words, equal, answer, play_command):
    """Exit code 1 where the zones after the change are not those of the plan, or after a rollback not those before."""
    verification = answer(action, dns_answers.ChangeResult)["verification"]
    answer(action, dns_answers.ChangeResult, verification=verification | {"equal": equal})
    document = check_both(play_command, ["dns", *words], f"dns-{action}", 0 if equal else 1)
    assert document["verification"]["equal"] is equal


@pytest.mark.parametrize(
    ("severities", "fail_on", "code"),
    [
        ([], "any", 0), ([], "1", 0), ([4], "any", 1), ([4], "4", 1), ([4], "3", 0), ([2, 4], "1", 0),
        ([2, 4], "2", 1), ([1], "1", 1), ([1], "none", 0), ([1, 2, 3, 4], "none", 0), ([3, 1], "1", 1),
    ],
)  # fmt: skip
def test_drift_fails_for_findings_as_severe_as_asked_for(severities, fail_on, code, answer, play_command):
    """1 is the worst severity; a finding of the given one or a worse one gives exit code 1, and a milder one none."""
    finding = answer("drift", dns_answers.Drift)["findings"][0]
    answer("drift", dns_answers.Drift, findings=[finding | {"severity": each} for each in severities])
    document = check_both(play_command, ["dns", "drift", "--fail-on", fail_on], "dns-drift", code)
    assert [each["severity"] for each in document["findings"]] == severities


def test_drift_fails_for_any_finding_by_default(answer, play_command):
    """Without ``--fail-on`` the mildest finding gives exit code 1; ``--inside`` asks for no probes."""
    finding = answer("drift", dns_answers.Drift)["findings"][0]
    answer("drift", dns_answers.Drift, findings=[finding | {"severity": 4}])
    check_both(play_command, ["dns", "drift"], "dns-drift", 1)
    check_both(play_command, ["dns", "drift", "--inside"], "dns-drift", 1)
    assert [body for _, _, body in answer.requests] == [{"outside": True}] * 2 + [{"outside": False}] * 2


@pytest.mark.parametrize(
    ("words", "body"),
    [
        (["--policy", "strict"], "policy"),
        (["--detector", "on"], {"detector": {"enabled": True, "aliases": True}}),
        (["--detector", "no-aliases"], {"detector": {"enabled": True, "aliases": False}}),
        (["--detector", "off"], {"detector": {"enabled": False, "aliases": False}}),
        ([], {}),
    ],
    ids=" ".join,
)
def test_settings_are_those_that_were_given(words, body, answer, play_command):
    """Only what an option names is changed; the detector of February 2025 is on, and blind for aliases."""
    answer("settings", dns_answers.Settings)
    assert play_command("dns", "settings", *words).code == 0
    ((_, _, sent),) = answer.requests
    assert (sent == body) if isinstance(body, dict) else ([*sent] == [body])


def test_a_load_is_told_with_its_version(answer, own_home, play_command):
    """What is loaded is said with the version that the zones have then; the lab gets the zones of the tree."""
    (own_home / "tree").mkdir()
    (own_home / "tree" / "example.test.zone").write_text(
        "$ORIGIN example.test.\n$TTL 60\n@ A 192.0.2.1\n", encoding="utf-8"
    )
    answer("load", dns_answers.LoadedZones, version=41)
    ended = play_command("dns", "load", "tree")
    assert (ended.code, ended.out) == (0, "loaded tree; the zones are at version 41, and this is the desired state\n")
    ((_, _, sent),) = answer.requests
    assert "example.test" in str(sent["zones"])


@pytest.mark.parametrize("approvals", [[], ["--by", "ann", "--by", "ben"]])
def test_who_applies_is_told_to_the_gate(approvals, answer, play_command):
    """The persons at the keyboard, the token of the plan and the change reach the lab as given."""
    answer("apply", dns_answers.ChangeResult)
    play_command("dns", "apply", "change.toml", "--plan", "t-1", *approvals)
    ((_, path, sent),) = answer.requests
    assert path == "/v1/dns/apply"
    assert (sent["plan"], sent["executors"], sent["approvals"]) == ("t-1", [*approvals[1::2]], [])
    assert sent["change"]["title"] == "a new name"

"""``ssosim dns check``: two trees judged without a lab, by named criteria, with approvals, as text and as files."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest
from conftest_ops import AUTOLOGON, LOGIN
from conftest_trees import manager_toml, write_tree
from lxml import etree

from ssosim.changes.risk import Level
from ssosim.changes.thresholds import DEFAULT_CRITERIA, FailOn, ThresholdError, parse_fail_on
from ssosim.cli import main
from ssosim.lab.base.folder import LabFolder
from ssosim.scenario.check_result import CheckResult
from ssosim.scenario.check_schema import build_check_schema

ROOT = Path(__file__).parents[2]
WEU = '{ name = "weu", address = "192.0.2.20" }'


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state folder of the test's own."""
    monkeypatch.setenv("SSOSIM_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


def check(capsys: pytest.CaptureFixture[str], *more: str, code: int) -> dict[str, object]:
    """Run the command on ``a`` and ``b``; the result, after its exit code was compared."""
    assert main(["dns", "check", "--from", "a", "--to", "b", "--json", *more]) == code, capsys.readouterr()
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def failed(result: dict[str, object]) -> dict[str, str]:
    """The criteria that are not met, and what was found."""
    found: dict[str, str] = {}
    for each in result["failed"]:  # type: ignore[attr-defined]
        found[each["criterion"]] = "\n".join(filter(None, (found.get(each["criterion"]), each["text"])))
    return found


def hosts(count: int, skip: int = 0) -> str:
    """Lines with as many address records."""
    return "".join(f"h{number} A 203.0.113.{number}\n" for number in range(skip, count))


def test_no_change_is_nothing_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Two equal trees pass with exit code 0, by check and by plan, and no gate refuses them."""
    for name in ("a", "b"):
        write_tree(tmp_path / name, manager_toml(WEU))
    result = check(capsys, code=0)
    assert (result["outcome"], result["failed"], result["forecast"]) == ("nothing-to-do", [], [])
    assert main(["dns", "check", "--from", "a", "--to", "b", "--fail-on", "changes,risk=low"]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert main(["dns", "plan", "--from", "a", "--to", "b"]) == 0
    shown = capsys.readouterr().out
    assert "nothing to do" in shown
    assert "refused" not in shown


def test_a_change_that_moves_the_spn_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """TMS9-082: a CNAME instead of the alias keeps the addresses, moves the SPN, and fails."""
    write_tree(tmp_path / "a", manager_toml(WEU))
    cname = "autologon CNAME www.tm.a.prd.aadg.trafficmanager.net.\n"
    write_tree(tmp_path / "b", manager_toml(WEU, alias=False), sso=cname)
    result = check(capsys, code=1)
    assert failed(result).keys() == {"risk", "worse"}
    assert failed(result)["worse"] == f"24 of 37 models are worse off at {AUTOLOGON}"
    assert any("24 of 37 models" in reason["text"] for reason in result["risk"]["reasons"])  # type: ignore[index]
    assert check(capsys, "--fail-on", "none", code=0)["outcome"] == "pass"
    assert check(capsys, "--fail-on", "worse=25", code=0)["failed"] == []
    assert failed(check(capsys, "--fail-on", "worse=24", code=1)).keys() == {"worse"}
    for number, noted in ((37, False), (38, True)):
        for action in ("check", "plan"):
            assert main(["dns", action, "--from", "a", "--to", "b", "--fail-on", f"worse={number}"]) == 0
            said = capsys.readouterr().err
            assert (f"--fail-on worse={number} cannot fail here: 37 client models are played" in said) == noted


def test_the_estate_does_not_fill_in_what_the_trees_remove(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """A zone or profile that is gone from the tree is gone for clients, though the estate has one of that name."""
    write_tree(tmp_path / "a", manager_toml(WEU))
    write_tree(tmp_path / "b", manager_toml(WEU, alias=False))
    (tmp_path / "b" / "microsoftazuread-sso.com.zone").unlink()
    result = check(capsys, code=1)
    assert result["changes"]["zones_removed"] == ["microsoftazuread-sso.com"]  # type: ignore[index]
    assert "office" in result["forecast"][0]["worse"]  # type: ignore[index]
    cname = "autologon CNAME www.tm.a.prd.aadg.trafficmanager.net.\n"
    write_tree(tmp_path / "a", manager_toml(WEU, alias=False), sso=cname)
    write_tree(tmp_path / "b", sso=cname)
    (tmp_path / "b" / "ssosim.toml").unlink()
    result = check(capsys, code=1)
    models = {each["names"][0]: each["after"] for each in result["forecast"][0]["models"]}  # type: ignore[index]
    assert models["adal-like"] == "failed"
    assert "CNAME to www.tm.a.prd.aadg.trafficmanager.net" in failed(result)["lint"]


def test_zones_are_added_and_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """A new zone alone harms nobody; one that takes over the name of a host without its address stops its clients."""
    write_tree(tmp_path / "a", manager_toml(WEU))
    write_tree(tmp_path / "b", manager_toml(WEU), example_org="www A 203.0.113.1\n")
    result = check(capsys, code=0)
    assert result["changes"]["zones_added"] == ["example.org"]  # type: ignore[index]
    write_tree(tmp_path / "b", manager_toml(WEU), login_microsoftonline_com="www A 203.0.113.1\n")
    (tmp_path / "b" / "example.org.zone").unlink()
    result = check(capsys, code=1)
    by_host = {each["host"]: each["worse"] for each in result["forecast"]}  # type: ignore[attr-defined]
    assert "office" in by_host[LOGIN]


def test_a_zone_with_the_name_of_a_public_one_takes_its_names_away(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """A private zone comes before the public one of its name: what it lacks is NXDOMAIN (hypershift 8301)."""
    for side in ("a", "b"):
        write_tree(tmp_path / side, example_org="www A 203.0.113.1\n")
    head = "$TTL 300\n@ NS ns1.lab.invalid.\n"
    (tmp_path / "b" / "microsoftazuread-sso.com.zone").write_text(head + "internal A 10.0.0.1\n")
    by_host = {each["host"]: each["worse"] for each in check(capsys, code=1)["forecast"]}  # type: ignore[attr-defined]
    assert "office" in by_host["autologon.microsoftazuread-sso.com"]


@pytest.mark.parametrize(("records", "fails"), [(20, True), (9, False)])
def test_shares_of_deletions_are_counted_as_octodns_counts_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], records: int, fails: bool
):
    """octoDNS: over 30 % of a zone with at least 10 record sets; it counts no SOA. 15 of 20 was "medium" before."""
    write_tree(tmp_path / "a", example_org=hosts(records))
    write_tree(tmp_path / "b", example_org=hosts(records, records * 3 // 4))
    for name in ("a", "b"):  # without NS records of its own: what this program adds is not counted
        path = tmp_path / name / "example.org.zone"
        path.write_text(path.read_text().replace("@ NS ns1.lab.invalid.\n", ""))
    result = check(capsys, "--fail-on", "deletions", code=int(fails))
    if fails:
        assert failed(result)["deletions"] == "zone example.org: 15 of 20 record sets deleted, 75.00% is over 30.00%"
    assert check(capsys, "--fail-on", "deletions=80%", code=0)["failed"] == []


def test_the_soa_is_part_of_the_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """RFC 2308: the minimum decides how long a name stays missing; the change was invisible before."""
    soa = "@ SOA ns1.example.org. host.example.org. {} 3600 900 1209600 {}\nns1 A 203.0.113.1\n"
    write_tree(tmp_path / "a", example_org=soa.format(1, 60))
    write_tree(tmp_path / "b", example_org=soa.format(2, 86400))
    result = check(capsys, "--fail-on", "risk=medium", code=1)
    [record] = result["changes"]["records"]  # type: ignore[index]
    assert (record["name"], record["type"], record["kind"]) == ("example.org", "SOA", "update")
    assert any("how long caches keep" in each["text"] for each in result["risk"]["reasons"])  # type: ignore[index]


def test_a_new_lint_error_fails_and_nobody_can_approve_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """se-2009: a target without its dot. An old mistake in both trees does not fail the change."""
    write_tree(tmp_path / "a", example_org="www CNAME app.example.net.\n")
    write_tree(tmp_path / "b", example_org="www CNAME app.example.net\n")
    result = check(capsys, "--fail-on", "lint", code=1)
    assert "without its trailing dot" in failed(result)["lint"]
    approve(tmp_path, str(result["plan"]), "ann", "ben")
    assert check(capsys, "--fail-on", "lint", "--approve", "yes.toml", code=1)["outcome"] == "fail"
    write_tree(tmp_path / "a", example_org="www CNAME app.example.net\n")
    write_tree(tmp_path / "b", example_org="www CNAME app.example.net\nnew A 203.0.113.1\n")
    assert check(capsys, "--fail-on", "lint", code=0)["failed"] == []


def approve(folder: Path, plan: str, *people: str, decision: str = "approve") -> None:
    """Write ``yes.toml`` with the approvals of these people."""
    tables = [
        f'[[approvals]]\nperson = "{person}"\nplan = "{plan}"\ndecision = "{decision}"\n'
        'safer = "no"\nneeded = "yes"\nnow = "yes"\n'
        for person in people
    ]
    (folder / "yes.toml").write_text("\n".join(tables), encoding="utf-8")


def test_approvals_of_this_plan_accept_what_people_may_accept(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Two people other than the author, for this plan; its token depends on the zones and not on the folder."""
    write_tree(tmp_path / "a", manager_toml(WEU))
    write_tree(tmp_path / "b", manager_toml(WEU, alias=False))
    plan = str(check(capsys, code=1)["plan"])
    for name in ("a", "b"):
        (tmp_path / "elsewhere" / name).parent.mkdir(exist_ok=True)
        write_tree(tmp_path / "elsewhere" / name, manager_toml(WEU, alias=name == "a"))
    main(["dns", "check", "--from", "elsewhere/a", "--to", "elsewhere/b", "--json"])
    assert json.loads(capsys.readouterr().out)["plan"] == plan
    approve(tmp_path, plan, "ann", "ben")
    good = check(capsys, "--approve", "yes.toml", code=0)
    assert good["outcome"] == "pass"
    assert {each["accepted"] for each in good["failed"]} == {True}  # type: ignore[attr-defined]
    assert check(capsys, "--approve", "yes.toml", "--author", "Ann", code=1)["outcome"] == "fail"
    approve(tmp_path, plan, "ann")
    assert "needs 2 approvals, has 1" in str(check(capsys, "--approve", "yes.toml", code=1)["approvals"])
    approve(tmp_path, plan, "ann", "ben", "cat", decision="reject")
    assert check(capsys, "--fail-on", "none", "--approve", "yes.toml", code=1)["outcome"] == "fail"
    approve(tmp_path, plan, "ann", "ben")
    write_tree(tmp_path / "b", manager_toml(WEU, alias=False), sso="new A 203.0.113.1\n")
    assert check(capsys, "--approve", "yes.toml", code=1)["outcome"] == "fail"


def test_check_asks_no_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """With a lab up the trees alone count: the state of a lab is not read, and no folder is made for one."""

    def refuse(*_: object, **__: object) -> bool:
        raise AssertionError("the state of a lab was read")

    write_tree(tmp_path / "a", manager_toml(WEU))
    write_tree(tmp_path / "b", manager_toml(WEU, alias=False))
    monkeypatch.setattr(LabFolder, "is_running", refuse)
    monkeypatch.setattr("ssosim.lab.control.answers.request_typed", refuse)
    assert check(capsys, code=1)["outcome"] == "fail"
    assert not list((tmp_path / "state").glob("*/lock"))


def test_the_files_say_what_the_terminal_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Markdown names the clients with their SPNs and what would pass; JUnit is valid and fails each of them."""
    write_tree(tmp_path / "a", manager_toml(WEU))
    cname = "autologon CNAME www.tm.a.prd.aadg.trafficmanager.net.\n"
    write_tree(tmp_path / "b", manager_toml(WEU, alias=False), sso=cname)
    result = check(capsys, "--markdown", "out.md", "--junit", "out.xml", code=1)
    text = (tmp_path / "out.md").read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if "| office |" in line)
    assert "**silent → refused**" in row
    assert f"`HTTP/{AUTOLOGON}` → `HTTP/www.tm.a.prd.aadg.trafficmanager.net`" in row
    assert "300 s after the change" in row
    assert f'plan = "{result["plan"]}"' in text
    assert "For how long: the first clients are hurt at once" in text
    document = etree.parse(tmp_path / "out.xml")
    etree.XMLSchema(etree.parse(ROOT / "tests" / "report" / "junit.xsd")).assertValid(document)
    broken = {case.get("name") for case in document.iter("testcase") if case.find("failure") is not None}
    assert broken >= {"office", "ssms", "worse", "risk"}
    assert not broken & {"prt-device", "lint"}
    assert main(["dns", "check", "--from", "a", "--to", "b", "--markdown", "no/such/out.md"]) == 2
    assert "no/such/out.md: cannot be written" in capsys.readouterr().err


def test_names_cannot_write_markup(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """A name or value with HTML, a mention, backticks or a pipe stays text in Markdown, and cannot end its block."""
    write_tree(tmp_path / "a", example_org="www A 203.0.113.1\n")
    hostile = 'www TXT "<img src=x> @everyone | ``` [x](http://y)"\n'
    write_tree(tmp_path / "b", example_org=hostile)
    main(["dns", "check", "--from", "a", "--to", "b", "--markdown", "out.md", "--fail-on", "changes"])
    capsys.readouterr()
    text = (tmp_path / "out.md").read_text(encoding="utf-8")
    block = re.search(r"^(`{4,})diff\n(.*?)\n\1$", text, re.MULTILINE | re.DOTALL)
    assert block is not None
    assert "<img" in block[2]
    rest = text.replace(block[0], "")
    assert "<img" not in rest
    assert "@everyone" not in rest


def test_json_is_what_the_schema_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """``docs/dns-check.schema.json`` is what the model says, and results are valid by it."""
    checked_in = json.loads((ROOT / "docs" / "dns-check.schema.json").read_text(encoding="utf-8"))
    assert checked_in == build_check_schema(), "python -m ssosim.scenario.check_schema"
    write_tree(tmp_path / "a", manager_toml(WEU))
    write_tree(tmp_path / "b", manager_toml(f'{WEU}, {{ name = "neu", address = "192.0.2.21", weight = 3 }}'))
    msgspec.convert(check(capsys, code=0), CheckResult)
    write_tree(tmp_path / "b", manager_toml(WEU, alias=False))
    result = check(capsys, code=1)
    msgspec.convert(result, CheckResult)
    assert set(result) == set(checked_in["$defs"]["CheckResult"]["properties"])


@pytest.mark.parametrize(
    "options", [[], ["--from", "a"], ["--from", "a", "--to", "none"], ["--from", "a", "--to", "a", "--fail-on", "x"]]
)
def test_mistakes_of_the_user_are_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]):
    """A missing tree, a missing option and an unknown criterion are errors of input, without a traceback."""
    write_tree(tmp_path / "a")
    assert main(["dns", "check", *options]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_criteria_are_read_as_written():
    """Only the criteria that are named count; a criterion without a limit has the usual one."""
    assert parse_fail_on(["risk=medium,worse=3"]) == FailOn(risk=Level.MEDIUM, worse=3)
    assert parse_fail_on(["deletions=50%", "lint"]) == FailOn(deletions=0.5, lint="error")
    assert parse_fail_on(["none"]) == FailOn()
    assert parse_fail_on(["risk", "worse", "deletions", "updates", "lint"]) == DEFAULT_CRITERIA
    for text in (
        "",
        "risk=huge",
        "worse=0",
        "worse=x",
        "worse=-1",
        "deletions=3",
        "deletions=nan%",
        "lint=all",
        "none=1",
        "²",
    ):
        with pytest.raises(ThresholdError):
            parse_fail_on([text])


def test_other_commands_take_criteria_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """``lint`` fails on warnings where asked, ``plan`` on a client that is worse off; without it, as ever."""
    write_tree(tmp_path / "a", manager_toml(WEU))
    write_tree(tmp_path / "b", manager_toml(WEU, alias=False))
    assert main(["dns", "lint", "--zones", "a"]) == 0
    assert main(["dns", "lint", "--zones", "a", "--fail-on", "lint=warning"]) == 1
    assert main(["dns", "lint", "--zones", "a", "--fail-on", "worse"]) == 2
    capsys.readouterr()
    assert main(["dns", "plan", "--from", "a", "--to", "b"]) == 0
    assert main(["dns", "plan", "--from", "a", "--to", "b", "--fail-on", "worse"]) == 1
    assert "worse: 30 of 37 models" in capsys.readouterr().err

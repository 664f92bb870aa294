"""What a scenario file must not say: each mistake has file, line and key, and is found before anything starts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.estate import default_estate
from ssosim.estate.toml import TomlMistakeError
from ssosim.lab.base.errors import LabInputError
from ssosim.scenario.fitting import fit_scenario
from ssosim.scenario.loader import load_scenario, parse_scenario
from tests.scenario.scenarios import build_scenario, make_text

ALL = "silent|interactive|stalled|refused|failed"
FIRST = "{ name = 'a', address = '10.0.0.1' }"


def mistakes_in(text: str) -> str:
    """The text about all mistakes in a file; empty if there is none."""
    try:
        parse_scenario(text, "mine.toml")
    except TomlMistakeError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("phase", "key", "words"),
    [
        # an expectation that no outcome can break is none
        (f'expect = {{ office = "{ALL}" }}', "phases[0].expect.office", "these are all outcomes there are"),
        (f'expect = {{ office = {{ outcome = "{ALL}" }} }}', "phases[0].expect.office", "all outcomes"),
        (f'expect = {{ office = {{ never = "{ALL}" }} }}', "phases[0].expect.office", "all outcomes"),
        ('expect = { office = "silent|silent|" }', "phases[0].expect.office", "'' is not an outcome"),
        ("expect = { office = [] }", "phases[0].expect.office", "expects nothing; give at least one key"),
        ("expect = { office = {} }", "phases[0].expect.office", "expects nothing"),
        ('expect = { office = { outcome = "silent", never = "silent" } }', "phases[0].expect.office", "remove one"),
        ('expect = { office = { outcome = "silent", code = 50126 } }', "phases[0].expect.office", "no error code"),
        ('expect = { office = { within = "0s" } }', "phases[0].expect.office", "expected a duration above 0"),
        ("expect = { office = { within = inf } }", "phases[0].expect.office", "expected a duration above 0"),
        ("expect = { office = { within = nan } }", "phases[0].expect.office", "expected a duration above 0"),
        ("expect = { office = { max_rate = inf } }", "phases[0].expect.office", "expected requests in a minute"),
        ("expect = { office = { max_rate = -1 } }", "phases[0].expect.office", "expected requests in a minute"),
        ('expect = { office = { max_rate = "5/day" } }', "phases[0].expect.office", "expected requests in a minute"),
        ("expect = { office = { max_prompts = -1 } }", "phases[0].expect.office", "0 or more"),
        ('expect = { office = { reason_contains = " " } }', "phases[0].expect.office", "expected a text"),
        ('expect = { offices = "silent" }', "phases[0].expect.offices", "did you mean 'office'?"),
        # a sign-in has one table
        (
            'sign_in_at = [0, 60]\nexpect_at = { 0 = { office = "silent" }, "0.0" = { office = "failed" } }',
            "phases[0].expect_at.0.0",
            "'0' is the same sign-in; put both into one table",
        ),
        (
            'sign_in_at = [60]\nexpect_at = { "6e1" = { office = "silent" }, 60 = { office = "failed" } }',
            "phases[0].expect_at.60",
            "'6e1' is the same sign-in",
        ),
        (
            'sign_in_at = [60]\nexpect_at = { 61 = { office = "silent" } }',
            "phases[0].expect_at.61",
            "expected one of 60",
        ),
        ('expect_at = { 0 = { office = "silent" } }', "phases[0].expect_at.0", "sign_in_at has none"),
        ('sign_in_at = [0]\nexpect_at = { nan = { office = "silent" } }', "phases[0].expect_at.nan", "no sign-in"),
        (
            f'sign_in_at = [0]\nexpect_at = {{ 0 = {{ office = "{ALL}" }} }}',
            "phases[0].expect_at.0.office",
            "all outcomes",
        ),
        # times lie within the phase of an hour
        ("sign_in_at = [3600]", "phases[0].sign_in_at[0]", "from 0 to below 3600"),
        ("sign_in_at = [-1]", "phases[0].sign_in_at[0]", "from 0 to below 3600"),
        ("sign_in_at = [nan]", "phases[0].sign_in_at[0]", "from 0 to below 3600"),
        ("sign_in_at = [5, 5]", "phases[0].sign_in_at[1]", "later than the sign-in before"),
        ('steps = [{ at = 3600, faults = [{ fault = "drop" }] }]', "phases[0].steps[0].at", "below 3600"),
        ('steps = [{ at = nan, faults = [{ fault = "drop" }] }]', "phases[0].steps[0].at", "below 3600"),
        ('steps = [{ at = 5, until = 5, faults = [{ fault = "drop" }] }]', "phases[0].steps[0].until", "after 5"),
        ('steps = [{ at = 5, until = 3601, faults = [{ fault = "drop" }] }]', "phases[0].steps[0].until", "3600"),
        ('steps = [{ at = 5, until = nan, faults = [{ fault = "drop" }] }]', "phases[0].steps[0].until", "3600"),
        ("steps = [{ at = 5, faults = [] }]", "phases[0].steps[0].faults", "needs at least one fault"),
        ('steps_from = "begin"', "phases[0].steps_from", "expected one of: first-message, start"),
        ('steps_from = "first-message"', "phases[0].steps_from", "the phase has neither"),
        # faults are checked with the file
        ('faults = [{ fault = "drop", names = ["*"] }]', "phases[0].faults[0]", "leave names out for every name"),
        ('faults = [{ fault = "drop", types = ["AAA"] }]', "phases[0].faults[0]", "is not a record type"),
        ('faults = [{ fault = "drop", first = 0 }]', "phases[0].faults[0]", "first 0 is not 1 or more"),
        ('faults = [{ fault = "drop", for_s = nan }]', "phases[0].faults[0]", "for_s nan is not above 0"),
        ('faults = [{ fault = "drop", first = "1" }]', "phases[0].faults[0].first", "expected `int | null`"),
        ('faults = [{ fault = "http-status", path = "/x?y" }]', "phases[0].faults[0]", "a path has no '?'"),
        ('include = ["feb-2025"]', "phases[0].include[0]", "expected scenario#phase"),
        ('include = ["feb-2025#cnam"]', "phases[0].include[0]", "did you mean 'cname'?"),
        ('include = ["s#p"]', "phases[0].include[0]", "includes itself"),
    ],
)
def test_a_mistake_in_a_phase_is_named(phase: str, key: str, words: str) -> None:
    """Expectations that cannot fail, times outside of the phase, faults that touch nothing: file, line and key."""
    text = make_text(phase=phase)
    found = mistakes_in(text)
    lines = [line for line in found.splitlines() if f": {key}: " in line and words in line]
    assert lines, found
    assert lines[0].startswith("mine.toml:")
    assert int(lines[0].split(":")[1]) >= text[: text.index(phase)].count("\n") + 1


@pytest.mark.parametrize(
    ("client", "key", "words"),
    [
        ('model = "office"\ndeadline = 5', "clients[0].deadline", "only a program has it"),
        ('model = "office"\netc = "/tmp"', "clients[0].etc", "only a program has it"),
        ('model = "office"\nenvironment = { A = "b" }', "clients[0].environment", "only a program has it"),
        ('run = ["x"]\nenvironment = { "A=B" = "c" }', "clients[0].environment.A=B", "a name without '='"),
        ('run = ["x"]\nenvironment = { "" = "c" }', "clients[0].environment.", "a name without '='"),
        ('run = ["x"]\nenvironment = { A = "\\u0000" }', "clients[0].environment.A", "no NUL characters"),
        ('run = ["x"]\npolicy = "retry-hot"', "clients[0].policy", "only a model has a policy"),
        ('model = "office"\nrun = ["x"]', "clients[0]", "needs either model = NAME or run"),
        ('model = "office"\nkind = "*"', "clients[0].kind", "'*' stands for every client"),
        ('model = "office"\nweight = nan', "clients[0].weight", "zero or more"),
        ('model = "office"\nweight = -0.1', "clients[0].weight", "zero or more"),
        ('model = "office"\nperson = "walks"', "clients[0].person", "expected true, false or one of"),
        # a model shows no page: its user would have walked away, whatever the word says
        ('model = "office"\nperson = "types-wrong-password"', "clients[0].person", "is for programs"),
        ('model = "office"\nperson = "no-browser"', "clients[0].person", "signs-in or walks-away"),
        ('run = ["x"]\ndeadline = 0', "clients[0].deadline", "more than 0 and at most 86400"),
        ('run = ["x"]\ndeadline = 86401', "clients[0].deadline", "more than 0 and at most 86400"),
        ("run = []", "clients[0]", "needs either model = NAME or run"),
        ('model = "office"\nexpect = { q = "silent" }', "clients[0].expect.q", "there is no phase 'q'"),
        ('model = "office"\nexpect = { "other#p" = "silent" }', "clients[0].expect.other#p", "there is no phase"),
        (f'model = "office"\nexpect = {{ p = "{ALL}" }}', "clients[0].expect.p", "all outcomes"),
    ],
)
def test_a_mistake_in_a_client_is_named(client: str, key: str, words: str) -> None:
    """What only programs or only models have, and values that would be passed on wrongly: file, line and key."""
    found = mistakes_in(make_text(client=client))
    assert any(f": {key}" in line and words in line for line in found.splitlines()), found


@pytest.mark.parametrize(
    ("resolvers", "key", "words"),
    [
        ('{ name = "a", address = "ten" }', "resolvers[0].address", "'ten' is not an IP address"),
        ('{ name = "a", address = "127.0.0.1" }', "resolvers[0].address", "not an address that a host can have"),
        ('{ name = "a", address = "255.255.255.255" }', "resolvers[0].address", "not an address that a host can have"),
        (f"{FIRST}, {{ name = 'a', address = '10.0.0.2' }}", "resolvers[1].name", "'a' is used already"),
        (f"{FIRST}, {{ name = 'b', address = '10.0.0.1' }}", "resolvers[1].address", "is used already"),
        (f"{FIRST}, {{ name = 'b', address = '10.0.0.2', forward_to = ['c'] }}", "resolvers[1].forward_to", "'c'"),
        ("{ name = 'a', address = '10.0.0.1', forward_to = ['a'] }", "resolvers[0].forward_to", "above this one"),
        ("{ name = 'a', address = '10.0.0.1', location = 'oslo' }", "resolvers[0].location", "is not a subnet"),
        ("{ name = 'a', address = '10.0.0.1', devices = ['desk-1'] }", "resolvers", "for all other devices"),
        ("{ name = 'a', address = '10.0.0.1', device = 'desk-1' }", "resolvers[0].device", "did you mean 'devices'?"),
    ],
)
def test_a_resolver_of_a_scenario_is_checked_as_one_of_an_estate(resolvers: str, key: str, words: str) -> None:
    """A wrong address was a traceback when the scenario was played, and one name for two resolvers was accepted."""
    found = mistakes_in(make_text(top=f"resolvers = [{resolvers}]"))
    assert any(f": {key}" in line and words in line for line in found.splitlines()), found


def test_a_resolver_of_a_device_that_is_not_there_is_refused() -> None:
    """No client would ask it, so a fault of it would touch nothing; the estate's devices are named."""
    resolvers = [
        {"name": "a", "address": "10.0.0.1", "devices": ["desk-99"]},
        {"name": "b", "address": "10.0.0.2"},
    ]
    scenario = build_scenario(resolvers=resolvers)
    estate = scenario.estate(default_estate())
    with pytest.raises(
        LabInputError, match="resolver 'a': the estate 'contoso' has no device 'desk-99'; known: desk-1"
    ):
        fit_scenario(scenario, estate)


@pytest.mark.parametrize("name", ["p +60 s", "p +0 s"])
def test_a_phase_has_no_name_of_a_sign_in(name: str) -> None:
    """Tables and expectations know a sign-in as ``p +60 s``; a phase of that name would get its expectations."""
    after = f'[[phases]]\nname = "{name}"\nstart = 2025-03-01T10:30:00Z\n'
    found = mistakes_in(make_text(phase="sign_in_at = [0, 60]", after=after))
    assert "phases[1].name: " in found
    assert f"{name!r} is the name of a sign-in of 'p'; rename it" in found
    assert mistakes_in(make_text(after=after)) == "", "without sign_in_at there is no such label"


@pytest.mark.parametrize("key", ["name", "kind"])
def test_the_star_is_no_client(key: str) -> None:
    """In ``expect`` it stands for all others; a client or kind of that name would be more specific than a model."""
    client = 'model = "office"' if key == "name" else 'model = "office"\nkind = "*"'
    text = make_text(client=client)
    text = text.replace('name = "office"', 'name = "*"') if key == "name" else text
    assert f"clients[0].{key}: '*' stands for every client in expect; give another {key}" in mistakes_in(text)


def test_all_mistakes_are_said_at_once() -> None:
    """A user who has made five mistakes runs the command once, and not five times."""
    text = make_text(
        top='default_estate = "contos"',
        client='model = "office"\nweight = -1\ndeadline = nan',
        phase='sign_in_at = [9999]\nexpect = { ofice = "silent" }',
    )
    assert len(mistakes_in(text).splitlines()) >= 5


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=4),
    st.sampled_from(["|", " | ", "| "]),
)
@settings(max_examples=40, deadline=None)
def test_outcomes_can_be_any_but_all(chosen: list[int], between: str) -> None:
    """Every choice of outcomes that leaves one out can break, so it is an expectation."""
    names = ALL.split("|")
    written = between.join(names[each] for each in chosen)
    assert mistakes_in(make_text(phase=f'expect = {{ office = "{written}" }}')) == ""


@pytest.mark.parametrize("name", ["feb-2025 ", "FEB-2025", "feb_2025", "catalogue/feb-2025", "..", "guide", "con"])
def test_a_name_of_no_scenario_lists_those_there_are(name: str) -> None:
    """The message has all names and the near ones, and says how a file of one's own is given."""
    with pytest.raises(TomlMistakeError) as caught:
        load_scenario(name)
    assert "known: all-nameservers-gone, " in str(caught.value)
    assert "a file of yours ends in .toml" in str(caught.value)

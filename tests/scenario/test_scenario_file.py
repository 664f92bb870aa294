"""Scenario files: every mistake by file, line and key, before anything is started."""

from importlib import resources

import pytest
from ssosim_clients.catalogue import MODELS

from ssosim.estate.toml import TomlMistakeError
from ssosim.scenario.loader import catalogue, load_scenario, parse_scenario

TEXT = (resources.files("ssosim.scenario") / "catalogue" / "feb-2025.toml").read_text()
MISTAKES = [
    (
        'curl = "silent"',
        'curl = "sillent"',
        "phases[0].expect.curl",
        "did you mean 'silent'? expected one of: silent, inter",
    ),
    ('"traffic-manager-deleted"', '"tm-deleted"', "phases[1].faults[0].fault", "expected one of: "),
    ('profile = "{profile}" }]', 'profil = "x" }]', "phases[1].faults[0].profil", "did you mean 'profile'?"),
    ('fault = "traffic-manager-deleted", ', "", "phases[1].faults[0]", "the key 'fault' is missing"),
    ("start = 2025-02-25T16:12:00Z", 'start = "today"', "phases[0].start", "expected e.g. 2025-02-25T16:42:00Z"),
    ("start = 2025-02-25T16:12:00Z", "start = 2025-02-25T16:12:00", "phases[0].start", "needs a time zone"),
    ("start = 2025-02-25T18:35:00Z", "start = 2025-02-25T16:00:00Z", "phases[2].start", "must be later"),
    ("end = 2025-02-26T02:15:00Z", "end = 2025-02-25T02:15:00Z", "end", "must be later"),
    ('model = "office"', 'modl = "office"', "clients[1].modl", "did you mean 'model'?"),
    ('model = "office"', 'model = "ofice"', "clients[1].model", "there is no model 'ofice'"),
    ('model = "office"', "deadline = 5", "clients[1]", "needs either model"),
    ('model = "office"', 'model = "office"\ndeadline = nan', "clients[1].deadline", "number of seconds"),
    ('model = "office"', 'model = "office"\ndeadline = -1', "clients[1].deadline", "number of seconds"),
    ('name = "native-prompt"', 'name = "curl"', "clients[2].name", "is there twice"),
    ('name = "native-prompt"', 'name = ""', "clients[2].name", "must not be empty"),
    ('name = "cname"', 'name = "healthy"', "phases[2].name", "is there twice"),
    ('name = "cname"', 'name = "a\\u0007b"', "phases[2].name", "control characters"),
    ('  "curl", "--silent"', '  "cu\\u0000rl", "--silent"', "clients[0].run", "NUL"),
    ('curl = "silent"', 'crul = "silent"', "phases[0].expect.crul", "there is no client 'crul'"),
    ("title =", "titel =", "titel", "did you mean 'title'?"),
    ("end = 2025-02-26T02:15:00Z", "end = ]", "", "not valid TOML"),
]


@pytest.mark.parametrize(("old", "new", "key", "words"), MISTAKES)
def test_a_mistake_is_named_by_file_line_and_key(old, new, key, words):
    """Type, missing or unknown key, enumeration, tag, order of times, reference, duplicate: where, what is expected."""
    text = TEXT.replace(old, new, 1)
    assert text != TEXT
    with pytest.raises(TomlMistakeError) as caught:
        parse_scenario(text, "mine.toml", MODELS)
    lines = str(caught.value).splitlines()
    line = TEXT[: TEXT.index(old)].count("\n") + 1 + new.count("\n")
    line -= {"clients[1]": 2, "clients[0].run": 1}.get(key, 0)  # what a whole client lacks is said at its head
    assert any(m.startswith(f"mine.toml:{line}: {key}") and words in m for m in lines), lines


def test_the_catalogue_is_without_mistakes():
    """Every shipped scenario loads, names its sources, and is found by its name."""
    shipped = catalogue()
    assert "feb-2025" in {scenario.name for scenario in shipped}
    for scenario in shipped:
        assert scenario.sources
        assert load_scenario(scenario.name) == scenario


def test_the_incident_has_the_times_of_the_review():
    """16:42 to 18:35 to 01:15, in the order healthy, empty, CNAME, restored (TMS9-001, TMS9-002)."""
    scenario = load_scenario("feb-2025")
    assert [phase.name for phase in scenario.phases] == ["healthy", "record-empty", "cname", "restored"]
    assert [scenario.duration_of(index) / 60 for index in range(4)] == [30, 113, 400, 60]


@pytest.mark.parametrize("name", ["nope", "../feb-2025", "", "feb-2025.toml", "/", "\0.toml"])
def test_what_is_not_there_is_said(name):
    """A scenario that does not exist is a mistake of the user's, whatever its name."""
    with pytest.raises(TomlMistakeError):
        load_scenario(name)

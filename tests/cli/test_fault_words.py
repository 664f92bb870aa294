"""``ssosim fault``: the words of the command line become one request, or an error that names the word."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.cli.fault import fields_of
from ssosim.faults import FAULTS
from ssosim.lab.base.errors import LabError, LabInputError

IN_FORCE = {"id": 4, "fault": "servfail", "description": "SERVFAIL for x.example", "suspended": False}


@pytest.fixture
def faults(answering_lab):
    """A lab that applies, lists and undoes every fault."""
    answering_lab.answers |= {
        "POST /v1/faults": IN_FORCE,
        "GET /v1/faults": {"faults": [IN_FORCE]},
        "DELETE /v1/faults/all": {"undone": []},
        "DELETE /v1/faults/servfail": {"undone": [IN_FORCE]},
    }
    return answering_lab


def test_options_may_stand_between_the_fields(faults, play_command):
    """``--first``, ``--for`` and ``--client`` are the fields first, for_s (seconds) and clients, anywhere."""
    words = ["--first", "2", "names=a.example,b.example", "--for", "1m30s", "types=A", "--client", "x", "--client", "y"]
    assert play_command("fault", "apply", "servfail", *words).code == 0
    assert faults.requests == [
        (
            "POST",
            "/v1/faults",
            {
                "fault": "servfail",
                "names": ["a.example", "b.example"],
                "types": ["A"],
                "first": "2",
                "for_s": 90.0,
                "clients": ["x", "y"],
            },
        )
    ]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["names=a.example", "names=b.example"], "names: given twice; a list has commas between its values: names=a,b"),
        (["fault=drop"], "the fault is named before its fields"),
        (["first=3", "--first", "2"], "first: given as a field and as the option"),
        (["for_s=3", "--for", "2s"], "for_s: given as a field and as the option"),
        (["clients=x", "--client", "y"], "clients: given as a field and as the option"),
        (["names"], "'names' is not written as KEY=VALUE"),
        (["=x"], "'=x' is not written as KEY=VALUE"),
        (["--for", "soon"], "--for 'soon': expected a duration"),
        (["--for", "0s"], "--for '0s': expected a duration above 0"),
    ],
)
def test_a_word_that_would_be_dropped_is_refused(words, hint, faults, play_command):
    """No value takes the place of another in silence: exit code 2, the word is named, and the lab gets no request."""
    ended = play_command("fault", "apply", "servfail", *words)
    assert (ended.code, ended.out) == (2, "")
    assert hint in ended.err
    assert faults.requests == []


@pytest.mark.parametrize("table", ["A:1,A:2", "A:1, A :2"])
def test_a_name_of_a_table_is_given_once(table):
    """A header that is given twice is refused, also with blanks around its name."""
    with pytest.raises(LabInputError, match="headers: 'A' is given twice"):
        fields_of("http-answer", [f"headers={table}"])


@settings(max_examples=40)
@given(
    st.sampled_from(sorted(FAULTS)),
    st.dictionaries(
        st.text("abcdefgh_", min_size=1, max_size=8).filter(lambda key: key != "fault"),
        st.text(st.characters(exclude_characters=",:"), max_size=12),
        max_size=4,
    ),
)
def test_a_value_may_contain_any_sign_but_those_of_lists(name, pairs):
    """KEY=VALUE is cut at the first equals sign, so that a value may contain more of them; no pair is lost."""
    body = fields_of(name, [f"{key}={value}=" for key, value in pairs.items()])
    assert body.pop("fault") == name
    assert body == {key: f"{value}=" for key, value in pairs.items()} or any(
        isinstance(value, list) for value in body.values()
    )
    assert body.keys() == pairs.keys()


@pytest.mark.parametrize("which", ["all", "servfail"])
def test_what_was_undone_is_printed(which, faults, play_command):
    """``undo`` tells each fault that ended; where none was in force it says so. ``--json`` has the lab's own list."""
    ended = play_command("fault", "undo", which)
    expected = "no fault was in force" if which == "all" else "fault 4 undone: SERVFAIL for x.example"
    assert (ended.code, ended.out) == (0, f"{expected}\n")
    document = play_command("fault", "undo", which, "--json").document
    assert document["undone"] == faults.answers[f"DELETE /v1/faults/{which}"]["undone"]


@pytest.mark.parametrize("which", ["a/b", "é", "..", "a b", "?all"])
def test_an_id_with_any_sign_is_one_part_of_the_path(which, faults, play_command):
    """What is undone is named within one segment of the path: no sign in it leads to another route (RFC 3986, 3.3)."""
    faults.answers = dict.fromkeys(
        ["DELETE /v1/faults/a%2Fb", "DELETE /v1/faults/%C3%A9", "DELETE /v1/faults/..", "DELETE /v1/faults/a%20b",
         "DELETE /v1/faults/%3Fall"],
        LabInputError("no such fault"),
    )  # fmt: skip
    ended = play_command("fault", "undo", which)
    assert (ended.code, ended.err) == (2, "ssosim: no such fault\n")


@pytest.mark.parametrize(("error", "code"), [(LabInputError("bad field"), 2), (LabError("does not fit"), 1)])
def test_a_fault_that_the_lab_refuses_prints_no_document(error, code, faults, play_command):
    """The exit code says whose mistake it is; with ``--json`` standard output stays empty."""
    faults.answers["POST /v1/faults"] = error
    ended = play_command("fault", "apply", "servfail", "names=x", "--json")
    assert (ended.code, ended.out, ended.err) == (code, "", f"ssosim: {error}\n")


@pytest.mark.usefixtures("faults")
def test_the_list_has_what_is_in_force_first(play_command):
    """``list`` begins with the faults in force; each fault that there is has a line with what it does."""
    lines = play_command("fault", "list").out.splitlines()
    assert lines[0] == "in force  4  servfail: SERVFAIL for x.example"
    assert [line.split()[0] for line in lines[1:]] == list(FAULTS)
    assert all(len(line.split()) > 1 for line in lines)


@pytest.mark.parametrize(
    ("typed", "hint"), [("servfial", "did you mean 'servfail'?"), ("qqq", "see ssosim fault list")]
)
@pytest.mark.parametrize("more", [[], ["--json"]], ids=["text", "json"])
@pytest.mark.usefixtures("faults")
def test_an_unknown_fault_is_named(typed, hint, more, play_command):
    """A fault that there is not gives exit code 2 and the fault that was meant, as text and with ``--json``."""
    ended = play_command("fault", "list", typed, *more)
    assert (ended.code, ended.out) == (2, "")
    assert f"there is no fault {typed!r}" in ended.err
    assert hint in ended.err


@pytest.mark.parametrize("name", sorted(FAULTS))
@pytest.mark.usefixtures("faults")
def test_a_fault_tells_its_fields_and_what_is_required(name, play_command):
    """``list NAME`` has every field; its last line is a command with all required fields and no other."""
    shown = play_command("fault", "list", name).out
    fields = {line.split()[0]: line for line in shown.partition("fields:\n")[2].partition("\n\n")[0].splitlines()}
    struct = FAULTS[name].__struct_config__
    assert struct.frozen
    assert set(fields) == set(FAULTS[name].__struct_fields__)
    usage = shown.splitlines()[-1].split()
    needed = {word.removesuffix("=…") for word in usage if word.endswith("=…")}
    assert needed == {field for field, line in fields.items() if line.endswith(", required")}
    assert usage[:4] == ["ssosim", "fault", "apply", name]

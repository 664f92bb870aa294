"""Expectations that could not fail, the limits of each rule, and how expectations are merged and written."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ssosim.verdict import Exposure, Measures, Outcome, Verdict
from ssosim.verdict.expectations import (
    Expectation,
    ExpectationError,
    ExpectationTable,
    check,
    convert_expectation,
    find_expectation_mistake,
    make_table,
    merge,
    parse_codes,
    parse_duration,
    parse_rate,
    select_by_phase,
)
from ssosim.verdict.result import ClientResult

few = settings(max_examples=30)
EVERY = "|".join(Outcome)
SOME = st.lists(st.sampled_from(list(Outcome)), max_size=4, unique=True).map(tuple)
EXPECTATIONS = st.builds(
    Expectation,
    outcome=SOME,
    code=st.sampled_from([(), ("AADSTS50126",), ("A.b", "KDC_ERR_X")]),
    reason_contains=st.sampled_from([(), ("401",), ("a b", "c")]),
    within_s=st.none() | st.floats(0.001, 86_400.0),
    max_prompts=st.none() | st.integers(0, 9),
    max_requests_per_minute=st.none() | st.floats(0, 1e6),
    no_exposure=st.none() | st.booleans(),
)
VERDICTS = st.builds(
    Verdict,
    st.sampled_from(list(Outcome)),
    st.sampled_from(["", "answered 401", "a b c"]),
    st.none() | st.floats(0, 1e5),
    prompts=st.integers(0, 12),
    code=st.sampled_from(["", "AADSTS50126", "A.b"]),
)
EXPOSURES = (Exposure("password", "h", "why", 1),)
MEASURES = st.builds(
    Measures,
    peak_requests_per_minute=st.integers(0, 10**6),
    exposures=st.sampled_from([(), EXPOSURES]),
)


@pytest.mark.parametrize(
    "data",
    [EVERY, tuple(Outcome), ExpectationTable(outcome=EVERY), ExpectationTable(never=EVERY)],
    ids=["text", "list", "table", "never"],
)
def test_an_expectation_of_every_outcome_is_a_mistake(data: str | tuple[str, ...] | ExpectationTable) -> None:
    """It could never break, or would always: neither says anything of the client."""
    with pytest.raises(ExpectationError, match="these are all outcomes there are"):
        convert_expectation(data)
    assert "these are all outcomes there are" in find_expectation_mistake(data)


@pytest.mark.parametrize("left", Outcome)
def test_each_smaller_set_of_outcomes_can_be_expected(left: Outcome) -> None:
    """All outcomes but one are an expectation: that one breaks it, and no other does."""
    expectation = convert_expectation("|".join(each for each in Outcome if each is not left))
    broken = {each for each in Outcome if check(expectation, Verdict(each, "r", 1.0), Measures())}
    assert broken == {left}


@few
@given(EXPECTATIONS)
def test_an_expectation_is_the_same_after_it_was_written(expectation: Expectation) -> None:
    """The form for files and the value are the same thing."""
    assert _is_silent_code(expectation) or convert_expectation(make_table(expectation)) == expectation


def _is_silent_code(expectation: Expectation) -> bool:
    """A code beside ``silent`` alone is a mistake of its own."""
    return bool(expectation.code) and expectation.outcome == (Outcome.SILENT,)


@few
@given(EXPECTATIONS | st.builds(Expectation, no_exposure=st.booleans()), VERDICTS, MEASURES)
@example(Expectation(no_exposure=True), Verdict(Outcome.FAILED, "r", 1.0), Measures(exposures=EXPOSURES))
def test_nothing_expected_breaks_nothing(expectation: Expectation, verdict: Verdict, measures: Measures) -> None:
    """An empty expectation is never broken; one that says nothing of a sign-in breaks by an exposure alone."""
    assert check(Expectation(), verdict, measures) == ()
    broken = check(expectation, verdict, measures)
    if not expectation.judges_sign_in:
        assert {each.rule for each in broken} <= {"no-exposure"}
    assert bool(expectation) or not broken


@few
@given(EXPECTATIONS, VERDICTS, MEASURES)
def test_each_rule_breaks_by_its_own_figure(expectation: Expectation, verdict: Verdict, measures: Measures) -> None:
    """An independent reading of the rules says which break: the limits themselves are met."""
    wrong = set()
    if expectation.outcome and verdict.outcome not in expectation.outcome:
        wrong.add("outcome")
    if expectation.code and verdict.code not in expectation.code:
        wrong.add("code")
    if not all(text in verdict.reason for text in expectation.reason_contains):
        wrong.add("reason-contains")
    if expectation.within_s is not None and not (
        verdict.after_s is not None and -0.001 <= verdict.after_s <= expectation.within_s
    ):
        wrong.add("within")
    if expectation.max_prompts is not None and not verdict.prompts <= expectation.max_prompts:
        wrong.add("max-prompts")
    limit = expectation.max_requests_per_minute
    if limit is not None and not measures.peak_requests_per_minute <= limit:
        wrong.add("max-rate")
    if expectation.no_exposure and measures.exposures:
        wrong.add("no-exposure")
    assert {each.rule for each in check(expectation, verdict, measures)} == wrong
    result = ClientResult.of(verdict, measures=measures, expected=expectation)
    assert result.as_expected is not bool(wrong)
    names_result = bool(expectation.outcome or expectation.code or expectation.reason_contains)
    tested = names_result or bool(measures.requests) or verdict.outcome in (Outcome.SILENT, Outcome.INTERACTIVE)
    assert result.is_judged is ((expectation.judges_sign_in and tested) or bool(wrong))


@few
@given(EXPECTATIONS, EXPECTATIONS)
def test_a_later_layer_changes_nothing_that_an_earlier_one_says(first: Expectation, second: Expectation) -> None:
    """The first layer has the last word in each of its parts."""
    merged = merge(first, second)
    for name in Expectation.__struct_fields__:
        own = getattr(first, name)
        if own not in ((), None):
            assert getattr(merged, name) == own
    assert merge(first) == merge(None, first, None) == merge(first, first) == first
    assert merge(Expectation(), first) == first


@given(SOME, SOME)
def test_what_is_never_right_is_not_expected(never: tuple[Outcome, ...], outcome: tuple[Outcome, ...]) -> None:
    """An outcome that an earlier layer excludes breaks the merged expectation, whatever a later layer expects."""
    merged = merge(Expectation(never=never), Expectation(outcome=outcome))
    assert not set(merged.outcome) & set(merged.never)
    for each in never:
        assert check(merged, Verdict(each, "r", 1.0), Measures())


@given(st.integers(0, 40), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_a_duration_is_the_sum_of_its_parts(hours: int, minutes: int, seconds: int, milliseconds: int) -> None:
    """Hours, minutes, seconds and milliseconds add up; nothing at all is a mistake."""
    text = f"{hours}h{minutes}m {seconds}s{milliseconds}ms"
    whole = hours * 3600 + minutes * 60 + seconds + milliseconds / 1000
    if whole:
        assert parse_duration(text) == pytest.approx(whole)
    else:
        with pytest.raises(ExpectationError):
            parse_duration(text)


@pytest.mark.parametrize(("text", "good"), [("366h", True), ("31622400", True), ("31622401", False), ("8785h", False)])
def test_a_duration_is_a_year_at_most(text: str, good: bool) -> None:
    """A limit that no run can reach is a mistake."""
    if good:
        assert parse_duration(text) > 0
    else:
        with pytest.raises(ExpectationError):
            parse_duration(text)


@given(st.text(max_size=12) | st.floats() | st.integers() | st.booleans())
def test_any_value_is_read_or_refused(value: str | float) -> None:
    """Whatever stands in a file: a number in its bounds, or the documented error with a text that has the value."""
    for read in (parse_duration, parse_rate):
        try:
            assert read(value) >= 0
        except ExpectationError as error:
            assert "expected" in str(error)  # noqa: PT017 - both endings are right


@pytest.mark.parametrize(
    ("data", "codes"),
    [
        ("50126", ("AADSTS50126",)),
        (50126, ("AADSTS50126",)),
        ("aadsts50126|AADSTS50126|50126", ("AADSTS50126",)),
        (" KDC_ERR_S_PRINCIPAL_UNKNOWN | ForbiddenByRbac ", ("KDC_ERR_S_PRINCIPAL_UNKNOWN", "ForbiddenByRbac")),
        ((700016, "A"), ("AADSTS700016", "A")),
        ("x" * 128, ("x" * 128,)),
    ],
)
def test_codes_are_read_in_each_form(data: str | int | tuple[str | int, ...], codes: tuple[str, ...]) -> None:
    """Numbers are AADSTS codes, in any letters; each code counts once."""
    assert parse_codes(data) == codes


@pytest.mark.parametrize(
    "data", ["AADSTS", "AADSTSx", "AADSTS0126", "12", "0", -50126, True, "", "A|", "x" * 129, "a b", "50126x"]
)
def test_what_cannot_be_the_code_of_an_answer_is_refused(data: str | int) -> None:
    """A code that no answer has would break each run, or, mistyped, none."""
    with pytest.raises(ExpectationError, match="expected an error code"):
        parse_codes(data)


def test_the_layers_of_a_phase_go_from_narrow_to_wide() -> None:
    """The phase of this scenario, the phase of any, any phase of this scenario, any phase; no other scenario's."""
    one, two, three, four, five = (Expectation(within_s=float(number)) for number in range(1, 6))
    table = {"*": three, "p": two, "s#p": one, "t#p": four, "s#*": five}
    assert select_by_phase(table, "p", "s") == (one, two, five, three)
    assert select_by_phase(table, "q", "s") == (None, None, five, three)
    assert select_by_phase(table, "q", "u") == (None, None, None, three)
    assert merge(*select_by_phase(table, "p", "t")) == four
    assert merge(*select_by_phase(table, "q", "s")) == five


@few
@given(EXPECTATIONS)
def test_an_expectation_as_text_names_each_of_its_parts(expectation: Expectation) -> None:
    """The text for people has each outcome, code, text and limit; without any it is ``nothing``."""
    text = str(expectation)
    assert (text == "nothing") is (not expectation)
    for part in (*expectation.outcome, *expectation.code, *expectation.reason_contains):
        assert part in text
    if expectation.within_s is not None:
        assert f"within {expectation.within_s:g} s" in text
    if expectation.max_prompts is not None:
        assert f"at most {expectation.max_prompts} prompt" in text
    assert ("no exposure" in text) is (expectation.no_exposure is True)


@pytest.mark.parametrize(
    ("expectation", "at", "beyond"),
    [
        (Expectation(within_s=30.0), {"after_s": 30.0}, {"after_s": 30.000001}),
        (Expectation(within_s=30.0), {"after_s": 0.0}, {"after_s": -3599.0}),
        (Expectation(max_prompts=2), {"prompts": 2}, {"prompts": 3}),
        (Expectation(max_prompts=0), {"prompts": 0}, {"prompts": 1}),
        (Expectation(max_requests_per_minute=60.0), {"peak": 60}, {"peak": 61}),
        (Expectation(max_requests_per_minute=0.0), {"peak": 0}, {"peak": 1}),
        (Expectation(max_requests_per_minute=1.5), {"peak": 1}, {"peak": 2}),
    ],
    ids=str,
)
def test_a_limit_is_met_and_what_is_beyond_it_is_not(
    expectation: Expectation, at: dict[str, float], beyond: dict[str, float]
) -> None:
    """The limit itself is within: at most is at most."""

    def broken(fields: dict[str, float]) -> int:
        verdict = Verdict(Outcome.INTERACTIVE, "r", fields.get("after_s", 0.0), prompts=int(fields.get("prompts", 0)))
        return len(check(expectation, verdict, Measures(peak_requests_per_minute=int(fields.get("peak", 0)))))

    assert (broken(at), broken(beyond)) == (0, 1)

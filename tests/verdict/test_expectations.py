"""Expectations as values: how they are written, merged, and what breaks them."""

import msgspec
import pytest

from ssosim.verdict import Exposure, Measures, Outcome, Verdict
from ssosim.verdict.expectations import (
    Expectation,
    ExpectationError,
    ExpectationTable,
    check,
    convert_expectation,
    default_expectation,
    make_table,
    merge,
    parse_codes,
    parse_duration,
    parse_outcomes,
    parse_rate,
)

SILENT, INTERACTIVE, STALLED, FAILED = Outcome.SILENT, Outcome.INTERACTIVE, Outcome.STALLED, Outcome.FAILED
BUSY = Measures(peak_requests_per_minute=10)
EXPOSED = Measures(exposures=(Exposure("password", "sts.example", "not its business", 7),))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("2m", 120), ("2min", 120), ("1h30m", 5400), ("500ms", 0.5), ("0.3", 0.3), (45, 45), ("1m 5s", 65)],
)
def test_a_duration_is_written_with_its_unit(text, seconds):
    """Seconds, minutes, hours and milliseconds, alone or together; a plain number is in seconds."""
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "s", "-1s", "0", "0s", "nan", "inf", "1e99", "30 parsecs", "1d", True, "s30", "1m5"]
)
def test_what_is_no_duration_is_refused(text):
    """Zero, negative, endless and unknown units are mistakes that say what is expected."""
    with pytest.raises(ExpectationError, match="expected a duration above 0, such as 30s"):
        parse_duration(text)


@pytest.mark.parametrize(("text", "rate"), [("60/min", 60), ("2/s", 120), ("120/h", 2), ("7", 7), (0, 0), ("5 / m", 5)])
def test_a_rate_is_requests_in_a_minute(text, rate):
    """Other units are converted."""
    assert parse_rate(text) == pytest.approx(rate)


@pytest.mark.parametrize("text", ["", "/min", "x/min", "5/fortnight", "-1/min", "nan/min", "inf", True])
def test_what_is_no_rate_is_refused(text):
    """Also a number that no count can exceed, such as infinity: it could never fail."""
    with pytest.raises(ExpectationError, match="such as 60/min"):
        parse_rate(text)


def test_outcomes_are_listed_with_bars():
    """Each outcome by its name, once; an unknown one is named with its near match."""
    assert parse_outcomes("silent| interactive |silent") == (SILENT, INTERACTIVE)
    assert parse_outcomes(["stalled"]) == (STALLED,)
    for wrong in ("", "silent|", "Silent", "sillent|failed"):
        with pytest.raises(ExpectationError, match="is not an outcome"):
            parse_outcomes(wrong)
    with pytest.raises(ExpectationError, match="did you mean 'silent'"):
        parse_outcomes("sillent")


def test_a_table_is_the_same_after_both_conversions():
    """The form for files loses nothing."""
    table = msgspec.convert(
        {
            "outcome": "silent|failed",
            "never": ["stalled"],
            "code": [50126, "ForbiddenByRbac"],
            "reason_contains": "a text",
            "within": "2m",
            "max_prompts": 1,
            "max_rate": "60/min",
        },
        ExpectationTable,
    )
    expectation = convert_expectation(table)
    assert expectation == Expectation(
        outcome=(SILENT, FAILED),
        never=(STALLED,),
        code=("AADSTS50126", "ForbiddenByRbac"),
        reason_contains=("a text",),
        within_s=120,
        max_prompts=1,
        max_requests_per_minute=60,
    )
    assert convert_expectation(make_table(expectation)) == expectation


def test_an_outcome_cannot_be_both_expected_and_never():
    """A table that no run can satisfy is a mistake."""
    with pytest.raises(ExpectationError, match="stalled: both expected and never"):
        convert_expectation(ExpectationTable(outcome="stalled", never="stalled|failed"))


@pytest.mark.parametrize(
    ("data", "codes"),
    [
        ("AADSTS50126", ("AADSTS50126",)),
        ("aadsts50126 | 50034", ("AADSTS50126", "AADSTS50034")),
        (7000215, ("AADSTS7000215",)),
        ([50126, "KDC_ERR_S_PRINCIPAL_UNKNOWN", 50126], ("AADSTS50126", "KDC_ERR_S_PRINCIPAL_UNKNOWN")),
        ((), ()),
    ],
)
def test_a_code_is_written_with_or_without_its_prefix(data, codes):
    """A number is an AADSTS code; several have bars between them or are a list."""
    assert parse_codes(data) == codes


@pytest.mark.parametrize(
    "data", ["", "AADSTS", "AADSTS12x", "50126|", "0", -5, 12, True, "two words", ["", "x"], "5" * 40]
)
def test_what_is_no_code_is_refused(data):
    """What no answer can have as its code is a mistake: the expectation would never hold."""
    with pytest.raises(ExpectationError, match="such as AADSTS50126"):
        parse_codes(data)


def test_a_silent_sign_in_has_no_code():
    """A table that no run can satisfy is a mistake; so is a reason that contains nothing."""
    with pytest.raises(ExpectationError, match="signs in silently has no error code"):
        convert_expectation(ExpectationTable(outcome="silent", code=50126))
    for text in ("", "  ", "two\nlines"):
        with pytest.raises(ExpectationError, match="expected a text"):
            convert_expectation(ExpectationTable(reason_contains=text))


def test_a_code_belongs_to_the_outcome_beside_it():
    """Who names another outcome is not held to the code and the reason of the layer below."""
    scenario = Expectation(outcome=(FAILED,), code=("AADSTS50126",), reason_contains=("text",))
    assert merge(Expectation(within_s=5), scenario).code == ("AADSTS50126",)
    assert merge(Expectation(code=("AADSTS50034",)), scenario).code == ("AADSTS50034",)
    other = merge(Expectation(outcome=(SILENT,)), scenario)
    assert (other.code, other.reason_contains) == ((), ())


def test_the_first_layer_that_says_something_counts():
    """Each part comes from the first layer that has it; what is never right leaves the outcomes of later layers."""
    scenario = Expectation(outcome=(STALLED, FAILED), within_s=10, no_exposure=True)
    assert merge(Expectation(within_s=5), None, scenario).within_s == 5
    assert merge(Expectation(outcome=(SILENT,)), scenario).outcome == (SILENT,)
    assert merge(Expectation(never=(STALLED,)), scenario).outcome == (FAILED,)
    assert merge(Expectation(no_exposure=False), scenario).no_exposure is False
    assert not merge(None, None)


@pytest.mark.parametrize(
    ("expectation", "verdict", "measures", "rules"),
    [
        (Expectation(outcome=(SILENT,)), Verdict(SILENT, "r", 1.0), Measures(), []),
        (Expectation(outcome=(SILENT, INTERACTIVE)), Verdict(STALLED, "r"), Measures(), ["outcome"]),
        (Expectation(never=(STALLED,)), Verdict(STALLED, "r"), Measures(), ["never"]),
        (Expectation(never=(STALLED,)), Verdict(FAILED, "r"), Measures(), []),
        (Expectation(code=("AADSTS50126",)), Verdict(FAILED, "r", code="AADSTS50126"), Measures(), []),
        (Expectation(code=("AADSTS50126",)), Verdict(FAILED, "AADSTS50126", code="AADSTS501262"), Measures(), ["code"]),
        (Expectation(code=("AADSTS50126",)), Verdict(FAILED, "tried before: AADSTS50126"), Measures(), ["code"]),
        (Expectation(reason_contains=("400",)), Verdict(FAILED, "answered 400"), Measures(), []),
        (
            Expectation(reason_contains=("a", "400", "500")),
            Verdict(FAILED, "answered 401"),
            Measures(),
            ["reason-contains", "reason-contains"],
        ),
        (Expectation(within_s=30), Verdict(SILENT, "r", 30.0), Measures(), []),
        (Expectation(within_s=30), Verdict(SILENT, "r", 30.1), Measures(), ["within"]),
        (Expectation(within_s=30), Verdict(STALLED, "r"), Measures(), ["within"]),
        (Expectation(max_prompts=1), Verdict(INTERACTIVE, "r", 1.0, prompts=2), Measures(), ["max-prompts"]),
        (Expectation(max_prompts=0), Verdict(SILENT, "r", 1.0), Measures(), []),
        (
            Expectation(max_requests_per_minute=9),
            Verdict(SILENT, "r"),
            Measures(peak_requests_per_minute=10),
            ["max-rate"],
        ),
        (Expectation(no_exposure=True), Verdict(SILENT, "r", 1.0), EXPOSED, ["no-exposure"]),
        (Expectation(no_exposure=False), Verdict(SILENT, "r", 1.0), EXPOSED, []),
        (Expectation(outcome=(SILENT,), within_s=1), Verdict(FAILED, "r", 2.0), EXPOSED, ["outcome", "within"]),
    ],
)
def test_each_rule_can_break(expectation, verdict, measures, rules):
    """Every rule is broken by what it is about, and by nothing else."""
    assert [each.rule for each in check(expectation, verdict, measures)] == rules


def test_a_broken_rule_gives_the_figure():
    """The text says what was expected and what was found."""
    late, exposed = Verdict(SILENT, "r", 45.0), Expectation(within_s=30, no_exposure=True)
    assert [str(each) for each in check(exposed, late, EXPOSED)] == [
        "a decision within 30 s, found 45 s",
        "no exposure, found password to sts.example",
    ]


def test_a_program_of_ones_own_must_sign_in_where_nothing_is_broken():
    """The default: signed in without a fault, no exposure in any phase."""
    assert default_expectation(has_faults=False) == Expectation(outcome=(SILENT, INTERACTIVE), no_exposure=True)
    broken = default_expectation(has_faults=True)
    assert broken.no_exposure
    assert not broken.judges_sign_in

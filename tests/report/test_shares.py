"""Shares in percent: a rounded figure never says "all" or "nothing" of what is neither."""

import pytest

from ssosim.output import format_share


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0%"),
        (0.000001, "<1%"),
        (0.0049, "<1%"),
        (0.005, "<1%"),
        (0.006, "1%"),
        (0.5, "50%"),
        (0.994, "99%"),
        (0.996, ">99%"),
        (0.9999999, ">99%"),
        (1.0, "100%"),
        (sum([0.1] * 10), "100%"),
    ],
)
def test_all_and_nothing_are_said_of_all_and_nothing_only(share, text):
    """One user of a million who could not sign in is a user who could not sign in."""
    assert format_share(share) == text

"""No message from outside takes much CPU time, whatever it holds: each parser's worst known inputs."""

from __future__ import annotations

import pytest

from fuzz.reference import measure_reference_s, measure_share
from fuzz.targets import TARGETS
from fuzz.worst import list_inputs

FILE_SIZE = 32 * 1024


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_costs_more_than_is_allowed(name: str) -> None:
    """A message costs at most the reference (5 ms where it was set), a file two for each KiB; none raises."""
    target = TARGETS[name]
    target.function(b"")  # what is made once
    slow = {}
    bound = measure_reference_s()
    for family, data in list_inputs(name, FILE_SIZE if target.kind == "file" else None):
        share = measure_share(target.function, data, target.kind, bound)
        if share > 1:
            slow[family] = round(share, 2)
    assert slow == {}, "shares of what is allowed"

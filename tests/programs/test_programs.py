"""Programs of other people that sign in with a password: those that are installed quickly."""

from __future__ import annotations

import pytest

from tests.programs.run import install, read_seen, try_program
from tests.programs.table import FAST, PROGRAMS

CHOSEN = [each for each in PROGRAMS if each.name in FAST]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the programs are installed."""
    place = tmp_path_factory.mktemp("programs")
    install(CHOSEN, place)
    return place


@pytest.mark.parametrize("user", ["managed", "federated"])
@pytest.mark.parametrize("program", CHOSEN, ids=lambda program: program.name)
def test_a_program_is_answered_as_the_table_says(running, folder, program, user):
    """The retired doors of SharePoint give no token, a password elsewhere does; docs/programs-tried.md."""
    events = try_program(running, program, folder, user)
    assert read_seen(events) == (program.managed if user == "managed" else program.federated)

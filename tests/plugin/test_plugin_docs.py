"""What ``docs/pytest.md`` shows is run."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "pytest.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_every_example_passes(project, number):
    """Each block of Python in the guide is a test module that passes in a project of its own."""
    project.write(BLOCKS[number])
    session = project.run()
    assert session.counts.keys() == {"passed"}, session.output


def test_the_guide_names_every_option_and_fixture(project):
    """Options, ini keys and fixtures that pytest lists are in the guide."""
    project.write("")
    listed = project.run("--help").output + project.run("--fixtures").output
    names = set(re.findall(r"--sso-[a-z]+|\bsso_[a-z_]+", listed))
    assert names
    assert {name for name in names if name not in TEXT} == set()

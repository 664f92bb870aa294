"""The example in clients/README.md works as printed."""

from __future__ import annotations

import re
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
from ssosim_clients.catalogue import MODELS
from ssosim_clients.models import Client, SignInState
from ssosim_clients.spn import NO_TICKET

from .conftest import PASSWORD, ClientEnvironment

README = Path(__file__).parents[2] / "clients" / "README.md"


def _blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def example() -> Iterator[types.ModuleType]:
    """The README's first block, as a module."""
    module = types.ModuleType("readme_example")
    sys.modules[module.__name__] = module  # dataclass looks its module up
    try:
        exec(_blocks()[0], module.__dict__)  # noqa: S102 - the repository's own README
        yield module
    finally:
        del sys.modules[module.__name__]


def test_model_in_forty_lines(environment: ClientEnvironment, example: types.ModuleType) -> None:
    """The model printed in the README is at most 40 lines, retries as it says, and then asks."""
    assert len(_blocks()[0].splitlines()) <= 40
    model = example.MY_CLIENT
    assert isinstance(model, Client)
    environment.remove_record()
    environment.prompt_replies = [PASSWORD]
    report = environment.play(model.sign_in(environment.device()))
    assert report is not None
    assert (report.state, report.attempts) == (SignInState.INTERACTIVE, 5)


def test_the_test_in_the_readme(example: types.ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """The second block runs as printed, after the first, and shows what went over the wire."""
    exec(_blocks()[1], example.__dict__)  # noqa: S102 - the repository's own README
    shown = capsys.readouterr().out
    assert shown.count("userrealm") == 5
    assert "prompt mex: could not resolve" in shown


def test_the_readme_lists_every_model() -> None:
    """The table has each shipped model, and the SPN rule that it really has."""
    rows = [line for line in README.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    listed = {name: row for row in rows for name in re.findall(r"`([a-z0-9-]+)`", row.split("|")[1])}
    assert set(MODELS) <= set(listed)
    for name, model in MODELS.items():
        rule = getattr(model, "spn", NO_TICKET)
        assert ("no ticket" if rule is NO_TICKET else f"`{rule.name}`") in listed[name]


def test_package_stays_light() -> None:
    """Importing every model brings in no simulator, no asyncio and no HTTP library."""
    code = "import sys, ssosim_clients.catalogue; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "ssosim_clients.models.office" in modules
    assert not {"ssosim", "asyncio", "aiohttp", "requests", "gssapi"} & set(modules)

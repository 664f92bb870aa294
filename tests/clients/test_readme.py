"""The example in clients/README.md works as printed."""

from __future__ import annotations

import re
import subprocess
import sys
import types
from pathlib import Path

from ssosim_clients.models import Client, State

from .conftest import PASSWORD, World

README = Path(__file__).parents[2] / "clients" / "README.md"


def test_model_in_forty_lines(world: World) -> None:
    """The model printed in the README is at most 40 lines, retries as it says, and then asks."""
    code = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    assert len(code[1].splitlines()) <= 40
    module = types.ModuleType("readme_example")
    sys.modules[module.__name__] = module  # dataclass looks its module up
    try:
        exec(code[1], module.__dict__)  # noqa: S102 - the repository's own README
    finally:
        del sys.modules[module.__name__]
    model = module.MY_CLIENT
    assert isinstance(model, Client)
    world.remove_record()
    world.person = [PASSWORD]
    belief = world.play(model.sign_in(world.device()))
    assert belief is not None
    assert (belief.state, belief.attempts) == (State.INTERACTIVE, 5)


def test_package_stays_light() -> None:
    """Importing every model brings in neither the simulator, nor asyncio, nor an HTTP library."""
    code = "import sys, ssosim_clients.catalogue; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "ssosim_clients.models.office" in modules
    assert not {"ssosim", "asyncio", "aiohttp", "requests", "gssapi"} & set(modules)

"""Projects that are not this one, with tests that use the plugin."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

ASYNCIO_AUTO = "asyncio_mode = auto\nasyncio_default_fixture_loop_scope = function"


@dataclass(frozen=True)
class Session:
    """How a pytest session of the project ended."""

    code: int
    output: str

    @property
    def counts(self) -> dict[str, int]:
        """The last line's figures: ``{"passed": 2, "failed": 1}``."""
        found = re.findall(r"(\d+) (passed|failed|errors?|skipped|deselected|warnings?)", self.output.splitlines()[-1])
        return {word.rstrip("s"): int(number) for number, word in found}


@dataclass(frozen=True)
class Project:
    """A folder with tests, and the interpreter that runs them."""

    folder: Path
    python: str = sys.executable

    def write(self, text: str, name: str = "test_it.py", ini: str = ASYNCIO_AUTO) -> None:
        """Write a test file and the ini file; warnings are errors there, as in many projects."""
        (self.folder / name).write_text(dedent(text))
        (self.folder / "pytest.ini").write_text(
            f"[pytest]\nfilterwarnings = error\naddopts = --strict-markers\n{ini}\n"
        )

    def run(self, *arguments: str, **variables: str) -> Session:
        """Run pytest there, with the cache and other people's plugins off unless asked for."""
        command = [self.python, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:randomly", *arguments]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
        environment |= {"CI": "", "COLUMNS": "160", "PYTHONDONTWRITEBYTECODE": "1"} | variables
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        return Session(done.returncode, done.stdout + done.stderr)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared_state: Path) -> Project:
    """An empty project whose labs keep their cache away from the user's."""
    monkeypatch.setenv("SSOSIM_HOME", str(shared_state))
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder)


@pytest.fixture(scope="session")
def shared_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """State folder of all labs of these tests: the second finds the realm prepared."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture
def leftovers(tmp_path: Path) -> Callable[[], list[Path]]:
    """Lab folders that are left below the project's own base folder for temporary files."""
    return lambda: [
        path.parent for path in (tmp_path / "base").rglob("krb5.conf") if path.parent.name.startswith("sso")
    ]

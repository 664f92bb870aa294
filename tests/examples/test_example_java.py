"""The example for Java is what its README says: run as a reader would, with Maven, against a lab of its own."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "java"
NEEDS = ("java", "javac", "mvn")


@pytest.fixture
def short_home() -> Iterator[Path]:
    """A folder for labs with a path that is short enough for Unix sockets, whatever the folder of the test is."""
    with tempfile.TemporaryDirectory(prefix="java-") as folder:
        yield Path(folder)


@pytest.mark.skipif(
    not all(shutil.which(program) for program in NEEDS), reason="needs a JDK and Maven: apt install default-jdk maven"
)
def test_the_java_example_proves_retries(tmp_path: Path, short_home: Path) -> None:
    """A fault limited to the first two is survived, one of ten is not; events are waited for; verdicts are read."""
    project = tmp_path / "java"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("target"))
    environment = os.environ | {
        "SSOSIM": str(Path(sys.executable).with_name("ssosim")),
        "SSOSIM_HOME": str(short_home),
    }
    maven = subprocess.run(
        ["mvn", "--quiet", "--batch-mode", "test"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert maven.returncode == 0, maven.stdout + maven.stderr
    report = (project / "target" / "surefire-reports" / "example.SignInTest.txt").read_text(encoding="utf-8")
    assert "Tests run: 4, Failures: 0, Errors: 0, Skipped: 0" in report
    status = subprocess.run(
        [environment["SSOSIM"], "status"], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert "example-java" not in status.stdout, "the tests stop the lab that they started"

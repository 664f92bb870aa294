"""Where the machine refuses namespaces or mounts, one line says so, with the option that helps, and exit code 3."""

import subprocess
import sys
from pathlib import Path

import pytest

from ssosim.lab.base import sandbox

REFUSED_CALLS = Path(__file__).with_name("refused_calls.py")
MODEL_TEST = """
async def test_february_2025(sso_play):
    verdict = await sso_play("feb-2025", client="office")
    assert verdict.phase("record-empty").outcome.value == "stalled"
"""


def _run(bench, calls: str, *command: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, REFUSED_CALLS, calls, sys.executable, "-m", *command],
        env=bench.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        **options,
    )


@pytest.mark.parametrize("calls", ["unshare", "mount", "unshare,mount"])
@pytest.mark.parametrize("command", ["up", "run feb-2025 --client curl"])
def test_a_refused_call_is_one_line_and_exit_code_3(bench, calls, command):
    """``up`` and ``run`` name the call that is refused and what helps; no traceback, and nothing is left."""
    done = _run(bench, calls, "ssosim", *command.split())
    assert (done.returncode, done.stderr.count("\n")) == (3, 1), done.stderr
    first = "mount /" if calls == "mount" else "unshare"
    assert f"does not permit a private network ({first}: Operation not permitted): " in done.stderr
    assert done.stdout == ""
    bench.assert_nothing_running()


@pytest.mark.parametrize("calls", ["unshare", "mount"])
def test_doctor_finds_it_before(bench, calls):
    """``doctor`` makes the same calls, and says the same, with exit code 3."""
    done = _run(bench, calls, "ssosim", "doctor")
    [line] = [line for line in done.stdout.splitlines() if "private network" in line]
    assert done.returncode == 3
    assert line.split()[0] == "MISSING"
    assert f"({'mount /' if calls == 'mount' else 'unshare'}: Operation not permitted)" in line


def test_models_and_the_pytest_plugin_need_none_of_it(bench, tmp_path):
    """With both calls refused, a test plays a scenario with a model over sockets, the real KDC and DNS."""
    (tmp_path / "test_mine.py").write_text(MODEL_TEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    done = _run(bench, "unshare,mount", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py", cwd=tmp_path)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("environment", "files", "number", "remedy"),
    [
        (
            {"KUBERNETES_SERVICE_HOST": "10.0.0.1"},
            {},
            1,
            "a securityContext with capabilities.add [SYS_ADMIN, NET_ADMIN]",
        ),
        ({"GITLAB_CI": "true", "container": "docker"}, {}, 1, "privileged = true in [runners.docker]"),
        ({"container": "podman"}, {}, 1, "for Docker: docker run --cap-add SYS_ADMIN"),
        (
            {"GITHUB_ACTIONS": "true"},
            {"_APPARMOR": "1\n"},
            1,
            "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        ({}, {"_APPARMOR": "0\n", "_DEBIAN": "0\n"}, 1, "sysctl -w kernel.unprivileged_userns_clone=1"),
        ({}, {"_DEBIAN": "1\n"}, 28, "sysctl -w user.max_user_namespaces=10000"),
        ({}, {}, 1, "allow unprivileged user namespaces and mounts, or run as root"),
    ],
)
def test_the_remedy_is_that_of_the_place(monkeypatch, tmp_path, environment, files, number, remedy):
    """The remedy fits where the program runs: a pod, a job, a container, AppArmor's or the kernel's setting."""
    for name in ("KUBERNETES_SERVICE_HOST", "GITLAB_CI", "GITHUB_ACTIONS", "container"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sandbox, "_MARKS", ())  # the machine of this test may be a container itself
    for name in ("_APPARMOR", "_DEBIAN"):
        setting = tmp_path / name
        if name in files:
            setting.write_text(files[name])
        monkeypatch.setattr(sandbox, name, setting)
    text = sandbox.explain_refusal(number, "unshare")
    assert remedy in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("mark", "option"), [("/.dockerenv", "docker run --cap-add"), ("/run/.containerenv", "podman run")]
)
def test_a_container_is_known_by_its_mark(monkeypatch, tmp_path, mark, option):
    """Docker and Podman leave a file in each container; the options named are theirs."""
    for name in ("KUBERNETES_SERVICE_HOST", "GITLAB_CI", "container"):
        monkeypatch.delenv(name, raising=False)
    made = tmp_path / "mark"
    made.touch()
    monkeypatch.setattr(
        sandbox, "_MARKS", tuple((made if path == mark else tmp_path / "none", what) for path, what in MARKS)
    )
    assert option in sandbox.explain_refusal(1, "unshare")


MARKS = [(str(path), what) for path, what in sandbox._MARKS]

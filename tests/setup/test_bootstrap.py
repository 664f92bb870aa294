"""The set-up is complete, repairs a broken environment, and takes no time if nothing is missing."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.processes import is_running

REPOSITORY = Path(__file__).parents[2]
PACKAGES = "krb5-kdc krb5-admin-server krb5-user libkrb5-dev iproute2 util-linux curl bind9-dnsutils ca-certificates"


def test_no_right_to_install_prints_the_command_and_exits_2(checkout):
    """Without root or sudo it prints the missing packages and the exact command, and installs what needs no lab."""
    checkout.fake("dpkg-query", "#!/bin/sh\necho curl=installed\necho krb5-user=config-files\n")
    code, output = checkout.run("dev")
    assert code == 2
    command = next(line for line in output.splitlines() if "apt-get install --no-install-recommends" in line)
    assert {"krb5-kdc", "krb5-admin-server", "krb5-user", "libkrb5-dev"} <= set(command.split())
    assert "curl" not in command.split()
    assert f"sudo sh '{checkout.path}/bootstrap.sh' --packages" in output
    assert "ssosim dns check" in output
    assert {path.name for path in (checkout.path / ".venv").glob(".ready-*")} == {".ready-bare"}
    assert not any("gssapi.txt" in call for call in checkout.calls())
    assert checkout.run("run")[0] == 2
    assert not any("pip install" in call for call in checkout.calls())  # it is there already
    checkout.fake("dpkg-query", f"#!/bin/sh\nfor each in {PACKAGES}; do echo $each=installed; done\n")
    assert checkout.run("run")[0] == 0
    assert any("gssapi.txt" in call for call in checkout.calls())


def test_without_venv_nothing_is_installed_and_the_packages_are_named(checkout):
    """A Python that cannot make an environment: the packages to ask for are printed, and no .venv is left."""
    checkout.fake("dpkg-query", "#!/bin/sh\nexit 1\n")
    checkout.fake("python3.12", "#!/bin/sh\ncase $2 in *ensurepip*) exit 1 ;; esac\n")
    code, output = checkout.run("run", PYTHON="python3.12")
    assert (code, "apt-get install --no-install-recommends krb5-kdc" in output) == (2, True)
    assert "dns check" not in output
    assert not (checkout.path / ".venv").exists()


def test_bare_needs_no_package_of_kerberos_and_no_compiler(checkout):
    """`bare` is installed on a machine without MIT Kerberos, compiler and make, by a user without root."""
    checkout.fake("dpkg-query", "#!/bin/sh\nexit 1\n")
    for name in ("gcc", "cc", "make"):
        (checkout.bin / name).unlink()
    assert checkout.run("bare")[0] == 0
    calls = checkout.calls()
    assert any("-m pip install" in call and "requirements.txt" in call for call in calls)
    assert not any("gssapi.txt" in call for call in calls)
    assert checkout.run("bare") == (0, "")


def test_every_package_is_compared_with_its_hash(checkout):
    """Each installation of pip has --require-hashes, except that of the checkout itself; none resolves anything."""
    checkout.run("dev")
    installed = [call for call in checkout.calls() if "-m pip install" in call]
    assert [call for call in installed if "--no-deps" not in call] == []
    assert [call.split()[-2:] for call in installed if "--require-hashes" not in call] == [["-e", "."]]


def test_check_prints_what_is_missing_and_changes_nothing(checkout):
    """`--check` exits 0 on a complete machine, 2 on one that lacks a package or the compiler."""
    assert checkout.run("--check")[0] == 0
    (checkout.bin / "gcc").unlink()
    code, output = checkout.run("--check")
    assert (code, "Missing Debian packages: gcc libc6-dev\n" in output) == (2, True)
    assert not (checkout.path / ".venv").exists()


def test_the_browser_is_for_tests_only(checkout):
    """The lab needs no browser; on Debian, tests install Chromium unless another browser is there."""
    debian = "\nID=debian\n" in Path("/etc/os-release").read_text()
    checkout.fake("dpkg-query", (checkout.bin / "dpkg-query").read_text().replace(" chromium", ""))
    code, output = checkout.run("dev")
    assert (code, "apt-get install --no-install-recommends chromium" in output) == ((2, True) if debian else (0, False))
    assert checkout.run("run")[0] == 0
    checkout.fake("google-chrome", "#!/bin/sh\n")
    assert checkout.run("dev")[0] == 0


def test_old_python_is_refused_by_name(checkout):
    """An interpreter older than 3.11 is refused, with the version that is needed."""
    checkout.fake("python3.10", "#!/bin/sh\nexit 1\n")
    code, output = checkout.run("dev", PYTHON="python3.10")
    assert (code, "Python 3.11 or newer" in output) == (2, True)


def test_second_run_is_immediate(checkout):
    """If everything is installed, no Python, pip or dpkg is started; it takes less than the start of an interpreter."""
    assert checkout.run("dev")[0] == 0
    assert checkout.calls()
    checkout.fake("dpkg-query", '#!/bin/sh\necho dpkg-query >>"$CALLS"\n')
    took = min(_processor_seconds(lambda: checkout.run("dev")) for _ in range(5))
    assert checkout.run("dev") == (0, "")
    assert checkout.calls() == []
    interpreter = [sys.executable, "-c", "import subprocess, json"]
    assert took < min(_processor_seconds(lambda: subprocess.run(interpreter, check=True)) for _ in range(5))


def _processor_seconds(act):
    """Return the processor time of the programs that ``act`` starts and waits for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    act()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_what_tests_need_includes_what_the_lab_needs(checkout):
    """After `dev`, `run` has nothing to do; after `run` alone, `dev` installs more."""
    checkout.run("run")
    checkout.calls()
    checkout.run("dev")
    assert any("requirements.txt" in call for call in checkout.calls())
    checkout.run("run")
    assert checkout.calls() == []


@pytest.mark.parametrize("name", ["bootstrap.sh", "setup/steps.sh", "requirements/lab.txt", "pyproject.toml"])
def test_a_changed_source_is_installed_again(checkout, name):
    """A change of an input file updates the environment without making a new one."""
    checkout.run("dev")
    checkout.calls()
    with (checkout.path / name).open("a") as file:
        file.write("# changed\n")
    assert checkout.run("dev")[0] == 0
    calls = checkout.calls()
    assert any(call.endswith("--no-build-isolation -e .") for call in calls)
    assert not any("-m venv" in call for call in calls)


def test_a_moved_checkout_gets_a_new_environment(checkout, tmp_path):
    """The scripts of an environment have its path, so a moved checkout gets a new one."""
    checkout.run("dev")
    checkout.calls()
    shutil.move(checkout.path, tmp_path / "elsewhere")
    moved = type(checkout)(tmp_path / "elsewhere", checkout.bin)
    assert moved.run("dev")[0] == 0
    assert any("-m venv" in call for call in moved.calls())
    assert str(moved.path) in (moved.path / ".venv/bin/pip").read_text()


def test_a_failed_step_shows_its_last_lines_and_is_repaired(checkout):
    """A failure exits 1, prints the end of the log and its path; the next run starts again."""
    code, output = checkout.run("dev", DURING_PIP="echo the index is unavailable >&2; exit 1")
    assert code == 1
    assert "the index is unavailable" in output
    assert str(checkout.path / ".venv/setup.log") in output
    checkout.calls()
    assert checkout.run("dev")[0] == 0
    assert any("-m venv" in call for call in checkout.calls())


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_leaves_no_process_and_is_repaired(checkout, tmp_path, sent):
    """Ctrl-C exits 130 at once and ends the programs that were started; the next run repairs."""
    with checkout.start("dev", DURING_PIP=f'sleep 60 & echo $! >"{tmp_path}/pid"; wait') as process:
        pid = _wait_for(tmp_path / "pid")
        os.kill(process.pid, sent)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, "interrupted" in errors) == (130, True)
    _wait_for_end(pid)
    assert checkout.run("dev")[0] == 0
    assert not (checkout.path / ".venv/.incomplete").exists()


def test_two_at_once_work_once(checkout):
    """A second set-up in the same checkout waits for the first, and then has nothing to do."""
    first = checkout.start("dev", DURING_PIP="sleep 0.3")
    second = checkout.start("dev", DURING_PIP="sleep 0.3")
    with first, second:
        outputs = [process.communicate(timeout=60) for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), outputs
    assert sum("-m venv" in call for call in checkout.calls()) == 1


def _wait_for(file: Path) -> int:
    """Wait until a file has a number; returns it."""
    for _ in range(6000):
        if file.exists() and file.read_text().strip():
            return int(file.read_text())
        time.sleep(0.01)
    pytest.fail(f"{file} was not written")


def _wait_for_end(pid: int) -> None:
    """Wait until a process that is no child of this one has ended."""
    for _ in range(6000):
        if not is_running(pid):
            return
        time.sleep(0.01)
    pytest.fail(f"process {pid} outlived the set-up")


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_an_environment_of_the_user_is_not_removed(checkout, tmp_path, kind):
    """A .venv that this set-up did not make and cannot use is reported and kept, both a folder and a link to one."""
    own = tmp_path / "own" if kind == "link" else checkout.path / ".venv"
    own.mkdir()
    (own / "thesis.txt").write_text("kept")
    if kind == "link":
        (checkout.path / ".venv").symlink_to(own)
    code, output = checkout.run("dev")
    assert (code, f"{checkout.path}/.venv was not made by this set-up" in output) == (2, True)
    assert [path.name for path in (checkout.path / ".venv").iterdir()] == ["thesis.txt"]


def test_make_clean_calls_ssosim_first(checkout):
    """``ssosim clean`` removes state and caches; if it refuses because a lab runs, nothing else is removed."""
    shutil.copy(REPOSITORY / "Makefile", checkout.path)
    (checkout.path / "ssosim/lab").mkdir(parents=True)
    program = checkout.path / ".venv/bin/ssosim"
    program.parent.mkdir(parents=True)
    log = checkout.path / "log"
    for code in (2, 0):
        words = f'[ "$1" = --version ] || {{ echo "$@" >>"{log}"; exit {code}; }}'
        program.write_text(f"#!/bin/sh\n{words}\n")
        program.chmod(0o755)
        done = subprocess.run(["make", "-C", checkout.path, "clean"], capture_output=True, check=False)
        assert (done.returncode, (checkout.path / ".venv").exists()) == (code, code != 0)
    assert log.read_text() == "clean\n" * 2


def test_make_clean_elsewhere_removes_nothing(tmp_path):
    """``make -f`` from another project's folder does not remove that project's environment and builds."""
    (tmp_path / "other/build").mkdir(parents=True)
    command = ["make", "-f", REPOSITORY / "Makefile", "clean"]
    done = subprocess.run(command, cwd=tmp_path / "other", capture_output=True, check=False)
    assert (done.returncode, (tmp_path / "other/build").exists()) == (2, True)

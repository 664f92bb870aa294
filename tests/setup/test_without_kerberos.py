"""An installed wheel without extras: all that needs no lab works without GSS-API, Kerberos, root and a compiler."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from building import build_distribution
from ordinary_user import NOBODY, become_nobody

ROOT = Path(__file__).parents[2]
SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")
ZONE = """$ORIGIN microsoftazuread-sso.com.
$TTL 300
@ SOA ns1 hostmaster 1 7200 900 1209600 60
@ NS ns1
ns1 A 192.0.2.53
autologon {record}
"""
JUDGE = """
import sys
from pathlib import Path
from ssosim.clock import SystemClock
from ssosim.report.html import html_report
from ssosim.memory import MemoryLab
from ssosim.scenario.in_memory import play_in_memory
from ssosim.scenario.loader import load_scenario
from ssosim.services import services_of
from ssosim.estate import default_estate
from ssosim.trace import HttpExchange, TokenIssued, Trace
from ssosim.verdict.explain import explain
from ssosim.verdict.judge import judge
trace = Trace(SystemClock())
trace.record("c", HttpExchange(host="login.x", method="POST", path="/t/oauth2/v2.0/token", status=200))
trace.record("c", TokenIssued(kind="access", grant="saml1_1-bearer", subject="alice@contoso.com"))
verdict = judge(list(trace.since()), 0.0)
print(verdict.outcome.value, load_scenario("feb-2025").name, len(services_of(default_estate())))
assert "gssapi" not in sys.modules
"""
PLUGIN = """
import pytest

def test_a_model(sso_client):
    assert sso_client.name == "office"

def test_a_lab(sso_lab):
    pass
"""

# What Python lacks on Windows, as far as this code could use it. The standard library is loaded first: on Windows it
# has branches of its own.
WINDOWS = """
import asyncio, concurrent.futures.process, getpass, http.server, importlib.metadata, multiprocessing, os, random
import shutil, signal, socket, socketserver, ssl, subprocess, sys, tempfile, zipfile
ABSENT = {"fcntl", "grp", "gssapi", "pty", "pwd", "resource", "syslog", "termios", "tty", "uvloop"}
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
for name in ABSENT:
    sys.modules.pop(name, None)
for module, names in (
    (os, "O_CLOEXEC O_DIRECTORY O_NOFOLLOW O_NONBLOCK O_PATH chown eventfd fchmod fchown fork getegid geteuid getgid "
         "getpgid getuid initgroups killpg memfd_create mkfifo openpty pidfd_open pipe2 sched_getaffinity setns setsid "
         "statvfs sysconf uname unshare waitid WNOHANG"),
    (signal, "SIGALRM SIGCHLD SIGCONT SIGHUP SIGKILL SIGPIPE SIGQUIT SIGSTOP SIGUSR1 pthread_sigmask setitimer "
             "sigwait"),
    (socket, "AF_NETLINK AF_PACKET AF_UNIX CMSG_SPACE IP_PKTINFO MSG_DONTWAIT SCM_RIGHTS SOCK_CLOEXEC SOCK_NONBLOCK "
             "SO_BINDTODEVICE SO_PEERCRED SO_REUSEPORT recv_fds send_fds"),
):
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
sys.platform = "win32"
"""
FEB_2025 = """
import sys
from ssosim.estate import default_estate
from ssosim.scenario.client_choice import model_of, with_clients
from ssosim.scenario.in_memory import play_in_memory
from ssosim.scenario.loader import load_scenario
scenario = load_scenario("feb-2025")
scenario = with_clients(scenario, [each for each in scenario.clients if each.model])
played = play_in_memory(scenario, default_estate(), {each.name: model_of(each) for each in scenario.clients})
for each in played.results:
    if each.client in ("office", "native-prompt"):
        print(each.client, each.phase, each.verdict.outcome.value)
assert "gssapi" not in sys.modules
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


def find_distributions(*names: str) -> dict[str, metadata.Distribution]:
    """Return these distributions and all that they need here, without extras, by name."""
    found: dict[str, metadata.Distribution] = {}
    left = [Requirement(name) for name in names]
    while left:
        wanted = left.pop()
        name = canonicalize_name(wanted.name)
        if name not in found and (not wanted.marker or wanted.marker.evaluate({"extra": ""})):
            found[name] = metadata.distribution(name)
            left += [Requirement(each) for each in found[name].requires or ()]
    return found


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make a virtual environment with the wheel of ssosim and pytest, and only what these two declare."""
    folder = Path(tempfile.mkdtemp(prefix="bare-"))
    folder.chmod(0o755)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True, timeout=60)
    [packages] = (folder / "venv/lib").glob("python3*/site-packages")
    for name, found in find_distributions("ssosim", "pytest").items():
        tops = {Path(file).parts[0] for file in found.files or () if name != "ssosim"} - {"..", "__pycache__"}
        for top in tops:
            if not (packages / top).exists():
                (packages / top).symlink_to(found.locate_file(top))
    wheel = build_distribution(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))
    into = ["--python", folder / "venv/bin/python", "install", "--no-index", "--no-deps", "--quiet", wheel]
    subprocess.run([sys.executable, "-m", "pip", *into], check=True, timeout=120)
    tools = folder / "tools"
    tools.mkdir()
    for name in ("ip", "setpriv"):  # a lab looks for these before the Kerberos programs
        shutil.copy(shutil.which(name, path=os.pathsep.join((*SBIN, os.environ["PATH"]))), tools / name)
    work = folder / "work"
    work.mkdir()
    for name, record in (("before", "A 192.0.2.20"), ("after", "CNAME autologon.example.")):
        (work / name).mkdir()
        (work / name / "microsoftazuread-sso.com.zone").write_text(ZONE.format(record=record))
    (work / "mine.toml").write_text((ROOT / "ssosim/estate/contoso.toml").read_text().replace('["kdc"]', '["kcd"]'))
    (work / "test_mine.py").write_text(PLUGIN)
    if os.geteuid() == 0:
        for each in (work, *work.rglob("*")):
            os.chown(each, NOBODY, NOBODY)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def run(bare: Path) -> Run:
    """Run the Python of that environment as an ordinary user, by default without the folders of system programs."""

    def run(*words: str, hidden: tuple[str, ...] = SBIN) -> subprocess.CompletedProcess[str]:
        python = bare / "venv/bin/python"
        return subprocess.run(
            [python, *words],
            cwd=bare / "work",
            env={
                "PATH": os.pathsep.join((str(bare / "tools"), *([] if hidden else [os.environ["PATH"]]))),
                "HOME": str(bare / "work"),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            preexec_fn=lambda: become_nobody(hidden),
        )

    return run


def test_the_environment_lacks_them(run: Run):
    """The environment has no gssapi, krb5kdc, kinit and compiler, and the user is not root."""
    looked = "import os, shutil; print(os.geteuid() != 0, [shutil.which(p) for p in ('krb5kdc', 'kinit', 'gcc')])"
    assert run("-c", looked).stdout == "True [None, None, None]\n"
    assert "No module named 'gssapi'" in run("-c", "import gssapi").stderr
    assert run("-c", "import os; print(os.path.exists('/usr/sbin/krb5kdc'))").stdout == "False\n"


@pytest.mark.parametrize(
    ("words", "code", "output"),
    [
        ("--help", 0, "commands:"),
        ("--version", 0, "ssosim 0."),
        ("scenarios", 0, "feb-2025"),
        ("clients", 0, "any Office program"),
        ("fault list --help", 0, "usage: ssosim fault"),
        ("dns plan --from before --to after", 0, "autologon.microsoftazuread-sso.com"),
        ("dns lint --zones after", 0, ""),
        ("dns show --zones before", 0, "192.0.2.20"),
        ("dns plan --estate mine.toml --from before --to after", 2, "mine.toml:26: hosts[0].services[0]: there is no"),
        ("spn x.example", 2, 'no lab "default" is up'),
        ("doctor", 3, "No module named 'gssapi'"),
        ("up", 3, "kdb5_util is not installed"),
        ("run feb-2025", 3, "kdb5_util is not installed"),
    ],
)
def test_commands(run: Run, words: str, code: int, output: str):
    """Each command works, or says in one line what a lab needs, with exit code 3; there is no traceback."""
    done = run("-m", "ssosim", *words.split())
    assert done.returncode == code, done.stderr
    assert output in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    if code == 3 and words != "doctor":
        assert done.stderr.count("\n") == 1
        assert "apt-get install krb5-kdc" in done.stderr


def test_a_forecast_knows_the_clients(run: Run):
    """The plan of a change to zone files plays the models without a lab, and predicts the SPN of February 2025."""
    done = run("-m", "ssosim", "dns", "plan", "--from", "before", "--to", "after", "--json")
    [forecast] = json.loads(done.stdout)["forecast"]
    office = next(each for each in forecast["models"] if "office" in each["names"])
    assert (office["before"], office["after"] != "silent") == ("silent", True)


def test_with_the_programs_only_gssapi_is_missing(run: Run):
    """With MIT Kerberos installed, a lab says that GSS-API is missing and how to install it; nothing is left."""
    done = run("-m", "ssosim", "up", hidden=())
    assert done.returncode == 3, done.stderr
    assert done.stderr.startswith("ssosim: a lab needs GSS-API, which cannot be loaded (No module named 'gssapi')")
    assert ("pip install 'ssosim[lab]'" in done.stderr, done.stderr.count("\n")) == (True, 1)
    assert run("-m", "ssosim", "status", hidden=()).stdout.count("up, ready") == 0


def test_traces_are_judged_and_estates_read(run: Run):
    """The judge, scenarios, services and reports can be imported and work."""
    done = run("-c", JUDGE)
    assert done.stdout == "silent feb-2025 6\n", done.stderr


OUTCOMES = """\
office healthy silent
native-prompt healthy silent
office record-empty stalled
native-prompt record-empty interactive
office cname refused
native-prompt cname interactive
office restored silent
native-prompt restored silent
"""


@pytest.mark.parametrize("before", ["", WINDOWS], ids=["Linux", "as on Windows"])
def test_february_2025_in_memory(run: Run, before: str):
    """The scenario of February 2025 is played in memory, also where Python lacks what only Unix has."""
    done = run("-c", before + FEB_2025)
    assert sorted(done.stdout.splitlines()) == sorted(OUTCOMES.splitlines()), done.stdout + done.stderr


@pytest.mark.parametrize(
    ("words", "code", "output"),
    [
        ("--version", 0, "gssapi not installed"),
        ("scenarios", 0, "feb-2025"),
        ("clients", 0, "any Office program"),
        ("fault list", 3, "a lab needs Linux, and this is win32"),
        ("estate check mine.toml", 2, "mine.toml:26: hosts[0].services[0]: there is no"),
        ("dns plan --from before --to after", 0, "autologon.microsoftazuread-sso.com"),
        ("dns check --from before --to after", 1, "autologon.microsoftazuread-sso.com"),
        ("dns show --zones before", 0, "192.0.2.20"),
        ("dns show", 3, "a lab needs Linux, and this is win32"),
        ("up", 3, "a lab needs Linux, and this is win32"),
        ("exec -- true", 125, "a lab needs Linux, and this is win32"),
        ("run feb-2025", 3, "a lab needs Linux, and this is win32"),
        ("spn x.example", 3, "a lab needs Linux, and this is win32"),
        ("doctor", 3, "a lab needs Linux, and this is win32"),
    ],
)
def test_commands_where_python_lacks_what_only_unix_has(run: Run, words: str, code: int, output: str):
    """A command that needs no lab works as on Linux; another one says in one line that a lab needs Linux."""
    command = f"from ssosim.cli import main\nsys.exit(main({words.split()!r}))"
    done = run("-c", WINDOWS + command)
    assert done.returncode == code, done.stdout + done.stderr
    assert output in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    if "needs Linux" in output:
        assert done.stderr.count("\n") == 1


def test_the_pytest_plugin(run: Run):
    """The plugin gives models to tests; a test that needs a lab fails with the one-line message."""
    words = (
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--tb=short",
        "--sso-client",
        "office",
    )
    done = run(*words, "test_mine.py")
    assert "1 passed, 1 error" in done.stdout, done.stdout + done.stderr
    assert "Failed: a lab needs GSS-API, which cannot be" in done.stdout

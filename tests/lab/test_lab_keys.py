"""The key of an account is rolled while an unmodified program runs and holds its tickets."""

import shlex
import subprocess

import pytest

HOST = "autologon.microsoftazuread-sso.com"
URL = f"https://{HOST}/contoso.com/winauth/sso"
CURL = shlex.join(["curl", "-sS", "--negotiate", "-u", ":", "-o", "/dev/null", "-w", "%{http_code}\\n", URL])
SCRIPT = f"""
cache=${{KRB5CCNAME#FILE:}}
cp "$cache" "$cache.first"
{CURL}
read _
{CURL}
cp "$cache.first" "$cache"
{CURL}
"""


def apply(running, *words):
    """Apply a fault by the command line, which calls the control API."""
    done = running.run("fault", "apply", *words)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "statuses", "kvnos"),
    [
        (["at=kdc"], ["200", "200", "403"], [1, 1, 2]),
        ([], ["200", "200", "200"], [1, 1, 2]),
        (["times=2"], ["200", "403", "200"], [1, 1, 3]),
    ],
    ids=["kdc-only", "once", "twice"],
)
def test_tickets_of_a_real_program_live_through_a_rollover(running, words, statuses, kvnos):
    """Tickets of curl: one from before and one from after; each counts by the version of its key."""
    name = f"curl-{'-'.join(words) or 'once'}".replace("=", "-")
    process = running.popen("exec", "--as", name, "--", "sh", "-c", SCRIPT, stdin=subprocess.PIPE)
    first = process.stdout.readline().decode().strip()
    apply(running, "key-rolled", *words)
    out, errors = process.communicate(b"\n", timeout=60)
    assert running.run("fault", "undo", "all").returncode == 0
    assert [first, *out.decode().split()] == statuses, errors
    mine = [record for record in running.records() if record["client"] == name]
    assert [r["kvno"] for r in mine if r["event"] == "TicketChecked"] == kvnos
    assert [r["kvno"] for r in mine if r["event"] == "KdcExchange"] == [1, kvnos[-1]]


def test_curl_of_a_user_whose_account_is_disabled(running):
    """MS-KILE 3.3.5.6.3: the sign-on to the device is refused, so curl has no ticket; enabled again, it has one."""
    words = ("exec", "--as", "curl-disabled", "--device", "desk-2", "--", *shlex.split(CURL))
    apply(running, "user-disabled", "user=bob@contoso.com")
    disabled = running.run(*words)
    assert running.run("fault", "undo", "all").returncode == 0
    enabled = running.run(*words)
    assert [each.stdout.split()[-1] for each in (disabled, enabled)] == ["401", "200"], disabled.stderr
    asked = [record for record in running.records() if record["client"] == "curl-disabled"]
    exchanges = [(r["request"], r["outcome"], r["faults"] != []) for r in asked if r["event"] == "KdcExchange"]
    assert exchanges == [("AS", "KDC_ERR_CLIENT_REVOKED", True), ("TGS", "issued", False)]

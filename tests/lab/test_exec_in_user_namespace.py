"""A lab of a user who is root in a user namespace already, as in a rootless container."""

import subprocess
import sys

import pytest

SCRIPT = """
"$@" up --detach >/dev/null || exit 99
"$@" exec -- sh -c 'id -u; readlink /proc/self/ns/user'
readlink /proc/self/ns/user
"$@" exec --expect silent -- curl -sf -o /dev/null --negotiate -u : \
    https://autologon.microsoftazuread-sso.com/contoso.com/winauth/sso
echo "signed in: $?"
"$@" down >/dev/null
"""


@pytest.fixture
def rootless(bench):
    """The output of SCRIPT where the user is root of a user namespace and owns no other."""
    done = subprocess.run(
        [
            "unshare",
            "--user",
            "--map-root-user",
            "--mount",
            "bash",
            "-c",
            SCRIPT,
            "bash",
            sys.executable,
            "-m",
            "ssosim",
        ],
        env=bench.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_programs_join_a_lab_that_needs_no_user_namespace_of_its_own(rootless):
    """The lab uses the namespace that is there: a program runs in it, as its root, and signs in."""
    user, inside, outside, signed_in = rootless.stdout.splitlines()
    assert (user, inside, signed_in) == ("0", outside, "signed in: 0"), rootless.stderr

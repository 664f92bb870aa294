"""kinit and kvno on devices with other encryption types than the defaults, at the real KDC."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ssosim.faults import fault_from
from ssosim.testing.hosted_lab import host_lab
from tests.memory.test_client_enctypes import A128, A256, RC4, with_types

from .test_account_states import PASSWORD, SPN, run

NO_TYPE = "no support for encryption type"


@pytest.mark.parametrize(
    ("device", "user", "words"),
    [((RC4,), (), NO_TYPE), ((A256,), (RC4,), NO_TYPE), ((A128,), (A256,), NO_TYPE)],
    ids=["rc4-device", "rc4-user", "aes128-device-aes256-user"],
)
def test_no_sign_on_without_a_common_type(device: tuple[str, ...], user: tuple[str, ...], words: str) -> None:
    """RFC 4120, 3.1.3: the sign-on is refused, at the device and for kinit; Active Directory names the reason."""
    with host_lab(with_types(device, user)) as lab:
        environment = lab.environment("desk-1")
        assert not Path(environment["KRB5CCNAME"].removeprefix("FILE:")).exists()
        done, said = run(environment, "kinit", "alice", given=PASSWORD)
        assert (done, words in said) == (1, True), said
        assert run(lab.environment("desk-2"), "kvno", SPN)[0] == 0


@pytest.mark.parametrize("device", [(A128,), (RC4,)], ids=["aes128", "rc4"])
def test_the_session_key_has_the_type_of_the_device(device: tuple[str, ...]) -> None:
    """RFC 4120, 3.1.3: the session key has the first type of the client that the account supports."""
    with host_lab(with_types(device, (A256, A128, RC4))) as lab:

        async def allow_rc4(there: object) -> None:
            fault_from({"fault": "account-encryption-types", "enctypes": [A256, RC4]}).apply(there)  # type: ignore[arg-type]

        if RC4 in device:
            lab.call(allow_rc4)
        environment = lab.environment("desk-1")
        done, said = run(environment, "kvno", SPN)
        assert done == 0, said
        listed = subprocess.run(
            ["klist", "-e"],
            env=environment | {"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=True,
        )
        types = [line.partition("(skey, tkt):")[2] for line in listed.stdout.splitlines() if "(skey, tkt):" in line]
        wanted = "arcfour-hmac" if RC4 in device else A128
        assert len(types) == 2
        assert all(wanted in each.partition(",")[0] for each in types), types

"""Public reports about Azure PowerShell, tried on its stand-in: a success that is none must not look like one.

A number alone is an issue of Azure/azure-powershell.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .azure_lab import CONTOSO, EVERY_WAY, IDLE, LITWARE, REPORT, AzureLab
from .stand_ins import ARM, Session, grants_of

ACCEPTED_AFTER_ITS_END = 300
"""Seconds for which the identity provider of the estate takes an assertion after its end: ``cloud.clock_skew``."""


@pytest.fixture
def session(azure: AzureLab, tmp_path: Path) -> Callable[..., Session]:
    """Begin a session of the stand-ins on a device, with a new home folder."""

    def begin(device: str = "desk-1", **more: object) -> Session:
        return Session(azure, tmp_path, device, **more)  # type: ignore[arg-type]

    return begin


def test_a_script_goes_on_after_a_warning(session: Callable[..., Session]) -> None:
    """Without a display Connect-AzAccount warns and returns, exit code 0: nobody is connected (2.5.2, 15587).

    ``$ErrorActionPreference = 'Stop'`` does not help, since it is no error; the next cmdlet fails. Remote-SSH of Visual
    Studio Code, where xdg-open would work: 24926. AZ5-007, AZ5-008.
    """
    desk = session(display=False)
    alone = desk.pwsh("Connect-AzAccount")
    assert (alone.code, alone.events("HttpExchange"), alone.events("UserPrompted")) == (0, [], [])
    assert "please run cmdlet 'Connect-AzAccount -UseDeviceAuthentication'" in alone.output
    then = desk.pwsh("Connect-AzAccount", "Get-AzResourceGroup")
    assert (then.code, then.answers(ARM)) == (1, [])
    assert "Run Connect-AzAccount to login." in then.errors


def test_an_identity_without_a_role_connects_and_can_do_nothing(session: Callable[..., Session]) -> None:
    """The context has no subscription, and the exit code is 0: 10495, 19801. The next cmdlet says so."""
    vm = session("vm-1")
    ran = vm.pwsh(f"Connect-AzAccount -Identity -AccountId {IDLE}")
    assert (ran.code, grants_of(ran)) == (0, ["managed_identity"])
    assert "Subscription:   Tenant" in ran.output
    then = vm.pwsh("Get-AzResourceGroup")
    assert (then.code, then.answers(ARM)) == (1, [])
    assert "No subscription found in the context." in then.errors


if EVERY_WAY:

    @pytest.mark.parametrize(("version", "tenant"), [("2.1.2", CONTOSO), ("2.2.0", LITWARE)])
    def test_the_tenant_of_a_device_code(session: Callable[..., Session], version: str, tenant: str) -> None:
        """2.1.2 loses -Tenant with a device code (13470, 13477): the guest is signed in to the home tenant instead."""
        desk = session("desk-guest", variables={"SSOSIM_AZ_ACCOUNTS": version})
        ran = desk.pwsh(f"Connect-AzAccount -UseDeviceAuthentication -Tenant {LITWARE}")
        assert ran.code == 0, ran.errors
        assert f"Tenant: {tenant}" in ran.output
        name = "Litware" if tenant == LITWARE else "Contoso production"
        assert f"Subscription: {name}" in ran.output

    @pytest.mark.parametrize(("version", "code"), [("2.1.2", 1), ("2.2.0", 0)])
    def test_a_profile_folder_that_cannot_be_written(session: Callable[..., Session], version: str, code: int) -> None:
        """Until 2.1.2 the module does not load (azure-functions-powershell-worker 554); later ones keep nothing."""
        function = session("function-1", variables={"SSOSIM_AZ_ACCOUNTS": version})
        ran = function.pwsh("Connect-AzAccount -Identity -AccountId $env:ID", "Get-AzResourceGroup",
                            HOME="/dev/null/none", ID="7c1c2b4e-3b57-4f0a-8f8e-2a9d4d6e5b21")  # fmt: skip
        assert ran.code == code, ran.errors
        assert ("could not be loaded" in ran.errors) is bool(code)
        assert (ran.answers(ARM) == []) is bool(code)
        assert "Traceback" not in ran.errors

    def test_an_access_token_is_good_for_its_resource_only(session: Callable[..., Session]) -> None:
        """A login with -AccessToken has one token: another resource is an error, never that token again (13527)."""
        desk = session(variables={"SSOSIM_AZ_ACCOUNTS": "2.2.0"})
        assert desk.pwsh("Connect-AzAccount").code == 0
        shown = desk.pwsh("Get-AzAccessToken").output
        token = shown.partition("Token     : ")[2].split()[0]
        ran = desk.pwsh("Connect-AzAccount -AccessToken $env:TOKEN -AccountId alice@contoso.com", TOKEN=token)
        assert (ran.code, grants_of(ran), set(ran.answers(ARM))) == (0, [], {200})
        vault = desk.pwsh("Get-AzAccessToken -ResourceTypeName KeyVault")
        assert (vault.code, vault.events("HttpExchange")) == (1, [])
        assert "Cannot retrieve access token for resource" in vault.errors

    @pytest.mark.parametrize(("version", "code"), [("2.10.3", 1), ("2.10.4", 0)])
    def test_a_login_with_a_federated_token_outlives_it(
        session: Callable[..., Session], azure: AzureLab, version: str, code: int
    ) -> None:
        """Before 2.10.4 each process sent the assertion again, until 700024 (Azure/login 180, 24304)."""
        left = 25  # seconds in which this assertion is still taken, for all that comes before the sleep
        expires = f"--expires-in=-{ACCEPTED_AFTER_ITS_END - left}s"
        before = [f"--claim={name}={int(time.time()) - 600}" for name in ("iat", "nbf")]
        done = azure.bench.run("federated-token", "--subject", "system:serviceaccount:shop:report", expires, *before)
        desk = session(variables={"SSOSIM_AZ_ACCOUNTS": version})
        words = f"Connect-AzAccount -ApplicationId {REPORT} -Tenant {CONTOSO} -FederatedToken $env:ASSERTION"
        first = desk.pwsh(words, ASSERTION=done.stdout.strip())
        assert first.code == 0, first.errors
        ran = desk.pwsh(f"Start-Sleep -Seconds {left}", "Get-AzResourceGroup")
        assert ran.code == code, ran.errors
        assert ("AADSTS700024" in ran.errors) is bool(code)

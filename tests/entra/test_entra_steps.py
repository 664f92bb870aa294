"""The provider's route determines the step of a sign-in that an exchange belongs to, also under a fault."""

import pytest

from ssosim.entra import Call, HttpReply, first_steps
from ssosim.entra.core.fault_effect import HttpEffect
from ssosim.entra.http.exchange import run_exchange
from ssosim.trace import HttpExchange, SignInStep

LOGIN, AUTOLOGON, STS = "login.microsoftonline.com", "autologon.microsoftazuread-sso.com", "sts.fabrikam.com"
REQUESTS = [
    ("GET", LOGIN, "/common/userrealm/a@contoso.com?api-version=1.0", SignInStep.REALM),
    ("GET", LOGIN, "/common/UserRealm?user=a@contoso.com", SignInStep.REALM),
    ("GET", LOGIN, "/GetUserRealm.srf?login=a@contoso.com", SignInStep.REALM),
    ("POST", LOGIN, "/common/GetCredentialType?mkt=en-US", SignInStep.CREDENTIAL_TYPE),
    ("POST", LOGIN, "/common/instrumentation/dssostatus", SignInStep.SIGN_IN_PAGE),
    ("POST", LOGIN, "/common/login", SignInStep.SIGN_IN_PAGE),
    ("POST", LOGIN, "/login.srf", SignInStep.SIGN_IN_PAGE),
    ("GET", LOGIN, "/organizations/oauth2/v2.0/authorize?client_id=x", SignInStep.AUTHORIZE),
    ("GET", LOGIN, "/common/oauth2/nativeclient?code=x", SignInStep.REDIRECT),
    ("GET", LOGIN, "/common/discovery/instance", SignInStep.INSTANCE),
    ("GET", LOGIN, "/contoso.com/v2.0/.well-known/openid-configuration", SignInStep.CONFIGURATION),
    ("GET", LOGIN, "/common/discovery/v2.0/keys", SignInStep.KEYS),
    ("POST", LOGIN, "/organizations/oauth2/v2.0/token", SignInStep.TOKEN),
    ("POST", LOGIN, "/common/oauth2/devicecode", SignInStep.DEVICE_CODE),
    ("GET", LOGIN, "/common/oauth2/deviceauth", SignInStep.DEVICE_PAGE),
    ("GET", AUTOLOGON, "/contoso.com/winauth/trust/mex", SignInStep.MEX),
    ("POST", AUTOLOGON, "/contoso.com/winauth/trust/2005/windowstransport", SignInStep.WSTRUST_TICKET),
    ("POST", AUTOLOGON, "/contoso.com/winauth/trust/2005/usernamemixed", SignInStep.WSTRUST_PASSWORD),
    ("GET", AUTOLOGON, "/contoso.com/winauth/sso", SignInStep.BROWSER_SSO),
    ("OPTIONS", AUTOLOGON, "/contoso.com/winauth/ssoprobe", SignInStep.BROWSER_SSO),
    ("GET", STS, "/adfs/ls/", SignInStep.SIGN_IN_PAGE),
    ("GET", STS, "/adfs/ls/wia", SignInStep.BROWSER_SSO),
    ("GET", STS, "/adfs/services/trust/mex", SignInStep.MEX),
    ("POST", STS, "/adfs/services/trust/13/windowstransport", SignInStep.WSTRUST_TICKET),
    ("POST", STS, "/adfs/services/trust/2005/usernamemixed", SignInStep.WSTRUST_PASSWORD),
    # A method that is not allowed does not change the step; a path counts only at its own host.
    ("GET", AUTOLOGON, "/contoso.com/winauth/trust/2005/windowstransport", SignInStep.WSTRUST_TICKET),
    ("HEAD", LOGIN, "/common/discovery/instance", SignInStep.INSTANCE),
    ("GET", LOGIN, "/favicon.ico", SignInStep.OTHER),
    ("GET", LOGIN, "/x/userrealm-of-mine/y", SignInStep.OTHER),
    ("GET", AUTOLOGON, "/common/userrealm/a@contoso.com", SignInStep.OTHER),
    ("GET", "elsewhere.example", "/common/userrealm/a@contoso.com", SignInStep.OTHER),
]
EFFECTS = [
    None,
    HttpEffect(silent=True),
    HttpEffect(reply=HttpReply(503)),
    HttpEffect(reply=HttpReply(429), from_service=True),
]


@pytest.mark.parametrize("effect", EFFECTS, ids=["no-fault", "silent", "replaced", "from-service"])
@pytest.mark.parametrize(("method", "host", "path", "step"), REQUESTS)
def test_the_exchange_has_the_step_of_its_route(site, method, host, path, step, effect):
    """The trace has the step of the path's route, also if a fault suppresses or replaces the reply."""
    call = Call.read(method, host, path, now=site.clock.now())
    run_exchange(site.provider, call, "c", effect)
    (seen,) = [record.event for record in site.provider.trace if isinstance(record.event, HttpExchange)]
    assert seen.step is step


def test_each_host_is_for_a_first_step(site):
    """The first step is REALM for login hosts and MEX for WS-Trust hosts, for all names in the estate."""
    found = first_steps(site.provider.estate)
    assert found[LOGIN] is SignInStep.REALM
    assert found[AUTOLOGON] is SignInStep.MEX
    assert found[STS] is SignInStep.MEX
    assert set(found) == {name.lower() for name, _ in site.provider.estate.list_identity_hosts()}

"""The author's own test: without autologon the program asks the user."""

from sign_in import sign_in

from ssosim.faults import NameRemoved
from ssosim.testing import Outcome


def test_falls_back(sso_lab):
    """One prompt, and a token."""
    with sso_lab.broken(NameRemoved(name="autologon.microsoftazuread-sso.com")), sso_lab.device("desk-1") as device:
        sign_in(device.upn, device.prompt_password)
    assert device.verdict().outcome is Outcome.INTERACTIVE

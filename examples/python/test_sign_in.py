"""Tests of ``sign_in.py``: silent while all is well, and one prompt in the incident of February 2025."""

import pytest
from sign_in import sign_in

from ssosim.faults import NameRemoved, ServFail
from ssosim.testing import Outcome

NAME = "autologon.microsoftazuread-sso.com"


def test_silent(sso_lab):
    """With a ticket the user sees nothing."""
    with sso_lab.device("desk-1", name="mine") as device:
        sign_in(device.upn, device.prompt_password)
    assert device.verdict().outcome is Outcome.SILENT, device.verdict().reason


@pytest.mark.parametrize("fault", [NameRemoved(name=NAME), ServFail(names=(NAME,))])
def test_falls_back(sso_lab, fault):
    """Without an address for autologon the program asks the user at once."""
    with sso_lab.broken(fault), sso_lab.device("desk-1", name="mine") as device:
        sign_in(device.upn, device.prompt_password)
    assert device.verdict().outcome is Outcome.INTERACTIVE, device.verdict().reason

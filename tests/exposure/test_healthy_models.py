"""No model that signs in to a healthy lab exposes a credential: neither in memory nor over sockets."""

from __future__ import annotations

import pytest
from ssosim_clients.catalogue import MODELS

from ssosim.estate import default_estate
from ssosim.memory import Engine, MemoryLab, memory_device
from ssosim.trace import CredentialExposed, TokenIssued

NOW = 1_740_000_000.0


@pytest.mark.parametrize("device", [device.name for device in default_estate().devices])
@pytest.mark.parametrize("name", MODELS)
def test_a_healthy_sign_in_exposes_nothing(name, device):
    """Every model on every device: who gets a token has given nothing to a host without business."""
    lab = MemoryLab(Engine(NOW), default_estate())
    run = lab.engine.start(MODELS[name].sign_in(memory_device(lab, "c", device)))
    lab.engine.run(NOW + 3600)
    run.cancel()
    if any(isinstance(record.event, TokenIssued) for record in lab.trace):
        assert [record.event for record in lab.trace if isinstance(record.event, CredentialExposed)] == []


def test_the_federated_password_of_a_primary_refresh_token_goes_to_the_login_host():
    """The one model and device that get no token, and why: it posts the password where it does not belong."""
    lab = MemoryLab(Engine(NOW), default_estate())
    run = lab.engine.start(MODELS["prt-device"].sign_in(memory_device(lab, "c", "desk-3")))
    lab.engine.run(NOW + 3600)
    run.cancel()
    found = {record.event.reason for record in lab.trace if isinstance(record.event, CredentialExposed)}
    assert found == {"the user's password belongs to a federation service"}

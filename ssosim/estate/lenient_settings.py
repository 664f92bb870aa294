"""The settings by which a lab accepts what the real service refuses, or may refuse.

The check that such a setting loosens calls ``TraceBuffer.note_not_checked`` when a request is accepted that the strict
value would have refused. The records of the request and of its tokens then have the name in ``not_checked``, and so has
the verdict. A value that changes nothing for a request is not noted. The rules of ``cloud.not_checked`` are noted by
their own names. ``tests/entra/test_lenient_settings.py`` has one case for each setting, and demands of each new setting
that it is either in this table or said to be none of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

__all__ = [
    "LENIENT_SETTINGS",
    "LONGEST_ACCESS_TOKEN",
    "LONGEST_REFRESH_TOKEN",
    "STRICT_CLOCK_SKEW",
    "LenientSetting",
    "is_strictly_valid",
]

LenientSetting = Literal[
    "cloud.access_token_lifetime",
    "cloud.client_assertions.audiences",
    "cloud.client_assertions.clock_skew",
    "cloud.client_assertions.multiple_federated_audiences",
    "cloud.clock_skew",
    "cloud.refresh_token_lifetime",
    "resource_manager.mandatory_mfa",
    "settings.grants_refused_over_common",
    "settings.header_limit",
    "settings.refuse_replay",
    "settings.saml2_grant_takes_saml1",
    "settings.soap_limit",
    "settings.untyped_form",
]
"""The name of a lenient setting: its key in the estate, or ``settings.`` and its name in ``ssosim.entra.Settings``."""

STRICT_CLOCK_SKEW = 300
"""Seconds by which the clock of an issuer may differ (the default of ``clock_skew``; the real value is unconfirmed)."""


def is_strictly_valid(begins: float, ends: float, now: float) -> bool:
    """Return whether the strict clock skew lets pass, at ``now``, what is valid from ``begins`` to before ``ends``."""
    return begins - STRICT_CLOCK_SKEW <= now < ends + STRICT_CLOCK_SKEW


LONGEST_ACCESS_TOKEN = 28 * 3600
"""Seconds that an access token of the real service lives at most (Entra document "Continuous access evaluation")."""

LONGEST_REFRESH_TOKEN = 90 * 86_400
"""Seconds that a refresh token of the real service lives (Entra document "Refresh tokens")."""

LENIENT_SETTINGS: Mapping[LenientSetting, str] = MappingProxyType(
    {
        "cloud.access_token_lifetime": "an access token older than 28 hours was accepted",
        "cloud.client_assertions.audiences": "the `aud` of a client assertion is none of the documented ones",
        "cloud.client_assertions.clock_skew": "a client assertion or federated token was over 300 s out of its dates",
        "cloud.client_assertions.multiple_federated_audiences": "a federated token has more than one audience",
        "cloud.clock_skew": "an assertion or token was over 300 s out of its dates",
        "cloud.refresh_token_lifetime": "a refresh token older than 90 days was accepted",
        "resource_manager.mandatory_mfa": "a user without a second factor changed something",
        "settings.grants_refused_over_common": "a grant was accepted at `/common`",
        "settings.header_limit": "the header was larger than 50 KB",
        "settings.refuse_replay": "a SAML assertion was accepted a second time",
        "settings.saml2_grant_takes_saml1": "the grant saml2-bearer took an assertion of SAML 1.1",
        "settings.soap_limit": "the SOAP envelope was larger than 256 KB",
        "settings.untyped_form": "a token request had no Content-Type",
    }
)
"""What was not checked, for each setting."""

"""What the authentication of a client depends on, and its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from msgspec import Struct

from ssosim.entra.core.keys import Keys
from ssosim.entra.oauth.own_federated_tokens import ExchangingApplication, OwnIssuer
from ssosim.estate import Application, ClientAssertionRules
from ssosim.estate.lenient_settings import LenientSetting

__all__ = ["ClientAuthentication", "ClientContext"]


class ClientAuthentication(Struct, frozen=True):
    """How a client has proved which application it is.

    ``credential`` names the credential without its value: key id or display name of a secret, thumbprint of a
    certificate (hexadecimal SHA-1), its subject name, or the name of a federated credential. ``issuer`` and ``subject``
    are those of the assertion. ``not_checked`` are the settings without which the client would have been refused.
    """

    method: Literal["client_secret", "certificate", "certificate_subject", "federated_credential"]
    credential: str
    issuer: str = ""
    subject: str = ""
    not_checked: tuple[LenientSetting, ...] = ()


class ClientContext(Struct, frozen=True):
    """The values of one authentication. ``now`` is in seconds since the Unix epoch.

    ``client_now`` is the time by the clock of the client, which signs assertions by it.
    ``audiences`` returns the values of ``aud`` that the service accepts, ``more_audiences`` those of a setting, both in
    lower case; ``own_issuers`` returns the issuers of the clouds of the estate by their names in lower case, and
    ``describe`` what an exchange must know of an application. Most requests need none of them. ``fetch``
    returns the document at an address, and raises FetchError. ``record_use`` records an id until a time, and returns
    False if it was recorded before.
    """

    keys: Keys
    rules: ClientAssertionRules
    now: float
    client_now: float
    audiences: Callable[[], frozenset[str]]
    more_audiences: Callable[[], frozenset[str]]
    own_issuers: Callable[[], Mapping[str, OwnIssuer]]
    describe: Callable[[Application], ExchangingApplication]
    fetch: Callable[[str], bytes]
    record_use: Callable[[str, float], bool]

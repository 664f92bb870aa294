"""The credentials of an application, and the issuers of federated credentials: values of an estate.

Sources of the names: Microsoft Graph, resource types passwordCredential, keyCredential, federatedIdentityCredential and
trustedSubjectNameAndIssuer.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from ssosim.estate.entry import EstateEntry

__all__ = [
    "Certificate",
    "ClientAssertionRules",
    "ClientSecret",
    "FederatedCredential",
    "Moment",
    "OpenidIssuer",
    "TrustedCertificateSubject",
]

Moment = Annotated[datetime, Meta(tz=True)]
"""A date with time and zone."""
_EXCHANGE = "api://AzureADTokenExchange"


class ClientSecret(EstateEntry, frozen=True, kw_only=True):
    """A client secret, valid from ``start_date_time`` until before ``end_date_time``; without a date, without limit.

    ``key_id`` is what the portal calls the secret ID; a program that sends it instead of ``value`` is refused.
    """

    value: Annotated[str, Meta(min_length=1)]
    start_date_time: Moment | None = None
    end_date_time: Moment | None = None
    key_id: str = ""
    display_name: str = ""


class Certificate(EstateEntry, frozen=True, kw_only=True):
    """A certificate with which the application signs its assertions: ``pem`` text, or a ``file`` of PEM.

    A path is relative to the estate file. If the PEM text contains the private key too, client models can sign with it.
    With neither key the lab generates a certificate with its key for this ``display_name``, valid from
    ``start_date_time`` until ``end_date_time`` (default: from 1970 until ten years from now). Those dates are for a
    generated certificate only; another one has its own.
    """

    display_name: str = ""
    pem: str = ""
    file: str = ""
    start_date_time: Moment | None = None
    end_date_time: Moment | None = None

    @property
    def is_generated(self) -> bool:
        """Whether the lab generates the certificate."""
        return not self.pem and not self.file


class TrustedCertificateSubject(EstateEntry, frozen=True, kw_only=True):
    """Subject name and issuer authentication: any certificate for ``subject_name`` that ``authority`` has issued.

    ``authority`` is the PEM text of the root certificates, ``authority_file`` a file of it. The client sends its
    certificate and the intermediate ones in ``x5c``. Source: Microsoft Graph, trustedSubjectNameAndIssuer; MSAL Python
    issue 60.
    """

    subject_name: Annotated[str, Meta(min_length=1)]
    authority: str = ""
    authority_file: str = ""


class FederatedCredential(EstateEntry, frozen=True, kw_only=True):
    """A federated identity credential: tokens of ``issuer`` for ``subject`` authenticate the application.

    ``issuer``, ``subject`` and ``audiences`` are compared with the token case-sensitively, letter by letter; there is
    one audience. ``name`` has 3 to 120 letters, digits, hyphens and underscores. Source: Microsoft Graph,
    federatedIdentityCredential; Entra document "Important considerations and restrictions for federated identity
    credentials"; Entra breaking changes, August 2024.
    """

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{2,119}$")]
    issuer: Annotated[str, Meta(pattern=r"^https://[!-~]+$", max_length=600)]
    subject: Annotated[str, Meta(min_length=1, max_length=600)]
    audiences: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=600)], ...], Meta(min_length=1, max_length=1)
    ] = (_EXCHANGE,)


class OpenidIssuer(EstateEntry, frozen=True, kw_only=True):
    """An issuer of the service ``oidc-issuer``: it serves discovery and keys, and signs tokens for whoever asks.

    ``issuer`` is the ``iss`` claim; discovery is at ``{issuer}/.well-known/openid-configuration``.
    ``token_lifetime`` is in seconds.
    """

    issuer: Annotated[str, Meta(pattern=r"^https://[A-Za-z0-9.-]+(/[A-Za-z0-9._~/-]*)?$", max_length=600)]
    token_lifetime: Annotated[int, Meta(ge=1, le=31_536_000)] = 3600

    @property
    def host(self) -> str:
        """The host name of the issuer, in lower case."""
        return self.issuer.removeprefix("https://").partition("/")[0].lower()


class ClientAssertionRules(EstateEntry, frozen=True, kw_only=True):
    """What of client assertions no public text confirms: the section ``[cloud.client_assertions]``.

    ``audiences``: values of ``aud`` besides the token endpoint and ``https://HOST/TENANT/v2.0``; ``{host}`` and
    ``{tenant}`` are replaced. ``refuse_replay``: whether a ``jti`` is accepted once only: the real
    service takes it again (MSAL for Java sent one assertion for ten minutes: its pull request 986).
    ``clock_skew``, in seconds: how long after ``exp`` and before ``nbf`` an assertion is accepted.
    ``multiple_federated_audiences``: whether the ``aud`` of a federated token may have other values beside the one of
    the credential.
    """

    audiences: tuple[str, ...] = ()
    refuse_replay: bool = False
    clock_skew: Annotated[int, Meta(ge=0, le=86_400)] = 300
    multiple_federated_audiences: bool = False

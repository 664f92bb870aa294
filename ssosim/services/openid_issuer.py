"""The service ``oidc-issuer``: OpenID issuers whose tokens federated credentials name, and which sign for anybody.

It stands for what issues tokens to workloads: a Kubernetes cluster, a pipeline, a build service. It has the documents
of OpenID Connect Discovery 1.0, section 4, and the key set of RFC 7517. ``POST {issuer}/token`` signs a token; the real
issuers have other ways to get one, and all of them give it to the workload alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from ssosim.entra import Call, HttpReply
from ssosim.entra.core.jose import build_key_set, sign_jwt
from ssosim.entra.core.keys import SigningKey, issuer_key_name
from ssosim.entra.core.messages import make_guid, make_json_reply, read_fields
from ssosim.estate import Estate, OpenidIssuer
from ssosim.services.provider_application import NOT_FOUND, ProviderApplication
from ssosim.services.service import Service

__all__ = ["EXCHANGE_AUDIENCE", "IssuerApplication", "oidc_issuer", "sign_federated_token"]

EXCHANGE_AUDIENCE = "api://AzureADTokenExchange"
"""The audience that Entra documents for federated credentials."""

_PARAMETERS = frozenset({"subject", "audience", "expires_in", "claims"})
_MAX_LIFETIME = 10 * 365 * 86400


def sign_federated_token(
    key: SigningKey, issuer: OpenidIssuer, *, subject: str, audience: str, now: float, claims: Mapping[str, Any]
) -> str:
    """Sign a token of ``issuer``. ``claims`` replace or add claims; a claim that is None is left out."""
    start = int(now)
    usual = {
        "iss": issuer.issuer,
        "sub": subject,
        "aud": audience,
        "iat": start,
        "nbf": start,
        "exp": start + issuer.token_lifetime,
        "jti": make_guid(),
    }
    return sign_jwt(key, {name: value for name, value in (usual | dict(claims)).items() if value is not None})


@dataclass(frozen=True, slots=True)
class IssuerApplication(ProviderApplication):
    """The endpoints of all issuers of the estate; host and path select the issuer."""

    def handle(self, call: Call) -> HttpReply:
        """Answer one request: discovery, key set or token."""
        path = "/" + "/".join(call.path)
        for issuer in self.provider.estate.openid_issuers:
            key = self.provider.keys.generated.get(issuer_key_name(issuer.issuer))
            base = issuer.issuer.removeprefix("https://").partition("/")[2].strip("/")
            prefix = f"/{base}" if base else ""
            if issuer.host != call.host or key is None or not path.startswith(f"{prefix}/"):
                continue
            match call.method, path.removeprefix(prefix):
                case "GET", "/.well-known/openid-configuration":
                    return make_json_reply(_configuration(issuer))
                case "GET", "/keys":
                    return make_json_reply(build_key_set((key,)))
                case "POST", "/token":
                    return _sign(call, issuer, key)
        return NOT_FOUND


def _configuration(issuer: OpenidIssuer) -> dict[str, Any]:
    base = issuer.issuer.removesuffix("/")
    return {
        "issuer": issuer.issuer,
        "jwks_uri": f"{base}/keys",
        "token_endpoint": f"{base}/token",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }


def _sign(call: Call, issuer: OpenidIssuer, key: SigningKey) -> HttpReply:
    try:
        form = read_fields(call.body.decode("utf-8"), 16)
        claims = msgspec.json.decode(form.get("claims") or "{}", type=dict[str, Any])
        lifetime = int(form.get("expires_in") or issuer.token_lifetime)
    except (ValueError, msgspec.MsgspecError) as error:
        return _refuse(f"the form cannot be read: {error}")
    if unknown := form.keys() - _PARAMETERS:
        return _refuse(f"unknown parameter {min(unknown)!r}; known: {', '.join(sorted(_PARAMETERS))}")
    if not form.get("subject"):
        return _refuse("the parameter 'subject' is missing: the 'sub' claim of the token")
    if abs(lifetime) > _MAX_LIFETIME:
        return _refuse("'expires_in' is out of range")
    token = sign_federated_token(
        key,
        issuer,
        subject=form["subject"],
        audience=form.get("audience") or EXCHANGE_AUDIENCE,
        now=call.now,
        claims={"exp": int(call.now) + lifetime} | claims,
    )
    return make_json_reply({"token": token, "expires_in": lifetime}, headers=(("Cache-Control", "no-store"),))


def _refuse(text: str) -> HttpReply:
    return make_json_reply({"error": "invalid_request", "error_description": text}, 400)


def oidc_issuer(estate: Estate) -> tuple[Service, ...]:
    """Return the service for the hosts of all ``openid_issuers``."""
    names = tuple(dict.fromkeys(each.host for each in estate.openid_issuers))
    return (Service(name="oidc-issuer", dns_names=names, application=IssuerApplication.start),)

"""The Kerberos realm: MIT krb5kdc, the KDC gateway (a proxy), and GSS-API (``ssosim.kerberos.gss``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssosim.late_imports import import_late

if TYPE_CHECKING:
    from ssosim.kerberos.errors import KdcEndedError, KdcStartError, KerberosError, KerberosMissingError, RealmError
    from ssosim.kerberos.free_ports import Address
    from ssosim.kerberos.gateway import (
        Forward,
        GatewayLimits,
        KdcEndpoint,
        KdcGateway,
        KdcRequestContext,
        KdcResponder,
    )
    from ssosim.kerberos.kdc import Kdc
    from ssosim.kerberos.kinit import ClientOptions, KinitError, KinitErrorKind, write_krb5_conf
    from ssosim.kerberos.realm import PreparedRealm, compute_realm_digest, prepare_realm
    from ssosim.kerberos.realm_kdcs import RealmKdcs

__all__ = [
    "Address",
    "ClientOptions",
    "Forward",
    "GatewayLimits",
    "Kdc",
    "KdcEndedError",
    "KdcEndpoint",
    "KdcGateway",
    "KdcRequestContext",
    "KdcResponder",
    "KdcStartError",
    "KerberosError",
    "KerberosMissingError",
    "KinitError",
    "KinitErrorKind",
    "PreparedRealm",
    "RealmError",
    "RealmKdcs",
    "compute_realm_digest",
    "prepare_realm",
    "write_krb5_conf",
]

_MODULES = {
    "KdcEndedError": "errors",
    "KdcStartError": "errors",
    "KerberosError": "errors",
    "KerberosMissingError": "errors",
    "RealmError": "errors",
    "Address": "free_ports",
    "Forward": "gateway",
    "GatewayLimits": "gateway",
    "KdcEndpoint": "gateway",
    "KdcGateway": "gateway",
    "KdcRequestContext": "gateway",
    "KdcResponder": "gateway",
    "Kdc": "kdc",
    "ClientOptions": "kinit",
    "KinitError": "kinit",
    "KinitErrorKind": "kinit",
    "write_krb5_conf": "kinit",
    "PreparedRealm": "realm",
    "compute_realm_digest": "realm",
    "RealmKdcs": "realm_kdcs",
    "prepare_realm": "realm",
}
"""The module of each name. It is imported when the name is used: together they take longer than a small check."""

__getattr__ = import_late(__name__, _MODULES)

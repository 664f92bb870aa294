"""The Kerberos realm: MIT krb5kdc, the KDC gateway (a proxy), and GSS-API (``ssosim.kerberos.gss``)."""

from ssosim.kerberos.errors import KdcStartError, KerberosError, KerberosMissingError, RealmError
from ssosim.kerberos.free_ports import Address
from ssosim.kerberos.gateway import Forward, GatewayLimits, KdcEndpoint, KdcGateway, KdcRequestContext, KdcResponder
from ssosim.kerberos.kdc import Kdc
from ssosim.kerberos.kinit import ClientOptions, KinitError, KinitErrorKind, kinit, write_krb5_conf
from ssosim.kerberos.realm import PreparedRealm, compute_realm_digest, prepare_realm
from ssosim.kerberos.realm_kdcs import RealmKdcs

__all__ = [
    "Address",
    "ClientOptions",
    "Forward",
    "GatewayLimits",
    "Kdc",
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
    "kinit",
    "prepare_realm",
    "write_krb5_conf",
]

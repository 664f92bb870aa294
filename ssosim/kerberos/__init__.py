"""The Kerberos realm: MIT krb5kdc, the KDC gateway (a proxy), and GSS-API (``ssosim.kerberos.gss``)."""

from ssosim.kerberos.errors import KdcEndedError, KdcStartError, KerberosError, KerberosMissingError, RealmError
from ssosim.kerberos.free_ports import Address
from ssosim.kerberos.gateway import Forward, GatewayLimits, KdcGateway, KdcRequestContext, KdcResponder
from ssosim.kerberos.kdc import Kdc
from ssosim.kerberos.kinit import ClientOptions, KinitError, KinitErrorKind, kinit, write_krb5_conf
from ssosim.kerberos.realm import PreparedRealm, compute_realm_digest, prepare_realm

__all__ = [
    "Address",
    "ClientOptions",
    "Forward",
    "GatewayLimits",
    "Kdc",
    "KdcEndedError",
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
    "compute_realm_digest",
    "kinit",
    "prepare_realm",
    "write_krb5_conf",
]

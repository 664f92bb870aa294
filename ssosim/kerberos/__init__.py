"""The realm: a real krb5kdc, the gateway in front of it, and GSS-API on both sides (``ssosim.kerberos.gss``)."""

from ssosim.kerberos.errors import KdcStartError, KerberosError, KerberosMissingError, RealmError
from ssosim.kerberos.free_ports import Address
from ssosim.kerberos.gateway import Asked, Forward, KdcGateway, Limits, Tamper
from ssosim.kerberos.kdc import Kdc
from ssosim.kerberos.kinit import ClientOptions, KinitError, KinitFailure, kinit, write_krb5_conf
from ssosim.kerberos.realm import PreparedRealm, prepare, realm_digest

__all__ = [
    "Address",
    "Asked",
    "ClientOptions",
    "Forward",
    "Kdc",
    "KdcGateway",
    "KdcStartError",
    "KerberosError",
    "KerberosMissingError",
    "KinitError",
    "KinitFailure",
    "Limits",
    "PreparedRealm",
    "RealmError",
    "Tamper",
    "kinit",
    "prepare",
    "realm_digest",
    "write_krb5_conf",
]

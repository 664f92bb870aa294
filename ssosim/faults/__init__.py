"""Typed, reversible faults, the same from Python, TOML, the command line and the control API.

``core`` has the base classes, the active faults and the registry; the other folders have the faults by what they touch,
one file each. The classes below can be imported from here; a fault is registered without a line here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssosim.late_imports import import_late

if TYPE_CHECKING:
    from ssosim.faults.core.active_faults import ActiveFaults
    from ssosim.faults.core.answer_fault import DnsAnswerFault
    from ssosim.faults.core.certificate_fault import CertificateFault
    from ssosim.faults.core.errors import FaultError
    from ssosim.faults.core.estate_fault import EstateFault
    from ssosim.faults.core.fault import Applied, DnsRule, Fault, FaultState, FaultTarget, HttpRule, Undo
    from ssosim.faults.core.host_fault import HostFault
    from ssosim.faults.core.http_fault import HttpFault
    from ssosim.faults.core.kdc_effect import KdcEffect, KdcRule
    from ssosim.faults.core.kdc_fault import KdcFault
    from ssosim.faults.core.key_fault import KeyFault
    from ssosim.faults.core.name_server_fault import NameServerFault
    from ssosim.faults.core.signature_fault import SignatureFault
    from ssosim.faults.core.zone_fault import ZoneFault
    from ssosim.faults.directory.access_token_lifetime import AccessTokenLifetime
    from ssosim.faults.directory.certificate_removed import CertificateRemoved
    from ssosim.faults.directory.consent_revoked import ConsentRevoked
    from ssosim.faults.directory.domain_managed import DomainManaged
    from ssosim.faults.directory.mfa_required import MfaRequired
    from ssosim.faults.directory.password_changed import PasswordChanged
    from ssosim.faults.directory.password_expired import PasswordExpired
    from ssosim.faults.directory.realm_managed import RealmManaged
    from ssosim.faults.directory.secret_expired import SecretExpired
    from ssosim.faults.directory.sessions_revoked import SessionsRevoked
    from ssosim.faults.directory.user_disabled import UserDisabled
    from ssosim.faults.directory.user_locked import UserLocked
    from ssosim.faults.dns.aaaa_dead import AaaaDead
    from ssosim.faults.dns.aaaa_wrong import AaaaWrong
    from ssosim.faults.dns.cname_for_alias import CnameForAlias
    from ssosim.faults.dns.cname_loop import CnameLoop
    from ssosim.faults.dns.delay import Delay
    from ssosim.faults.dns.delegation_removed import DelegationRemoved
    from ssosim.faults.dns.drop import Drop
    from ssosim.faults.dns.lame_delegation import LameDelegation
    from ssosim.faults.dns.long_chain import LongChain
    from ssosim.faults.dns.name_removed import NameRemoved
    from ssosim.faults.dns.name_server_blank import NameServerBlank
    from ssosim.faults.dns.name_server_dead import NameServerDead
    from ssosim.faults.dns.name_server_lame import NameServerLame
    from ssosim.faults.dns.name_server_stale import NameServerStale
    from ssosim.faults.dns.nxdomain import NxDomain
    from ssosim.faults.dns.ptr_mismatch import PtrMismatch
    from ssosim.faults.dns.record_set_empty import RecordSetEmpty
    from ssosim.faults.dns.refused import Refused
    from ssosim.faults.dns.registry_hold import RegistryHold
    from ssosim.faults.dns.resolver_poisoned import ResolverPoisoned
    from ssosim.faults.dns.reverse_zone_dead import ReverseZoneDead
    from ssosim.faults.dns.servfail import ServFail
    from ssosim.faults.dns.signature_expired import SignatureExpired
    from ssosim.faults.dns.signature_tampered import SignatureTampered
    from ssosim.faults.dns.stale_cache import StaleCache
    from ssosim.faults.dns.traffic_manager_deleted import TrafficManagerDeleted
    from ssosim.faults.dns.truncation_loop import TruncationLoop
    from ssosim.faults.dns.ttl_changed import TtlChanged
    from ssosim.faults.dns.validation_failing import ValidationFailing
    from ssosim.faults.dns.wrong_address import WrongAddress
    from ssosim.faults.dns.wrong_view import WrongView
    from ssosim.faults.http.http_answer import HttpAnswer
    from ssosim.faults.http.http_delay import HttpDelay
    from ssosim.faults.http.http_dropped import HttpDropped
    from ssosim.faults.http.http_page import HttpPage
    from ssosim.faults.http.http_silent import HttpSilent
    from ssosim.faults.http.http_status import HttpStatus
    from ssosim.faults.http.jwks_key_removed import JwksKeyRemoved
    from ssosim.faults.kerberos.account_encryption_types import AccountEncryptionTypes
    from ssosim.faults.kerberos.host_spn_registered import HostSpnRegistered
    from ssosim.faults.kerberos.kdc_delay import KdcDelay
    from ssosim.faults.kerberos.kdc_encryption_types import KdcEncryptionTypes
    from ssosim.faults.kerberos.kdc_refuses import KdcRefuses
    from ssosim.faults.kerberos.kdc_silent import KdcSilent
    from ssosim.faults.kerberos.key_rolled import KeyRolled
    from ssosim.faults.kerberos.spn_duplicate import SpnDuplicate
    from ssosim.faults.kerberos.spn_moved import SpnMoved
    from ssosim.faults.tls.certificate_expired import CertificateExpired
    from ssosim.faults.tls.certificate_untrusted import CertificateUntrusted
    from ssosim.faults.tls.certificate_wrong_name import CertificateWrongName

    from ssosim.faults.core.registry import FAULTS, AnyFault, fault_from  # isort: skip - loads faults of other packages, which import the names above

__all__ = [
    "FAULTS",
    "AaaaDead",
    "AaaaWrong",
    "AccessTokenLifetime",
    "AccountEncryptionTypes",
    "ActiveFaults",
    "AnyFault",
    "Applied",
    "CertificateExpired",
    "CertificateFault",
    "CertificateRemoved",
    "CertificateUntrusted",
    "CertificateWrongName",
    "CnameForAlias",
    "CnameLoop",
    "ConsentRevoked",
    "Delay",
    "DelegationRemoved",
    "DnsAnswerFault",
    "DnsRule",
    "DomainManaged",
    "Drop",
    "EstateFault",
    "Fault",
    "FaultError",
    "FaultState",
    "FaultTarget",
    "HostFault",
    "HostSpnRegistered",
    "HttpAnswer",
    "HttpDelay",
    "HttpDropped",
    "HttpFault",
    "HttpPage",
    "HttpRule",
    "HttpSilent",
    "HttpStatus",
    "JwksKeyRemoved",
    "KdcDelay",
    "KdcEffect",
    "KdcEncryptionTypes",
    "KdcFault",
    "KdcRefuses",
    "KdcRule",
    "KdcSilent",
    "KeyFault",
    "KeyRolled",
    "LameDelegation",
    "LongChain",
    "MfaRequired",
    "NameRemoved",
    "NameServerBlank",
    "NameServerDead",
    "NameServerFault",
    "NameServerLame",
    "NameServerStale",
    "NxDomain",
    "PasswordChanged",
    "PasswordExpired",
    "PtrMismatch",
    "RealmManaged",
    "RecordSetEmpty",
    "Refused",
    "RegistryHold",
    "ResolverPoisoned",
    "ReverseZoneDead",
    "SecretExpired",
    "ServFail",
    "SessionsRevoked",
    "SignatureExpired",
    "SignatureFault",
    "SignatureTampered",
    "SpnDuplicate",
    "SpnMoved",
    "StaleCache",
    "TrafficManagerDeleted",
    "TruncationLoop",
    "TtlChanged",
    "Undo",
    "UserDisabled",
    "UserLocked",
    "ValidationFailing",
    "WrongAddress",
    "WrongView",
    "ZoneFault",
    "fault_from",
]

_MODULES = {
    "ActiveFaults": "core.active_faults",
    "DnsAnswerFault": "core.answer_fault",
    "CertificateFault": "core.certificate_fault",
    "FaultError": "core.errors",
    "EstateFault": "core.estate_fault",
    "Applied": "core.fault",
    "DnsRule": "core.fault",
    "Fault": "core.fault",
    "FaultState": "core.fault",
    "FaultTarget": "core.fault",
    "HttpRule": "core.fault",
    "Undo": "core.fault",
    "HostFault": "core.host_fault",
    "HttpFault": "core.http_fault",
    "KdcEffect": "core.kdc_effect",
    "KdcRule": "core.kdc_effect",
    "KdcFault": "core.kdc_fault",
    "KeyFault": "core.key_fault",
    "NameServerFault": "core.name_server_fault",
    "SignatureFault": "core.signature_fault",
    "ZoneFault": "core.zone_fault",
    "AccessTokenLifetime": "directory.access_token_lifetime",
    "CertificateRemoved": "directory.certificate_removed",
    "ConsentRevoked": "directory.consent_revoked",
    "DomainManaged": "directory.domain_managed",
    "MfaRequired": "directory.mfa_required",
    "PasswordChanged": "directory.password_changed",
    "PasswordExpired": "directory.password_expired",
    "RealmManaged": "directory.realm_managed",
    "SecretExpired": "directory.secret_expired",
    "SessionsRevoked": "directory.sessions_revoked",
    "UserDisabled": "directory.user_disabled",
    "UserLocked": "directory.user_locked",
    "AaaaDead": "dns.aaaa_dead",
    "AaaaWrong": "dns.aaaa_wrong",
    "CnameForAlias": "dns.cname_for_alias",
    "CnameLoop": "dns.cname_loop",
    "Delay": "dns.delay",
    "DelegationRemoved": "dns.delegation_removed",
    "Drop": "dns.drop",
    "LameDelegation": "dns.lame_delegation",
    "LongChain": "dns.long_chain",
    "NameRemoved": "dns.name_removed",
    "NameServerBlank": "dns.name_server_blank",
    "NameServerDead": "dns.name_server_dead",
    "NameServerLame": "dns.name_server_lame",
    "NameServerStale": "dns.name_server_stale",
    "NxDomain": "dns.nxdomain",
    "PtrMismatch": "dns.ptr_mismatch",
    "RecordSetEmpty": "dns.record_set_empty",
    "Refused": "dns.refused",
    "RegistryHold": "dns.registry_hold",
    "ResolverPoisoned": "dns.resolver_poisoned",
    "ReverseZoneDead": "dns.reverse_zone_dead",
    "ServFail": "dns.servfail",
    "SignatureExpired": "dns.signature_expired",
    "SignatureTampered": "dns.signature_tampered",
    "StaleCache": "dns.stale_cache",
    "TrafficManagerDeleted": "dns.traffic_manager_deleted",
    "TruncationLoop": "dns.truncation_loop",
    "TtlChanged": "dns.ttl_changed",
    "ValidationFailing": "dns.validation_failing",
    "WrongAddress": "dns.wrong_address",
    "WrongView": "dns.wrong_view",
    "HttpAnswer": "http.http_answer",
    "HttpDelay": "http.http_delay",
    "HttpDropped": "http.http_dropped",
    "HttpPage": "http.http_page",
    "HttpSilent": "http.http_silent",
    "HttpStatus": "http.http_status",
    "JwksKeyRemoved": "http.jwks_key_removed",
    "AccountEncryptionTypes": "kerberos.account_encryption_types",
    "HostSpnRegistered": "kerberos.host_spn_registered",
    "KdcDelay": "kerberos.kdc_delay",
    "KdcEncryptionTypes": "kerberos.kdc_encryption_types",
    "KdcRefuses": "kerberos.kdc_refuses",
    "KdcSilent": "kerberos.kdc_silent",
    "KeyRolled": "kerberos.key_rolled",
    "SpnDuplicate": "kerberos.spn_duplicate",
    "SpnMoved": "kerberos.spn_moved",
    "CertificateExpired": "tls.certificate_expired",
    "CertificateUntrusted": "tls.certificate_untrusted",
    "CertificateWrongName": "tls.certificate_wrong_name",
    "FAULTS": "core.registry",
    "AnyFault": "core.registry",
    "fault_from": "core.registry",
}
"""The module of each name. It is imported when the name is used: together they take longer than a small check."""

__getattr__ = import_late(__name__, _MODULES)

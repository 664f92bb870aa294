"""Typed, reversible faults: one name, one set of fields, the same from Python, TOML, command line and control API."""

from ssosim.faults.aliases import CnameForAlias, TrafficManagerDeleted
from ssosim.faults.answers import Delay, Drop, NxDomain, Refused, ServFail, TruncationLoop
from ssosim.faults.base import Applied, DnsFault, Fault, FaultState, FaultTarget, Rule, Undo
from ssosim.faults.board import ActiveFaults
from ssosim.faults.cnames import CnameLoop, LongChain
from ssosim.faults.identity import (
    CertificateExpired,
    CertificateUntrusted,
    CertificateWrongName,
    KdcRefuses,
    KdcSilent,
    RealmManaged,
)
from ssosim.faults.ipv6 import AaaaDead, AaaaWrong
from ssosim.faults.records import NameRemoved, RecordSetEmpty, TtlChanged, WrongAddress
from ssosim.faults.resolvers import StaleCache, ValidationFailing
from ssosim.faults.reverse import PtrMismatch, ReverseZoneDead
from ssosim.faults.selector import DnsAnswerFault
from ssosim.faults.servers import DelegationRemoved, NameServerBlank, NameServerDead, NameServerLame, NameServerStale
from ssosim.faults.web import HttpDelay, HttpPage, HttpSilent, HttpStatus, JwksKeyRemoved
from ssosim.faults.web_answers import HttpAnswer, HttpDropped
from ssosim.faults.zones import ZoneFault

from ssosim.faults.registry import FAULTS, AnyFault, FaultError, fault_from  # isort: skip - loads others' faults, which import the names above

__all__ = [
    "FAULTS",
    "AaaaDead",
    "AaaaWrong",
    "ActiveFaults",
    "AnyFault",
    "Applied",
    "CertificateExpired",
    "CertificateUntrusted",
    "CertificateWrongName",
    "CnameForAlias",
    "CnameLoop",
    "Delay",
    "DelegationRemoved",
    "DnsAnswerFault",
    "DnsFault",
    "Drop",
    "Fault",
    "FaultError",
    "FaultState",
    "FaultTarget",
    "HttpAnswer",
    "HttpDelay",
    "HttpDropped",
    "HttpPage",
    "HttpSilent",
    "HttpStatus",
    "JwksKeyRemoved",
    "KdcRefuses",
    "KdcSilent",
    "LongChain",
    "NameRemoved",
    "NameServerBlank",
    "NameServerDead",
    "NameServerLame",
    "NameServerStale",
    "NxDomain",
    "PtrMismatch",
    "RealmManaged",
    "RecordSetEmpty",
    "Refused",
    "ReverseZoneDead",
    "Rule",
    "ServFail",
    "StaleCache",
    "TrafficManagerDeleted",
    "TruncationLoop",
    "TtlChanged",
    "Undo",
    "ValidationFailing",
    "WrongAddress",
    "ZoneFault",
    "fault_from",
]

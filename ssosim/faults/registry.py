"""Every fault by its name, those of installed packages included (entry point group ``ssosim.faults``)."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Union

import msgspec

from ssosim.faults.aliases import CnameForAlias, TrafficManagerDeleted
from ssosim.faults.answers import Delay, Drop, NxDomain, Refused, ServFail, TruncationLoop
from ssosim.faults.base import DnsFault
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
from ssosim.faults.servers import DelegationRemoved, NameServerBlank, NameServerDead, NameServerLame, NameServerStale
from ssosim.faults.web import HttpDelay, HttpPage, HttpSilent, HttpStatus, JwksKeyRemoved
from ssosim.faults.web_answers import HttpAnswer, HttpDropped

__all__ = ["FAULTS", "AnyFault", "FaultError", "fault_from", "registered"]

GROUP = "ssosim.faults"

BUILT_IN: tuple[type[DnsFault], ...] = (
    NameRemoved,
    RecordSetEmpty,
    WrongAddress,
    TtlChanged,
    TrafficManagerDeleted,
    CnameForAlias,
    CnameLoop,
    LongChain,
    AaaaWrong,
    AaaaDead,
    PtrMismatch,
    ReverseZoneDead,
    NxDomain,
    ServFail,
    Refused,
    Drop,
    Delay,
    TruncationLoop,
    NameServerBlank,
    NameServerLame,
    NameServerDead,
    NameServerStale,
    DelegationRemoved,
    StaleCache,
    ValidationFailing,
    HttpStatus,
    HttpPage,
    HttpSilent,
    HttpDelay,
    HttpAnswer,
    HttpDropped,
    CertificateExpired,
    CertificateWrongName,
    CertificateUntrusted,
    KdcSilent,
    KdcRefuses,
    RealmManaged,
    JwksKeyRemoved,
)


class FaultError(ValueError):
    """A fault that cannot be used: no such name, a wrong field, a package whose faults do not load."""


def registered() -> Mapping[str, type[DnsFault]]:
    """All faults by name; raises FaultError for an installed one that is none, or whose name is taken."""
    found: dict[str, type[DnsFault]] = {str(kind.__struct_config__.tag): kind for kind in BUILT_IN}
    for point in entry_points(group=GROUP):
        kind = point.load()
        if not (isinstance(kind, type) and issubclass(kind, DnsFault)):
            raise FaultError(f"entry point {point.name!r} of group {GROUP}: {point.value} is no fault class")
        tag = str(kind.__struct_config__.tag)
        if found.setdefault(tag, kind) is not kind:
            raise FaultError(f"entry point {point.name!r} of group {GROUP}: there is a fault {tag!r} already")
    return MappingProxyType(found)


FAULTS = registered()
"""The faults that there are."""

if TYPE_CHECKING:
    AnyFault = DnsFault
else:
    AnyFault = Union[tuple(FAULTS.values())]  # noqa: UP007 - made of what is installed, so it cannot be written with |


def fault_from(data: Mapping[str, Any]) -> DnsFault:
    """The fault that plain data describe: ``fault`` is its name, the rest its fields. Raises FaultError.

    Texts are read as numbers where numbers are wanted.
    """
    name = data.get("fault")
    kind = FAULTS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise FaultError(f"there is no fault {name!r}; known: {', '.join(sorted(FAULTS))}")
    try:
        return msgspec.convert(dict(data), kind, strict=False)
    except msgspec.ValidationError as error:
        known = ", ".join(field.name for field in msgspec.structs.fields(kind))
        raise FaultError(f"fault {name}: {error}; its fields: {known}") from error

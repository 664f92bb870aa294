"""The fault ``clock-skew``."""

from __future__ import annotations

import dataclasses
from typing import Literal

from ssosim.faults.core.clocks import ClockRule, describe_offset
from ssosim.faults.core.fault import Applied, Fault, FaultState, check_kdcs

__all__ = ["ClockSkew"]

_MOST_S = 7 * 86_400


class ClockSkew(Fault, frozen=True, kw_only=True, tag="clock-skew"):
    """The clock of devices, KDCs or services is wrong: ``seconds`` ahead, or behind where that is negative.

    ``of``: whose clock. ``clients`` limits it to the devices of these clients, ``kdcs`` to the KDCs at these hosts,
    ``host`` to one service, by any of its names; without them it is the clock of all. The times that a service writes
    and checks follow its clock: those of Kerberos, SAML assertions, tokens and client assertions. Kerberos accepts 300
    seconds of difference (``clockskew``).

    libkrb5 corrects the device's clock by the KDC's when the user signs on (``kdc_timesync``), so a device is refused
    where its clock goes wrong, or is corrected, after the sign-on. At most seven days: beyond that the certificates of
    real services are not valid either, and those of the lab are.

    Source: RFC 4120 section 7.5.9 (KRB_AP_ERR_SKEW); krb5 documentation, krb5.conf (clockskew, kdc_timesync); Microsoft
    support KB956627 (Windows clients take the time of the KDC from the error, and try again).
    """

    of: Literal["device", "kdc", "service"]
    seconds: int
    clients: tuple[str, ...] = ()
    kdcs: tuple[str, ...] = ()
    host: str = ""

    def __post_init__(self) -> None:
        """Raise ValueError for seconds out of range, and for a limit that is not one of this clock."""
        super().__post_init__()
        if not 0 < abs(self.seconds) <= _MOST_S:
            raise ValueError(f"seconds {self.seconds} is not between -{_MOST_S} and {_MOST_S} (seven days), or is 0")
        for name, owner in (("clients", "device"), ("kdcs", "kdc"), ("host", "service")):
            if getattr(self, name) and self.of != owner:
                raise ValueError(f'{name} limits the clock of a {owner}, and of is "{self.of}"')

    def fold(self, state: FaultState, applied: Applied) -> FaultState:  # noqa: ARG002 - needs no memory
        """Return ``state`` with the clock. Raises FaultError for a KDC that the estate does not have."""
        check_kdcs(state, self.kdcs)
        rule = ClockRule(self.of, self.seconds, self.clients, self.kdcs, self.host)
        return dataclasses.replace(state, clocks=(*state.clocks, rule))

    def describe(self) -> str:
        """Describe the fault in one line."""
        limit = ", ".join(self.clients or self.kdcs) or self.host
        whose = {
            "device": f"the device of {limit}" if limit else "each device",
            "kdc": f"the KDC {limit}" if limit else "the KDC",
            "service": f"the service {limit}" if limit else "each service",
        }[self.of]
        return f"the clock of {whose} is {describe_offset(self.seconds)}"

"""The fault ``kdc-delay``."""

from __future__ import annotations

from ssosim.faults.core.kdc_effect import KdcEffect
from ssosim.faults.core.kdc_fault import KdcFault
from ssosim.kerberos.messages import Message

__all__ = ["KdcDelay"]

_LONGEST_S = 3600.0


class KdcDelay(KdcFault, frozen=True, kw_only=True, tag="kdc-delay"):
    """The KDC answers each request after ``seconds``, as one that is overloaded or far away.

    libkrb5 sends a request again over TCP after a second, and gives up after about 15 seconds. Source: measured with
    krb5 1.20.1; krb5 documentation, krb5.conf (udp_preference_limit).
    """

    seconds: float

    def __post_init__(self) -> None:
        """Raise ValueError for a delay out of range."""
        super().__post_init__()
        if not 0 < self.seconds <= _LONGEST_S:
            raise ValueError(f"seconds {self.seconds} is not above 0 and at most {_LONGEST_S:.0f}")

    def effect_on(self, message: Message) -> KdcEffect:  # noqa: ARG002 - the same for all requests
        """Delay the reply."""
        return KdcEffect(delay=self.seconds)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"{self.describe_kdcs()} answers after {self.seconds:g} s{self.describe_scope(', to ')}"

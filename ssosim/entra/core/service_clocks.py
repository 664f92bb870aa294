"""The port through which the identity provider reads the clocks of the hosts where its services run.

A fault can set the clock of one host wrong. Every date that the service there writes or checks follows that clock: the
time of the request (``Call.now``) is moved once, where the exchange begins.
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["RIGHT_CLOCKS", "ServiceClocks", "is_about_date"]

_ABOUT_DATES = frozenset({500133, 70019, 70020, 70043, 700024, 700082, 700084})
_PERHAPS_ABOUT_DATES = {
    50008: ("has expired", "not yet valid"),
    70008: ("has expired",),
    81010: ("The token has expired",),
}


def is_about_date(code: int | None, description: str) -> bool:
    """Return whether an error of the provider says that a date has passed or is in the future."""
    if code is None:  # most replies: no error
        return False
    return code in _ABOUT_DATES or any(text in description for text in _PERHAPS_ABOUT_DATES.get(code, ()))


class ServiceClocks(Protocol):
    """The clocks of services, against the clock of the lab."""

    def find_service_offset(self, host: str) -> int:
        """Return how many seconds the clock of the service at ``host`` is ahead; negative: behind."""
        ...

    def explain_refused_ticket(self, client: str, host: str, *, of_ticket: bool) -> tuple[str, tuple[int, ...]]:
        """Return whose clock is wrong by how much, and the numbers of the faults; empty where no fault is behind it.

        The service at ``host`` has refused what ``client`` presented because of a time: that of the ticket, or of its
        authenticator.
        """
        ...

    def explain_refused_date(self, client: str, host: str) -> tuple[int, ...]:
        """Return the numbers of the faults of clocks behind a date that the service at ``host`` has refused."""
        ...


class _RightClocks:
    """All clocks are right."""

    def find_service_offset(self, host: str) -> int:  # noqa: ARG002 - the port's signature
        return 0

    def explain_refused_ticket(
        self,
        client: str,  # noqa: ARG002 - the port's signature
        host: str,  # noqa: ARG002 - the port's signature
        *,
        of_ticket: bool,  # noqa: ARG002 - the port's signature
    ) -> tuple[str, tuple[int, ...]]:
        return "", ()

    def explain_refused_date(self, client: str, host: str) -> tuple[int, ...]:  # noqa: ARG002 - the port's signature
        return ()


RIGHT_CLOCKS: ServiceClocks = _RightClocks()

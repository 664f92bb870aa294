"""Smart lockout: failed sign-ins with a password lock it for some time, even for its owner (AADSTS50053).

Theory of operation. ``SmartLockout`` counts the wrong passwords of each user. A password that is one of the last three
wrong ones is not counted again. When the count reaches the threshold of the tenant, the password is locked for the
lockout duration; until then the right password is refused too. After that, each counted failure locks again, for
longer. The right password, and a new one, end the count.

Only passwords count: tickets (desktop SSO), assertions of a federation service and refresh tokens are neither counted
nor refused. That a ticket is good while the password is locked is unconfirmed. Unconfirmed besides: by how much the
duration grows (Microsoft does not disclose it; here it doubles, up to half an hour), that the right password ends the
count, and that attempts while the password is locked are not counted. Not modelled: the separate counts of familiar and
unfamiliar locations, and of each data center, so that a lab locks sooner than the real service may.

Sources: Microsoft Learn "Configure smart lockout thresholds" (10 failures, one minute, then longer, the last three
passwords), "Protect user accounts from attacks with Microsoft Entra smart lockout" (3 in US Government; a password
reset ends the lockout); Microsoft Graph, settings ``LockoutThreshold`` ("if the first sign-in after a lockout also
fails, the account locks out again") and ``LockoutDurationInSeconds``.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from ssosim.entra.core.authentication import fingerprint_of
from ssosim.estate import Tenant, User
from ssosim.estate.first_party import cloud_name_of

__all__ = ["SmartLockout", "lockout_threshold_of"]

_CAPACITY = 10_000  # users with wrong passwords that are remembered at once
_REMEMBERED_PASSWORDS = 3
_LONGEST = 1800  # seconds
_MOST_DOUBLINGS = 16


def lockout_threshold_of(tenant: Tenant, cloud_instance_name: str) -> int:
    """Return how many failures lock a password of ``tenant``: its own number, 3 in US Government, else 10."""
    if tenant.lockout_threshold is not None:
        return tenant.lockout_threshold
    return 3 if cloud_name_of(cloud_instance_name) == "usgov" else 10


@dataclass(slots=True)
class _Failures:
    """The wrong passwords of one user. ``fingerprint`` is that of the right one; times are as in ``SmartLockout``."""

    fingerprint: str
    count: int = 0
    lockouts: int = 0
    locked_until: float = 0.0
    passwords: deque[bytes] = field(default_factory=lambda: deque(maxlen=_REMEMBERED_PASSWORDS))


class SmartLockout:
    """The wrong passwords of users. At most ``capacity`` users are remembered; then the oldest entry is forgotten.

    Times are in seconds since the Unix epoch, durations in seconds.
    """

    def __init__(self, capacity: int = _CAPACITY) -> None:
        self._capacity = max(1, capacity)
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def __len__(self) -> int:
        return len(self._failures)

    def is_locked(self, user: User, now: float) -> bool:
        """Whether the password of ``user`` is locked at ``now``."""
        found = self._find(user)
        return found is not None and now < found.locked_until

    def note_failure(self, user: User, password: str, now: float, *, threshold: int, duration: float) -> None:
        """Count the wrong ``password``, and lock that of ``user`` if there are ``threshold`` of them or more."""
        failures = self._find(user) or _Failures(fingerprint_of(user))
        self._failures[user.object_id] = failures
        self._failures.move_to_end(user.object_id)
        if len(self._failures) > self._capacity:
            self._failures.popitem(last=False)
        text = f"{failures.fingerprint}|{password}".encode(errors="surrogatepass")
        digest = hashlib.sha256(text).digest()
        if digest in failures.passwords:
            return
        failures.passwords.append(digest)
        failures.count += 1
        if failures.count >= threshold:
            longer = duration * 2 ** min(failures.lockouts, _MOST_DOUBLINGS)
            failures.locked_until = now + max(duration, min(longer, _LONGEST))
            failures.lockouts += 1

    def note_success(self, user: User) -> None:
        """Forget the wrong passwords of ``user``, who has sent the right one."""
        self._failures.pop(user.object_id, None)

    def _find(self, user: User) -> _Failures | None:
        """Return the failures of ``user`` since the password was set last."""
        found = self._failures.get(user.object_id)
        if found is not None and found.fingerprint != fingerprint_of(user):
            del self._failures[user.object_id]
            return None
        return found

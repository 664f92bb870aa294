"""Chaos scenarios from a test: play one against a client, ask the verdict, read why.

The pytest plugin gives these as fixtures (``sso_play``, ``sso_lab``); other test frameworks use them as they are.
Everything runs in the test's process, on loopback, with the real KDC, DNS and TLS.
"""

from ssosim.testing.hosted_lab import HostedLab, host_lab
from ssosim.testing.play import play, play_sync
from ssosim.testing.played import Played, Seen
from ssosim.verdict.outcome import Outcome

__all__ = ["HostedLab", "Outcome", "Played", "Seen", "host_lab", "play", "play_sync"]

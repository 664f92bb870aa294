"""Applications whose replies depend on a call and the identity provider alone: what they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Self

from ssosim.entra import Call, HttpReply, Provider
from ssosim.services.service import ServiceContext

__all__ = ["NOT_FOUND", "ProviderApplication"]

NOT_FOUND = HttpReply(404, b"Not found.\n", "text/plain; charset=utf-8")
"""The reply to a path that an application does not have, or to a host that is nobody's."""


@dataclass(frozen=True, slots=True)
class ProviderApplication(ABC):
    """An application of a service (``ssosim.services.service.Application``) that needs the provider alone."""

    provider: Provider

    @classmethod
    def start(cls, context: ServiceContext) -> Self:
        """Create the application of the context's service."""
        return cls(context.provider)

    @abstractmethod
    def handle(self, call: Call) -> HttpReply:
        """Answer one request."""

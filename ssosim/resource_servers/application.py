"""What resource servers share: an answer, the refusal of a token, or an error, each in the form of its server."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from ssosim.entra import Call, HttpReply
from ssosim.resource_servers.access_tokens import TokenRefusedError
from ssosim.services.provider_application import ProviderApplication

__all__ = ["ResourceApplication", "ResourceError"]


class ResourceError(Exception):
    """A request that a resource server refuses although the token is good: status, code and message of the reply."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True, slots=True)
class ResourceApplication(ProviderApplication):
    """The endpoints of one resource server."""

    def handle(self, call: Call) -> HttpReply:
        """Answer one request: ``answer``, or the reply to what it raises."""
        try:
            return self.answer(call)
        except TokenRefusedError as refused:
            return self.refuse_token(call, refused)
        except ResourceError as error:
            return self.reply_error(call, error)

    @abstractmethod
    def answer(self, call: Call) -> HttpReply:
        """Check the token and answer. Raises TokenRefusedError, and ResourceError for what the token does not allow."""

    @abstractmethod
    def refuse_token(self, call: Call, refused: TokenRefusedError) -> HttpReply:
        """Return 401 with the challenge of this server."""

    @abstractmethod
    def reply_error(self, call: Call, error: ResourceError) -> HttpReply:
        """Return an error in the form of this server."""

"""Who has which address: how a query on the wire is known to be this client's."""

from __future__ import annotations

__all__ = ["ClientAddresses"]


class ClientAddresses:
    """Names for addresses. In loopback mode some parts know a client by the local address it dialled instead."""

    def __init__(self) -> None:
        self._clients: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._telling: set[str] = set()
        self._models: set[str] = set()

    def who(self, remote: str, local: str) -> str:
        """The client behind an exchange between ``remote`` and our address ``local``; ``""`` for the lab itself."""
        return self._clients.get(remote) or self._clients.get(local, "")

    def register(self, address: str, client: str, *, tells: bool = False) -> None:
        """From now on, ``address`` is ``client``; ``tells``: its device reports connections that fail."""
        self._clients[address] = client
        (self._telling.add if tells else self._telling.discard)(address)
        (self._models.add if tells else self._models.discard)(client)

    def is_model(self, client: str) -> bool:
        """Whether ``client`` runs on a device of ours, which says what fails and waits so long and no longer."""
        return client in self._models

    def silent(self, remote: str, local: str) -> str:
        """``who``, unless its device reports by itself what connections fail."""
        return "" if remote in self._telling else self.who(remote, local)

    def new_label(self, stem: str) -> str:
        """A name that no client has had: ``stem`` with a number."""
        self._counts[stem] = count = self._counts.get(stem, 0) + 1
        return f"{stem}-{count}"

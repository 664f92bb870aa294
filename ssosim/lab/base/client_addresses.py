"""The table from an IP address to the client that uses it: how a query on the wire gets its client's name."""

from __future__ import annotations

__all__ = ["ClientAddresses"]


class ClientAddresses:
    """Client names by IP address.

    In a private network each client has a source address of its own. In loopback mode some clients are known by the
    local address that they connect to instead.
    """

    def __init__(self) -> None:
        self._clients: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._reporting: set[str] = set()
        self._models: set[str] = set()
        self._off_network: set[str] = set()

    def client_of(self, remote: str, local: str) -> str:
        """Return the client of an exchange between the addresses ``remote`` and ``local`` (the lab's end).

        The result is ``""`` for the lab itself and for an unknown address.
        """
        return self._clients.get(remote) or self._clients.get(local, "")

    def register(self, address: str, client: str, *, reports_failures: bool = False) -> None:
        """Attribute ``address`` to ``client``.

        ``reports_failures``: the client's device records its failed connections itself, so servers must not.
        """
        self._clients[address] = client
        (self._reporting.add if reports_failures else self._reporting.discard)(address)
        (self._models.add if reports_failures else self._models.discard)(client)

    def put_off_network(self, client: str) -> None:
        """Record that the device of ``client`` is outside of the corporate network."""
        self._off_network.add(client)

    def is_off_network(self, client: str) -> bool:
        """Whether the device of ``client`` is outside of the corporate network."""
        return client in self._off_network

    def is_model(self, client: str) -> bool:
        """Whether ``client`` runs on a device of ours, which says what fails and waits so long and no longer."""
        return client in self._models

    def client_without_reports(self, remote: str, local: str) -> str:
        """Return ``client_of(remote, local)``, or ``""`` if that client's device records failed connections itself."""
        own = remote if self._clients.get(remote) else local  # a connection of a device to itself has its address here
        return "" if own in self._reporting else self.client_of(remote, local)

    def new_label(self, stem: str) -> str:
        """Return a client name that was not used before, by a user either: ``stem``, a dash and a number."""
        while True:
            self._counts[stem] = count = self._counts.get(stem, 0) + 1
            label = f"{stem}-{count}"
            if label not in self._clients.values():
                return label

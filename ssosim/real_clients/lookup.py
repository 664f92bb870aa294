"""Find real clients by name or by path: ``curl/windowstransport``, ``msal-python``, ``./my-client``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ssosim.estate.toml import TomlMistakeError
from ssosim.nearest import suggest_nearest
from ssosim.real_clients.folders import list_shipped_folders
from ssosim.real_clients.manifest import FILE_NAME, ClientSet, Flow, RealClient, read_manifest

__all__ = [
    "ClientFlow",
    "UnknownRealClientError",
    "find_flows",
    "find_real_client",
    "find_real_clients",
    "list_shipped",
    "looks_like_path",
]


class UnknownRealClientError(LookupError):
    """No real client has the name; the message lists similar names."""


@dataclass(frozen=True, slots=True)
class ClientFlow:
    """One flow of a real client, which can be a client of a scenario. Its name is ``client/flow``."""

    client: RealClient
    flow: Flow

    @property
    def name(self) -> str:
        """The name ``client/flow``."""
        return f"{self.client.name}/{self.flow.name}"


@cache
def list_shipped(of_set: ClientSet | None = None) -> tuple[RealClient, ...]:
    """Return the shipped real clients, sorted by name; those of one set, or all. Raises TomlMistakeError."""
    every = (read_manifest(folder) for folder in list_shipped_folders())
    return tuple(client for client in every if of_set in (None, client.manifest.set))


def looks_like_path(name: str) -> bool:
    """Return whether ``name`` is written as a path."""
    return name in (".", "..") or name.startswith(("./", "../", "/", "~/")) or name.endswith(f"/{FILE_NAME}")


def find_real_clients(names: Iterable[str]) -> tuple[RealClient, ...]:
    """Return the real clients ``names``, by name or by folder. Raises UnknownRealClientError, TomlMistakeError."""
    return tuple(find_real_client(name) for name in dict.fromkeys(names))


def find_flows(name: str) -> tuple[ClientFlow, ...]:
    """Return the flow ``client/flow``, or all flows of ``client``. A path names a real client of the user.

    Raises UnknownRealClientError, TomlMistakeError.
    """
    if looks_like_path(name):
        path = Path(name).expanduser()
        if path.name == FILE_NAME:
            path = path.parent
        if not (path / FILE_NAME).exists() and (path.parent / FILE_NAME).exists():
            return (_find_flow(read_manifest(path.parent), path.name),)
        return _list_flows(find_real_client(name))
    client_name, _, flow = name.partition("/")
    client = find_real_client(client_name)
    return (_find_flow(client, flow),) if flow else _list_flows(client)


def find_real_client(name: str) -> RealClient:
    """Return the real client ``name``, or that of the user at a path.

    Raises UnknownRealClientError, TomlMistakeError.
    """
    if looks_like_path(name):
        path = Path(name).expanduser()
        path = path.parent if path.name == FILE_NAME else path
        if not (path / FILE_NAME).exists():
            raise TomlMistakeError(f"{path}: contains no {FILE_NAME}; expected the folder of a real client")
        return read_manifest(path.resolve())
    for client in list_shipped():
        if client.name == name:
            return client
    known = [client.name for client in list_shipped()]
    raise UnknownRealClientError(f"there is no real client {name!r}; {_list_known(name, known)}")


def _list_flows(client: RealClient) -> tuple[ClientFlow, ...]:
    return tuple(ClientFlow(client, flow) for flow in client.manifest.flows)


def _find_flow(client: RealClient, flow: str) -> ClientFlow:
    try:
        return ClientFlow(client, client.flow(flow))
    except KeyError:
        known = [each.name for each in client.manifest.flows]
        raise UnknownRealClientError(f"{client.name} has no flow {flow!r}; {_list_known(flow, known)}") from None


def _list_known(wrong: str, known: list[str]) -> str:
    near = suggest_nearest(wrong, known)
    listed = ", ".join(known) or "none, since this is not a checkout; a folder of yours begins with ./"
    return f"known: {listed}{f'; {near}' if near else ''}"

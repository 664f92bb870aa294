"""Conditional requests for blobs: a program that relies on an ETag is told when another one has written."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from ssosim.entra import HttpReply
from ssosim.estate import RoleAssignment

from .conftest import NOW, Servers, header_of

URL = "https://contososhop.blob.core.windows.net/orders/first.txt"
VERSION = {"x-ms-version": "2024-11-04"}
OLD, NEW = "Wed, 01 Jan 2014 00:00:00 GMT", "Fri, 01 Jan 2027 00:00:00 GMT"
OTHER = '"0x8DOTHER"'


@pytest.fixture(autouse=True)
def may_write(servers: Servers) -> None:
    """The application may write, too."""
    estate = servers.lab.provider.estate
    account = next(each.path for each in estate.storage_accounts if each.name == "contososhop")
    added = RoleAssignment(principal="orders", role="Storage Blob Data Contributor", scope=account)
    servers.lab.provider.set_estate(replace(estate, role_assignments=(*estate.role_assignments, added)))


def ask(servers: Servers, method: str, headers: Mapping[str, str], url: str = URL, body: bytes = b"") -> HttpReply:
    """One request of an application that may read and write."""
    token = servers.token("orders", aud="https://storage.azure.com/")
    kind = {"x-ms-blob-type": "BlockBlob"} if method == "PUT" else {}
    return servers.ask(method, url, token, body=body, headers={**VERSION, **kind, **headers})


def etag_of(servers: Servers, url: str = URL) -> str:
    """The ETag of the blob as it is."""
    return header_of(ask(servers, "HEAD", {}, url), "ETag")


READS = [
    ({"If-Match": "ETAG"}, 200),
    ({"If-Match": "*"}, 200),
    ({"If-Match": OTHER}, 412),
    ({"If-Match": f"{OTHER}, ETAG"}, 200),
    ({"If-None-Match": "ETAG"}, 304),
    ({"If-None-Match": OTHER}, 200),
    ({"If-None-Match": f"{OTHER}, ETAG"}, 304),
    ({"If-None-Match": "*"}, 304),
    ({"If-Modified-Since": OLD}, 200),
    ({"If-Modified-Since": NEW}, 304),
    ({"If-Unmodified-Since": OLD}, 412),
    ({"If-Unmodified-Since": NEW}, 200),
    ({"If-None-Match": "ETAG", "If-Modified-Since": OLD}, 200),
    ({"If-None-Match": "ETAG", "If-Modified-Since": NEW}, 304),
    ({"If-Match": OTHER, "If-None-Match": OTHER}, 412),
    ({"If-Modified-Since": "yesterday"}, 400),
]
WRITES = [
    ({"If-Match": "ETAG"}, 201),
    ({"If-Match": OTHER}, 412),
    ({"If-None-Match": "*"}, 409),
    ({"If-None-Match": "ETAG"}, 412),
    ({"If-None-Match": OTHER}, 201),
    ({"If-Modified-Since": NEW}, 412),
    ({"If-Unmodified-Since": OLD}, 412),
    ({"If-Unmodified-Since": NEW}, 201),
    ({"If-Unmodified-Since": "yesterday"}, 400),
]
CODES = {304: "ConditionNotMet", 409: "BlobAlreadyExists", 412: "ConditionNotMet", 400: "InvalidHeaderValue"}


def fill_in(servers: Servers, headers: dict[str, str]) -> dict[str, str]:
    """The header fields with the ETag of the blob."""
    return {name: value.replace("ETAG", etag_of(servers)) for name, value in headers.items()}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("headers", "status"), READS)
def test_a_read_keeps_its_conditions(servers: Servers, method: str, headers: dict[str, str], status: int) -> None:
    """304 where nothing is new, 412 where the blob is another, else the blob."""
    reply = ask(servers, method, fill_in(servers, headers))
    assert reply.status == status
    assert header_of(reply, "x-ms-error-code") == CODES.get(status, "")
    if status == 304:
        assert (reply.body, header_of(reply, "ETag")) == (b"", etag_of(servers))


@pytest.mark.parametrize(("headers", "status"), WRITES)
def test_a_write_keeps_its_conditions(servers: Servers, headers: dict[str, str], status: int) -> None:
    """A write whose condition fails writes nothing."""
    before = ask(servers, "GET", {}).body
    reply = ask(servers, "PUT", fill_in(servers, headers), body=b"new")
    assert reply.status == status
    assert header_of(reply, "x-ms-error-code") == CODES.get(status, "")
    assert ask(servers, "GET", {}).body == (b"new" if status == 201 else before)


@pytest.mark.parametrize(
    ("headers", "status"), [({"If-None-Match": "*"}, 201), ({"If-Match": "*"}, 412), ({"If-Match": OTHER}, 412)]
)
def test_a_write_of_a_new_blob(servers: Servers, headers: dict[str, str], status: int) -> None:
    """If-None-Match: * creates; If-Match needs a blob."""
    assert ask(servers, "PUT", headers, f"{URL}.new", b"x").status == status


def test_each_write_has_an_etag_of_its_own(servers: Servers) -> None:
    """Two programs that read and then write: the second one is refused, also if the content is the same again."""
    first = etag_of(servers)
    content = ask(servers, "GET", {}).body
    servers.now = NOW + 1.0
    assert ask(servers, "PUT", {"If-Match": first}, body=content).status == 201
    assert etag_of(servers) != first
    assert ask(servers, "PUT", {"If-Match": first}, body=b"mine").status == 412
    assert ask(servers, "PUT", {}, body=b"ab").status == 201
    second = etag_of(servers)
    assert ask(servers, "PUT", {}, body=b"ba").status == 201
    assert etag_of(servers) != second
    assert "2026" in header_of(ask(servers, "HEAD", {}), "Last-Modified")

"""Azure Blob Storage: the service ``blob-storage``. Blobs of the storage accounts of the estate; read, list, write.

Sources: Azure Storage REST documentation ("Authorize with Microsoft Entra ID": the challenge, the versions that take
tokens; "Get Blob", "Put Blob", "List Blobs", "List Containers", "Status and error codes"); azure-storage-blob
(requests); azure-sdk-for-net issue 10529 (403 AuthenticationFailed for the issuer), AzureStor issue 119 (401
InvalidAuthenticationInfo for the audience).
"""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from msgspec import Struct

from ssosim.entra import Call, HttpReply
from ssosim.entra.core.endpoint_urls import primary_login_host
from ssosim.estate import Estate, StorageAccount
from ssosim.estate.first_party import cloud_name_of
from ssosim.resource_servers.access_tokens import (
    USER_IMPERSONATION,
    Caller,
    Requirements,
    TokenRefusedError,
    check_access_token,
)
from ssosim.resource_servers.application import ResourceApplication, ResourceError
from ssosim.resource_servers.authorization import is_allowed, tenant_of
from ssosim.resource_servers.blob_conditions import (
    BlobState,
    Condition,
    InvalidConditionError,
    check_conditions,
)
from ssosim.resource_servers.endpoints import BLOB_SUFFIXES, storage_audiences
from ssosim.services.provider_application import NOT_FOUND
from ssosim.services.service import Service

__all__ = ["BlobStorageApplication", "blob_storage"]

_FIRST_VERSION = "2017-11-09"
"""The first ``x-ms-version`` with which tokens are taken."""

_OF_ESTATE = 1_577_836_800.0
"""When the blobs of the estate were written: 1 January 2020, before any scenario."""

_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}")
_OTHER_VIEWS = frozenset({"comp", "snapshot", "versionid"})
"""Parameters that ask for something else than the blob as it is."""
_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{0,18})")
_CONTAINER = "Microsoft.Storage/storageAccounts/blobServices/containers"
_AUTHENTICATE = "Server failed to authenticate the request. "
_LOOK = f"{_AUTHENTICATE}Please refer to the information in the www-authenticate header."
_FORMED = f"{_AUTHENTICATE}Make sure the value of Authorization header is formed correctly including the signature."


class _StorageError(ResourceError):
    """A request that Azure Storage refuses."""

    def __init__(self, status: int, code: str, message: str, detail: str = "") -> None:
        super().__init__(status, code, message)
        self.detail = detail


class _Blob(Struct, frozen=True):
    """A blob. ``modified`` is in seconds since the Unix epoch; ``number`` counts the times that it was written."""

    data: bytes
    modified: float = _OF_ESTATE
    number: int = 0

    @property
    def state(self) -> BlobState:
        """The ETag, which each write changes, and the date."""
        digest = hashlib.sha256(b"%d %r " % (self.number, self.modified) + self.data).hexdigest()
        return BlobState(f'"0x8{digest[:14].upper()}"', self.modified)


@dataclass(frozen=True, slots=True)
class BlobStorageApplication(ResourceApplication):
    """The blobs of all accounts; the host selects the account. ``_written`` are those that requests have written."""

    _written: dict[tuple[str, str, str], _Blob] = field(default_factory=dict)

    def answer(self, call: Call) -> HttpReply:
        """Answer one request."""
        account = self._find_account(call)
        return NOT_FOUND if account is None else self._answer(call, account, self._authenticate(call, account))

    def refuse_token(self, call: Call, refused: TokenRefusedError) -> HttpReply:
        """Return 401 with the challenge for the tenant of the account, which is at the host that was asked."""
        account = self._find_account(call)
        return NOT_FOUND if account is None else self._refuse_token(call, account, refused)

    def reply_error(self, call: Call, error: ResourceError) -> HttpReply:
        """Return an error as Azure Storage writes it."""
        return _reply_error(call, error)

    def _find_account(self, call: Call) -> StorageAccount | None:
        label = call.host.partition(".")[0]
        return next((each for each in self.provider.estate.storage_accounts if each.name == label), None)

    def _authenticate(self, call: Call, account: StorageAccount) -> Caller:
        version = call.headers.get("x-ms-version", "")
        audiences = storage_audiences(self.provider.estate, account.name)
        wanted = Requirements(audiences, self._tenant_id(account), USER_IMPERSONATION)
        caller = check_access_token(self.provider, call, wanted)
        if not _VERSION.fullmatch(version) or version < _FIRST_VERSION:
            detail = f"Tokens are taken with x-ms-version {_FIRST_VERSION} or later."
            raise _StorageError(403, "AuthenticationFailed", _FORMED, detail)
        return caller

    def _tenant_id(self, account: StorageAccount) -> str:
        subscription = self.provider.estate.subscription(account.subscription)
        assert subscription is not None  # noqa: S101 - the check of the estate
        return tenant_of(self.provider, subscription).id

    def _answer(self, call: Call, account: StorageAccount, caller: Caller) -> HttpReply:
        parts = tuple(part for part in call.path if part)
        listing = call.query.get("comp") == "list"
        match call.method, parts:
            case "GET", () if listing:
                self._require(caller, f"{_CONTAINER}/read", account.path, data=False)
                return _list_containers(call, account)
            case "GET", (container,) if listing and call.query.get("restype") == "container":
                self._require(caller, f"{_CONTAINER}/blobs/read", _path_of(account, container))
                return self._list_blobs(call, account, container)
            case "GET" | "HEAD", (container, *names) if names and not call.query.keys() & _OTHER_VIEWS:
                self._require(caller, f"{_CONTAINER}/blobs/read", _path_of(account, container))
                return self._read_blob(call, account, container, "/".join(names))
            case "PUT", (container, *names) if names and "comp" not in call.query:
                self._require(caller, f"{_CONTAINER}/blobs/write", _path_of(account, container))
                return self._write_blob(call, account, container, "/".join(names))
        raise _StorageError(400, "InvalidQueryParameterValue", "The lab has no such operation of Azure Storage.")

    def _require(self, caller: Caller, action: str, scope: str, *, data: bool = True) -> None:
        if not is_allowed(self.provider, caller, action, scope, data=data):
            text = "This request is not authorized to perform this operation using this permission."
            raise _StorageError(403, "AuthorizationPermissionMismatch", text)

    def _blobs(self, account: StorageAccount, container: str) -> dict[str, _Blob]:
        found = next((each for each in account.containers if each.name == container), None)
        if found is None:
            raise _StorageError(404, "ContainerNotFound", "The specified container does not exist.")
        original = {name: _Blob(text.encode()) for name, text in found.blobs.items()}
        written = self._written.items()
        return original | {key[2]: blob for key, blob in written if key[:2] == (account.name, container)}

    def _list_blobs(self, call: Call, account: StorageAccount, container: str) -> HttpReply:
        prefix = call.query.get("prefix", "")
        rows = "".join(
            f"<Blob><Name>{escape(name)}</Name><Properties><Last-Modified>{_date(blob.modified)}</Last-Modified>"
            f"<Etag>{blob.state.etag}</Etag><Content-Length>{len(blob.data)}</Content-Length>"
            "<Content-Type>application/octet-stream</Content-Type><BlobType>BlockBlob</BlobType></Properties></Blob>"
            for name, blob in sorted(self._blobs(account, container).items())
            if name.startswith(prefix)
        )
        attributes = f'ServiceEndpoint="https://{call.host}/" ContainerName="{escape(container)}"'
        return _xml(call, f"<EnumerationResults {attributes}><Blobs>{rows}</Blobs><NextMarker/></EnumerationResults>")

    def _read_blob(self, call: Call, account: StorageAccount, container: str, name: str) -> HttpReply:
        blob = self._blobs(account, container).get(name)
        if blob is None:
            raise _StorageError(404, "BlobNotFound", "The specified blob does not exist.")
        data, fields = blob.data, [*_describe(blob), ("x-ms-blob-type", "BlockBlob")]
        if _check_conditions(call, blob, writes=False) == "not_modified":
            return HttpReply(304, b"", "", (*_describe(blob), ("x-ms-error-code", "ConditionNotMet"), *_ids(call)))
        status, part = 200, data
        given = call.headers.get("x-ms-range") or call.headers.get("Range") or ""
        if found := _RANGE.fullmatch(given):
            first = int(found[1])
            if first >= len(data):
                text = "The range specified is invalid for the current size of the resource."
                raise _StorageError(416, "InvalidRange", text)
            last = min(int(found[2]) if found[2] else len(data) - 1, len(data) - 1)
            status, part = 206, data[first : last + 1]
            fields.append(("Content-Range", f"bytes {first}-{last}/{len(data)}"))
        return HttpReply(status, part, "application/octet-stream", (*fields, *_ids(call)))

    def _write_blob(self, call: Call, account: StorageAccount, container: str, name: str) -> HttpReply:
        before = self._blobs(account, container).get(name)
        _check_conditions(call, before, writes=True)
        if call.headers.get("x-ms-blob-type", "") != "BlockBlob":
            raise _StorageError(400, "MissingRequiredHeader", "An HTTP header that's mandatory is not specified.")
        blob = _Blob(call.body, call.now, before.number + 1 if before is not None else 1)
        self._written[account.name, container, name] = blob
        return HttpReply(201, b"", "", (*_describe(blob), *_ids(call)))

    def _refuse_token(self, call: Call, account: StorageAccount, refused: TokenRefusedError) -> HttpReply:
        tenant, host = self._tenant_id(account), primary_login_host(self.provider.estate.cloud)
        uri = f"https://{host}/{tenant}/oauth2/authorize"
        fields = (("WWW-Authenticate", f"Bearer authorization_uri={uri} resource_id=https://storage.azure.com"),)
        match refused.reason:
            case "missing":
                text = "Server failed to authenticate the request. Please refer to the information in the "
                error = _StorageError(401, "NoAuthenticationInformation", f"{text}www-authenticate header.")
            case "audience":
                detail = "Audience validation failed. Audience did not match."
                error = _StorageError(401, "InvalidAuthenticationInfo", _LOOK, detail)
            case "issuer" | "version":
                detail = "Issuer validation failed. Issuer did not match."
                error = _StorageError(403, "AuthenticationFailed", _FORMED, detail)
            case "expired" | "not_yet_valid":
                detail = "Lifetime validation failed. The token is expired."
                error = _StorageError(401, "InvalidAuthenticationInfo", _LOOK, detail)
            case _:
                detail = "Signature validation failed. Signature verification failed."
                error = _StorageError(401, "InvalidAuthenticationInfo", _LOOK, detail)
        return _reply_error(call, error, fields if error.status == 401 else ())


def _path_of(account: StorageAccount, container: str) -> str:
    return f"{account.path}/blobServices/default/containers/{container}"


def _list_containers(call: Call, account: StorageAccount) -> HttpReply:
    rows = "".join(
        f"<Container><Name>{each.name}</Name><Properties><Last-Modified>{_date(_OF_ESTATE)}</Last-Modified>"
        f"<Etag>{_Blob(each.name.encode()).state.etag}</Etag></Properties></Container>"
        for each in account.containers
    )
    return _xml(
        call,
        f'<EnumerationResults ServiceEndpoint="https://{call.host}/"><Containers>{rows}</Containers><NextMarker/>'
        "</EnumerationResults>",
    )


def _reply_error(call: Call, error: ResourceError, headers: tuple[tuple[str, str], ...] = ()) -> HttpReply:
    when = time.strftime("%Y-%m-%dT%H:%M:%S.0000000Z", time.gmtime(call.now))
    given = error.detail if isinstance(error, _StorageError) else ""
    detail = f"<AuthenticationErrorDetail>{escape(given)}</AuthenticationErrorDetail>" if given else ""
    text = f"{error.message}\nRequestId:{call.trace_id}\nTime:{when}"
    body = f"<Error><Code>{error.code}</Code><Message>{escape(text)}</Message>{detail}</Error>"
    fields = (*headers, ("x-ms-error-code", error.code), *_ids(call))
    description = f"{error.code}: {given or error.message}"
    content = b"" if call.method == "HEAD" else _PROLOG + body.encode()
    return HttpReply(error.status, content, "application/xml", fields, error_description=description)


_PROLOG = b'<?xml version="1.0" encoding="utf-8"?>'


def _xml(call: Call, text: str) -> HttpReply:
    return HttpReply(200, _PROLOG + text.encode(), "application/xml", _ids(call))


def _ids(call: Call) -> tuple[tuple[str, str], ...]:
    version = call.headers.get("x-ms-version", "")
    given = version if _VERSION.fullmatch(version) else _FIRST_VERSION
    return (("x-ms-request-id", call.trace_id), ("x-ms-version", given))


def _check_conditions(call: Call, blob: _Blob | None, *, writes: bool) -> Condition:
    """Check the conditional header fields; raises _StorageError 400, 409 and 412."""
    try:
        found = check_conditions(call.headers, blob.state if blob is not None else None, writes=writes)
    except InvalidConditionError as error:
        text = f"The value for one of the HTTP headers is not in the correct format: {error}."
        raise _StorageError(400, "InvalidHeaderValue", text) from None
    if found == "exists":
        raise _StorageError(409, "BlobAlreadyExists", "The specified blob already exists.")
    if found == "not_met":
        text = "The condition specified using HTTP conditional header(s) is not met."
        raise _StorageError(412, "ConditionNotMet", text)
    return found


def _describe(blob: _Blob) -> tuple[tuple[str, str], ...]:
    return ("Last-Modified", _date(blob.modified)), ("ETag", blob.state.etag)


def _date(moment: float) -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(moment))


def blob_storage(estate: Estate) -> tuple[Service, ...]:
    """Return a service for the host of each storage account: each takes tokens for its own host, too."""
    suffix = BLOB_SUFFIXES[cloud_name_of(estate.cloud.cloud_instance_name)]
    return tuple(
        Service(
            name="blob-storage",
            dns_names=(f"{account.name}.{suffix}",),
            audiences=storage_audiences(estate, account.name),
            application=BlobStorageApplication.start,
        )
        for account in estate.storage_accounts
    )

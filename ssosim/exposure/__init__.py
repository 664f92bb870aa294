"""Exposed credentials: which secrets a request carries, and whether its recipient has any business with them."""

from ssosim.exposure.credentials import CredentialKind, FoundCredential, KnownCredentials
from ssosim.exposure.finder import ExposureFinder, find_exposures
from ssosim.exposure.recipients import Recipient
from ssosim.exposure.request_parts import RequestParts, parts_of_call, parts_of_raw_request

__all__ = [
    "CredentialKind",
    "ExposureFinder",
    "FoundCredential",
    "KnownCredentials",
    "Recipient",
    "RequestParts",
    "find_exposures",
    "parts_of_call",
    "parts_of_raw_request",
]

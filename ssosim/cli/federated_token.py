"""``ssosim federated-token``: a token of one of the lab's OpenID issuers, as a workload gets it."""

from __future__ import annotations

import argparse
import json

from ssosim.cli.common import add_json, add_name, folder_of
from ssosim.cli.durations import signed_duration
from ssosim.lab.base.errors import LabInputError
from ssosim.output import one_line, print_document, say

_ALL_OPTIONS = ("issuer", "subject", "audience", "expires_in")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--issuer", metavar="URL", help="an issuer of the estate; not needed if there is one only")
    parser.add_argument("--subject", metavar="TEXT", required=True, help="the sub claim")
    parser.add_argument("--audience", metavar="TEXT", help="the aud claim (default: api://AzureADTokenExchange)")
    parser.add_argument(
        "--expires-in",
        metavar="TIME",
        type=lambda text: round(signed_duration(text)),
        help="from now: 30s, 1h30m; --expires-in=-5m is an expired token",
    )
    parser.add_argument(
        "--claim",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="replace or add a claim; VALUE is JSON or plain text, null leaves the claim out; may be repeated",
    )
    add_name(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Print a token."""
    from ssosim.lab.control.answers import FederatedToken, request_typed  # noqa: PLC0415 - not for --help

    body: dict[str, object] = {name: value for name in _ALL_OPTIONS if (value := getattr(options, name)) is not None}
    if options.claim:
        body["claims"] = _read_claims(options.claim)
    signed = request_typed(folder_of(options), "POST", "/v1/federated-tokens", FederatedToken, body)
    if options.json:
        print_document("federated-token", signed)
    else:
        say(one_line(signed.token))
    return 0


def _read_claims(texts: list[str]) -> dict[str, object]:
    """Return the claims by name. Raises LabInputError for one that is not NAME=VALUE, and for a name given twice."""
    claims: dict[str, object] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise LabInputError(f"--claim {text!r}: expected NAME=VALUE, for example --claim aud=api://other")
        if name in claims:
            raise LabInputError(f"--claim {text!r}: {name} is given twice; a claim with several values is a JSON list")
        claims[name] = _read_value(value)
    return claims


def _read_value(text: str) -> object:
    """Return ``text`` as JSON, else as it is. NaN and Infinity, which Python reads, are not JSON (RFC 8259 6)."""
    try:
        value: object = json.loads(text)
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return text
    return value

"""A stand-in for the command ``pwsh`` of PowerShell with the module Az.Accounts. It is not PowerShell.

    pwsh --version
    pwsh -NoProfile -NonInteractive -Command "Connect-AzAccount; Get-AzResourceGroup"
    pwsh -NoProfile -NonInteractive -EncodedCommand BASE64

``-Command`` reads cmdlets with parameters, separated by ``;`` or new lines, and ``$ErrorActionPreference = 'Stop'``. A
value may be ``$env:NAME``; ``-Credential $Credential`` is the name and the secret in AZURE_CLIENT_ID and
AZURE_CLIENT_SECRET. The scripts of the AzurePowerShellCredential of the Azure SDKs are recognised as such. Anything
else is refused with exit code 64. SSOSIM_AZ_ACCOUNTS is the version of the module; ``none``: it is not installed.
"""
# ruff: noqa: INP001  a program, not a package

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import sys
import time
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

VERSION = "PowerShell 7.6.0 (a stand-in of ssosim: it is not PowerShell)"
_BAD_COMMAND_LINE = 64  # ExitCodeBadCommandLineParameter of PowerShell
_SWITCHES = {"-noprofile", "-noninteractive", "-nologo"}
_STATEMENT = re.compile(r"""(?:[^;\n'"]|'[^']*'|"[^"]*")+""")
_WORD = re.compile(r"""'[^']*'|"[^"]*"|[^\s'"]+""")


class UsageError(Exception):
    """The stand-in does not know this command line or script."""


def warn(text: str) -> None:
    """Show a warning, where pwsh shows it."""
    print(f"WARNING: {text}", flush=True)


def trace(text: str) -> None:
    """Show a line for those who debug."""
    if os.environ.get("SSOSIM_AZ_DEBUG"):
        print(f"DEBUG: {text}", file=sys.stderr, flush=True)


def main(words: list[str]) -> int:
    """Run the command line."""
    lowered = [word.lower() for word in words]
    if lowered in (["--version"], ["-v"], ["-version"]):
        print(VERSION)
        return 0
    if lowered in (["/?"], ["-help"], ["-h"], ["--help"]):
        print(__doc__)
        return 0
    script, index = None, 0
    while index < len(words):
        name = lowered[index]
        if name == "-outputformat":
            index += 1
        elif name in ("-encodedcommand", "-command", "-c") and index + 1 < len(words):
            script = _decode(words[index + 1]) if name == "-encodedcommand" else " ".join(words[index + 1 :])
            index = len(words) if name != "-encodedcommand" else index + 1
        elif name not in _SWITCHES:
            raise UsageError(f"{words[index]!r}")
        index += 1
    if script is None:
        raise UsageError("a session without -Command or -EncodedCommand")
    return run_credential_script(script) if "Import-Module Az.Accounts" in script else run_script(script)


def _decode(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("utf-16-le")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise UsageError("an -EncodedCommand that is not Base64 of UTF-16") from error


# The scripts of AzurePowerShellCredential


def run_credential_script(script: str) -> int:
    """Answer the script of an AzurePowerShellCredential in the form that it prints."""
    import az_accounts  # noqa: PLC0415 - a tenth of a second, which --version does not need

    resource = re.search(r"""['"]?ResourceUrl['"]?\s*=\s*['"]([^'"]+)['"]""", script)
    tenant = re.search(r"""\$tenantId = ['"]([^'"]*)['"]""", script)
    if not resource or not tenant or "Get-AzAccessToken" not in script:
        raise UsageError("a script that imports Az.Accounts and is not that of an AzurePowerShellCredential")
    try:
        module = az_accounts.Module(lambda _: None, trace)
    except az_accounts.ModuleNotLoadedError as error:
        return _report_missing_module(script, str(error))
    if not module.behaviour.access_token_cmdlet:
        return _report_missing_module(script, "no Az.Accounts of version 2.2.0 or newer")
    try:
        token = module.get_token(resource[1], tenant[1])
    except az_accounts.CmdletError as error:
        print(f"Get-AzAccessToken: {error}", file=sys.stderr)
        return 1
    print(_in_form_of(script, token.value if _is_plain(script, module) else "System.Security.SecureString", token))
    return 0


def _report_missing_module(script: str, text: str) -> int:
    """Report the missing module in the way of each script: Python writes a word, Go an error; Node lets it fail."""
    if "NO_AZ_ACCOUNT_MODULE" in script:
        print("NO_AZ_ACCOUNT_MODULE")
        return 0
    own = re.search(r"Write-Error '([^']+)'", script)
    missing = "The specified module 'Az.Accounts' with version '2.2.0' was not loaded because no valid module file was "
    print(f"Write-Error: {own[1]}" if own else f"Import-Module: {missing}found in any module directory.\n{text}",
          file=sys.stderr)  # fmt: skip
    return 1


def _is_plain(script: str, module: Any) -> bool:
    """Return whether the script ends up with the token as text."""
    asked = "AsSecureString" in script
    secure = module.behaviour.secure_string == "always" or (module.behaviour.secure_string == "on-request" and asked)
    return not secure or "ConvertFrom-SecureString" in script or "SecureStringToBSTR" in script


def _in_form_of(script: str, value: str, token: Any) -> str:
    """Return the output of the script: the line of Python, the JSON of Go and Node."""
    if "azsdk%" in script:
        return f"\nazsdk%{value}%{token.expires_on}\n"
    expires: int | str = token.expires_on
    if "ToUnixTimeSeconds" not in script:
        expires = datetime.fromtimestamp(token.expires_on, UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")
    return json.dumps({"Token": value, "ExpiresOn": expires}, indent=2)


# Cmdlets


def run_script(script: str) -> int:
    """Run the statements, and return the exit code of ``pwsh -Command``: 1 if the last one failed, or one stopped it.

    An error ends one cmdlet only, unless ``$ErrorActionPreference`` is ``Stop``: what follows runs without it.
    """
    import az_accounts  # noqa: PLC0415 - see run_credential_script
    import cmdlets  # noqa: PLC0415

    stops, failed, module = False, False, None
    for statement in (each.strip() for each in _STATEMENT.findall(script)):
        if not statement or statement.startswith("#"):
            continue
        if found := re.fullmatch(r"\$ErrorActionPreference\s*=\s*['\"](\w+)['\"]", statement):
            stops = found[1].lower() == "stop"
            continue
        name, parameters = _read_statement(statement)
        cmdlet = cmdlets.find_cmdlet(name)
        if cmdlet is None:
            raise UsageError(f"{name!r}; it knows {', '.join(cmdlets.list_names())}")
        try:
            module = module or az_accounts.Module(warn, trace)
            if (output := cmdlet(module, parameters)) is not None:
                print(output, flush=True)
            failed = False
        except az_accounts.ModuleNotLoadedError as error:
            print(f"{name}: The '{name}' command was found in the module 'Az.Accounts', but the module could not be "
                  f"loaded. {error}", file=sys.stderr)  # fmt: skip
            failed = True
        except az_accounts.CmdletError as error:
            print(f"{name}: {error}", file=sys.stderr, flush=True)
            failed = True
        if failed and stops:
            return 1
    return int(failed)


def _read_statement(statement: str) -> tuple[str, dict[str, str]]:
    """Return the cmdlet and its parameters, by their names in small letters; a switch has the value ``true``."""
    name, *words = _WORD.findall(statement)
    found: dict[str, str] = {}
    for word in words:
        if word.startswith("-"):
            key, _, value = word[1:].lower().partition(":")
            last = key
            found[last] = {"$false": "false", "$true": "true", "": "true"}.get(value, value)
        elif found:
            found[last] = _evaluate(word)
        else:
            raise UsageError(f"{word!r} without the name of a parameter")
    return name, {key: value for key, value in found.items() if value != "false"}


def _evaluate(word: str) -> str:
    if word.lower().startswith("$env:"):
        return os.environ.get(word[5:], "")
    return word[1:-1] if word[0] in "'\"" else word


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    warnings.simplefilter("ignore")  # MSAL for Python would rather have form_post
    time.sleep(float(os.environ.get("SSOSIM_PWSH_STARTS_AFTER", "0")))
    try:
        sys.exit(main(sys.argv[1:]))
    except UsageError as mistake:
        print(f"pwsh: this stand-in for PowerShell does not know {mistake}", file=sys.stderr)
        sys.exit(_BAD_COMMAND_LINE)
    except ValueError as mistake:
        print(f"pwsh: {mistake}", file=sys.stderr)
        sys.exit(_BAD_COMMAND_LINE)
    except KeyboardInterrupt:
        sys.exit(130)

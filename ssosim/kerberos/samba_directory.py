"""Create and change the directory of a Samba domain controller: a program that is run by path, with Debian's Python.

It needs Samba's Python modules and nothing of ssosim. It reads one request per line from standard input, a JSON object
with ``do``, and answers each with one line on standard output: a JSON object, with ``error`` if the request failed. The
requests are the functions of ``REQUESTS``; ``folder`` is the folder of one domain controller, with ``smb.conf``.

Two ways lead into the database. New accounts and passwords go through Samba's modules, which derive keys and number
them. Everything else is written below the modules: they number each password anew, while an undone fault has to give
the former key back, with its number; and they refuse a service principal name that another account has, while a domain
with several domain controllers, or an administrator with rights enough, can come to have it twice. A domain controller
that runs sees every change at its next request.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

import ldb  # type: ignore[import-not-found]
from samba.auth import system_session  # type: ignore[import-not-found]
from samba.dcerpc import drsblobs  # type: ignore[import-not-found]
from samba.dsdb import DS_DOMAIN_FUNCTION_2008_R2  # type: ignore[import-not-found]
from samba.ndr import ndr_unpack  # type: ignore[import-not-found]
from samba.param import LoadParm  # type: ignore[import-not-found]
from samba.provision import FILL_FULL, provision  # type: ignore[import-not-found]
from samba.samdb import SamDB  # type: ignore[import-not-found]

__all__: list[str] = []

_SECRET = ("unicodePwd", "supplementalCredentials", "replPropertyMetaData")
"""What the key of an account consists of; its number is the version of unicodePwd in the last of them."""

_RC4 = 23
_NEVER = "-9223372036854775808"
_POLICY = {"minPwdLength": "0", "pwdProperties": "0", "pwdHistoryLength": "0", "minPwdAge": "0", "maxPwdAge": _NEVER}
_USER, _COMPUTER, _ANY_PROTOCOL = 0x200, 0x1000, 0x1000000
"""NORMAL_ACCOUNT, WORKSTATION_TRUST_ACCOUNT, TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION.

Source: MS-ADTS section 2.2.16 (userAccountControl bits).
"""

Data = dict[str, Any]


class Directory:
    """The directory of one domain controller in ``folder``."""

    def __init__(self, folder: str) -> None:
        settings = LoadParm()
        settings.load(f"{folder}/smb.conf")
        self._modules = SamDB(url=f"{folder}/private/sam.ldb", session_info=system_session(), lp=settings)
        self._base = str(self._modules.domain_dn())
        self._partition = f"tdb://{folder}/private/sam.ldb.d/{self._base.upper()}.ldb"

    def drop_password_policy(self) -> None:
        """Accept any password, for ever: those of an estate are what its author wants."""
        self._write(self._modules, self._base, {name: [value] for name, value in _POLICY.items()})

    def add(self, account: Data) -> None:
        """Create ``account`` if there is none of that ``name``."""
        if self._find(account["name"]) is not None:
            return
        is_computer = account["name"].endswith("$")
        self._modules.add(
            {
                "dn": f"CN={account['name'].rstrip('$')},CN={'Computers' if is_computer else 'Users'},{self._base}",
                "objectClass": "computer" if is_computer else "user",
                "sAMAccountName": account["name"],
                "userAccountControl": str(_kind_of(account["name"])),
                "clearTextPassword": account["password"].encode("utf-16-le"),
            }
        )

    def remove(self, name: str) -> None:
        """Delete the account called ``name``, if there is one."""
        if (place := self._find(name)) is not None:
            self._modules.delete(place)

    def write(self, account: Data) -> None:
        """Write names, encryption types, rights of delegation and, if ``secret`` is given, the key of ``account``."""
        name = account["name"]
        place = self._find(name)
        values: dict[str, list[Any]] = {"servicePrincipalName": account["spns"]}
        if (types := account.get("enctypes")) is not None:
            values["msDS-SupportedEncryptionTypes"] = [str(types)]
        if account.get("delegate_to"):
            values["msDS-AllowedToDelegateTo"] = account["delegate_to"]
        if account.get("any_protocol"):
            values["userAccountControl"] = [str(_kind_of(name) | _ANY_PROTOCOL)]
        for attribute, text in (account.get("secret") or {}).items():
            values[attribute] = [base64.b64decode(text)]
        self._write(ldb.Ldb(self._partition, flags=ldb.FLG_DONT_CREATE_DB, options=["modules:"]), place, values)

    def set_password(self, account: Data, password: str) -> None:
        """Give ``account`` the next key, that of ``password``."""
        self._write(self._modules, self._find(account["name"]), {"clearTextPassword": [password.encode("utf-16-le")]})

    def read_version(self, account: Data) -> Data:
        """Return the key of ``account``: its number, its value for each encryption type, and what it consists of."""
        place = self._find(account["name"])
        (known,) = self._modules.search(place, ldb.SCOPE_BASE, attrs=["msDS-KeyVersionNumber", *_SECRET])
        keys = {_RC4: bytes(known["unicodePwd"][0]).hex()}
        blob = ndr_unpack(drsblobs.supplementalCredentialsBlob, bytes(known["supplementalCredentials"][0]))
        for package in blob.sub.packages:
            if package.name == "Primary:Kerberos-Newer-Keys":
                newer = ndr_unpack(drsblobs.package_PrimaryKerberosBlob, bytes.fromhex(package.data))
                keys |= {each.keytype: bytes(each.value).hex() for each in newer.ctr.keys}
        below = ldb.Ldb(self._partition, flags=ldb.FLG_DONT_CREATE_DB, options=["modules:"])
        (raw,) = below.search(place, ldb.SCOPE_BASE, attrs=list(_SECRET))
        secret = {name: base64.b64encode(bytes(raw[name][0])).decode() for name in _SECRET}
        return {"kvno": int(str(known["msDS-KeyVersionNumber"][0])), "keys": keys, "secret": secret}

    def _find(self, name: str) -> str | None:
        sought = f"(sAMAccountName={ldb.binary_encode(name)})"
        found = self._modules.search(self._base, ldb.SCOPE_SUBTREE, sought, attrs=["cn"])
        return str(found[0].dn) if len(found) else None

    @staticmethod
    def _write(database: Any, place: str | None, values: dict[str, list[Any]]) -> None:
        change = ldb.Message(ldb.Dn(database, place))
        for name, each in values.items():
            change[name] = ldb.MessageElement(each, ldb.FLAG_MOD_REPLACE, name)
        database.modify(change)


def _kind_of(account: str) -> int:
    return _COMPUTER if account.endswith("$") else _USER


_open: dict[str, Directory] = {}


def _directory(request: Data) -> Directory:
    folder = request["folder"]
    if folder not in _open:
        _open[folder] = Directory(folder)
    return _open[folder]


def provision_domain(request: Data) -> Data:
    """Create the domain in ``folder``, with ``accounts``; return the first key of each, by name."""
    folder = request["folder"]
    settings = LoadParm()
    settings.load(f"{folder}/smb.conf")
    log = logging.getLogger("provision")
    log.setLevel(logging.ERROR)
    provision(
        log,
        system_session(),
        smbconf=f"{folder}/smb.conf",
        samdb_fill=FILL_FULL,
        realm=request["realm"],
        domain=request["netbios"],
        hostname=request["host"],
        hostip="127.0.0.1",
        serverrole="active directory domain controller",
        dns_backend="NONE",
        adminpass=request["password"],
        lp=settings,
        skip_sysvolacl=True,
        useeadb=False,
        use_ntvfs=False,
        dom_for_fun_level=DS_DOMAIN_FUNCTION_2008_R2,
    )
    directory = _directory(request)
    directory.drop_password_policy()
    for account in request["accounts"]:
        directory.add(account)
        directory.write(account)
    return {"versions": {each["name"]: directory.read_version(each) for each in request["accounts"]}}


def make_versions(request: Data) -> Data:
    """Return the keys of ``account`` for each of ``passwords``, the first of which it may have already."""
    directory = _directory(request)
    account = request["account"]
    directory.add({**account, "password": request["passwords"][0]})
    versions = [directory.read_version(account)]
    for password in request["passwords"][1:]:
        directory.set_password(account, password)
        versions.append(directory.read_version(account))
    return {"versions": versions}


def write_accounts(request: Data) -> Data:
    """Delete the accounts called ``removed``, create ``accounts`` that are missing, and write all of these."""
    directory = _directory(request)
    for name in request["removed"]:
        directory.remove(name)
    for account in request["accounts"]:
        directory.add(account)
    for account in request["accounts"]:
        directory.write(account)
    return {}


def open_directory(request: Data) -> Data:
    """Open the directory, so that the next request is quick."""
    _directory(request)
    return {}


REQUESTS: dict[str, Callable[[Data], Data]] = {
    "open": open_directory,
    "provision": provision_domain,
    "versions": make_versions,
    "write": write_accounts,
}


def main() -> None:
    """Answer the requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # Samba's libraries print to standard output
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = REQUESTS[request["do"]](request)
        except Exception as error:  # noqa: BLE001 - the caller raises it
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()

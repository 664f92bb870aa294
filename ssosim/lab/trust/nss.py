"""An NSS database that trusts the lab's CA, for programs that read ``~/.pki/nssdb``.

It consists of two SQLite files: ``cert9.db`` holds the certificate and its trust settings, ``key4.db`` is empty. A
database without a password needs no signature on trust settings, so that it can be written without ``certutil``.
Source: NSS, ``lib/softoken/sdb.c`` and ``pkcs11t.h``/``pkcs11n.h``; read by NSS 3.87 and Chromium 156.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

__all__ = ["make_nss_database"]

# The PKCS #11 attribute numbers (hexadecimal) for which NSS has a column.
_NUMBERS = """
0 1 2 3 10 11 12 80 81 82 83 84 85 86 87 88 89 8a 8b 90 100 101 102 103 104 105 106 107 108 109 10a 10b 10c 110 111 120
121 122 123 124 125 126 127 128 129 130 131 132 133 134 160 161 162 163 164 165 166 170 180 181 200 201 202 210 300 301
302 400 401 402 403 404 405 406 480 481 482 500 501 502 503 40000211 40000212 80000001 ce534351 ce534352 ce534353
ce534354 ce534355 ce534356 ce534357 ce534358 ce534364 ce534365 ce534366 ce534367 ce534368 ce534369 ce534373 ce534374
ce536351 ce536352 ce536353 ce536354 ce536355 ce536356 ce536357 ce536358 ce536359 ce53635a ce53635b ce53635c ce53635d
ce53635e ce53635f ce536360 ce5363b4 ce5363b5 d5a0db00
"""
_INDEXES = {"issuer": "81", "subject": "101", "label": "3", "ckaid": "102"}
_TRUE, _FALSE = b"\x01", b"\x00"
_CERTIFICATE, _TRUST = bytes.fromhex("00000001"), bytes.fromhex("ce534353")  # object classes
_DELEGATOR, _MUST_VERIFY = bytes.fromhex("ce534352"), bytes.fromhex("ce534353")  # trusted as a CA; not trusted


def make_nss_database(folder: Path, ca: x509.Certificate) -> None:
    """Create the database in the new folder ``folder``. Raises OSError and sqlite3.Error."""
    folder.mkdir(mode=0o700)
    name, issuer = ca.subject.public_bytes(), ca.issuer.public_bytes()
    der = ca.public_bytes(Encoding.DER)
    serial = _der_integer(ca.serial_number)
    key = ca.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    about = {"1": _TRUE, "2": _FALSE, "170": _TRUE, "81": issuer, "82": serial}
    certificate = {
        **about,
        "0": _CERTIFICATE,
        "3": b"ssosim lab",
        "11": der,
        "80": bytes(4),  # X.509
        "101": name,
        "102": _sha1(key),
    }
    trust = {
        **about,
        "0": _TRUST,
        "ce536358": _DELEGATOR,  # for servers
        "ce536359": _MUST_VERIFY,  # for clients
        "ce53635a": _MUST_VERIFY,  # for code
        "ce53635b": _MUST_VERIFY,  # for mail
        "ce536360": _FALSE,
        "ce5363b4": _sha1(der),
        "ce5363b5": hashlib.md5(der, usedforsecurity=False).digest(),
    }
    _write(folder / "cert9.db", "nssPublic", [certificate, trust])
    _write(
        folder / "key4.db",
        "nssPrivate",
        [],
        "CREATE TABLE metaData (id PRIMARY KEY UNIQUE ON CONFLICT REPLACE, item1, item2)",
    )


def _write(file: Path, table: str, objects: list[Mapping[str, bytes]], *more: str) -> None:
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        database.execute("PRAGMA synchronous = OFF")
        columns = ", ".join(f"a{number}" for number in _NUMBERS.split())
        database.execute(f"CREATE TABLE {table} (id PRIMARY KEY UNIQUE ON CONFLICT ABORT, {columns})")
        for name, number in _INDEXES.items():
            database.execute(f"CREATE INDEX {name} ON {table} (a{number})")
        for statement in more:
            database.execute(statement)
        for row, attributes in enumerate(objects, start=1):
            names = ", ".join(f"a{number}" for number in attributes)
            marks = ", ".join("?" * len(attributes))
            insert = f"INSERT INTO {table} (id, {names}) VALUES ({row}, {marks})"  # noqa: S608 - constant names only
            database.execute(insert, list(attributes.values()))
    file.chmod(0o600)


def _der_integer(number: int) -> bytes:
    body = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return bytes([0x02, len(body)]) + body


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()

"""One GET at the autologon host with a ticket from Heimdal's GSS-API, which forms the SPN from the host name."""
# ruff: noqa: INP001  a program, not a package

import base64
import ctypes
import http.client
import os
import ssl
import sys

COMPLETE, CONTINUE_NEEDED = 0, 1
GSS_CODE, MECHANISM_CODE = 1, 2


class Buffer(ctypes.Structure):
    """``gss_buffer_desc``."""

    _fields_ = (("length", ctypes.c_size_t), ("value", ctypes.c_void_p))

    @property
    def content(self):
        """The bytes, zeros included."""
        return ctypes.string_at(self.value, self.length)


class Oid(ctypes.Structure):
    """``gss_OID_desc``."""

    _fields_ = (("length", ctypes.c_uint32), ("elements", ctypes.c_char_p))


gss = ctypes.CDLL("libgssapi.so.3")  # the name of Heimdal's library; MIT's is libgssapi_krb5.so.2
gss.gss_import_name.restype = gss.gss_init_sec_context.restype = ctypes.c_uint32
HOST_BASED_SERVICE = Oid(10, b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x04")
SPNEGO = Oid(6, b"\x2b\x06\x01\x05\x05\x02")


def describe(major, minor):
    """The texts of a GSS-API error."""
    texts = []
    for code, kind in ((major, GSS_CODE), (minor, MECHANISM_CODE)):
        more, ignored, text = ctypes.c_uint32(0), ctypes.c_uint32(0), Buffer()
        gss.gss_display_status(
            ctypes.byref(ignored), ctypes.c_uint32(code), kind, None, ctypes.byref(more), ctypes.byref(text)
        )
        texts.append(text.content.decode())
    return ": ".join(texts)


def get_token(host):
    """The first token of SPNEGO for ``HTTP@host``."""
    minor, name, context, token = ctypes.c_uint32(0), ctypes.c_void_p(), ctypes.c_void_p(), Buffer()
    text = ctypes.create_string_buffer(f"HTTP@{host}".encode())
    service = Buffer(len(text) - 1, ctypes.addressof(text))
    major = gss.gss_import_name(
        ctypes.byref(minor), ctypes.byref(service), ctypes.byref(HOST_BASED_SERVICE), ctypes.byref(name)
    )
    if major != COMPLETE:
        sys.exit(f"gss_import_name: {describe(major, minor.value)}")
    major = gss.gss_init_sec_context(
        ctypes.byref(minor),
        None,
        ctypes.byref(context),
        name,
        ctypes.byref(SPNEGO),
        ctypes.c_uint32(0),
        ctypes.c_uint32(0),
        None,
        None,
        None,
        ctypes.byref(token),
        None,
        None,
    )
    if major not in (COMPLETE, CONTINUE_NEEDED):
        sys.exit(f"gss_init_sec_context: {describe(major, minor.value)}")
    return token.content


host = "autologon.microsoftazuread-sso.com"
path = f"/{os.environ['SSOSIM_USER'].partition('@')[2]}/winauth/sso"


def get(**headers):
    """The status of a GET, and what it offers to authenticate with."""
    connection = http.client.HTTPSConnection(host, context=ssl.create_default_context())
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.headers.get("WWW-Authenticate", "")
    except OSError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    finally:
        connection.close()


status, offered = get()
if status == 401 and offered.partition(" ")[0].lower() == "negotiate":
    status, _ = get(Authorization=f"Negotiate {base64.b64encode(get_token(host)).decode()}")
if status != 200:
    sys.exit(f"{host} answered {status}")
print("signed in as", os.environ["SSOSIM_USER"])

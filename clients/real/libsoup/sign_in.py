"""One GET at the autologon host with libsoup, which answers Negotiate with the signed-on user's ticket."""
# ruff: noqa: INP001  a program, not a package

import os
import sys

import gi

gi.require_version("Soup", "3.0")
from gi.repository import GLib, Soup  # noqa: E402 - after the choice of the version

domain = os.environ["SSOSIM_USER"].partition("@")[2]
url = f"https://autologon.microsoftazuread-sso.com/{domain}/winauth/sso"
session = Soup.Session()
session.add_feature_by_type(Soup.AuthNegotiate)
message = Soup.Message.new("GET", url)
try:
    session.send_and_read(message, None)
except GLib.Error as error:
    sys.exit(f"{error.domain}: {error.message}")
status = message.get_property("status-code")  # get_status raises an error for numbers that libsoup does not know
if status != 200:
    sys.exit(f"{url} answered {status}")
print("signed in as", os.environ["SSOSIM_USER"])

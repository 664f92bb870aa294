"""The browser of the scripted user: it opens a page and submits forms until a page has none.

Usage: ``python -m ssosim.lab.scripted_user [--background] URL`` or ``... --device-code CODE``. The user's profile is a
JSON file, given by ``--profile`` or ``$SSOSIM_PERSON``. The browser runs no JavaScript; it submits forms as their
button would. It needs the standard library only, so that it can be started by path, independent of the Python
environment of the program.

The last page that the user saw is kept in the file that the profile names (``last_page``): status, URL without query,
title and text, as JSON in ASCII. In a lab it is ``last-page.json`` beside the profile.

Exit codes: 0 done (which includes a refusal), 1 the page could not be used, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import base64
import hmac
import http.client
import http.cookiejar
import importlib.util
import json
import os
import ssl
import struct
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

_MOST_PAGES = 12  # a real user gives up about then
_WRONG_PASSWORDS = 3  # attempts with a wrong password
_ONE_TIME_CODES = 2  # attempts: a code that was used already is refused, so the user waits for the next
_CODE_S = 30  # seconds that a one-time code is shown
_TIMEOUT_S = 30.0
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_MOST_OCTETS = 1024 * 1024
_MOST_TITLE, _MOST_TEXT = 200, 1000  # characters of the last page that are kept
_UNSEEN = frozenset({"script", "style", "title"})  # elements whose text is not on the page


@dataclass(slots=True)
class Form:
    """A form: the URL that it is sent to, its fields with their values, input types by name, and its buttons."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    buttons: list[str] = field(default_factory=list)


class Page(HTMLParser):
    """The parts of a page that are used: its first form with method POST, its images, title and text."""

    def __init__(self, url: str, text: str, status: int = 200) -> None:
        super().__init__()
        self.url, self.status = url, status
        self._texts: dict[bool, list[str]] = {True: [], False: []}  # of the title, and of the page itself
        self._unseen = ""
        self.form: Form | None = None
        self.images: list[str] = []
        self._in_form = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect forms, inputs, buttons and images."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and self.form is None and given.get("method", "").lower() == "post":
            self.form = Form(urllib.parse.urljoin(self.url, given.get("action", "")))
            self._in_form = True
        elif tag == "input" and self.form is not None and self._in_form and given.get("name"):
            self.form.fields[given["name"]] = given.get("value", "")
            self.form.kinds[given["name"]] = given.get("type", "text")
        elif tag == "button" and self.form is not None and self._in_form:
            self.form.buttons.append(given.get("name", ""))
        elif tag == "img" and given.get("src"):
            self.images.append(urllib.parse.urljoin(self.url, given["src"]))
        elif tag in _UNSEEN:
            self._unseen = tag

    def handle_endtag(self, tag: str) -> None:
        """End the form: what follows belongs to another one, or to none."""
        if tag == "form":
            self._in_form = False
        elif tag == self._unseen:
            self._unseen = ""

    def handle_data(self, data: str) -> None:
        """Collect the title and the text."""
        if self._unseen in ("", "title"):
            self._texts[self._unseen == "title"].append(data)

    def describe(self) -> dict[str, Any]:
        """Return status, URL without query, title and text; both texts with single blanks, and cut."""
        title, text = (" ".join("".join(self._texts[each]).split()) for each in (True, False))
        address = urllib.parse.urlsplit(self.url)._replace(query="", fragment="").geturl()
        return {
            "status": self.status,
            "url": address[:_MOST_TEXT],
            "title": title[:_MOST_TITLE],
            "text": text[:_MOST_TEXT],
        }


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        _check_url(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_url(url: str) -> None:
    """Raise URLError for a URL that is neither HTTPS nor HTTP to this device."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise urllib.error.URLError(f"a browser does not open {url[:80]!r} here")


class Browser:
    """An HTTP client with cookies and redirects, which trusts the lab's CA only and uses no proxy."""

    def __init__(self, ca: str) -> None:
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca)),
            _Redirects(),
        )

    def open(self, url: str, fields: dict[str, str] | None = None) -> Page:
        """Open ``url``, or submit ``fields`` to it; return the page. Raises OSError and http.client.HTTPException."""
        _check_url(url)
        parts = urllib.parse.urlsplit(url)
        data = None if fields is None else urllib.parse.urlencode(fields).encode()
        request = urllib.request.Request(url, data, {"User-Agent": "ssosim-person"})  # noqa: S310  checked above
        if data is not None and parts.scheme == "https":
            request.add_header("Origin", f"https://{parts.netloc}")
        try:
            answer = self._opener.open(request, timeout=_TIMEOUT_S)
        except urllib.error.HTTPError as error:
            if error.code < 400:  # a redirect that is not followed
                error.close()
                raise
            answer = error  # an error page is a page
        with answer:
            page = Page(answer.url, answer.read(_MOST_OCTETS).decode("utf-8", "replace"), answer.status)
        for image in page.images:
            with self._opener.open(image, timeout=_TIMEOUT_S) as shown:
                shown.read(_MOST_OCTETS)
        return page


def browse(profile: dict[str, Any], url: str, device_code: str = "") -> int:
    """Open ``url`` and act by the behaviour in the user's ``profile``; return the number of pages opened."""
    browser, visit = Browser(profile["ca"]), _Visit(profile, device_code)
    page, seen = browser.open(url), 1
    try:
        while seen < _MOST_PAGES and page.form is not None and visit.fill(page.form):
            page = browser.open(page.form.action, page.form.fields)
            seen += 1
    finally:
        if profile.get("last_page"):
            _keep(page, Path(profile["last_page"]))
    return seen


def _keep(page: Page, file: Path) -> None:
    """Write what the user saw at last, all at once: a reader finds the whole file or none."""
    new = file.with_name(f"{file.name}.{os.getpid()}")
    new.touch(mode=0o600)
    new.write_text(json.dumps(page.describe()) + "\n", encoding="ascii")
    new.replace(file)


class _Visit:
    """What the user does at the forms of one series of pages."""

    def __init__(self, profile: dict[str, Any], device_code: str) -> None:
        self._profile, self._behaviour, self._device_code = profile, profile["behaviour"], device_code
        self._passwords = self._one_time_codes = 0

    def fill(self, form: Form) -> bool:
        """Fill in ``form``; return False if the user leaves it."""
        if "otc" in form.fields:
            return self._give_one_time_code(form) if "flowToken" in form.fields else self._give_device_code(form)
        return self._give_password(form) if "password" in form.kinds.values() else True

    def _give_device_code(self, form: Form) -> bool:
        form.fields["otc"], self._device_code = self._device_code, ""
        return bool(form.fields["otc"])  # the code was refused, or there is none

    def _give_one_time_code(self, form: Form) -> bool:
        if self._behaviour == "no-second-factor" or self._one_time_codes == _ONE_TIME_CODES:
            return False
        if self._behaviour == "refuses":
            form.fields["cancel"] = "1"
            return True
        if self._one_time_codes:  # it was used already: the app shows the next one in a moment
            time.sleep(_CODE_S - time.time() % _CODE_S)
        self._one_time_codes += 1
        form.fields["otc"] = one_time_code(self._profile["totp_secret"], time.time())
        return True

    def _give_password(self, form: Form) -> bool:
        behaviour, tried = self._behaviour, self._passwords
        if behaviour == "walks-away" or (behaviour == "types-wrong-password" and tried == _WRONG_PASSWORDS):
            return False
        if behaviour == "refuses" and "cancel" not in form.buttons:
            return False  # the page of AD FS has no button to cancel: the user closes it
        if behaviour not in ("refuses", "types-wrong-password") and tried:
            return False  # the right password was refused: the user stops
        self._passwords += _fill(form, self._profile, behaviour)
        return True


def _fill(form: Form, profile: dict[str, Any], behaviour: str) -> bool:
    """Fill in ``form``; return whether the password was typed. Some type it on their own page only."""
    if behaviour == "refuses":
        form.fields["cancel"] = "1"
        return False
    hosts = profile.get("password_hosts", [])
    secret = not hosts or urllib.parse.urlsplit(form.action).hostname in hosts
    for name, kind in form.kinds.items():
        if kind == "password" and secret:
            form.fields[name] = (
                "not-" + profile["password"] if behaviour == "types-wrong-password" else profile["password"]
            )
        elif kind in ("email", "text"):
            form.fields[name] = profile["upn"]
    return secret


def one_time_code(secret: str, now: float) -> str:
    """Return what the authenticator app with ``secret`` (base32) shows at ``now`` (RFC 6238: SHA-1, 30 s, 6 digits)."""
    key = base64.b32decode(secret.upper() + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, struct.pack(">Q", int(now) // _CODE_S), "sha1")
    (number,) = struct.unpack_from(">I", digest, digest[-1] & 15)  # RFC 4226, section 5.3
    return f"{(number & 0x7FFFFFFF) % 1_000_000:06}"


def _in_background(log: str) -> bool:
    """Fork, and return True in the child only. The parent ends at once, because programs wait for ``xdg-open``."""
    if os.fork():
        return False
    os.setsid()
    devnull = os.open(os.devnull, os.O_RDWR)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if log else devnull
    for descriptor, target in ((devnull, 0), (devnull, 1), (output, 2)):
        os.dup2(descriptor, target)
    return True


def main(arguments: list[str]) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="ssosim.lab.scripted_user", description="The browser of the scripted user.")
    parser.add_argument(
        "--profile", default=os.environ.get("SSOSIM_PERSON", ""), help="the user's profile (a JSON file)"
    )
    parser.add_argument("--background", action="store_true", help="return at once")
    parser.add_argument(
        "--device-code", default="", metavar="CODE", help="open the page for device codes and type CODE"
    )
    parser.add_argument("url", nargs="?", default="")
    options = parser.parse_args(arguments)
    try:
        profile = json.loads(Path(options.profile).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        _print_error(f"{options.profile or '$SSOSIM_PERSON'}: {error}; run this with: ssosim exec")
        return 2
    url = profile["device_page"] if options.device_code else options.url
    if not url:
        _print_error("which page? give its URL")
        return 2
    if options.background and not _in_background(profile.get("log", "")):
        return 0
    try:
        browse(profile, url, options.device_code)
    except (OSError, ValueError, http.client.HTTPException) as error:
        _print_error(f"{url.partition('?')[0]}: {error}")
        return 1
    return 0


def _print_error(text: str) -> None:
    _output().print_error(text, "person")


@lru_cache(maxsize=1)
def _output() -> Any:
    """The module ``ssosim.output``, by its place: the package itself may not be importable here."""
    spec = importlib.util.spec_from_file_location("ssosim_output", Path(__file__).parents[2] / "output.py")
    assert spec is not None and spec.loader is not None  # noqa: S101, PT018 - a file that is part of the package
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    _output().guard_streams()
    sys.exit(main(sys.argv[1:]))

"""The person's browser: opens one page and goes on from there until there is nothing left to do.

Usage: ``python -m ssosim.lab.scripted_user [--background] URL`` or ``... --device-code CODE``. The file that
``--who`` or ``$SSOSIM_PERSON`` names says who the person is. Runs no script; it does what a form's own button would do.
Needs the standard library only, so that it can be started by path, apart from whatever Python the program has set up.

Exit codes: 0 done (which includes a refusal), 1 the page could not be used, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import http.client
import http.cookiejar
import importlib.util
import json
import os
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

_PAGES = 12  # after that many the person gives up
_WRONG = 3  # as often as most people try
_PATIENCE_S = 30.0
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_LARGEST = 1024 * 1024


@dataclass(slots=True)
class Form:
    """A form of a page: where it goes, its fields as they stand, the kinds of its inputs by name, and its buttons."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    buttons: list[str] = field(default_factory=list)


class Page(HTMLParser):
    """What a person without script sees of a page: its first form and its pictures."""

    def __init__(self, url: str, text: str) -> None:
        super().__init__()
        self.url = url
        self.form: Form | None = None
        self.pictures: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note forms, inputs, buttons and pictures."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and self.form is None and given.get("method", "").lower() == "post":
            self.form = Form(urllib.parse.urljoin(self.url, given.get("action", "")))
        elif tag == "input" and self.form is not None and given.get("name"):
            self.form.fields[given["name"]] = given.get("value", "")
            self.form.kinds[given["name"]] = given.get("type", "text")
        elif tag == "button" and self.form is not None:
            self.form.buttons.append(given.get("name", ""))
        elif tag == "img" and given.get("src"):
            self.pictures.append(urllib.parse.urljoin(self.url, given["src"]))


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        _allowed(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _allowed(url: str) -> None:
    """Raise URLError for an address that is neither HTTPS nor a listener on this device."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise urllib.error.URLError(f"a browser does not open {url[:80]!r} here")


class Browser:
    """Cookies, redirects, the lab's certificate authority, no proxy."""

    def __init__(self, ca: str) -> None:
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca)),
            _Redirects(),
        )

    def open(self, url: str, fields: dict[str, str] | None = None) -> Page:
        """The page at ``url``, or the one that follows a form; raises OSError and http.client.HTTPException."""
        _allowed(url)
        parts = urllib.parse.urlsplit(url)
        data = None if fields is None else urllib.parse.urlencode(fields).encode()
        request = urllib.request.Request(url, data, {"User-Agent": "ssosim-person"})  # noqa: S310  checked above
        if data is not None and parts.scheme == "https":
            request.add_header("Origin", f"https://{parts.netloc}")
        try:
            answer = self._opener.open(request, timeout=_PATIENCE_S)
        except urllib.error.HTTPError as error:
            if error.code < 400:  # a redirect that is not followed
                error.close()
                raise
            answer = error  # an error page is a page
        with answer:
            page = Page(answer.url, answer.read(_LARGEST).decode("utf-8", "replace"))
        for picture in page.pictures:
            with self._opener.open(picture, timeout=_PATIENCE_S) as shown:
                shown.read(_LARGEST)
        return page


def visit(who: dict[str, Any], url: str, device_code: str = "") -> int:
    """Open ``url`` as ``who`` and do what the behaviour says; the number of pages seen."""
    browser, behaviour, tried = Browser(who["ca"]), who["behaviour"], 0
    page = browser.open(url)
    for seen in range(1, _PAGES):
        form = page.form
        if form is None:
            return seen
        if "otc" in form.fields:
            form.fields["otc"] = device_code
            device_code = ""
            if not form.fields["otc"]:
                return seen  # it was refused, or there is none
        elif "password" in form.kinds.values():
            if behaviour == "walks-away" or (behaviour == "types-wrong-password" and tried == _WRONG):
                return seen
            if behaviour == "refuses" and "cancel" not in form.buttons:
                return seen  # AD FS's page has no way to say no: it is closed
            if behaviour not in ("refuses", "types-wrong-password") and tried:
                return seen  # the right password was refused: a person reads why, and stops
            tried += _fill(form, who, behaviour)
        page = browser.open(form.action, form.fields)
    return _PAGES


def _fill(form: Form, who: dict[str, Any], behaviour: str) -> bool:
    """Fill ``form`` in; whether that took the password. Elsewhere than at their own page, the federated give a name."""
    if behaviour == "refuses":
        form.fields["cancel"] = "1"
        return False
    secret = who.get("own_page", "") in ("", urllib.parse.urlsplit(form.action).hostname)
    for name, kind in form.kinds.items():
        if kind == "password" and secret:
            form.fields[name] = "not-" + who["password"] if behaviour == "types-wrong-password" else who["password"]
        elif kind in ("email", "text"):
            form.fields[name] = who["upn"]
    return secret


def _in_background(log: str) -> bool:
    """Leave the caller behind; whether this is the process that goes on. Programs wait for ``xdg-open`` to end."""
    if os.fork():
        return False
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if log else nothing
    for descriptor, target in ((nothing, 0), (nothing, 1), (output, 2)):
        os.dup2(descriptor, target)
    return True


def main(arguments: list[str]) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="ssosim.lab.scripted_user", description="A scripted person opens a page.")
    parser.add_argument("--who", default=os.environ.get("SSOSIM_PERSON", ""), help="who the person is (a JSON file)")
    parser.add_argument("--background", action="store_true", help="return at once")
    parser.add_argument(
        "--device-code", default="", metavar="CODE", help="open the page for device codes and type CODE"
    )
    parser.add_argument("url", nargs="?", default="")
    options = parser.parse_args(arguments)
    try:
        who = json.loads(Path(options.who).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        _complain(f"{options.who or '$SSOSIM_PERSON'}: {error}; run this with: ssosim exec")
        return 2
    url = who["device_page"] if options.device_code else options.url
    if not url:
        _complain("which page? give its URL")
        return 2
    if options.background and not _in_background(who.get("log", "")):
        return 0
    try:
        visit(who, url, options.device_code)
    except (OSError, ValueError, http.client.HTTPException) as error:
        _complain(f"{url.partition('?')[0]}: {error}")
        return 1
    return 0


def _complain(text: str) -> None:
    _output().format_mistake(text, "person")


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

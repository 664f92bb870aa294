"""The scripted user's browser, without a lab."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ssosim.lab.network.certificates import LabCa
from ssosim.lab.scripted_user.__main__ import Browser, Page, main, one_time_code


class Site(ThreadingHTTPServer):
    """Serves pages by path, and records the requests."""

    pages: dict[str, str]
    asked: list[tuple[str, str, str]]

    @property
    def url(self):
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def site() -> Iterator[Site]:
    """A site on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            self.server.asked.append((self.command, self.path, body))
            page = self.server.pages.get(self.path, "")
            if page.startswith("->"):
                self.send_response(302)
                self.send_header("Location", page[2:])
            else:
                self.send_response(200 if self.path in self.server.pages else 404)
            self.send_header("Content-Length", "0" if page.startswith("->") else str(len(page.encode())))
            self.end_headers()
            if not page.startswith("->"):
                self.wfile.write(page.encode())

        do_POST = do_GET  # noqa: N815  the name that http.server calls

        def log_message(self, *_):
            pass

    with Site(("127.0.0.1", 0), Handler) as server:
        server.pages, server.asked = {}, []
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def profile(tmp_path):
    """The profile file of a scripted user."""
    (tmp_path / "ca.pem").write_text(LabCa().certificate_pem)
    file = tmp_path / "person.json"
    file.write_text(
        json.dumps({"upn": "a@b", "password": "p", "behaviour": "signs-in", "ca": str(tmp_path / "ca.pem")})
    )
    return str(file)


def test_a_page_is_read_as_its_form():
    """Escaped values, the kinds of inputs, the first form that posts, images for browsers without JavaScript."""
    page = Page(
        "https://x/a",
        '<form><input name="q"></form><form method="POST" action="/b?c=1">'
        '<input type=hidden name="h" value="&quot;&lt;"><input type="password" name="p"></form>'
        '<noscript><img src="i"></noscript>',
    )
    assert page.form is not None
    assert (page.form.action, page.form.fields) == ("https://x/b?c=1", {"h": '"<', "p": ""})
    assert page.images == ["https://x/i"]


def test_a_form_that_fills_itself_is_sent_on(site, profile):
    """form_post: hidden fields go to the address of the form."""
    site.pages["/start"] = '<form method="post" action="/end"><input type="hidden" name="code" value="c"></form>'
    assert main(["--profile", profile, f"{site.url}/start"]) == 0
    assert site.asked == [("GET", "/start", ""), ("POST", "/end", "code=c")]


@pytest.mark.parametrize(
    ("page", "title", "text"),
    [
        ("Done. You can close\n this window.", "", "Done. You can close this window."),
        ("<title> A &amp; B\n</title><style>p {}</style><p>x<script>y()</script> <b>z", "A & B", "x z"),
        ("<title>" + "t" * 999 + "</title><p>" + "x " * 9999, "t" * 200, "x " * 500),
        ("<p>\x1b[2J&#x202e;abc", "", "\x1b[2J\u202eabc"),
    ],
)
def test_the_last_page_is_kept(site, profile, page, title, text):
    """Its title and visible text, cut and in ASCII, for its owner alone; its URL without the code that it has."""
    kept = Path(profile).with_name("last.json")
    settings = json.loads(Path(profile).read_text())
    Path(profile).write_text(json.dumps(settings | {"last_page": str(kept)}))
    site.pages["/start"] = f"->{site.url}/end?code=secret#x"
    site.pages["/end?code=secret"] = page
    assert main(["--profile", profile, f"{site.url}/start"]) == 0
    found = kept.read_bytes()
    assert found.isascii()
    assert b"\x1b" not in found
    assert json.loads(found) == {"status": 200, "url": f"{site.url}/end", "title": title, "text": text}
    assert kept.stat().st_mode & 0o77 == 0


def test_the_last_page_may_be_an_error_or_the_one_before_it(site, profile):
    """An error page is a page; where the next one cannot be opened, the last one is that before it."""
    kept = Path(profile).with_name("last.json")
    settings = json.loads(Path(profile).read_text())
    Path(profile).write_text(json.dumps(settings | {"last_page": str(kept)}))
    site.pages["/a"] = '<title>one</title><form method="post" action="http://192.0.2.1/"><input name="x"></form>'
    assert main(["--profile", profile, f"{site.url}/a"]) == 1
    assert json.loads(kept.read_text())["title"] == "one"
    del site.pages["/a"]
    assert main(["--profile", profile, f"{site.url}/a"]) == 0
    assert json.loads(kept.read_text())["status"] == 404


def test_an_endless_series_of_pages_is_abandoned(site, profile):
    """The browser stops after twelve pages."""
    site.pages["/a"] = '<form method="post"><input type="hidden" name="x" value="y"></form>'
    assert main(["--profile", profile, f"{site.url}/a"]) == 0
    assert len(site.asked) == 12


def test_a_right_password_is_typed_once(site, profile):
    """Refused all the same, the user stops."""
    site.pages["/a"] = '<form method="post"><input type="email" name="l"><input type="password" name="p"></form>'
    assert main(["--profile", profile, f"{site.url}/a"]) == 0
    assert site.asked == [("GET", "/a", ""), ("POST", "/a", "l=a%40b&p=p")]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://192.0.2.1/", "ftp://localhost/", "msal://auth?code=1"])
def test_only_https_and_this_device_are_opened(site, profile, url, capsys):
    """Neither directly nor by a redirect."""
    assert main(["--profile", profile, url]) == 1
    site.pages["/r"] = f"->{url}"
    assert main(["--profile", profile, f"{site.url}/r"]) == 1
    assert capsys.readouterr().err.count("\n") == 2


def test_a_site_that_the_lab_has_not_certified_is_not_trusted(site, profile, tmp_path):
    """The certificate authority is the lab's and no other; with it the same site is opened."""
    ca = LabCa()
    site.socket = ca.server_context(["localhost"]).wrap_socket(site.socket, server_side=True)
    url = f"https://localhost:{site.server_port}/"
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        Browser(json.loads(Path(profile).read_text())["ca"]).open(url)
    (tmp_path / "right.pem").write_text(ca.certificate_pem)
    assert Browser(str(tmp_path / "right.pem")).open(url).form is None


@pytest.mark.parametrize(("arguments", "code"), [(["--profile", "/nowhere", "https://x/"], 2), ([], 2)])
def test_wrong_usage_is_one_line(arguments, code, capsys, monkeypatch):
    """Without the profile file: the error names it and how to run the program."""
    monkeypatch.delenv("SSOSIM_PERSON", raising=False)
    assert main(arguments) == code
    assert capsys.readouterr().err.startswith("person: ")


OWN = (
    '<form method="post" action="{action}"><input type="email" name="l"><input type="password" name="p">'
    "<button>Sign in</button>{more}</form>"
)


def test_the_federated_type_their_password_at_their_own_page_only(site, profile):
    """At Entra's page the name alone; the password goes to the service's host, and once."""
    file = Path(profile)
    file.write_text(json.dumps({**json.loads(file.read_text()), "password_hosts": ["localhost"]}))
    own = f"http://localhost:{site.server_port}/own"
    site.pages = {
        "/entra": OWN.format(action="/hop", more=""),
        "/hop": f"->{own}",
        "/own": OWN.format(action=own, more=""),
    }
    assert main(["--profile", profile, f"{site.url}/entra"]) == 0
    assert [body for method, _, body in site.asked if method == "POST"] == ["l=a%40b&p=", "l=a%40b&p=p"]


@pytest.mark.parametrize(
    ("more", "posts"), [("", []), ('<button name="cancel" value="1">No</button>', ["l=&p=&cancel=1"])]
)
def test_a_refusal_is_sent_only_if_the_page_has_a_button(site, profile, more, posts):
    """AD FS's page has no button for it: it is closed."""
    file = Path(profile)
    file.write_text(json.dumps({**json.loads(file.read_text()), "behaviour": "refuses"}))
    site.pages = {"/a": OWN.format(action="/b", more=more)}
    assert main(["--profile", profile, f"{site.url}/a"]) == 0
    assert [body for method, _, body in site.asked if method == "POST"] == posts


@pytest.mark.parametrize(
    ("moment", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_one_time_codes_are_those_of_the_standard(moment, code):
    """RFC 6238, appendix B (SHA-1), the last six digits."""
    assert one_time_code("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", moment) == code


SECOND = (
    '<form method="post" action="/done"><input type="hidden" name="flowToken" value="f"><input name="otc">'
    '<button>Verify</button><button name="cancel" value="1">Cancel</button></form>'
)


@pytest.mark.parametrize(
    ("behaviour", "sent"), [("signs-in", r"flowToken=f&otc=\d{6}"), ("no-second-factor", None), ("refuses", "cancel=1")]
)
def test_the_user_gives_the_second_factor(site, profile, behaviour, sent):
    """Types the code of the app, leaves the page, or cancels."""
    file = Path(profile)
    changes = {"behaviour": behaviour, "totp_secret": "GEZDGNBVGY3TQOJQ"}
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    site.pages["/second"] = SECOND
    assert main(["--profile", profile, f"{site.url}/second"]) == 0
    posted = [body for method, _, body in site.asked if method == "POST"]
    assert (re.search(sent, posted[0]) is not None) if sent else posted == []

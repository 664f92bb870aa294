"""Secrets, certificates and assertions of an application, with the real libraries: what signs in, and each refusal."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.entra.proofs import CONTOSO

from .applications import APP, ELSEWHERE, LITWARE, PASSWORD, PROOFS, make_assertion, write_proofs
from .conftest import Result
from .libraries import EVERY, find_program, pair

Play = Callable[..., Result]

NOBODY = "0f8fad5b-0000-4000-8000-000000000000"
_IDS = (f"tenant_id={CONTOSO}", f"client_id={APP}")

GOOD = {
    "secret": ("client_secret", "secret", "secret=current-secret"),
    "pem": ("certificate", "certificate", "path=registered.pem"),
    "pkcs12": ("certificate", "certificate", "path=registered.pfx"),
    "pkcs12-des": ("certificate", "certificate", "path=registered-des.pfx"),
    "chain": ("certificate_subject", "certificate", "path=chained.pem"),
    "chain-pkcs12": ("certificate_subject", "certificate", "path=chained.pfx"),
    "assertion": ("certificate", "assertion", "file=good.jwt"),
}
"""By name: the method in the trace, and the words of the program; files are in the folder of the proofs."""
_NO_PKCS12 = [("node", "pkcs12"), ("node", "pkcs12-des"), ("node", "chain-pkcs12")]
_NO_AES = [("go", "pkcs12"), ("go", "chain-pkcs12")]


@pytest.fixture
def prove(hosts: Any, play: Play) -> Play:
    """Run the program of a language on a container; names of files become paths."""

    def run(language: str, *words: str, device: str = "container", **options: Any) -> Result:
        folder = Path(hosts.home) / "proofs"
        named = [word.replace("path=", f"path={folder}/").replace("file=", f"file={folder}/") for word in words]
        more = [f"password={PASSWORD}"] if any(word.endswith(".pfx") for word in words) else []
        more += ["send_chain=1"] if any("chained" in word or "alone" in word for word in words) else []
        return play(language, device, *named, *more, **options)

    return run


def write(hosts: Any, name: str, text: str) -> str:
    """Write an assertion; the word that names its file."""
    (Path(hosts.home) / "proofs" / name).write_text(text, encoding="ascii")
    return f"file={name}"


_GOOD_SAMPLE = {
    "secret": "go java",
    "pem": "node",
    "pkcs12": "python",
    "pkcs12-des": "go",
    "chain": "node",
    "chain-pkcs12": "python",
    "assertion": "python",
}


@pytest.mark.parametrize(("language", "case"), pair(_GOOD_SAMPLE, _NO_PKCS12 + _NO_AES))
def test_each_credential_of_an_application_signs_in(hosts: Any, prove: Play, language: str, case: str) -> None:
    """The trace says by which credential, and the token is the application's."""
    write(hosts, "good.jwt", make_assertion())
    method, *words = GOOD[case]
    result = prove(language, *words, *_IDS)
    assert result.get("claims", {}).get("appid") == APP, result
    (proved,) = result.events("ClientAuthenticated")
    assert (proved["client_id"], proved["method"]) == (APP, method)


def test_key_stores_that_a_library_cannot_read(prove: Play) -> None:
    """That for Go reads PKCS#12 files with SHA-1 and triple DES alone, and that for Node none: no request at all."""
    for language, text in (("go", "unknown digest algorithm"), ("node", "does not contain a PEM-encoded certificate")):
        result = prove(language, "certificate", "path=registered.pfx", *_IDS)
        assert (text in result["text"], result.events("HttpExchange")) == (True, []), result


_SECRET_ID = "11111111-0000-4000-8000-000000000001"
REFUSED = {
    "wrong secret": ("secret", "secret=wrong", APP, "AADSTS7000215"),
    "the secret's id": ("secret", f"secret={_SECRET_ID}", APP, "AADSTS7000215"),
    "expired secret": ("secret", "secret=expired-secret", APP, "AADSTS7000222"),
    "secret, unknown application": ("secret", "secret=current-secret", ELSEWHERE, "AADSTS700016"),
    "unregistered certificate": ("certificate", "path=other.pem", APP, "AADSTS700027"),
    "certificate, unknown application": ("certificate", "path=registered.pem", ELSEWHERE, "AADSTS700016"),
    "chain without its middle": ("certificate", "path=alone.pem", APP, "AADSTS7000213"),
    "assertion of another application": ("assertion", "file=other.jwt", APP, "AADSTS700021"),
    "assertion for another audience": ("assertion", "file=audience.jwt", APP, "AADSTS700023"),
    "assertion that is no JWT": ("assertion", "file=broken.jwt", APP, "AADSTS50027"),
}
"""Statements, in this order: GO-014 PY-011, GO-008 PY-011, GO-015 PY-012, GO-016 PY-013, GO-017 PY-014,
GO-018 PY-015, none, PY-016, PY-017, PY-018."""


@pytest.mark.parametrize(
    ("language", "case"),
    pair(dict.fromkeys(REFUSED, "python") | {"expired secret": "python node", "unregistered certificate": "python go"}),
)
def test_each_refusal_has_its_code(hosts: Any, prove: Play, language: str, case: str) -> None:
    """No token, and the library's error names the code: GO-014 to GO-018, PY-011 to PY-018, PY-005.

    The error of the identity provider is the reason of the verdict too.
    """
    write(hosts, "other.jwt", make_assertion(client=NOBODY))
    write(hosts, "audience.jwt", make_assertion(audience="https://vault.azure.net"))
    write(hosts, "broken.jwt", "no.jwt")
    name, setting, client, code = REFUSED[case]
    result = prove(language, name, setting, f"tenant_id={CONTOSO}", f"client_id={client}")
    assert code in result.error_line, result
    assert result.events("TokenIssued") == []
    assert [each["code"] for each in result.events("HttpExchange") if each["code"]] == [
        int(code.removeprefix("AADSTS"))
    ]
    (explained,) = [line for line in hosts.run("explain").stdout.splitlines() if line.startswith(f"{result.label} ")]
    assert code in explained


@pytest.mark.parametrize(
    ("language", "kind", "name"),
    [
        ("python", "ClientAuthenticationError", "AADSTS7000215"),
        ("go", "azidentity.AuthenticationFailedError", "ClientSecretCredential authentication failed"),
        ("node", "AuthenticationRequiredError", "AADSTS7000215"),
    ],
)
def test_an_error_says_what_failed(prove: Play, language: str, kind: str, name: str) -> None:
    """GO-004, PY-004: the credential or its class of error; GO-002: a wrong secret is sent once: it stays wrong."""
    result = prove(language, "secret", "secret=wrong", *_IDS)
    assert (result["error"], name in result["text"]) == (kind, True)
    assert len([each for each in result.events("HttpExchange") if each["method"] == "POST"]) == 1


@pytest.mark.parametrize("language", ["python", "go"] if EVERY else ["go"])
def test_errors_that_pass_are_tried_again(prove: Play, fault: Any, language: str) -> None:
    """503 twice, then the token: what passes with time is tried again, what never does is not (GO-002)."""
    label = f"passes-{language}"
    fault("http-status", "host=login.microsoftonline.com", "status=503", "first=2", "--client", label)
    result = prove(language, "secret", "secret=current-secret", *_IDS, label=label)
    assert "claims" in result, result
    assert [each["status"] for each in result.events("HttpExchange")].count(503) == 2


_VARIABLES = {"AZURE_TENANT_ID": CONTOSO, "AZURE_CLIENT_ID": APP, "AZURE_CLIENT_SECRET": "current-secret"}


@pytest.mark.parametrize("language", ["python", "go", "node"] if EVERY else ["python", "go"])
def test_the_environment_needs_all_variables(prove: Play, language: str) -> None:
    """Each variable alone is missed: no request, no token; with all three it signs in (GO-013, PY-010)."""
    for missing in _VARIABLES:
        result = prove(language, "environment", env=_VARIABLES | {missing: None})
        assert ("claims" in result, result.events("HttpExchange")) == (False, []), (missing, result)
        if language == "go":
            named = "incomplete environment variable configuration" if missing.endswith("SECRET") else missing
            assert named in result["text"]
        else:
            assert result["error"] == "CredentialUnavailableError"
    result = prove(language, "environment", env=_VARIABLES)
    assert result["claims"]["appid"] == APP


def test_a_variable_that_is_set_too_late_is_missed(hosts: Any) -> None:
    """Variables are read when the credential is made, not when a token is asked for (PY-010)."""
    script = (
        "import os, azure.identity as i; c = i.EnvironmentCredential()\n"
        f"os.environ |= {_VARIABLES!r}\n"
        "try: c.get_token('https://graph.microsoft.com/.default'); print('token')\n"
        "except i.CredentialUnavailableError: print('unavailable')\n"
    )
    done = hosts.run("exec", "--device", "container", "--", find_program("python")[0], "-c", script)
    assert done.stdout == "unavailable\n"


def test_a_credential_is_for_one_tenant(hosts: Any) -> None:
    """A request for another tenant is refused by the library itself, unless that tenant is allowed (PY-058, PY-059)."""
    script = (
        "import sys, azure.identity as i\n"
        f"ids = ({CONTOSO!r}, {APP!r}, 'current-secret')\n"
        "c = i.ClientSecretCredential(*ids, additionally_allowed_tenants=sys.argv[1:])\n"
        f"try: c.get_token('https://graph.microsoft.com/.default', tenant_id={LITWARE!r})\n"
        "except Exception as e: print(type(e).__name__, e)\n"
    )
    words = ("exec", "--device", "container", "--as", "tenants", "--", find_program("python")[0], "-c", script)
    assert "not configured to acquire tokens for tenant" in hosts.run(*words).stdout
    assert not [each for each in hosts.records() if each["client"] == "tenants" and each["event"] == "HttpExchange"]
    assert "AADSTS700016" in hosts.run(*words, "*").stdout  # it asks, and the application is not in that tenant


LOGGED = """
import logging, sys, azure.identity as i
logging.basicConfig(level=getattr(logging, sys.argv[1]), stream=sys.stdout)
credential = i.ClientSecretCredential({tenant!r}, {client!r}, "current-secret", logging_enable=sys.argv[2] == "all")
print("TOKEN", credential.get_token("https://graph.microsoft.com/.default").token)
"""


def test_what_is_logged_at_which_level(hosts: Any) -> None:
    """INFO: the outline of HTTP. DEBUG: bodies too, if the program asks for them, with the secret (PY-006, PY-007)."""
    found = {}
    script = LOGGED.format(tenant=CONTOSO, client=APP)
    for level, which in (("INFO", "some"), ("DEBUG", "some"), ("DEBUG", "all")):
        command = [find_program("python")[0], "-c", script, level, which]
        text = hosts.run("exec", "--device", "container", "--", *command).stdout
        token = text.partition("TOKEN ")[2].strip()
        found[level, which] = text.replace(f"TOKEN {token}", "")
        assert len(token) > 100
        assert f"https://login.microsoftonline.com/{CONTOSO}/oauth2/v2.0/token" in text
        assert (token in found[level, which], "current-secret" in text) == (which == "all", which == "all")


def test_a_wrong_password_of_a_user(hosts: Any) -> None:
    """UsernamePasswordCredential with a wrong password: AADSTS50126 once, and no token (PY-019)."""
    script = (
        "import warnings, azure.identity as i; warnings.simplefilter('ignore')\n"
        f"c = i.UsernamePasswordCredential('04b07795-8ddb-461a-bbee-02f9e1bf7b46', 'alice@contoso.com', 'x',"
        f" tenant_id={CONTOSO!r})\n"
        "try: c.get_token('https://graph.microsoft.com/.default')\n"
        "except Exception as e: print(type(e).__name__, e)\n"
    )
    command = [find_program("python")[0], "-c", script]
    said = hosts.run("exec", "--device", "container", "--as", "password", "--", *command).stdout
    assert said.startswith("ClientAuthenticationError")
    assert "AADSTS50126" in said
    mine = [each for each in hosts.records() if each["client"] == "password"]
    assert [each["code"] for each in mine if each["event"] == "HttpExchange" and each["code"]] == [50126]


RENEWED = """
import sys, time, azure.identity as i
credential = i.ClientSecretCredential({tenant!r}, {client!r}, "current-secret", retry_total=0)
def call():
    try:
        credential.get_token("https://graph.microsoft.com/.default")
        print("token", flush=True)
    except Exception as error:
        print(type(error).__name__, flush=True)
call(), call(), sys.stdin.readline()
time.sleep({wait})
call()
"""


def test_an_error_comes_when_the_token_must_be_renewed(tmp_path: Path) -> None:
    """The first call signs in, the next has its token stored, and a later one fails at the renewal (GO-001, PY-001).

    A token is renewed five minutes before its end; here it lives for five minutes and three seconds.
    """
    from tests.conftest import Bench  # noqa: PLC0415 - the class of the fixture ``bench``

    bench = Bench(tmp_path)
    contoso = (Path(__file__).parents[2] / "ssosim" / "estate" / "contoso.toml").read_text(encoding="utf-8")
    (tmp_path / "estate.toml").write_text(
        contoso.replace("[cloud]", "[cloud]\naccess_token_lifetime = 303", 1) + PROOFS, encoding="utf-8"
    )
    write_proofs(tmp_path)
    try:
        done = bench.run("up", "--detach", "--estate", str(tmp_path / "estate.toml"))
        assert done.returncode == 0, done.stderr
        script = RENEWED.format(tenant=CONTOSO, client=APP, wait=4)
        command = ("exec", "--as", "renewed", "--", find_program("python")[0], "-c", script)
        program = bench.popen(*command, stdin=subprocess.PIPE)
        assert program.stdout
        assert program.stdin
        assert program.stdout.readline() == b"token\n"
        assert program.stdout.readline() == b"token\n"
        mine = [each for each in bench.records() if each["client"] == "renewed" and each["event"] == "TokenIssued"]
        assert len(mine) == 1  # the second call had its token stored
        fields = ("host=login.microsoftonline.com", f"path=/{CONTOSO}/oauth2/v2.0/token", "status=503")
        assert bench.run("fault", "apply", "http-status", *fields).returncode == 0
        program.stdin.write(b"\n")
        program.stdin.flush()
        assert program.stdout.readline() == b"ClientAuthenticationError\n"
    finally:
        bench.close()

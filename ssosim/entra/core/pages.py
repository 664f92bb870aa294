"""The HTML pages of the provider: sign-in, device code, form post, messages and errors. They work with screen readers.

The pages load nothing from other hosts. A nonce allows each script (Content Security Policy level 3).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import Any
from urllib.parse import quote

from ssosim.entra.core.messages import HttpReply, make_guid

__all__ = [
    "NO_STORE",
    "render_config_page",
    "render_device_code_page",
    "render_federation_page",
    "render_form_post_page",
    "render_logout_page",
    "render_message_page",
    "render_second_factor_page",
    "render_sign_in_page",
]

NO_STORE = (("Cache-Control", "no-store"), ("Pragma", "no-cache"), ("Referrer-Policy", "same-origin"))

_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:26rem;margin:3rem auto;padding:0 1rem}"
    "label,input,button{display:block;font:inherit}input{width:100%;box-sizing:border-box;padding:.4rem}"
    "input{margin:0 0 1rem}button{padding:.4rem 1rem;margin:0 0 .6rem}[hidden]{display:none}#error{color:#a80000}"
)

# Tries a Kerberos ticket first, as the real page does, and shows the form if that fails. The request has
# withCredentials set, because only then a browser responds to a Negotiate challenge.
_SILENT = """
(function () {
  var c = $Config, d = c.desktopSsoConfig, form = document.getElementById("signin"), x = new XMLHttpRequest();
  function shown() { form.hidden = false; document.getElementById("wait").hidden = true; new Image().src = c.urlShown; }
  form.hidden = true;
  document.getElementById("wait").hidden = false;
  x.open("GET", d.iwaEndpointUrlFormat.replace("{0}", c.sDomain));
  x.withCredentials = true;
  x.timeout = d.iwaRequestTimeoutInMs;
  x.onload = function () {
    if (x.status !== 200 || !x.responseText) { shown(); return; }
    form.elements.dssoToken.value = x.responseText;
    form.submit();
  };
  x.onerror = x.ontimeout = shown;
  x.send();
})();
"""
_SUBMIT = 'document.getElementById("answer").submit();'


def _page(
    title: str,
    content: str,
    *,
    nonce: str = "",
    status: int = 200,
    connect: str = "",
    cookie: str = "",
    frames: str = "",
) -> HttpReply:
    policy = (
        "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; img-src 'self' data:; style-src 'unsafe-inline'"
        + (f"; script-src 'nonce-{nonce}'" if nonce else "")
        + (f"; connect-src {connect}" if connect else "")
        + (f"; frame-src {frames}" if frames else "")
    )
    body = (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<style>{_STYLE}</style></head>\n"
        f"<body><main><h1>{escape(title)}</h1>\n{content}\n</main></body></html>\n"
    )
    headers: tuple[tuple[str, str], ...] = (
        *NO_STORE,
        ("Content-Security-Policy", policy),
        ("X-Content-Type-Options", "nosniff"),
    )
    if cookie:
        headers = (*headers, ("Set-Cookie", cookie))
    return HttpReply(status, body.encode(errors="replace"), "text/html; charset=utf-8", headers)


def _image(url: str) -> str:
    """Return the image that a browser loads when it displays the page."""
    return f'<img src="{escape(url)}" alt="">'


def _hidden(fields: Mapping[str, str]) -> str:
    return "".join(f'<input type="hidden" name="{escape(n)}" value="{escape(v)}">' for n, v in fields.items())


def _config_script(config: Mapping[str, Any], nonce: str, script: str = "") -> str:
    """Return the script element with ``$Config``, in the form of the real pages: a line of its own in a CDATA mark."""
    text = json.dumps(config, separators=(",", ":"))
    for letter in "<>&'":  # the text is part of a script element
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return f'<script nonce="{nonce}">//<![CDATA[\n$Config={text};\n{script}//]]></script>'


def render_config_page(title: str, main: str, text: str, *, config: Mapping[str, Any], status: int) -> HttpReply:
    """Render a page that shows ``main`` and ``text``, with ``config`` as ``$Config``."""
    nonce = make_guid()
    content = (
        f'<p role="alert">{escape(main)}</p><p id="exceptionMessageContainer">{escape(text)}</p>'
        + _config_script(config, nonce)
    )
    return _page(title, content, nonce=nonce, status=status)


def render_sign_in_page(
    config: Mapping[str, Any],
    *,
    application: str,
    login: str,
    error: str = "",
    autologon_origin: str = "",
    cookie: str = "",
) -> HttpReply:
    """Render the form for user name and password, with ``config`` as ``$Config``.

    ``autologon_origin`` is the origin of the autologon host if the page shall try a ticket before it shows the form,
    else ``""``. ``error`` is the text of a refused attempt; ``cookie`` is the value of Set-Cookie.
    """
    nonce = make_guid()
    hidden = _hidden({"ctx": config["sCtx"], "flowToken": config["sFT"], "canary": config["canary"], "dssoToken": ""})
    # With a ticket to try, the script loads the image when it shows the form; without scripts it is shown at once.
    image = _image(config["urlShown"])
    beacon = f"<noscript>{image}</noscript>" if autologon_origin else image
    first, second = ("", " autofocus") if login else (" autofocus", "")
    content = (
        f"<p>to continue to {escape(application)}</p>"
        + (f'<p id="error" role="alert">{escape(error)}</p>' if error else "")
        + '<p id="wait" role="status" hidden>Trying to sign you in&hellip;</p>'
        + f'<form id="signin" method="post" action="{escape(config["urlPost"])}">{hidden}'
        + '<label for="login">User name</label><input id="login" name="login" type="email" autocomplete="username" '
        + f'required value="{escape(login)}"{first}><label for="passwd">Password</label>'
        + '<input id="passwd" name="passwd" type="password" autocomplete="current-password" required'
        + f"{second}><button>Sign in</button>"
        + '<button name="cancel" value="1" formnovalidate>Cancel</button></form>'
        + _config_script(config, nonce, _SILENT if autologon_origin else "")
        + beacon
    )
    return _page("Sign in", content, nonce=nonce, connect=autologon_origin, cookie=cookie)


def render_second_factor_page(config: Mapping[str, Any], *, error: str = "", cookie: str = "") -> HttpReply:
    """Render the form for a one-time code, with ``config`` as ``$Config``. ``error`` is the text of a refused code."""
    nonce = make_guid()
    hidden = _hidden(
        {
            "type": "19",
            "AuthMethodId": "PhoneAppOTP",
            "login": config["sPOST_Username"],
            "request": config["sCtx"],
            "flowToken": config["sFT"],
            "canary": config["canary"],
        }
    )
    content = (
        "<p>Enter the code of your authenticator app.</p>"
        + (f'<p id="error" role="alert">{escape(error)}</p>' if error else "")
        + f'<form id="verify" method="post" action="{escape(config["urlPost"])}">{hidden}'
        + '<label for="otc">Code</label><input id="otc" name="otc" autocomplete="one-time-code" inputmode="numeric" '
        + 'maxlength="8" required autofocus><button>Verify</button>'
        + '<button name="cancel" value="1" formnovalidate>Cancel</button></form>'
        + _config_script(config, nonce)
        + _image(config["urlShown"])
    )
    return _page("Verify your identity", content, nonce=nonce, cookie=cookie)


def render_federation_page(host: str, logo: str, action: str, name: str = "", error: str = "") -> HttpReply:
    """Render the sign-in form of a federation service, with the ids and field names of AD FS. It posts to ``action``.

    Programs that read the page look for ``loginForm``, ``userNameInput``, ``passwordInput`` and ``errorText``; DavMail
    takes the address of the second form, ``options``, which is for other ways to sign in. Captures of the page: that
    address is absolute, with its port, and an ampersand is one, not ``&amp;``.
    """
    address = "".join(quote(each) if each in "\"'<>" else each for each in action)
    first, second = ("", " autofocus") if name else (" autofocus", "")
    content = (
        f"<p>{escape(host)}</p>{_image(logo)}"
        + (f'<p id="error" role="alert"><span id="errorText">{escape(error)}</span></p>' if error else "")
        + f'<form method="post" id="loginForm" autocomplete="off" action="{address}">'
        + '<label for="userNameInput">User account</label><input id="userNameInput" name="UserName" type="email" '
        + f'value="{escape(name)}" autocomplete="username" required{first}><label for="passwordInput">Password</label>'
        + '<input id="passwordInput" name="Password" type="password" autocomplete="current-password" required'
        + f'{second}><button id="submitButton">Sign in</button><input id="optionForms" type="hidden" name="AuthMethod" '
        + 'value="FormsAuthentication"></form><div id="authOptions"><form id="options"  method="post" '
        + f'action="{address.replace(f"https://{host}/", f"https://{host}:443/")}">'
        + '<input id="optionSelection" type="hidden" name="AuthMethod"></form></div>'
    )
    return _page("Sign in with your organizational account", content)


def render_form_post_page(action: str, fields: Mapping[str, str]) -> HttpReply:
    """Render a form that posts ``fields`` to ``action`` by a script, or by its button in a browser without scripts."""
    nonce = make_guid()
    content = (
        f'<form id="answer" method="post" action="{escape(action)}">{_hidden(fields)}'
        f'<noscript><button>Continue</button></noscript></form><script nonce="{nonce}">{_SUBMIT}</script>'
    )
    return _page("Working", content, nonce=nonce)


def render_device_code_page(user_code: str = "", error: str = "") -> HttpReply:
    """Render the form for the code that a device shows."""
    content = (
        (f'<p id="error" role="alert">{escape(error)}</p>' if error else "")
        + '<form id="device" method="post"><label for="otc">The code that your app or device shows</label>'
        + f'<input id="otc" name="otc" autocomplete="off" maxlength="32" required value="{escape(user_code)}">'
        + "<button>Next</button></form>"
    )
    return _page("Enter code", content)


def render_logout_page(frames: tuple[str, ...], target: str = "") -> HttpReply:
    """Render the page that loads ``frames``, the logout URLs of applications, and then goes to ``target`` if given."""
    nonce = make_guid()
    content = '<p role="status">It\'s a good idea to close all browser windows.</p>' + "".join(
        f'<iframe src="{escape(frame)}" title="sign-out" hidden></iframe>' for frame in frames
    )
    if target:
        address = json.dumps(target).replace("<", "\\u003c")
        content += f'<p><a id="continue" href="{escape(target)}">Continue</a></p>'
        content += f'<script nonce="{nonce}">window.onload=function(){{location.replace({address});}};</script>'
    origins = " ".join(sorted({"/".join(frame.split("/", 3)[:3]) for frame in frames}))
    return _page("You signed out of your account", content, nonce=nonce if target else "", frames=origins)


def render_message_page(title: str, text: str, *, status: int = 200) -> HttpReply:
    """Render a page that only shows a text."""
    return _page(title, f'<p role="status">{escape(text)}</p>', status=status)

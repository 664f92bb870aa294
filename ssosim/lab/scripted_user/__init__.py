"""The scripted user of a program's device: it opens the pages that programs show, and acts there by its behaviour.

``python -m ssosim.lab.scripted_user URL`` is its browser. ``setup`` installs this browser where programs look for one;
``device_codes`` passes device codes to it. All its requests are on the wire, like those of programs.
"""

BEHAVIOURS = (
    "signs-in",
    "refuses",
    "walks-away",
    "types-wrong-password",
    "no-second-factor",
    "no-browser",
    "browser-fails",
)
"""The behaviours of a scripted user; the first is the default.

``no-second-factor`` types the password, and leaves the page that asks for a one-time code. With ``no-browser`` there is
no browser, with ``browser-fails`` there is one that cannot be opened; both users sign in with a device code elsewhere.
"""

__all__ = ["BEHAVIOURS"]

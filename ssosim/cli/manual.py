"""``ssosim man``: the manual page, made of the parsers. ``docs/ssosim.1`` is the same text.

Source of the format: groff_man(7).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from ssosim import __version__
from ssosim.cli.environment import VARIABLES
from ssosim.output import say

__all__ = ["render_manual"]

DESCRIPTION = """\
Print the manual page, in the format of man.

  ssosim man | man -l -
  ssosim man > ~/.local/share/man/man1/ssosim.1
"""

_EXIT = (
    ("0", "As expected."),
    ("1", "An expectation is broken, or something failed."),
    ("2", "Usage or input: an option, a name or a file that cannot be used."),
    ("3", "The machine lacks something; ssosim doctor says what."),
    ("125", "Of ssosim exec only: a mistake that ssosim reports. Every other code of exec is the program's own."),
)
_ENVIRONMENT = (
    *VARIABLES,
    ("NO_COLOR", "Any value but an empty one: no colours on a terminal. TERM=dumb means the same."),
    ("COLUMNS", "The width of the terminal."),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: there are none."""
    parser.set_defaults(manual=True)


def run(_: argparse.Namespace) -> int:
    """Print the page."""
    say(render_manual().rstrip("\n"))
    return 0


def render_manual() -> str:
    """Return the manual page."""
    from ssosim.cli.main import COMMANDS, build_parser  # noqa: PLC0415 - main imports this module by its name

    lines = [
        f'.TH SSOSIM 1 "" "ssosim {__version__}" "User Commands"',
        ".SH NAME",
        "ssosim \\- simulate seamless single sign\\-on, and test clients against outages",
        ".SH SYNOPSIS",
        ".B ssosim",
        "[\\fB\\-\\-help\\fR] [\\fB\\-\\-version\\fR] [\\fB\\-\\-name\\fR \\fINAME\\fR] \\fICOMMAND\\fR ...",
        ".SH DESCRIPTION",
        _escape(
            "ssosim runs a Kerberos KDC, DNS servers and the HTTPS endpoints of an identity provider in a private "
            "network. Client models and unmodified programs sign in there while a scenario breaks something, and "
            "ssosim says for each client whether the sign-in was silent, interactive, stalled, refused or failed, "
            "and why."
        ),
        ".SH COMMANDS",
    ]
    for command in COMMANDS:
        lines += _render_command(f"ssosim {command.name}", build_parser(command), command.summary)
    for title, rows in (("EXIT STATUS", _EXIT), ("ENVIRONMENT", _ENVIRONMENT)):
        lines.append(f".SH {title}")
        for name, text in rows:
            lines += [".TP", f".B {_escape(name)}", _escape(text)]
    lines += [".SH SEE ALSO", ".BR kinit (1),", ".BR krb5kdc (8),", ".BR dig (1)"]
    return "\n".join(lines) + "\n"


def _render_command(name: str, parser: argparse.ArgumentParser, summary: str) -> Iterator[str]:
    """Yield the lines of one command, and of its actions."""
    actions = [each for each in parser._actions if each.help is not argparse.SUPPRESS]  # noqa: SLF001 - no other way
    nested = [each for each in actions if isinstance(each, argparse._SubParsersAction)]  # noqa: SLF001
    positionals = [_describe(each) for each in actions if not each.option_strings and each not in nested]
    words = [*positionals, *(["\\fIACTION\\fR ..."] if nested else [])]
    yield f".SS \\fB{_escape(name)}\\fR [\\fIOPTIONS\\fR] {' '.join(words)}".rstrip()
    text = parser.description or summary
    first, _, rest = text.partition("\n\n")
    yield _escape(" ".join(first.split()))
    if rest:
        yield from (".PP", ".nf", *(_escape(line) if line else "" for line in rest.rstrip("\n").split("\n")), ".fi")
    for action in actions:
        if action not in nested and (action.help or action.option_strings) and action.dest != "help":
            yield from (".TP", _describe(action, bold=True), _escape(_expand(parser, action)) or "\\&")
    for action in nested:
        for key, inner in action.choices.items():
            yield from _render_command(f"{name} {key}", inner, inner.description or key)


def _expand(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    values = {**vars(action), "prog": parser.prog}
    return " ".join(((action.help or "") % values).split())


def _describe(action: argparse.Action, *, bold: bool = False) -> str:
    """Return an option or an argument as the synopsis has it."""
    if action.metavar is not None:
        value = action.metavar if isinstance(action.metavar, str) else " ".join(action.metavar)
    elif action.choices is not None:
        value = "{" + ",".join(str(each) for each in action.choices) + "}"
    else:
        value = action.dest.upper()
    value = f"\\fI{_escape(value)}\\fR"
    if not action.option_strings:
        return value if bold or action.nargs not in ("?", "*") else f"[{value}]"
    names = ", ".join(f"\\fB{_escape(each)}\\fR" for each in action.option_strings)
    if action.nargs == 0:
        return names
    return f"{names} [{value} ...]" if action.nargs == "*" else f"{names} {value}"


def _escape(text: str) -> str:
    """Return ``text`` for roff: a leading point or apostrophe would begin a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    text = text.replace("^", "\\(ha").replace("~", "\\(ti").replace('"', "\\(dq")
    return f"\\&{text}" if text.startswith((".", "'")) else text

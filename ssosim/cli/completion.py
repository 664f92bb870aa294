"""``ssosim completion``: completion of commands, options and names for bash, zsh and fish.

The scripts of all shells call ``ssosim completion words``, which prints the candidates for the last word, so they know
every option that the parsers know, and the names that there are now: labs, scenarios, clients, faults, devices.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ssosim.lab.base.errors import LabError
from ssosim.output import say

__all__ = ["FILES", "complete"]

DESCRIPTION = """\
Print a script that completes commands, options and names in your shell.

  eval "$(ssosim completion bash)"                          in ~/.bashrc
  ssosim completion zsh > ~/.zfunc/_ssosim                  a folder of $fpath
  ssosim completion fish > ~/.config/fish/completions/ssosim.fish

'words' is for these scripts: it prints the candidates for the last of the words.
"""

FILES = ":files"
"""A candidate that stands for the names of files."""

_BASH = r"""_ssosim() {
    local cur=${COMP_WORDS[COMP_CWORD]} line files=
    [ "$cur" = "=" ] && cur=
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
            :files) files=yes ;;
            *=) compopt -o nospace 2>/dev/null; COMPREPLY+=("$line") ;;
            *) COMPREPLY+=("$line") ;;
        esac
    done < <("${COMP_WORDS[0]}" completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    [ "$files" ] || return 0
    compopt -o filenames 2>/dev/null
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$cur")
}
complete -F _ssosim ssosim"""

_ZSH = r"""#compdef ssosim
_ssosim() {
    local -a found
    found=("${(@f)$("$words[1]" completion words -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    (( ${found[(I):files]} )) && _files
    found=(${found:#:files})
    compadd -- ${found:#*=}
    compadd -S '' -- ${(M)found:#*=}
}
if [ "$funcstack[1]" = "_ssosim" ]; then _ssosim "$@"; else compdef _ssosim ssosim; fi"""

_FISH = r"""function __ssosim_complete
    set -l before (commandline -opc)
    set -l program $before[1]
    set -e before[1]
    for each in ($program completion words -- $before (commandline -ct) 2>/dev/null)
        if test "$each" = ":files"
            __fish_complete_path (commandline -ct)
        else
            echo $each
        end
    end
end
complete -c ssosim -f -a '(__ssosim_complete)'"""

_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("shell", choices=[*_SCRIPTS, "words"], metavar="SHELL", help="bash, zsh or fish")
    parser.add_argument("words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> int:
    """Print the script, or the candidates."""
    if options.shell != "words":
        say(_SCRIPTS[options.shell])
        return 0
    words = options.words[1:] if options.words[:1] == ["--"] else options.words
    with contextlib.suppress(LabError, LookupError, OSError, ValueError):  # no candidates: better than an error
        for candidate in complete(words):
            say(candidate)
    return 0


def complete(words: Sequence[str]) -> list[str]:
    """Return the candidates for the last of ``words``, which follow ``ssosim``; ``FILES`` stands for names of files."""
    from ssosim.cli.main import COMMANDS, build_parser  # noqa: PLC0415 - main imports this module by its name

    *before, current = words or [""]
    before = [word for word in before if word != "="]  # bash splits --option=value
    current = "" if current == "=" else current
    if before[:1] == ["--name"] and len(before) != 1:
        before = [*before[2:3], *before[:2], *before[3:]]
    elif before == ["--name"]:
        return _filter_fitting(_list_labs([]), current)
    command = next((each for each in COMMANDS if before[:1] == [each.name]), None)
    if command is None:
        names = [] if before and before[0] != "--name" else [each.name for each in COMMANDS]
        return _filter_fitting([*names, "--help", "--version", "--name"] if names else [], current)
    place = _Place(build_parser(command))
    for word in before[1:]:
        place.read(word)
    option, equals, value = current.partition("=")
    if equals and (action := place.option(option)) is not None:
        found = _filter_fitting(_list_values(action, before), value)
        return [each if each == FILES else f"{option}={each}" for each in found]
    if place.wanted is not None:
        return _filter_fitting(_list_values(place.wanted, before), current)
    if current.startswith("-") and not place.ended:
        return _filter_fitting(place.options(), current)
    action = place.positional
    found = [] if action is None else _filter_fitting(_list_values(action, before), current)
    return found or (_filter_fitting(place.options(), current) if not current and not place.ended else [])


class _Place:
    """Where in the command line the next word stands. ``wanted`` is the option whose value it is.

    ``ended``: after ``--`` there are no options.
    """

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.wanted: argparse.Action | None = None
        self.ended = False
        self._enter(parser)

    def _enter(self, parser: argparse.ArgumentParser) -> None:
        self._parser = parser
        self._positionals = [each for each in parser._actions if not each.option_strings]  # noqa: SLF001 - no other way

    @property
    def positional(self) -> argparse.Action | None:
        """The positional argument that the next word is."""
        return self._positionals[0] if self._positionals else None

    def option(self, text: str) -> argparse.Action | None:
        """Return the option ``text``; None if there is none."""
        return next((each for each in self._parser._actions if text in each.option_strings), None)  # noqa: SLF001

    def options(self) -> Iterator[str]:
        """Yield the long options."""
        for action in self._parser._actions:  # noqa: SLF001
            if action.help is not argparse.SUPPRESS:
                yield from (each for each in action.option_strings if each.startswith("--"))

    def read(self, word: str) -> None:
        """Go on behind ``word``."""
        if self.wanted is not None and not (self.wanted.nargs == "*" and word.startswith("-")):
            self.wanted = self.wanted if self.wanted.nargs == "*" else None
            return
        self.wanted = None
        if word == "--":
            self.ended = True
        elif word.startswith("-") and not self.ended:
            action = self.option(word)
            self.wanted = action if action is not None and action.nargs != 0 else None
        elif (action := self.positional) is not None:
            if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
                if word in action.choices:
                    self._enter(action.choices[word])
            elif action.nargs in (None, "?"):
                self._positionals.pop(0)
            elif action.nargs == argparse.REMAINDER:
                self.ended = True


def _filter_fitting(candidates: Iterable[str], current: str) -> list[str]:
    return [each for each in dict.fromkeys(candidates) if each == FILES or each.startswith(current)]


def _list_values(action: argparse.Action, before: list[str]) -> Iterable[str]:
    """Return the values that ``action`` may have; ``before`` are the words before it."""
    if action.choices is not None:
        return [str(each) for each in action.choices]
    if action.dest in _VALUES:
        return _VALUES[action.dest](before)
    return [FILES] if action.type is Path or action.nargs == argparse.REMAINDER else []


def _list_labs(_: list[str]) -> list[str]:
    from ssosim.lab.base.folder import LabFolder  # noqa: PLC0415 - only what is asked for is imported

    return [folder.name for folder in LabFolder.list_existing()]


def _list_scenarios(_: list[str]) -> list[str]:
    from ssosim.scenario.loader import list_guide_names, list_shipped_names  # noqa: PLC0415

    return [*list_shipped_names(), *list_guide_names(), FILES]


def _list_clients(before: list[str]) -> list[str]:
    """Return the clients of the scenario, the models and the real clients; for the matrix the real clients only."""
    from ssosim_clients.catalogue import MODELS  # noqa: PLC0415

    from ssosim.real_clients.lookup import find_flows, list_shipped  # noqa: PLC0415
    from ssosim.scenario.loader import load_scenario  # noqa: PLC0415

    real = [name for each in list_shipped() for name in (each.name, *(flow.name for flow in find_flows(each.name)))]
    if before[:1] == ["matrix"]:
        return [*real, FILES]
    own: list[str] = []
    for word in before[1:2] if before[:1] == ["run"] else []:
        with contextlib.suppress(ValueError):
            own = [client.name for client in load_scenario(word).clients]
    return [*own, *MODELS, *real, *([FILES] if before[:1] == ["run"] else [])]


def _list_real_clients(_: list[str]) -> list[str]:
    from ssosim.real_clients.lookup import list_shipped  # noqa: PLC0415

    return [*(each.name for each in list_shipped()), FILES]


def _list_faults(_: list[str]) -> list[str]:
    from ssosim.faults import FAULTS  # noqa: PLC0415

    return list(FAULTS)


def _list_fields(before: list[str]) -> list[str]:
    """Return the fields of the fault that is named before."""
    from ssosim.faults import FAULTS  # noqa: PLC0415

    fault = next((FAULTS[word] for word in before if word in FAULTS), None)
    given = {word.partition("=")[0] for word in before}
    return [] if fault is None else [f"{name}=" for name in fault.__struct_fields__ if name not in given]


def _list_devices(_: list[str]) -> list[str]:
    from ssosim.estate import default_estate  # noqa: PLC0415

    return [device.name for device in default_estate().devices]


def _list_outcomes(_: list[str]) -> list[str]:
    from ssosim.verdict.outcome import Outcome  # noqa: PLC0415

    return [str(outcome) for outcome in Outcome]


def _list_phases(before: list[str]) -> list[str]:
    from ssosim.scenario.loader import catalogue  # noqa: PLC0415

    return [phase.name for scenario in catalogue() for phase in scenario.phases] if before else []


def _list_policies(_: list[str]) -> list[str]:
    return ["strict", "feb-2025", FILES]


_VALUES: dict[str, Callable[[list[str]], list[str]]] = {
    "name": _list_labs,
    "scenario": _list_scenarios,
    "client": _list_clients,
    "install": _list_real_clients,
    "fault": _list_faults,
    "fields": _list_fields,
    "which": lambda before: [*_list_faults(before), "all"],
    "device": _list_devices,
    "expect": _list_outcomes,
    "never": _list_outcomes,
    "phase": _list_phases,
    "policy": _list_policies,
    "exec": lambda _: [FILES],
}
"""The functions that list the values of options and arguments, by their names in the parsers."""

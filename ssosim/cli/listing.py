"""``ssosim scenarios``: list the shipped scenarios with their sources."""

from __future__ import annotations

import argparse

from ssosim.cli.common import add_json
from ssosim.output import clean_data, print_document, say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Print the list."""
    rows = _scenarios()
    if options.json:
        found = [{"name": name, "text": text, "sources": sources} for name, text, sources in rows]
        print_document("scenarios", found, "scenarios")
        return 0
    rows = clean_data(rows)
    width = max(len(name) for name, _, _ in rows)
    for name, text, sources in rows:
        say(f"{name:<{width}}  {text}")
        for source in sources:
            say(f"{'':<{width}}    source: {source}")
    return 0


def _scenarios() -> list[tuple[str, str, list[str]]]:
    from ssosim.scenario.loader import catalogue, guides  # noqa: PLC0415 - only what is listed is imported
    from ssosim.sources import load_sources  # noqa: PLC0415

    cite = load_sources().cite
    return [
        (scenario.name, scenario.title, [cite(source) for source in scenario.sources])
        for scenario in (*catalogue(), *guides())
    ]

"""The command line: one module a command, imported only when it is used."""

from ssosim.cli.main import main

__all__ = ["main"]

"""The command line: parse, call one library function, print. A module a command."""

from melgrid.cli.app import main

__all__ = ["main"]

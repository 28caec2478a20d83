"""The command line: a command a file. Only here are errors caught, screens painted, and the environment read."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the program, and exit with the code of what it did."""
    try:
        from .program import program  # noqa: PLC0415 -- so that Ctrl-C while modules load ends in a word, too
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted; nothing was sent\n")
        sys.exit(130)
    program.main()

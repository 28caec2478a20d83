"""The program: its commands by name, each loaded only when it is called."""

from __future__ import annotations

from apreconcile.version import __version__

from .command import Group
from .commands import COMMANDS

HELP = """Keep an AgentPhone account equal to a YAML spec.

\b
The usual way:
  apreconcile validate        is the spec right? (offline)
  apreconcile plan            what would change? (nothing is written)
  apreconcile apply           change it, after you said yes
"""

program = Group(
    "apreconcile",
    help=HELP,
    table={
        name: (f"apreconcile.cli.{module}:{module}", about)
        for name, about in COMMANDS.items()
        if (module := name.replace("-", "_"))
    },
    version=__version__,
    examples=("apreconcile plan --sandbox", "apreconcile -f prod.yaml apply", "apreconcile apply --help"),
)

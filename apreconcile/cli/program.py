"""The program: its commands by name, each loaded only when it is called."""

from __future__ import annotations

from apreconcile.version import __version__

from .command import Group

HELP = """Keep an AgentPhone account equal to a YAML spec.

\b
The usual way:
  apreconcile validate        is the spec right? (offline)
  apreconcile plan            what would change? (nothing is written)
  apreconcile apply           change it, after you said yes
"""

COMMANDS = {
    "init": "Write down an account as a spec, and adopt it.",
    "validate": "Check a spec, offline.",
    "plan": "Look at the account and show what would change.",
    "show": "Show a saved plan.",
    "apply": "Plan, ask, make the changes, and look again.",
    "drift": "What differs from the spec, and who moved.",
    "diff": "Show in what two environments differ, offline.",
    "destroy": "Delete all that the state has.",
    "approve": "Write, and sign, an approval of a step.",
    "export": "Write the live account down as a spec.",
    "clone": "Write down the spec of another environment.",
    "resolve": "Settle an unknown outcome by hand.",
    "secret": "A webhook's signing secret.",
    "sub-account": "Accounts inside of an account.",
    "state": "What is remembered of an account.",
    "doctor": "Check key, host, store and programs.",
    "schema": "Print the JSON Schema of a spec, for editors.",
    "completion": "Print the completion script of a shell.",
    "sandbox": "A local AgentPhone, to try things on.",
}
"""Each command and the line about it, so that the list of commands is shown without loading any of them.

Measured beyond the start of Python itself: 60 ms so, 470 ms with every command loaded.
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

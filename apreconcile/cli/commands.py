"""The commands by name: what is called, and what a text means by one."""

from __future__ import annotations

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

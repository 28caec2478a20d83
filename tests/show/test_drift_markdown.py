"""Drift as a note: each address with who moved and what to do, its fields folded, and never too long or alive."""

from __future__ import annotations

from apreconcile.show.drift_markdown import drift_markdown
from apreconcile.show.headline import Run

HOSTILE = "@acme/all <script>x</script> `|` [a](https://evil.dev) #1\n<!-- -->"


def document(*items, **more):
    who = {name: sum(item["who"] == name for item in items) for name in ("spec", "account", "both", "unknown")}
    told = {
        "format": "apreconcile.drift/1", "project": "acme", "environment": "default",
        "scope": {"host": "loopback", "sub_account": None}, "serial": 1, "tool": "apreconcile 0.1.0",
        "drift": list(items), "blocked": [], "unmanaged": [], "warnings": [], "requests": 4, **more,
    }  # fmt: skip
    return {**told, "summary": {**who, "blocked": len(told["blocked"]), "unmanaged": len(told["unmanaged"])}}


def item(address="agent.a", what="changed", who="account", fields=(), why=(), hint="to put it back: apreconcile apply"):
    return {
        "address": address, "what": what, "who": who, "action": "update", "fields": list(fields), "why": list(why),
        "hint": hint,
    }  # fmt: skip


def field(name, before, after, who="account", **more):
    return {"field": name, "before": before, "after": after, "who": who, **more}


def test_no_drift_is_a_headline():
    note = drift_markdown(document(), Run(resources=3))
    assert note.startswith("<!-- apreconcile drift: acme/default -->\n## `acme/default`: No drift: 3 resources are")
    assert "What differs" not in note
    assert "agent.a is as" in drift_markdown(document(), Run(resources=3, only=["agent.a"]))


def test_who_moved_stands_above_the_fields_where_it_is_not_said_of_all():
    one = item(fields=[field("name", "Zed", "A")])
    note = drift_markdown(document(one), Run(resources=1))
    assert "| `agent.a` | **changed in the account** | to put it back: `apreconcile apply` |" in note
    assert "**in the account**" not in note
    two = item(who="both", fields=[field("name", "Zed", "A"), field("voice", "x", "y", "spec")])
    note = drift_markdown(document(two), Run(resources=1))
    assert (
        note.index("**in the spec**") < note.index("`voice`") < note.index("**in the account**") < note.index("`name`")
    )


def test_what_is_blocked_has_no_command_of_its_own():
    stop = {"address": "agent.a", "reason": "it is so", "hint": "change that"}
    note = drift_markdown(document(item(hint=""), blocked=[stop], warnings=["look"]), Run(resources=1))
    assert "| see what is blocked |" in note
    assert "### Blocked" in note
    assert "### Warnings" in note
    grave = {"address": None, "reason": "not safe", "hint": "", "exit": 9}
    note = drift_markdown(document(item(), blocked=[grave]), Run(resources=1))
    assert note.index("not safe") < note.index("What differs")


def test_nothing_of_the_account_acts():
    told = document(
        item(why=[HOSTILE], fields=[field("name", HOSTILE, "A"), field("x", "(secret)", "(secret)", secret=True)]),
        unmanaged=[{"kind": "agent", "id": "i", "name": HOSTILE}], warnings=[HOSTILE],
    )  # fmt: skip
    note = drift_markdown(told, Run(resources=1))
    outside = note.replace("```", "")
    assert "<script>" not in outside.partition("diff\n")[0]
    assert not any(line.startswith("@") for line in note.splitlines())
    assert "(secret), changes" in note


def test_it_fits_and_says_what_was_left_out():
    many = [item(f"agent.a{n}", fields=[field("name", "x" * 300, "y" * 300)]) for n in range(2_000)]
    note = drift_markdown(document(*many), Run(resources=2_000))
    assert len(note.encode()) <= 60_000
    assert "Left out, since it is too long" in note

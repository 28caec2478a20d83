"""A plan and a report in every format, from the command line."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def saved(ap, world):
    assert ap("plan", "--out", "plan.json", env=world.env).code == 0


@pytest.mark.parametrize(
    ("form", "first"),
    [
        ("markdown", "<!-- apreconcile: acme-support/default -->\n## `acme-support/default`: 5 to create"),
        ("html", "<!doctype html>\n<html"),
    ],
)
def test_a_plan_is_shown_in_every_format_and_saved_as_json(ap, world, folder, form, first):
    told = ap("plan", "--format", form, "--out", "plan.json", env=world.env)
    assert (told.code, told.out.startswith(first)) == (0, True)
    document = json.loads((folder / "plan.json").read_text())
    token = next(step["token"] for step in document["steps"] if step["token"])
    assert f"apreconcile apply --approve {token}" in told.out
    again = ap("show", "plan.json", "--format", form)
    assert again.code == 0
    assert f"apreconcile apply plan.json --approve {token}" in again.out
    assert again.out.replace("apply plan.json ", "apply ") == told.out


def test_a_saved_plan_that_was_changed_says_so_in_every_format(ap, saved, folder):
    document = json.loads((folder / "plan.json").read_text())
    (folder / "plan.json").write_text(json.dumps({**document, "digest": "0" * 64}))
    for form in ("text", "markdown", "html"):
        assert "its digest does not fit what it says" in " ".join(ap("show", "plan.json", "--format", form).out.split())


def test_a_plan_of_nothing_names_what_was_asked_for(ap, world):
    args = ("--only", "agent.support", "--format", "markdown")
    assert ap("apply", "--yes", "--only", "agent.support", env=world.env).code == 0
    assert "No changes: agent.support is as the spec wants it." in ap("plan", *args, env=world.env).out


def test_a_report_in_markdown_is_all_that_stands_on_stdout(ap, world):
    told = ap("apply", "--yes", "--format", "markdown", env=world.env)
    assert told.code == 3
    assert told.out.startswith(
        "<!-- apreconcile apply: acme-support/default -->\n## `acme-support/default`: Not finished: what is held"
    )
    assert "| **done** | `+ create agent.support` |" in told.out
    assert "apreconcile apply --yes \\\n  --approve buy:number.support-main@" in told.out
    assert "acme-support/default at" not in told.out
    assert "create agent.support" in told.err


@pytest.mark.parametrize(
    "args", [("apply", "--format", "html"), ("state", "list", "--format", "markdown"), ("plan", "--format", "pdf")]
)
def test_a_format_that_is_not_there_names_those_that_are(ap, args):
    told = ap(*args)
    assert told.code == 64
    assert "hint: --format text, or --format json" in told.err

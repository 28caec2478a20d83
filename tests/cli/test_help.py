"""Every command explains itself, with an example, and is found wherever its name is written."""

from __future__ import annotations

import json
import re

import click
import pytest

from apreconcile.cli.command import Command, Group
from apreconcile.cli.commands import COMMANDS
from apreconcile.cli.program import program


def _all(group: Group, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    found: list[tuple[tuple[str, ...], click.Command]] = [(path, group)]
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        inner = group.get_command(ctx, name)
        found += _all(inner, (*path, name)) if isinstance(inner, Group) else [((*path, name), inner)]
    return found


EVERY = _all(program)
COMMANDS_ONLY = [path for path, found in EVERY if isinstance(found, Command)]


def test_the_commands_are_those_of_the_contract():
    assert set(COMMANDS) == {
        "init", "validate", "plan", "show", "apply", "drift", "diff", "destroy", "approve", "export", "clone", "resolve", "secret",
        "sub-account", "state", "doctor", "schema", "completion", "sandbox",
    }  # fmt: skip
    assert {" ".join(path) for path in COMMANDS_ONLY if len(path) == 2} == {
        "secret show", "state list", "state show", "state init", "state forget", "state copy", "state move",
        "state unlock",
        "sub-account create", "sub-account list", "sandbox serve", "sandbox reset", "sandbox ledger",
    }  # fmt: skip


@pytest.mark.parametrize("path", [path for path, _ in EVERY], ids=" ".join)
def test_help_has_an_example_that_can_be_pasted(ap, path):
    told = ap(*path, "--help")
    assert (told.code, told.err) == (0, "")
    assert told.out.startswith(f"Usage: {' '.join(('apreconcile', *path))}")
    examples = re.split(r"\nExamples?:\n", told.out)[1].strip().splitlines()
    assert examples
    assert all(" ".join(("apreconcile", *path)) in example for example in examples if path and len(path) > 1)
    assert all(len(line) <= 80 for line in told.out.splitlines())


@pytest.mark.parametrize("path", [path for path, _ in EVERY], ids=" ".join)
def test_examples_use_options_that_exist(ap, path):
    for example in dict(EVERY)[path].examples:
        words = re.findall(r"apreconcile ([^)>]*)", example)[0].split()
        told = ap(*words, "--help")
        assert (told.code, told.err) == (0, ""), example


def test_every_command_takes_every_shared_option():
    wanted = {
        "--file", "--env", "--var", "--sandbox", "--sandbox-db", "--base-url", "--sub-account", "--concurrency",
        "--no-color", "--quiet", "--verbose",
    }  # fmt: skip
    for path, found in EVERY:
        options = {option for param in found.params for option in param.opts}
        assert wanted <= options, path


def test_a_missing_command_names_them_all(ap):
    told = ap()
    assert told.code == 64
    assert told.out == ""
    assert "validate, plan, show, apply" in told.err


def test_version(ap):
    told = ap("--version")
    assert told.code == 0
    assert re.fullmatch(r"apreconcile \d+\.\d+\.\d+\S*\n", told.out)


def test_schema_is_json_schema(ap):
    told = ap("schema")
    assert told.code == 0
    assert json.loads(told.out)["$schema"].startswith("http")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(ap, shell):
    told = ap("completion", shell)
    assert (told.code, told.err) == (0, "")
    assert f"_APRECONCILE_COMPLETE={shell}_complete" in told.out


def test_the_shell_gets_commands_and_options(ap):
    env = {"_APRECONCILE_COMPLETE": "bash_complete", "COMP_WORDS": "apreconcile pl", "COMP_CWORD": "1"}
    assert "plain,plan" in ap(env=env).out
    env |= {"COMP_WORDS": "apreconcile apply --req", "COMP_CWORD": "2"}
    assert "plain,--require-all-approved" in ap(env=env).out

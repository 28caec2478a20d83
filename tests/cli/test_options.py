"""Options stand before or after the command; what does not make sense is exit 64, with a hint, and sends nothing."""

from __future__ import annotations

import pytest

from apreconcile.cli.options import settings_of


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["bogus"], "there is no command 'bogus'"),
        (["plann"], "Did you mean plan?"),
        (["plan", "--fromat", "json"], "--format"),
        (["plan", "--format", "xml"], "'xml' is unknown here"),
        (["apply", "--format", "html"], "--format text, or --format json, or --format markdown"),
        (["state", "list", "--format", "markdown"], "'markdown' is unknown here"),
        (["plan", "--only", "nonsense"], "is no address"),
        (["plan", "--only", "robot.x"], "is no address"),
        (["plan", "--concurrency", "0"], "1<=x<=64"),
        (["plan", "--concurrency", "65"], "1<=x<=64"),
        (["--concurrency", "x", "plan"], "--concurrency"),
        (["plan", "--var", "hooks"], "--var NAME=VALUE"),
        (["plan", "-e", "staging"], "no environment 'staging'"),
        (["-e", "staging", "validate"], "no environment 'staging'"),
        (["plan", "--sub-account", "acc 1"], "is no id"),
        (["apply", "--settle", "-1"], "--settle"),
        (["validate", "plan.json"], "plan.json is no spec, but a saved plan"),
        (["doctor", "plan.json"], "plan.json is no spec, but a saved plan"),
        (["doctor", "-e", "staging"], "no environment 'staging'"),
        (["plan", "-f", "plan.json"], "plan.json is no spec, but a saved plan"),
        (["apply", "a.json", "b.json"], "a.json and b.json are 2 plans"),
        (["apply", "--expect-digest", "abc"], "'abc' is no digest: a plan's has 64 hex digits"),
        (["apply", "--expect-digest", "é" * 64], "is no digest"),
        (["resolve", "number.main"], "--bind ID, or --not-created"),
        (["resolve", "number.main", "--bind", "x", "--not-created"], "--bind ID, or --not-created"),
        (["state", "init", "--ignore", "x", "--ignore-all"], "exclude each other"),
        (["state"], "a command is missing: list, show"),
        (["completion", "tcsh"], "'tcsh'"),
        (["export", "--project", "Not Allowed"], "cannot be a project"),
        (["sandbox", "serve", "--balance", "much"], "no amount of dollars"),
        (["sandbox", "serve", "--balance", "nan"], "no amount of dollars"),
        (["sandbox", "serve", "--key", ""], "empty key"),
        (["show"], "missing argument"),
    ],
)  # fmt: skip
def test_wrong_flags_are_64(ap, args, words):
    told = ap(*args)
    assert told.code == 64
    assert told.out == ""
    assert told.err.startswith("error: ")
    assert words in " ".join(told.err.split())
    assert "hint: " in told.err


def test_a_sandbox_has_nothing_to_do_with_the_sub_account_of_the_environment(ap):
    assert ap("plan", "--sandbox", env={"AGENTPHONE_SUB_ACCOUNT": "acc_1"}).code == 0
    assert ap("validate", env={"AGENTPHONE_SUB_ACCOUNT": "acc_1"}).code == 0


@pytest.mark.parametrize("args", [["-f", "other.yaml", "validate"], ["validate", "-f", "other.yaml"]])
def test_options_stand_before_or_after_the_command(ap, folder, args):
    (folder / "other.yaml").write_text("version: 1\nproject: other\nagents:\n  one: {name: One, voiceMode: webhook}\n")
    told = ap(*args)
    assert told.out == "other.yaml is valid: 1 agent\n"


def test_lists_join_what_stands_on_both_sides(ap, folder):
    (folder / "a.yaml").write_text("version: 1\nproject: p\nvariables: {x: {}, y: {}}\n")
    (folder / "b.yaml").write_text('agents:\n  one: {name: "${var.x}${var.y}", voiceMode: webhook}\n')
    told = ap("-f", "a.yaml", "--var", "x=1", "validate", "-f", "b.yaml", "--var", "y=2")
    assert (told.code, told.out) == (0, "a.yaml, b.yaml are valid: 1 agent\n")


def test_of_a_single_option_the_last_counts():
    assert settings_of({"concurrency": 3}, {}).concurrency == 3
    assert settings_of({}, {}).concurrency == 8


@pytest.mark.parametrize("option", ["-e", "--base-url", "--sub-account"])
def test_two_accounts_are_one_too_many(ap, option):
    for args in ((option, "prod", "validate", option, "staging"), ("validate", option, "prod", option, "staging")):
        told = ap(*args)
        assert (told.code, "is given twice: prod and staging" in told.err) == (64, True), told
    assert "twice" not in ap(option, "prod", "validate", option, "prod").err


def test_the_options_of_a_subgroup_count_too(ap):
    for args in (["state", "--sandbox", "list"], ["--sandbox", "state", "list"], ["state", "list", "--sandbox"]):
        assert ap(*args).out == "Nothing is ours yet.\n"


@pytest.mark.parametrize(("value", "is_ci"), [("", False), ("0", False), ("false", False), ("1", True), ("true", True)])
def test_what_counts_as_ci(value, is_ci):
    assert settings_of({}, {"CI": value}).in_ci is is_ci


def test_values_of_variables_are_not_repeated():
    settings = settings_of({"variables": (("token", "hunter2"),)}, {})
    assert settings.flags == ("--var", "token=…")
    assert "hunter2" not in repr(settings)

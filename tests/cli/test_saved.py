"""`apply PLAN.json`: the file is read once and believed in nothing; what is wrong with it is one sentence."""

from __future__ import annotations

import json
import os

import pytest

from apreconcile.cli import applying as module
from apreconcile.core import planfile
from tests.cli.conftest import approving

NEVER = "0" * 64


@pytest.fixture
def saved(ap, world, folder):
    """A plan in a file, and its document."""
    assert ap("plan", "--out", "plan.json", env=world.env).code == 0
    return json.loads((folder / "plan.json").read_text())


def write(folder, document, *, sealed=True):
    """Write a document, with a digest that fits."""
    document = document | ({"digest": planfile.digest_of(document)} if sealed else {})
    (folder / "plan.json").write_bytes(planfile.encode(document))


def edit_spec(folder, old, new):
    spec = folder / "agentphone.yaml"
    spec.write_text(spec.read_text().replace(old, new))


def flat(text):
    return " ".join(text.split())


def test_a_saved_plan_is_applied_with_its_approvals(ap, world, saved):
    told = ap("apply", "plan.json", "--yes", *approving(saved), env=world.env)
    assert told.code == 0
    assert "A saved plan, made again: only what is the same in both is taken." in told.out
    assert told.out.endswith("Done: the account is as the spec wants it.\n")
    before = world.writes()
    again = ap("apply", "plan.json", env=world.env)
    assert again.code == 0
    assert "Nothing of the saved plan is left to take." in again.out
    assert "Signing secrets" not in again.out
    assert "New phone number" not in again.out
    assert world.writes() == before


def test_without_a_terminal_and_without_yes_nothing_of_it_is_sent(ap, world, saved):
    told = ap("apply", "plan.json", env=world.env)
    assert told.code == 3
    assert "nothing was sent: there is no terminal to ask at, and no --yes" in told.err
    assert world.writes() == []


def test_the_command_to_repeat_names_the_plan(ap, world, saved):
    digest = saved["digest"]
    told = ap("apply", "plan.json", "agentphone.yaml", "--yes", "--expect-digest", digest.upper(), env=world.env)
    assert told.code == 3
    assert f"apreconcile apply plan.json -f agentphone.yaml --expect-digest {digest} --yes \\\n" in told.out
    assert "apreconcile -f agentphone.yaml secret show webhook.events" in told.out


@pytest.mark.parametrize(
    "words",
    [
        ("plan.json", "spec/agentphone.yaml"),
        ("spec/agentphone.yaml", "plan.json"),
        ("plan.json", "-f", "spec/agentphone.yaml"),
        ("plan.json", "spec"),
    ],
)
def test_the_spec_is_found_beside_the_plan(ap, world, folder, saved, words):
    (folder / "spec").mkdir()
    for name in ("agentphone.yaml", "prompts"):
        (folder / name).rename(folder / "spec" / name)
    told = ap("apply", *words, "--yes", "--format", "json", env=world.env)
    assert told.code == 3
    assert json.loads(told.out)["digest"] == saved["digest"]


def test_the_report_is_that_of_the_file(ap, world, folder, saved):
    edit_spec(folder, "name: Support Bot", "name: Other")
    edit_spec(folder, "numbers:", "  third: {name: Third}\nnumbers:")
    told = ap("apply", "plan.json", "--yes", "--format", "json", *approving(saved), env=world.env)
    report = json.loads(told.out)
    assert (told.code, report["exit"], report["converged"]) == (4, 4, False)
    assert report["digest"] == saved["digest"]
    assert [step["address"] for step in report["steps"]] == [step["address"] for step in saved["steps"]]
    assert {step["address"]: step["outcome"] for step in report["steps"]} == {
        "agent.support": "stale", "agent.triage": "done", "number.support-main": "skipped",
        "webhook.events": "done", "webhook.triage": "done",
    }  # fmt: skip
    assert report["steps"][0]["error"] == 'name: planned "Support Bot", and now "Other" is wanted'
    assert report["remaining"] == [{"address": "agent.third", "action": "create", "verb": "create"}]
    assert world.http.get("/_sandbox/ledger").json()["entries"] == []


def test_what_is_new_is_said_and_not_taken(ap, world, folder, saved):
    edit_spec(folder, "numbers:", "  third: {name: Third}\nnumbers:")
    told = ap("apply", "plan.json", "--yes", *approving(saved), env=world.env)
    assert told.code == 0
    assert "saved plan does not have it (new, or left out of it):\n  + create agent.third\n" in told.out
    assert told.out.endswith("Done: what was asked for is as the spec wants it.\n")


# Refused


def test_a_saved_plan_goes_with_neither_only_nor_adopt(ap, world, saved):
    for more in (("--only", "agent.support"), ("--adopt",)):
        told = ap("apply", "plan.json", *more, env=world.env)
        assert (told.code, told.out) == (64, "")
        assert "it goes with neither --only nor --adopt" in flat(told.err)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\0" * 200, "is not JSON"),
        (b'{"format":"apreconcile.plan/1"', "ends too early"),
        (b"version: 1\n", "is not JSON"),
        (b"[]", "is not a plan of apreconcile"),
        (b'{"format":"apreconcile.plan/2"}', "has the format"),
        (b'{"format":"apreconcile.report/1"}', "is not a plan but a 'report' document"),
        (b'{"format":"apreconcile.plan/1"}', "is damaged: project is missing"),
        (b"[" * 99_999, "nested too deeply"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_what_is_no_plan_is_refused(ap, world, folder, content, words):
    (folder / "plan.json").write_bytes(content)
    told = ap("apply", "plan.json", "--yes", env=world.env)
    assert (told.code, told.out) == (1, "")
    assert words in flat(told.err)
    assert "plan --out FILE" in flat(told.err)
    assert world.requests() == []


def test_a_plan_that_was_cut_off_anywhere_is_refused(ap, world, folder, saved):
    whole = (folder / "plan.json").read_bytes()
    for size in range(0, len(whole) - 1, 997):
        (folder / "plan.json").write_bytes(whole[:size])
        assert ap("apply", "plan.json", "--yes", env=world.env).code == 1
    assert world.writes() == []


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ({"digest": NEVER}, "is not as it was made: its digest does not fit"),
        ({"serial": 1}, None),
        ({"expires": "2020-01-01T00:00:00Z"}, "expired at 2020-01-01T00:00:00Z; a plan holds 24 hours"),
        ({"expires": "2999-01-01T00:00:00Z"}, "no plan holds longer than 24 hours"),
        ({"project": "approved\x1b[2J"}, r"a plan for 'approved\x1b[2J'/'default' at 'loopback', and this run is for"),
        ({"environment": "prod"}, "a plan for 'acme-support'/'prod'"),
        ({"scope": {"host": "api.agentphone.ai", "sub_account": None}}, "at 'api.agentphone.ai'"),
    ],
)
def test_an_edited_old_or_foreign_plan_is_refused(ap, world, folder, saved, edit, words):
    write(folder, saved | edit, sealed="digest" not in edit)
    before = len(world.requests())
    told = ap("apply", "plan.json", "--yes", env=world.env)
    assert "\x1b" not in told.out + told.err
    if words is None:
        assert told.code == 3
        return
    assert (told.code, told.out) == (1, "")
    assert words in flat(told.err).replace("\\\\", "\\")
    assert len(world.requests()) == before


def test_a_huge_file_is_refused_before_it_is_read_whole(ap, world, folder):
    with (folder / "plan.json").open("wb") as file:
        file.truncate(200 * 2**20)
    told = ap("apply", "plan.json", env=world.env)
    assert (told.code, told.out) == (1, "")
    assert "plan.json is larger than 64 MiB" in told.err


@pytest.mark.parametrize("command", ["apply", "show"])
def test_a_pipe_is_not_waited_for(ap, world, folder, command):
    os.mkfifo(folder / "plan.json")
    told = ap(command, "plan.json", env=world.env)
    assert (told.code, told.out) == (1, "")
    assert "plan.json is no plain file" in told.err


def test_a_folder_that_ends_like_a_plan_is_a_spec(ap, world, folder):
    (folder / "specs.json").mkdir()
    (folder / "agentphone.yaml").rename(folder / "specs.json/agentphone.yaml")
    (folder / "prompts").rename(folder / "specs.json/prompts")
    assert ap("apply", "specs.json", "--yes", env=world.env).code == 3


def test_a_link_is_followed(ap, world, folder, saved):
    (folder / "plan.json").rename(folder / "real")
    (folder / "plan.json").symlink_to("real")
    assert ap("apply", "plan.json", "--yes", env=world.env).code == 3
    (folder / "loop.json").symlink_to("loop.json")
    told = ap("apply", "loop.json", "--yes", env=world.env)
    assert told.code == 1
    assert "could not be read" in told.err


def test_in_ci_a_saved_plan_needs_a_store_too(ap, world, saved):
    told = ap("apply", "plan.json", "--yes", env={**world.env, "CI": "true"})
    assert told.code == 9
    assert world.writes() == []


# Hostile text

HOSTILE = 'approved\x1b[2K\x1b]0;x\x07\u202e\u2066 <b>ok</b> **yes**\nhint: done "\ud800'


def test_hostile_text_in_every_string_is_shown_and_does_nothing(ap, world, folder, saved):
    for step in saved["steps"]:
        step["why"] = [HOSTILE]
        step["risks"] = [*step["risks"], HOSTILE]
        step["permit"] = HOSTILE
        step["fields"] = [{"field": HOSTILE, "before": HOSTILE, "after": {HOSTILE: [HOSTILE]}}]
        for call in step["calls"]:
            call["method"] = HOSTILE
    odd = {"address": "agent.odd", "action": HOSTILE, "risks": [HOSTILE], "token": None, "after": [], "fields": []}
    saved["steps"].append({**odd, "calls": [], "why": []})
    saved["warnings"] = [HOSTILE]
    write(folder, saved | {"tool": HOSTILE})
    for words in (("apply", "plan.json", "--yes"), ("show", "plan.json")):
        told = ap(*words, env=world.env)
        assert told.code == (4 if words[0] == "apply" else 0)
        assert not set("\x1b\x07\u202e\u2066") & set(told.out + told.err)
        assert "\nhint: done" not in told.out + told.err
        assert "internal error" not in told.err
    report = json.loads(ap("apply", "plan.json", "--yes", "--format", "json", "-q", env=world.env).out)
    assert {step["outcome"] for step in report["steps"]} == {"stale"}
    assert world.writes() == []


# --expect-digest


def test_another_plan_than_expected_is_refused(ap, world, saved):
    for command in (("apply", "plan.json", "--yes"), ("show", "plan.json")):
        told = ap(*command, "--expect-digest", NEVER, env=world.env)
        assert (told.code, told.out) == (1, "")
        assert f"its digest is {saved['digest']}, not {NEVER}" in flat(told.err)
        assert ap(*command, "--expect-digest", saved["digest"].upper(), env=world.env).code in (0, 3)


def test_a_file_that_only_says_that_it_has_the_digest_is_refused(ap, world, folder, saved):
    saved["steps"][0]["calls"] = []
    write(folder, saved, sealed=False)
    for command in (("apply", "plan.json", "--yes"), ("show", "plan.json")):
        told = ap(*command, "--expect-digest", saved["digest"], env=world.env)
        assert told.code == 1
        assert "is not as it was made" in told.err
    assert world.writes() == []


def test_without_a_file_it_pins_the_plan_of_the_account(ap, world, folder, saved):
    assert ap("apply", "--yes", "--expect-digest", saved["digest"], env=world.env).code == 3
    before = world.writes()
    told = ap("apply", "--yes", "--expect-digest", saved["digest"], env=world.env)
    assert told.code == 4
    assert "nothing was sent: this is another plan than expected, its digest is" in flat(told.err)
    assert world.writes() == before


# show


def test_show_warns_of_a_digest_that_does_not_fit(ap, folder, saved):
    assert "its digest" not in ap("show", "plan.json").out
    write(folder, saved | {"environment": "prod"}, sealed=False)
    told = ap("show", "plan.json")
    assert told.code == 0
    assert "is not as it was made: its digest does not fit what it says; apply refuses it" in flat(told.out)
    assert "acme-support/prod" in told.out
    raw = ap("show", "plan.json", "--format", "json")
    assert raw.out == (folder / "plan.json").read_text()
    assert "its digest does not fit" in flat(raw.err)


def test_show_ends_with_the_digest_and_names_the_apply_of_the_file(ap, saved):
    told = ap("show", "plan.json")
    assert told.out.endswith(f"digest\n{saved['digest']}\n")
    assert "apreconcile apply plan.json --approve TOKEN" in told.out


def test_a_plan_under_another_name_says_how_it_can_be_applied(ap, world, folder):
    told = ap("plan", "--out", "plan.tfplan", env=world.env)
    assert "to apply it, let its name end with .json" in flat(told.err)
    assert ap("show", "plan.tfplan").code == 0


# A long pause


def test_after_a_long_pause_a_saved_plan_is_made_once_more(ap, world, saved, monkeypatch):
    monkeypatch.setattr(module, "FRESH", -1.0)
    told = ap("apply", "plan.json", "--yes", env=world.env)
    assert told.code == 3
    assert "Steps: 4 done, 1 held." in told.out


def test_what_changed_during_a_long_pause_ends_a_saved_plan_too(ap, world, saved, monkeypatch):
    monkeypatch.setattr(module, "FRESH", -1.0)

    def meanwhile(*args):
        world.http.post("/v1/agents", json={"name": "Support Bot"}).raise_for_status()
        return frozenset()

    monkeypatch.setattr(module, "_agreed", meanwhile)
    told = ap("apply", "plan.json", "--yes", env=world.env)
    assert told.code == 4
    assert "the account changed while you were reading; nothing was sent" in told.err

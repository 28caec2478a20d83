"""`plan` shows, saves and exits by what it found; `show` prints the same again; neither writes to the account."""

from __future__ import annotations

import json

import pytest

PENDING = ("plan", "--detailed-exitcode")


def test_a_plan_was_made(ap, world):
    told = ap("plan", env=world.env)
    assert (told.code, told.err) == (0, "")
    assert "+ create number.support-main (buy)" in told.out
    assert "Plan: 5 to create" in told.out
    assert world.writes() == []


def test_pending_changes_exit_2_only_if_asked(ap, world):
    assert ap(*PENDING, env=world.env).code == 2
    token = json.loads(ap("plan", "--format", "json", env=world.env).out)["steps"][2]["token"]
    assert ap("apply", "--yes", "--approve", token, env=world.env).code == 0
    told = ap(*PENDING, env=world.env)
    assert told.code == 0
    assert "No changes: 5 resources are as the spec wants them." in told.out


def test_json_is_byte_for_byte_what_out_writes(ap, world, folder):
    told = ap("plan", "--format", "json", "--out", "plan.json", env=world.env)
    assert told.code == 0
    assert (folder / "plan.json").read_text() == told.out
    assert told.err == (
        "saved to plan.json; show it: apreconcile show plan.json; apply it:\napreconcile apply plan.json\n"
    )
    assert ap("show", "plan.json", "--format", "json").out == told.out


def test_show_prints_the_screen_of_the_plan(ap, world):
    screen = ap("plan", "--out", "plan.json", "-q", env=world.env)
    shown = ap("show", "plan.json")
    assert (screen.err, shown.err) == ("", "")
    assert shown.code == 0
    assert screen.out.splitlines()[:25] == shown.out.splitlines()[:25]
    assert "expires" in shown.out


def test_the_approval_command_has_the_flags_of_this_run(ap, world):
    told = ap("plan", "agentphone.yaml", "--base-url", world.url, "--var", "hooks=https://x.dev", env=world.env)
    words = " ".join(told.out.replace("\\\n", " ").split())
    assert f"apreconcile apply -f agentphone.yaml --var hooks=… --base-url {world.url} --approve TOKEN" in words


@pytest.mark.parametrize(
    ("target", "words"), [(".", "is a folder"), ("/dev/null", "no plain file"), ("no/plan.json", "there is no folder")]
)
def test_out_goes_into_a_file_or_nowhere(ap, world, target, words):
    told = ap("plan", "--out", target, env=world.env)
    assert (told.code, told.out) == (1, "")
    assert words in told.err
    assert world.requests() == []


def test_out_follows_a_link_and_leaves_nothing_beside_the_file(ap, world, folder):
    (folder / "real").mkdir()
    (folder / "plan.json").symlink_to("real/plan.json")
    assert ap("plan", "--out", "plan.json", env=world.env).code == 0
    assert (folder / "plan.json").is_symlink()
    assert [file.name for file in (folder / "real").iterdir()] == ["plan.json"]


def test_a_file_that_cannot_be_written_is_told_after_the_plan(ap, world, folder, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkstemp", full)
    told = ap("plan", "--out", "plan.json", env=world.env)
    assert told.code == 1
    assert "Plan: 5 to create" in told.out
    assert "could not be written: No space left on device" in told.err
    assert not (folder / "plan.json").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b'{"format":"apreconcile.plan/1"', "ends too early"),
        (b"version: 1\n", "is not JSON"),
        (b'{"format":"apreconcile.plan/9"}', "has the format"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_show_refuses_what_is_no_plan(ap, folder, content, words):
    (folder / "plan.json").write_bytes(content)
    told = ap("show", "plan.json")
    assert (told.code, told.out) == (1, "")
    assert words in " ".join(told.err.split())


def test_show_of_nothing(ap):
    told = ap("show", "nowhere.json")
    assert (told.code, told.out) == (1, "")
    assert "could not be read: No such file" in told.err


def test_something_blocked_is_5_also_with_detailed_exitcode(ap, world):
    world.seed(agents=[{"name": "Triage", "systemPrompt": "Old."}])
    assert ap("plan", env=world.env).code == 5
    assert ap(*PENDING, env=world.env).code == 5


def test_numbers_that_were_there_before_are_9_and_the_plan_is_shown(ap, world):
    world.seed(numbers=[{"country": "US", "areaCode": "212"}])
    told = ap("plan", env=world.env)
    assert told.code == 9
    assert "+ create number.support-main (buy)" in told.out
    assert "Not safe" in told.out


def test_only_takes_what_it_needs(ap, world):
    told = ap("plan", "--only", "number.support-main", env=world.env)
    assert "Plan: 2 to create" in told.out


def test_verbose_is_a_line_a_request_and_never_the_key(ap, world):
    told = ap("plan", "-v", env=world.env)
    assert "GET /v1/agents?limit=100 200" in told.err
    assert world.env["AGENTPHONE_API_KEY"] not in told.out + told.err


def test_without_a_key_nothing_is_sent(ap, world):
    told = ap("plan", "--base-url", world.url)
    assert (told.code, told.out) == (1, "")
    assert "AGENTPHONE_API_KEY is not set" in told.err
    assert world.requests() == []


def test_the_former_name_of_the_key_is_taken_and_said(ap, world):
    told = ap("plan", "-q", env={"AGENTPHONE_TOKEN": "abc", "AGENTPHONE_BASE_URL": world.url})
    assert told.code == 0
    assert "using AGENTPHONE_TOKEN, since AGENTPHONE_API_KEY is not set" in told.err
    both = ap("plan", env={**world.env, "AGENTPHONE_TOKEN": "abc"})
    assert both.err == ""


@pytest.mark.parametrize("url", ["https://evil.example", "http://api.agentphone.ai", "https://a:b@api.agentphone.ai"])
def test_the_key_goes_only_to_agentphone(ap, url):
    told = ap("plan", "--base-url", url, env={"AGENTPHONE_API_KEY": "k"})
    assert (told.code, told.out) == (1, "")
    assert "a:b" not in told.err


def test_nobody_answers(ap):
    told = ap("plan", "--base-url", "http://127.0.0.1:9", env={"AGENTPHONE_API_KEY": "k"})
    assert (told.code, told.out) == (1, "")
    assert "could not be reached" in told.err


def test_a_refused_key(ap, world):
    told = ap("plan", "--base-url", world.url, env={"AGENTPHONE_API_KEY": "white space"})
    assert told.code == 1
    assert "white space" in told.err


def test_in_ci_without_a_store_plan_warns(ap, world, folder):
    told = ap("plan", env={**world.env, "CI": "true"})
    assert told.code == 0
    assert "warning: apply would refuse" in told.err
    spec = folder / "agentphone.yaml"
    spec.write_text(spec.read_text() + "state: {store: local}\n")
    assert ap("plan", env={**world.env, "CI": "true"}).err == ""


def test_a_spec_with_problems_shows_them_all_and_sends_nothing(ap, world, folder):
    (folder / "agentphone.yaml").write_text("version: 1\nproject: p\nagents:\n  a: {nam: x}\n  b: {voiceMode: loud}\n")
    for command in ("validate", "plan", "apply"):
        told = ap(command, env=world.env)
        assert (told.code, told.out) == (1, "")
        assert "agentphone.yaml:4:" in told.err
        assert "agentphone.yaml:5:" in told.err
    assert world.requests() == []

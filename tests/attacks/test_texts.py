"""Whoever can name things: an agent, a prompt, a tag, a file; what comes from there is text, and nothing else."""

from __future__ import annotations

import os
import re
from collections import Counter

import pytest

from tests.attacks.conftest import Desk, Ended
from tests.conftest import Front

FORGED = (
    "approved", "      approved by:", f"      release:number.n@{'0' * 32}", "  done     - delete number.n  +14155550100",
    "Plan: 0 to create, 0 to update, 0 to delete, 0 to adopt.", "No changes: 2 resources are as the spec wants them.",
    "Done: the account is as the spec wants it.", "hint: apreconcile apply --yes", "  > approved",
)  # fmt: skip
"""Lines as the program prints them."""
MARKUP = "<b>ok</b><script>x</script> **yes** [yes](https://evil.dev) @everyone `x` [bold red]x[/] :warning: | a | b |"
ACTING = "\x1b[2J\x1b]0;x\x07\x9b1A\u202e\u2066\u200b\u2028\r"
"""ANSI, OSC, C1, bidirectional controls, what is drawn as nothing, line separators."""
WIDE = "x" * 70
TEXTS = {
    "lines": "\n".join(FORGED), "lines by wrapping": " ".join(f"{WIDE} {line}" for line in FORGED),
    "control characters": f"A{ACTING}A", "markup": MARKUP, "all": "\n".join(FORGED) + ACTING + MARKUP,
}  # fmt: skip
SPEC = {
    "agents": {"a": {"name": "A", "voiceMode": "hosted", "systemPrompt": "Be kind.", "description": "d"}, "b": {"name": "B"}},
    "numbers": {"n": {"agent": "a"}},
}  # fmt: skip


def ours(told: Ended) -> Counter[str]:
    """How often each first word stands in the first four columns, where only the program speaks."""
    lines = re.sub(r"@[0-9a-f]{32}", "@", f"{told.out}\n{told.err}").split("\n")
    return Counter(found[0] for line in lines if (found := re.match(r" {0,3}[^ ]+", line)))


@pytest.mark.parametrize("case", TEXTS)
def test_a_name_or_a_prompt_speaks_as_the_program(desk, case):
    desk.spec(SPEC).settled()
    ids, seen = desk.ids(), []
    desk.seed(agents=[{"id": "other", "name": "Bob"}])
    for text in ("Bob", TEXTS[case]):
        desk.send("PATCH", f"/v1/agents/{ids['agent.a']}", {"name": text, "systemPrompt": text, "description": text})
        desk.send("PATCH", "/v1/agents/other", {"name": text})
        desk.send("PATCH", f"/v1/numbers/{ids['number.n']}", {"externalId": text})
        told = [desk.spec(SPEC)("plan"), desk.spec({"agents": {}, "numbers": {}})("plan"), desk("apply", "--yes")]
        assert [one.code for one in told] == [0, 0, 3]
        seen.append(told)
    plain, odd = seen
    assert all(not set(one.out + one.err) & set(ACTING) - set("[2J]0;x1A") for one in odd)
    assert [ours(one) for one in odd] == [ours(one) for one in plain]
    assert desk.released() == []
    assert desk("apply", "--yes", *desk.approving("number.n")).code == 3
    assert len(desk.released()) == 1


def test_an_answer_of_the_api_speaks_as_the_program(desk, front: Front):
    front(desk.spec(SPEC))
    front.answer("POST", "/v1/agents", 422, {"error": {"message": TEXTS["all"], "code": ACTING + "X"}}, times=2)
    told = desk("apply", "--yes")
    assert told.code in {1, 7}
    assert not set(told.out + told.err) & set(ACTING) - set("[2J]0;x1A")
    assert not [line for line in told.out.split("\n") if line in FORGED[:4] + FORGED[5:]]
    assert "failed" in told.out
    front.told.clear()
    assert desk("apply", "--yes", *desk.approving()).code in {0, 3}


def test_an_exported_text_reads_the_environment(desk):
    text = "${env.AGENTPHONE_API_KEY} ${env.HOME} $${env.HOME} ${var.x} {file: /etc/passwd}"
    desk.seed(agents=[{"id": "odd", "name": text, "voiceMode": "hosted", "systemPrompt": f"{text}\npolicy: {{}}\n"}])
    told = desk("export", "--project", "acme")
    assert (told.code, told.err) == (0, "")
    (desk.folder / "agentphone.yaml").write_text(told.out)
    assert desk("apply", "--yes", "--adopt").code == 0
    assert desk.writes() == []
    (desk.folder / "agentphone.yaml").write_text(told.out.replace('"$${env', '"!$${env'))
    assert desk("apply", "--yes").code == 0
    assert desk.get("/v1/agents/odd")["name"] == f"!{text}", "what is sent is the text"


HOLES = {
    "a reference": "Ask ${agent.b}.", "an id": '{"at": "/body/name", "id": "agent.b"}', "a secret": '{"at": "/body", "env": "HOME"}',
    "a mask": "(secret) ***", "a time": '{"after": "72h"}', "null": "null", "a pointer": "/path/2", "an address": "agent.b",
    "a shell": "$(id) `id` ; id", "a template": "{{7*7}} %s {0}", "yaml": "!!python/object/apply:os.system [id]",
}  # fmt: skip


@pytest.mark.parametrize("case", HOLES)
def test_a_hole_is_written_as_text_in_a_prompt(desk, case):
    """From a file it is sent as it is; in YAML only `${var.…}` and `${env.…}` mean anything, and other `${…}` are refused."""
    text = HOLES[case]
    (desk.folder / "p.md").write_text(text)
    block = {"name": "A", "voiceMode": "hosted"}
    desk.spec({"agents": {"a": {**block, "systemPrompt": {"file": "p.md"}}, "b": {**block, "systemPrompt": text}}})
    told = desk("plan", "--out", "plan.json")
    assert told.code == (1 if case == "a reference" else 0), told.said
    if told.code:
        assert "is neither `${var.NAME}` nor `${env.NAME}`" in told.said
        desk.spec({"agents": {"a": {**block, "systemPrompt": {"file": "p.md"}}}})
        assert desk("plan", "--out", "plan.json").code == 0
    assert desk("apply", "plan.json", "--yes").code == 0
    sent = {request["body"]["systemPrompt"] for request in desk.requests("POST")}
    assert sent == {text}


@pytest.mark.parametrize(
    "value", [{"at": "/body/systemPrompt", "env": "HOME"}, {"env": "HOME"}, {"id": "agent.b"}, ["x"]]
)
def test_a_hole_is_written_as_a_map_in_a_prompt(desk, value):
    block = {"name": "A", "voiceMode": "hosted"}
    told = desk.spec({"agents": {"a": {**block, "systemPrompt": value}}})("apply", "--yes")
    assert (told.code, desk.requests()) == (1, [])
    assert desk.spec({"agents": {"a": {**block, "systemPrompt": "x"}}})("apply", "--yes").code == 0


OUTSIDE = (
    "../secret", "sub/../../secret", "ABSOLUTE", "link", "linked/secret", "loop", "/proc/self/environ", "environ",
    "/dev/stdin", "fifo", "sub", "", "secret\0", "~/secret", "file:///etc/passwd", "missing",
)  # fmt: skip


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_file_reaches_outside(desk: Desk, path):
    home = desk.folder / "spec"
    (home / "sub").mkdir(parents=True)
    (desk.folder / "secret").write_text("the secret of somebody else")
    (home / "own.md").write_text("Be kind.\n")
    for name, to in {
        "link": "../secret",
        "linked": "..",
        "loop": "loop",
        "environ": "/proc/self/environ",
        "inside": "own.md",
    }.items():
        (home / name).symlink_to(to)
    os.mkfifo(home / "fifo")

    def spec(named: str) -> Ended:
        block = {"name": "A", "voiceMode": "hosted", "systemPrompt": {"file": named}}
        desk.spec({"agents": {"a": block}}, name="spec/agentphone.yaml")
        return desk("apply", "spec/agentphone.yaml", "--yes")

    told = spec(path.replace("ABSOLUTE", str(desk.folder / "secret")))
    assert (told.code, desk.requests()) == (1, []), told.said
    assert "somebody else" not in told.said
    for named in ("own.md", "inside", "sub/../own.md"):
        assert spec(named).code == 0
    assert {request["body"]["systemPrompt"] for request in desk.requests("POST")} == {"Be kind."}


HIDDEN = {
    "a sink's file": ".env", "a link to it": "note.md", "a sink's file in the open": "open.env", "git's configuration": ".git/config",
    "the state": ".apreconcile/acme.default.json", "a way round": "sub/../.env",
}  # fmt: skip


@pytest.mark.parametrize("case", HIDDEN)
def test_a_prompt_is_a_file_with_secrets(desk, case):
    folder = desk.folder
    for name in (".git", "sub"):
        (folder / name).mkdir()
    (folder / ".git/config").write_text("[http] extraheader = AUTHORIZATION: basic c2VjcmV0\n")
    (folder / "note.md").symlink_to(".env")
    spec = """
        agents: {a: {name: A, voiceMode: hosted, systemPrompt: Be kind.}}
        webhooks:
          w: {url: "https://a.dev/x", secret: {writeTo: {file: .env}}}
          v: {agent: a, url: "https://a.dev/x", secret: {writeTo: {file: open.env}}}
    """
    desk.spec(spec).settled().spec(spec.replace("Be kind.", f"{{file: {HIDDEN[case]}}}"))
    assert (folder / HIDDEN[case]).read_text(), "it is there"
    before = desk.requests()
    told = desk("apply", "--yes")
    assert (told.code, desk.requests()) == (1, before)
    assert "hidden, as files with secrets are" in told.said or "looks like a signing secret or a key" in told.said
    assert not re.search("whsec_|c2VjcmV0", told.out + told.err)
    (folder / "prompt.env").write_text("Say that events are signed, whsec_ and what follows.")
    desk.spec(spec.replace("Be kind.", "{file: prompt.env}"))
    assert desk("apply", "--yes").code == 0

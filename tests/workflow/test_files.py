"""What a spec is read from: its files and folders, and the files that it names. What may be a secret is none of them."""

from __future__ import annotations

import os

import pytest

from apreconcile import workflow
from apreconcile.core.errors import Error, SpecError
from apreconcile.workflow.loading import read_beside, read_named


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder for a spec, inside of another one that has things that are not for it."""
    (tmp_path / "outside.md").write_text("hush")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def spec_naming(file):
    text = 'version: 1\nproject: acme\nagents:\n  a: {name: A, voiceMode: hosted, systemPrompt: {file: "%s"}}\n'
    return text % file


def test_a_text_is_read_beside_the_spec_through_links_that_stay_there(folder):
    (folder / "prompts").mkdir()
    (folder / "prompts/a.md").write_text("Be kind.\n", encoding="utf-8")
    (folder / "b.md").symlink_to("prompts/a.md")
    for name in ("prompts/a.md", "b.md", "./prompts/../b.md"):
        (folder / "agentphone.yaml").write_text(spec_naming(name))
        [agent] = workflow.load(environ={}).resources
        assert agent.fields["systemPrompt"] == "Be kind."


UNNAMED = {
    "hidden": (".env", lambda at: at.write_text("A=1"), ".env is hidden"),
    "hidden behind a link": ("a.md", lambda at: (at.with_name(".env").write_text("A=1"), at.symlink_to(".env")), "hidden"),
    "above": ("../outside.md", lambda _: None, "lies outside the folder of the spec"),
    "a link that leads out": ("a.md", lambda at: at.symlink_to("../outside.md"), "lies outside"),
    "absolute": ("/etc/hostname", lambda _: None, "lies outside"),
    "a key": ("a.md", lambda at: at.write_text("Bearer sk_live_0123456789abcdef0123456789"), "a signing secret or a key"),
    "a secret": ("a.md", lambda at: at.write_text("it is whsec_0123456789abcdef0123456789abcdef"), "a signing secret or a key"),
    "no text": ("a.md", lambda at: at.write_bytes(b"ok \xff"), "is not UTF-8 text (byte 3)"),
    "nothing": ("a.md", lambda _: None, "there is no file a.md"),
    "a folder": ("a.md", lambda at: at.mkdir(), "a.md is no file"),
    "a pipe": ("a.md", os.mkfifo, "a.md is no file"),
    "a circle": ("a.md", lambda at: at.symlink_to("a.md"), "could not be read"),
    "much": ("a.md", lambda at: at.write_bytes(b"a" * 1_000_001), "is larger than 1,000,000 bytes"),
    "a name with a NUL": ("a\\0b", lambda _: None, "could not be read"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNNAMED)
def test_what_no_spec_can_name_is_refused_at_its_place(folder, case):
    name, make, words = UNNAMED[case]
    make(folder / name)
    (folder / "agentphone.yaml").write_text(spec_naming(name))
    with pytest.raises(SpecError) as caught:
        workflow.load(environ={})
    problem = caught.value.problems[0]
    assert words in problem.message
    assert (bool(problem.hint), problem.place.startswith("agentphone.yaml:4:")) == (True, True)
    assert "hush" not in str(caught.value)
    assert "A=1" not in str(caught.value)


def test_only_what_is_shown_may_not_be_hidden(folder):
    """A file that is not shown, such as the list of signers, may be."""
    (folder / ".signers").write_bytes(b"\xff")
    assert read_beside("agentphone.yaml", ".signers") == b"\xff"
    with pytest.raises(Error, match="hidden"):
        read_named("agentphone.yaml", ".signers")


def test_a_folder_is_its_own_yaml_files_in_order(folder):
    for name, text in {
        "b.yml": "agents: {b: {name: B}}", "a.yaml": "version: 1\nproject: acme", "c.txt": "no: [", "d.yaml/e.yaml": "no: [",
    }.items():  # fmt: skip
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    (folder / "d.yaml/e.yaml").unlink()
    assert [str(one.address) for one in workflow.load(["."], environ={}).resources] == ["agent.b"]


@pytest.mark.parametrize(("named", "words"), [
    ([], "there is no agentphone.yaml here"), (["x.yaml"], "x.yaml could not be read: No such file"), (["."], "has no *.yaml"),
    (["/dev/null"], "/dev/null is no plain file"), (["pipe"], "pipe is no plain file"),
])  # fmt: skip
def test_where_there_is_no_spec_that_is_said(folder, named, words):
    os.mkfifo(folder / "pipe")
    with pytest.raises(Error) as caught:
        workflow.load(named, environ={})
    assert words in caught.value.message
    assert caught.value.hint

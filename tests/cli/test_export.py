"""`export --prompts` writes long prompts beside the spec, never outside, and never over another text unasked."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apreconcile.core.export import export
from apreconcile.core.shelf import LARGEST, SHORT
from apreconcile.core.snapshot import Seen, Snapshot
from apreconcile.core.spec.manifest import load_manifest
from apreconcile.kinds import KINDS

LONG = "You answer for Acme.\n\nBe kind: ${never} a variable, $${nor} this.\n"


@pytest.fixture
def account(world, folder):
    (folder / "agentphone.yaml").unlink()
    (folder / "prompts/support.md").unlink()
    (folder / "prompts").rmdir()
    agents = [
        {"name": "Support", "voiceMode": "hosted", "systemPrompt": LONG},
        {"name": "../../etc/passwd", "voiceMode": "hosted", "systemPrompt": "x" * (SHORT + 1)},
        {"name": "Short", "voiceMode": "hosted", "systemPrompt": "Be kind."},
    ]
    world.seed(agents=agents)
    return world


def test_long_prompts_are_files_and_planning_that_only_adopts(ap, account, folder):
    told = ap("export", "--prompts", "prompts", env=account.env)
    assert told.code == 0
    assert sorted(str(file.relative_to(folder)) for file in folder.rglob("*.md")) == [
        "prompts/etc-passwd.md", "prompts/support.md",
    ]  # fmt: skip
    assert (folder / "prompts/support.md").read_text() == LONG + "\n"
    assert "wrote prompts/support.md, which the spec names" in told.err
    assert "file: prompts/support.md" in told.out
    assert 'systemPrompt: "Be kind."' in told.out
    (folder / "agentphone.yaml").write_text(told.out)
    planned = json.loads(ap("plan", "--format", "json", env=account.env).out)
    assert {step["action"] for step in planned["steps"]} == {"adopt"}
    assert not any(step["calls"] for step in planned["steps"])
    assert ap("apply", "--yes", "-q", env=account.env).code == 0
    again = ap("export", "--prompts", "prompts", env=account.env)
    assert (again.code, again.err) == (0, "")


def test_without_the_option_everything_is_in_the_spec(ap, account, folder):
    assert "file:" not in ap("export", env=account.env).out
    assert list(folder.rglob("*.md")) == []


def test_another_text_is_replaced_only_if_asked_and_said(ap, account, folder):
    (folder / "prompts").mkdir()
    (folder / "prompts/support.md").write_text("Mine.\n")
    told = ap("export", "--prompts", "prompts", env=account.env)
    assert (told.code, told.out) == (1, "")
    assert "nothing was written: prompts/support.md would become another text" in told.err
    assert [file.name for file in (folder / "prompts").iterdir()] == ["support.md"]
    told = ap("export", "-q", "--prompts", "prompts", "--overwrite", env=account.env)
    assert told.code == 0
    assert "warning: replaced prompts/support.md, which held another text" in told.err
    assert (folder / "prompts/support.md").read_text() == LONG + "\n"


@pytest.mark.parametrize("name", ["/etc", "..", "a/../../b", ".", "", "a\x1bb"])
def test_a_folder_that_is_not_beside_the_spec(ap, account, name):
    told = ap("export", "--prompts", name, env=account.env)
    assert (told.code, told.out) == (64, "")
    assert "is no folder beside the spec" in told.err


def test_links_lead_nowhere_else(ap, account, folder, tmp_path_factory):
    away = tmp_path_factory.mktemp("away")
    (folder / "out").symlink_to(away)
    assert ap("export", "--prompts", "out", env=account.env).code == 1
    (folder / "prompts").mkdir()
    (folder / "prompts/support.md").symlink_to(away / "support.md")
    assert "leads elsewhere" in ap("export", "--prompts", "prompts", "--overwrite", env=account.env).err
    (folder / "circle").symlink_to("circle")
    assert ap("export", "--prompts", "circle", env=account.env).code == 1
    assert list(away.iterdir()) == []


def test_what_is_in_the_way_of_a_file(ap, account, folder):
    (folder / "prompts/support.md").mkdir(parents=True)
    assert "is no plain file" in ap("export", "--prompts", "prompts", env=account.env).err
    (folder / "file").write_text("")
    told = ap("export", "--prompts", "file", env=account.env)
    assert (told.code, told.out) == (1, "")
    assert "could not be made" in " ".join(told.err.split())


def test_they_lie_beside_the_spec_that_was_named(ap, account, folder):
    (folder / "prod").mkdir()
    (folder / "prod/spec.yaml").write_text("version: 1\nproject: prod\n")
    told = ap("export", "-f", "prod/spec.yaml", "--prompts", "texts", env=account.env)
    assert (told.code, "file: texts/support.md" in told.out) == (0, True)
    assert (folder / "prod/texts/support.md").exists()


def of(prompt, **body):
    seen = Seen("agent", "agt", {"id": "agt", "name": "A", "voiceMode": "hosted", "systemPrompt": prompt, **body})
    return export(Snapshot((seen,)), KINDS, project="acme", prompts="p ${var.x}")


def test_what_would_not_read_back_stays_in_the_spec():
    assert of("Two\nlines\r").files == {}
    assert of("é" * LARGEST).files == {}
    assert of("x" * SHORT).files == {}
    assert of("Two\nlines").files == {"p ${var.x}/a.md": "Two\nlines\n"}


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\r\t$")))
def test_every_prompt_reads_back_as_itself(prompt):
    exported = of(prompt)
    manifest = load_manifest(
        [("it.yaml", exported.text.encode())], kinds=KINDS, variables={}, environ={},
        read_file=lambda _, name: exported.files[name].encode().decode(), environment="default", home=".",
    )  # fmt: skip
    assert manifest.resources[0].fields.get("systemPrompt", "") == prompt

"""State, secrets and unknown outcomes, put right by hand."""

from __future__ import annotations

import json

from tests.cli.conftest import approving, planned


def approve_all(ap, world) -> list[str]:
    return approving(planned(ap, env=world.env))


def test_state_needs_no_key_and_sends_nothing(ap, world):
    assert ap("apply", "--yes", *approve_all(ap, world), env=world.env).code == 0
    before = len(world.requests())
    offline = {"AGENTPHONE_BASE_URL": world.url}
    listed = ap("state", "list", env=offline)
    assert (listed.code, listed.err) == (0, "")
    assert "webhook.events" in listed.out
    document = json.loads(ap("state", "show", "--format", "json", env=offline).out)
    assert document["format"] == "apreconcile.state/1"
    assert document["resources"]["number.support-main"]["phoneNumber"].startswith("+1415")
    assert "Ours (5 resources)" in ap("state", "show", env=offline).out
    assert len(world.requests()) == before


def test_a_document_that_is_not_in_use_is_shown_and_says_so_first(ap, world, folder):
    ap("apply", "--yes", env=world.env)
    (kept,) = (folder / ".apreconcile").glob("*.json")
    place = "s3://acme-state/phones/acme-support.default.json"
    kept.write_text(json.dumps(json.loads(kept.read_text()) | {"copy_of": place}))
    offline = {"AGENTPHONE_BASE_URL": world.url}
    for command in ("list", "show"):
        told = ap("state", command, env=offline)
        assert (told.code, told.err) == (0, "")
        first, _, rest = told.out.partition("\n\n")
        assert " ".join(first.split()).endswith(f"is not in use: it is a copy of {place} that was not finished.")
        assert "agent.support" in rest
    assert json.loads(ap("state", "show", "--format", "json", env=offline).out)["copy_of"] == place
    refused = ap("state", "unlock", env=offline)
    assert (refused.code, refused.out) == (9, "")
    assert "apreconcile state copy --to local" in refused.err


def test_the_state_of_another_host_is_9(ap, world):
    ap("apply", "--yes", env=world.env)
    told = ap("state", "list")
    assert (told.code, told.out) == (9, "")


def test_init_forget_and_unlock_say_what_they_did(ap, world):
    ids = world.seed(numbers=[{"country": "US", "areaCode": "212"}])
    assert ap("state", "init", env=world.env).code == 9
    ident = json.dumps(ids).split('"id": "')[1].split('"')[0]
    told = ap("state", "init", "--ignore", ident, env=world.env)
    assert (told.code, told.err) == (0, "")
    assert "is ready" in told.out
    assert ap("apply", "--yes", *approve_all(ap, world), env=world.env).code == 0
    forgotten = ap("state", "forget", "webhook.triage", env=world.env)
    assert forgotten.code == 0
    assert "webhook.triage is forgotten" in forgotten.out
    again = ap("state", "forget", "webhook.triage", env=world.env)
    assert (again.code, again.out) == (1, "")
    assert ap("state", "unlock", env=world.env).out == "nobody holds the state\n"


def test_move_says_what_it_did_and_needs_a_key_only_for_numbers(ap, world):
    assert ap("apply", "--yes", *approve_all(ap, world), env=world.env).code == 0
    offline = {"AGENTPHONE_BASE_URL": world.url}
    before = len(world.requests())
    moved = ap("state", "move", "webhook.triage", "webhook.other", env=offline)
    assert (moved.code, moved.out) == (0, "webhook.triage is webhook.other now\n")
    assert moved.err.startswith("warning: the spec does not say so: rename webhook.triage to webhook.other there")
    assert len(world.requests()) == before
    refused = ap("state", "move", "number.support-main", "number.front", env=offline)
    assert (refused.code, refused.out) == (1, "")
    assert "AGENTPHONE_API_KEY" in refused.err
    assert ap("state", "move", "number.support-main", "number.front", env=world.env).code == 0
    (live,) = world.http.get("/v1/numbers").json()["data"]
    assert live["externalId"] == "apr:acme-support/default/front"
    taken = ap("state", "move", "agent.support", "agent.triage", env=offline)
    assert (taken.code, taken.out) == (5, "")
    kept = ap("state", "forget", "number.front", env=offline)
    assert kept.code == 0
    assert "it keeps the marker apr:acme-support/default/front" in " ".join(kept.out.split())


def test_a_secret_is_the_only_thing_on_stdout(ap, world):
    ap("apply", "--yes", env=world.env)
    told = ap("secret", "show", "webhook.events", env=world.env)
    assert (told.code, told.err) == (0, "")
    assert told.out.startswith("whsec_")
    assert len(told.out.split()) == 1
    assert ap("secret", "show", "agent.support", env=world.env).code == 1
    assert ap("secret", "show", "webhook.events").code == 1


def test_an_unknown_purchase_is_settled_by_hand(ap, world):
    world.fault("POST /v1/numbers", "commit-then-drop")
    assert ap("apply", "--yes", *approve_all(ap, world), env=world.env).code == 6
    early = ap("resolve", "number.support-main", "--not-created", env=world.env)
    assert (early.code, early.out) == (8, "")
    (number,) = world.http.get("/v1/numbers").json()["data"]
    live, phone, agent = (number[name] for name in ("id", "phoneNumber", "agentId"))
    told = ap("resolve", "number.support-main", "--bind", live, env=world.env)
    assert (told.code, told.err) == (0, "")
    assert " ".join(told.out.split()) == f"number.support-main is {phone} ({live}), on the agent {agent}"
    assert ap("resolve", "number.support-main", "--bind", live, env=world.env).code == 1


def test_export_is_a_spec_that_only_adopts(ap, world, folder):
    ap("apply", "--yes", *approve_all(ap, world), env=world.env)
    told = ap("export", env=world.env)
    assert (told.code, told.err) == (0, "")
    assert "project: acme-support" in told.out
    (folder / "agentphone.yaml").write_text("")
    assert "project: exported" in ap("export", env=world.env).out
    named = ap("export", "--project", "copy", env=world.env)
    assert "project: copy" in named.out
    assert "is left out" in named.err
    (folder / "agentphone.yaml").unlink()
    assert ap("export", env=world.env).code == 0


def test_validate_counts_what_is_there(ap, folder):
    told = ap("validate")
    assert (told.code, told.out, told.err) == (0, "agentphone.yaml is valid: 2 agents, 1 number, 2 webhooks\n", "")
    (folder / "empty.yaml").write_text("version: 1\nproject: p\n")
    assert ap("validate", "empty.yaml").out == "empty.yaml is valid: nothing in it\n"
    (folder / "agentphone.yaml").unlink()
    missing = ap("validate")
    assert (missing.code, missing.out) == (1, "")
    assert "there is no agentphone.yaml here" in missing.err


def test_what_is_not_there_is_not_set_aside_nor_begun_twice(ap, world):
    [number] = world.seed(numbers=[{}])["numbers"]
    refused = ap("state", "init", "--ignore", "num_nobody", env=world.env)
    assert (refused.code, "shows no unmanaged number num_nobody" in refused.said, number["id"] in refused.said) == (
        1,
        True,
        True,
    )
    early = ap("state", "forget", "agent.support", env=world.env)
    assert (early.code, "there is no state yet" in early.said, "state init" in early.said) == (1, True, True)
    assert ap("state", "init", "--ignore", number["id"], env=world.env).code == 0
    again = ap("state", "init", env=world.env)
    assert (again.code, "there is a state already" in again.said) == (1, True), again


def test_a_lock_is_taken_away_only_when_nothing_of_its_run_can_come_any_more(ap, world, folder):
    assert ap("apply", "--yes", *approve_all(ap, world), env=world.env).code == 0
    (kept,) = (folder / ".apreconcile").glob("*.json")
    lock = {"run": "r", "who": "bob", "where": "ci", "since": "2026-01-01T00:00:00Z", "until": "2099-01-01T00:00:00Z"}
    kept.write_text(json.dumps(json.loads(kept.read_text()) | {"lock": lock}))
    held = ap("state", "unlock", env=world.env)
    assert (held.code, "bob on ci holds the state" in held.said) == (8, True), held
    kept.write_text(json.dumps(json.loads(kept.read_text()) | {"lock": lock | {"until": "2026-01-01T00:05:00Z"}}))
    assert ap("state", "unlock", env=world.env).out == "the lock of bob on ci is gone\n"
    assert json.loads(kept.read_text())["lock"] is None

"""Files of approvals, against the sandbox: what they name is done once, and nothing else is done at all."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import subprocess
from datetime import timedelta

import pytest
from killing import apply_in_a_process
from surroundings import OURS, make_key, signer

from apreconcile import workflow
from apreconcile.core.approval import Approval, Voice
from apreconcile.core.approvals import approvals_text
from apreconcile.core.errors import ApprovalsError, Error, UnsafeError
from apreconcile.core.outcome import Word
from apreconcile.core.policy import Approvers, Policy

AGENT = "agents: {a: {name: A}}\n"
NUMBER = AGENT + "numbers: {m: {agent: a}}\n"
HOOK = AGENT + 'webhooks: {w: {url: "https://a.dev/x"}}\n'
OTHER_HOOK = HOOK.replace("/x", "/y")
SIGNATURE = "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n"


def entries(trial, by="ann", **more):
    """An approval of every step of the plan as it is now."""
    now = trial.clock.now()
    times = {"expires": f"{now + timedelta(hours=24):%Y-%m-%dT%H:%M:%SZ}", "at": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
    steps = [step for step in trial.plan().plan.steps if step.token]
    return [Approval(step.token, step.digest, by, "because", **(times | more)) for step in steps]


def write(trial, approvals, name="approvals.yaml"):
    path = trial.folder / name
    path.write_text(approvals_text(approvals))
    return str(path)


def words(report):
    return {str(one.address): one.word.value for one in report.outcomes}


def want(trial, approvers):
    """Let the trial's spec have a policy with these approvers."""
    load = trial.load
    trial.load = lambda: dataclasses.replace(load(), policy=Policy(approvers=approvers))


def test_a_file_approves_what_it_names_and_the_report_says_who_did(trial):
    trial.spec(NUMBER)
    file = write(trial, entries(trial))
    report = trial.apply([], approvals=[file])
    assert words(report) == {"agent.a": "done", "number.m": "done"}
    assert {str(one.address): one.approved_by for one in report.outcomes} == {"agent.a": (), "number.m": ("ann",)}
    again = trial.apply([], approvals=[file, file])
    assert (again.exit, len(again.warnings)) == (0, 1), "a spent entry is a stranger, told once"
    assert trial.purchases() == ["apr:acme/default/m"]


def test_a_file_with_a_problem_sends_nothing(trial):
    trial.spec(NUMBER)
    good, bad = write(trial, entries(trial)), trial.folder / "bad.yaml"
    bad.write_text(approvals_text(entries(trial)) + "- approve: nothing\n  by: '*'\n")
    worse = trial.folder / "worse.yaml"
    worse.write_text("all: yes\n")
    with pytest.raises(ApprovalsError) as refused:
        trial.apply([], approvals=[good, str(bad), str(worse)])
    assert {one.file for one in refused.value.problems} == {str(bad), str(worse)}
    assert trial.writes() == []
    assert not trial.state_file.exists()


def test_what_is_no_plain_file_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "huge").write_bytes(b"# " * 1_000_000)
    for name in ("fifo", "", "none", "\0", "huge"):
        with pytest.raises(Error) as refused:
            workflow.load_approvals([f"{tmp_path}/{name}"])
        assert refused.value.exit_code == 1
    (tmp_path / "link").symlink_to(tmp_path / "fifo")
    with pytest.raises(Error, match="no plain file"):
        workflow.load_approvals([str(tmp_path / "link")])


def test_an_approval_is_for_one_project_account_and_key(trial, trials):
    trial.spec(AGENT).settled().spec(NUMBER)
    file = write(trial, entries(trial))
    assert entries(trial)
    other = trials()
    other.spec(AGENT).settled().spec(NUMBER)
    elsewhere = trials()
    elsewhere.spec(f"version: 1\nproject: beta\n{AGENT}").settled().spec(f"version: 1\nproject: beta\n{NUMBER}")
    trial.spec(NUMBER.replace("m:", "o:"))
    for one in (other, elsewhere, trial):
        report = one.apply([], approvals=[file])
        assert [outcome.word for outcome in report.outcomes] == [Word.HELD]
        assert len(report.warnings) == 1
        assert one.purchases() == []


def test_a_webhook_that_goes_back_and_forth_wants_a_new_approval_each_time(trial):
    trial.spec(HOOK).settled().spec(OTHER_HOOK)
    there = write(trial, entries(trial), "there.yaml")
    assert trial.apply([], approvals=[there]).exit == 0
    trial.spec(HOOK)
    back = write(trial, entries(trial), "back.yaml")
    assert trial.apply([], approvals=[there, back]).exit == 0
    trial.spec(OTHER_HOOK)
    report = trial.apply([], approvals=[there, back])
    assert (report.exit, words(report)) == (3, {"webhook.w": "held"})
    assert trial.get("/v1/webhooks")["url"] == "https://a.dev/x"
    assert trial.apply([], approvals=[there, write(trial, entries(trial), "third.yaml")]).exit == 0


def test_a_number_that_is_bought_again_wants_a_new_approval(trial):
    trial.spec(AGENT).settled().spec(NUMBER)
    buy = write(trial, entries(trial), "buy.yaml")
    trial.apply([], approvals=[buy])
    trial.spec(AGENT)
    release = write(trial, entries(trial), "release.yaml")
    assert trial.apply([], approvals=[buy, release]).exit == 0
    trial.spec(NUMBER)
    report = trial.apply([], approvals=[buy, release])
    assert words(report) == {"number.m": "held"}
    assert len(trial.purchases()) == 1


def test_with_approvers_nothing_unsigned_counts_however_it_comes(trial):
    trial.spec(NUMBER)
    file = write(trial, entries(trial))
    want(trial, Approvers(b""))
    (token,) = [step.token for step in trial.plan().plan.steps if step.token]
    entry = entries(trial)[0]
    for how in (
        {"approve": [token]}, {"approve": [], "granted": [("number.m", "create")]}, {"approve": [], "approvals": [file]},
        {"approve": [], "voices": [Voice(token), Voice(token, entry)]},
    ):  # fmt: skip
        report = trial.apply(**how)
        assert (report.exit, words(report)["number.m"], report.signatures) == (3, "held", 1)
        assert len(report.warnings) == (0 if "granted" in how else len(how.get("voices", [0])))
    assert trial.purchases() == []


def test_without_ssh_keygen_nobody_can_tell_and_nothing_is_sent(trial, monkeypatch, tmp_path):
    trial.spec(NUMBER)
    file = write(trial, entries(trial, signature=SIGNATURE))
    monkeypatch.setenv("PATH", str(tmp_path))
    load = trial.load
    want(trial, Approvers(b""))
    with pytest.raises(UnsafeError) as refused:
        trial.apply([], approvals=[file])
    assert (refused.value.exit_code, trial.writes()) == (9, [])
    trial.load = load
    assert trial.apply([], approvals=[file]).exit == 0, "without approvers nobody verifies"


SCENES = {
    "a purchase": (AGENT, NUMBER, "number.m", ("POST", "/v1/numbers")),
    "a release": (NUMBER, AGENT, "number.m", ("DELETE", "/v1/numbers/")),
    "a rotation": (HOOK, OTHER_HOOK, "webhook.w", ("POST", "/v1/webhooks")),
}
MOMENTS = ["before a swap 1", "after a swap 1", "after a write 1", "before a swap 2", "after a swap 2"]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("scene", SCENES)
def test_the_approval_of_a_killed_run_is_never_used_twice_and_what_it_did_is_not_lost(trial, scene, moment):
    before, after, address, (method, path) = SCENES[scene]
    trial.spec(before).settled().spec(after)
    file = write(trial, entries(trial))

    def sent():
        return sum(verb == method and at.startswith(path) for verb, at in trial.writes())

    began, turn = sent(), trial.state["turns"].get(address, 0)
    ended = apply_in_a_process(trial, moment, file)
    assert ended.returncode == -9, ended.stderr
    called, spent = sent() - began, trial.state["turns"].get(address, 0) > turn
    assert spent == (moment != "before a swap 1")
    assert called == (moment in MOMENTS[2:])
    for _ in range(3):
        trial.clock.skip(1000)
        report = trial.apply([], approvals=[file])
        if report.exit == 6:
            assert (scene, called) == ("a purchase", 0), "nothing shows what came of it, so a person says it"
            trial.not_created(address)
    if called or not spent:
        assert (sent() - began, report.exit, trial.plan().plan.steps) == (1, 0, ()), "done once, and known"
    else:
        assert (sent() - began, words(report)) == (0, {address: "held"}), "not done, and wants a new approval"
        assert trial.apply([], approvals=[file, write(trial, entries(trial), "new.yaml")]).exit == 0
        assert sent() - began == 1
    lines = [line["type"] for line in trial.ledger()]
    assert (lines.count("purchase"), lines.count("release")) == {
        "a purchase": (1, 0), "a release": (1, 1), "a rotation": (0, 0),
    }[scene]  # fmt: skip


@pytest.fixture
def team(tmp_path):
    """Make keys by name, and the list of who has which."""

    def make(*names):
        return {name: make_key(tmp_path / name) for name in names}

    return make


def line(name, key, options=OURS):
    return signer(name, key, options).encode()


def signed(approvals, key):
    return list(asyncio.run(workflow.signed(approvals, key, environ=os.environ)))


@pytest.mark.tools
def test_as_many_people_as_the_policy_wants_have_to_sign(trial, team):
    keys = team("ann", "bob", "eve")
    trial.spec(AGENT).settled().spec(NUMBER)
    want(
        trial, Approvers(line("ann,ann2", keys["ann"]) + line("bob", keys["bob"]) + line("*", keys["ann"]), required=2)
    )
    ann = signed(entries(trial, "ann"), keys["ann"])
    alike = signed(entries(trial, "ann2"), keys["ann"]) + signed(entries(trial, "carl"), keys["ann"])
    bob, eve = signed(entries(trial, "bob"), keys["bob"]), signed(entries(trial, "bob"), keys["eve"])
    for few in (ann, ann + ann, ann + alike, ann + eve, bob + eve, bob + entries(trial, "ann")):
        report = trial.apply([], approvals=[write(trial, few)])
        assert (words(report)["number.m"], report.signatures) == ("held", 2)
        held = next(one for one in report.outcomes if str(one.address) == "number.m")
        assert held.signed == 1
        assert trial.purchases() == []
    report = trial.apply([], approvals=[write(trial, ann + alike + bob)])
    assert words(report) == {"number.m": "done"}
    assert report.outcomes[0].approved_by == ("ann", "ann2", "carl", "bob")


@pytest.mark.tools
def test_what_was_signed_cannot_be_changed_moved_or_made_by_others(trial, team, tmp_path):
    keys = team("ann", "eve")
    trial.spec(AGENT).settled().spec(NUMBER + 'webhooks: {w: {url: "https://a.dev/x"}}\n').settled()
    trial.spec(OTHER_HOOK)
    release, rotate = sorted(entries(trial), key=lambda one: one.approve)
    revoked = tmp_path / "krl"
    subprocess.run(["ssh-keygen", "-q", "-k", "-f", revoked, f"{keys['ann']}.pub"], check=True)
    good = signed([release], keys["ann"])[0]
    later = f"{trial.clock.now() + timedelta(days=6):%Y-%m-%dT%H:%M:%SZ}"
    git = subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-f", keys["ann"], "-n", "git"],
        input=release.message,
        capture_output=True,
        check=True,
    )
    listed = Approvers(line("ann", keys["ann"]))
    attacks = {
        "a key of somebody else": (signed([release], keys["eve"])[0], listed),
        "another reason": (dataclasses.replace(good, reason="other"), listed),
        "a later end": (dataclasses.replace(good, expires=later), listed),
        "no date": (dataclasses.replace(good, at=None), listed),
        "another name": (dataclasses.replace(good, by="bob"), Approvers(line("ann,bob", keys["ann"]))),
        "moved to another step": (dataclasses.replace(rotate, signature=good.signature), listed),
        "signed as a commit": (dataclasses.replace(release, signature=git.stdout.decode()), listed),
        "a key that is for commits": (good, Approvers(line("ann", keys["ann"], 'namespaces="git"'))),
        "a revoked key": (good, Approvers(line("ann", keys["ann"]), revoked=revoked.read_bytes())),
        "a key that has expired": (good, Approvers(line("ann", keys["ann"], 'valid-before="20200101Z"'))),
        "nobody is listed": (good, Approvers(b"")),
        "one is not enough": (good, Approvers(line("ann", keys["ann"]), required=2)),
        "a shorter life": (good, Approvers(line("ann", keys["ann"]), lifetime=timedelta(hours=23))),
    }
    load = trial.load
    before = trial.writes()
    for case, (entry, approvers) in attacks.items():
        trial.load = load
        want(trial, approvers)
        report = trial.apply([], approvals=[write(trial, [entry])])
        assert set(words(report).values()) == {"held"}, case
        assert len(report.warnings) == (case != "one is not enough"), case
        assert trial.writes() == before, case
    trial.load = load
    want(trial, listed)
    report = trial.apply([], approvals=[write(trial, [good])])
    assert words(report) == {"number.m": "done", "webhook.w": "held"}
    assert report.outcomes[-1].approved_by == ("ann",)

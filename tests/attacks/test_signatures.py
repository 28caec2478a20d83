"""Whoever wants to be one of those that may approve: with another's name, an old key, somebody's signature."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import yaml
from surroundings import make_key

from tests.attacks.conftest import Desk, Ended
from tests.store.conftest import QUIET

pytestmark = pytest.mark.tools

AGENTS = "agents: {a: {name: A}, b: {name: B}}\n"
BOTH = AGENTS + "numbers: {n: {agent: a}, m: {agent: b}}\n"
Entry = dict[str, str]


class Team:
    """People with keys, a spec whose policy lists some of them, and two numbers that may be released."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        desk.spec(BOTH).settled()
        for name in ("ann", "bob", "eve"):
            make_key(desk.folder / name)
        self.list("ann", "bob")

    def list(self, *names: str, required: int = 1, more: str = "", options: str = "") -> None:
        """Say who may approve; `bob=ann` lists bob with ann's key."""
        lines = [f"{name.partition('=')[0]} {options}{self.public(name.rpartition('=')[2])}" for name in names]
        (self.desk.folder / "signers").write_text("".join(lines))
        rules = f"policy: {{approvers: {{signers: signers, required: {required}{more}}}}}\n"
        self.desk.spec(AGENTS + "numbers: {}\n" + rules)

    def public(self, name: str) -> str:
        return (self.desk.folder / f"{name}.pub").read_text()

    def entry(self, address: str = "number.n", *, by: str = "ann", key: str | None = None, **more: str) -> Entry:
        """An approval as the command writes it, signed with the key of whoever gives it unless another is named."""
        desk = self.desk
        token = desk("plan", "--out", "plan.json", "--format", "json").json
        found = next(step["token"] for step in token["steps"] if step["address"] == address)
        flags = [word for name, value in more.items() for word in (f"--{name}", value)]
        told = desk("approve", "plan.json", found, "--by", by, "--reason", "we move", "--sign", key or by, *flags)
        assert told.code == 0, told.said
        (made,) = yaml.safe_load(told.out)
        return dict(made)

    def apply(self, *entries: Entry, words: tuple[str, ...] = ()) -> Ended:
        (self.desk.folder / "approvals.yaml").write_text(yaml.safe_dump(list(entries)))
        return self.desk("apply", "--yes", "--approvals", "approvals.yaml", *words)

    def refused(self, *entries: Entry, says: str) -> None:
        """Nothing is released, and it is said why."""
        told = self.apply(*entries)
        assert (told.code, says in told.said) == (3, True), told.said
        assert self.desk.released() == []

    def legitimate(self, *entries: Entry) -> None:
        told = self.apply(*entries)
        assert told.code == 3, "one of the two numbers"
        assert len(self.desk.released()) == 1, told.said


@pytest.fixture
def team(desk: Desk) -> Team:
    return Team(desk)


def test_a_token_is_no_signature(team):
    desk, good = team.desk, team.entry()
    unsigned = {name: text for name, text in good.items() if name != "signature"}
    team.refused(unsigned, says="the policy wants signatures, and this has none")
    told = desk("apply", "--yes", "--approve", good["approve"])
    assert (told.code, "the policy wants signatures, and this has none" in told.said) == (3, True)
    assert desk.released() == []
    team.legitimate(good)


def later(time: str) -> str:
    return f"{datetime.fromisoformat(time) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"


EDITS: dict[str, Callable[[Team, Entry], Entry]] = {
    "another reason": lambda _, good: good | {"reason": "we do not"},
    "a later end": lambda _, good: good | {"expires": later(good["expires"])},
    "another name": lambda _, good: good | {"by": "bob"},
    "no date": lambda _, good: {name: text for name, text in good.items() if name != "at"},
    "another number": lambda team, good: team.entry("number.m") | {"signature": good["signature"]},
}  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_a_signature_over_another_entry(team, edit):
    good = team.entry()
    team.refused(EDITS[edit](team, good), says="its signature is not that of")
    team.legitimate(good)


def test_a_key_that_nobody_listed(team):
    good = team.entry()
    team.refused(team.entry(by="eve"), says="its signature is not that of eve")
    team.refused(team.entry(by="ann", key="eve"), says="its signature is not that of ann")
    team.legitimate(good)


def test_a_signature_that_was_made_for_a_commit(team):
    good = team.entry()
    message = {name: text for name, text in good.items() if name != "signature"}
    content, signed = json.dumps(message, sort_keys=True, separators=(",", ":")).encode(), {}
    for namespace in ("git", "file", "apreconcile"):
        argv = ["ssh-keygen", "-Y", "sign", "-f", team.desk.folder / "ann", "-n", namespace]
        signed[namespace] = subprocess.run(argv, input=content, capture_output=True, check=True).stdout.decode()
    for namespace in ("git", "file"):
        team.refused(good | {"signature": signed[namespace]}, says="its signature is not that of ann")
    team.legitimate(good | {"signature": signed["apreconcile"]})


def test_a_key_that_is_for_commits(team):
    good = team.entry()
    team.list("ann", options='namespaces="git" ')
    team.refused(good, says="its signature is not that of ann")
    team.list("ann", options='namespaces="apreconcile" ')
    team.legitimate(good)


def test_a_key_that_was_revoked_or_has_expired(team):
    good, folder = team.entry(), team.desk.folder
    subprocess.run(["ssh-keygen", "-q", "-k", "-f", folder / "krl", folder / "ann.pub"], check=True)
    for revoked in ("krl", "ann.pub"):
        team.list("ann", more=f", revoked: {revoked}")
        team.refused(good, says="its signature is not that of ann")
    team.list("ann", options='valid-before="20200101Z" ')
    team.refused(good, says="its signature is not that of ann")
    team.list("ann", more=", revoked: bob.pub", options='valid-after="20200101Z" ')
    team.legitimate(good)


def test_one_person_signs_for_two(team):
    for names in (("ann", "bob=ann"), ("ann,bob=ann",), ("*=ann",)):
        team.list(*names, required=2)
        team.refused(team.entry(), team.entry(), says="wants 2 signatures, has 1")
        team.refused(team.entry(), team.entry(by="bob", key="ann"), says="wants 2 signatures, has 1")
    team.list("ann", "bob", required=2)
    team.refused(team.entry(), team.entry(by="bob", key="ann"), says="wants 2 signatures, has 1")
    team.legitimate(team.entry(), team.entry(by="bob"))


def test_an_approval_that_holds_for_too_long(team):
    team.list("ann", more=", maxLifetime: 2h")
    team.refused(team.entry(), says="for longer than the 2 hours that an approval may hold")
    team.legitimate(team.entry(expires="1h"))


def git(desk: Desk, *words: str) -> None:
    who = {f"GIT_{role}_{what}": "x@x" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    subprocess.run(["git", "-C", desk.folder, *words], env=desk.env | who | QUIET, check=True, capture_output=True)


def test_a_change_brings_its_own_key_and_policy(team):
    """On a branch, as in a pull request: what it adds itself does not count where the policy is that of `main`."""
    desk = team.desk
    git(desk, "init", "-q", "-b", "main")
    team.list("ann")
    git(desk, "add", "agentphone.yaml", "signers")
    git(desk, "commit", "-q", "-m", "x")
    git(desk, "update-ref", "refs/remotes/origin/main", "HEAD")
    team.list("ann", "eve")
    eve, ann = team.entry(by="eve"), team.entry()
    git(desk, "commit", "-q", "-a", "-m", "eve may approve, too")
    told = team.apply(eve, words=("--policy-from", "origin/main"))
    assert (told.code, "its signature is not that of eve" in told.said) == (3, True), told.said
    desk.spec(AGENTS + "numbers: {}\n")
    git(desk, "commit", "-q", "-a", "-m", "nobody need sign")
    told = desk("apply", "--yes", "--approve", eve["approve"], "--policy-from", "origin/main")
    assert (told.code, "the policy wants signatures, and this has none" in told.said) == (3, True)
    assert desk.released() == []
    assert team.apply(ann, words=("--policy-from", "origin/main")).code == 3
    assert len(desk.released()) == 1, "who was listed before may"
    other = desk.tokens()["number.m"]
    assert desk("apply", "--yes", "--approve", other).code == 0, "and without the flag the change's own policy counts"


def test_the_program_that_verifies_is_another(team):
    """In a folder of PATH that is relative, such as the spec's own: it is passed over, and without any nothing is sent."""
    good = team.entry()
    fake = team.desk.folder / "ssh-keygen"
    fake.write_text(f"#!/bin/sh\necho 'Good \"apreconcile\" signature for ann with ED25519 key SHA256:{'a' * 43}'\n")
    fake.chmod(0o755)
    (team.desk.folder / "approvals.yaml").write_text(yaml.safe_dump([good | {"reason": "we do not"}]))
    for path in (".", "", ":."):
        told = team.desk("apply", "--yes", "--approvals", "approvals.yaml", PATH=path)
        assert (told.code, "nobody can tell who signed" in told.said) == (9, True), told.said
    assert team.desk.released() == []
    team.legitimate(good)

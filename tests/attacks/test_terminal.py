"""Whoever answers in a person's place: a pipe, a paste, a program that types without end."""

from __future__ import annotations

import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from tests.attacks.conftest import ROOT, Desk
from tests.cli.conftest import PATIENCE, Person

NUMBER = "agents: {a: {name: A}}\nnumbers: {n: {agent: a}}\n"
ASKED = "Enter holds it\r\n    > "
GO_ON = "[y/N] "


@pytest.fixture
def sit(desk: Desk) -> Iterator[Callable[..., Person]]:
    """Sit down at a terminal, and start the program there."""
    desk.spec(NUMBER)
    people: list[Person] = []

    def down(*words: str) -> Person:
        people.append(Person(words, desk.env | {"PYTHONPATH": str(ROOT), "TERM": "xterm"}, folder=desk.folder))
        return people[-1]

    yield down
    for person in people:
        person.close()


def legitimate(person: Person, desk: Desk) -> None:
    """Somebody reads, and then types what is asked for."""
    person.wait_for(ASKED)
    person.type("buy number.n\n")
    person.wait_for(GO_ON)
    person.type("y\n")
    assert person.leave()[0] == 0
    assert desk.purchases() == ["apr:acme/default/n"]


@pytest.mark.parametrize("answers", ["yes", "yes 'buy number.n'", "printf 'buy number.n\\ny\\n'"])
def test_answers_are_piped_into_the_prompt(desk, sit, answers):
    command = f"{answers} 2>/dev/null | {shlex.quote(sys.executable)} -m apreconcile apply"
    ended = subprocess.run(
        ["sh", "-c", command], cwd=desk.folder, env=desk.env | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        timeout=PATIENCE * 2, check=False,
    )  # fmt: skip
    assert (ended.returncode, "there is no terminal to ask at" in ended.stderr) == (3, True)
    assert desk.writes() == []
    legitimate(sit("apply"), desk)


def test_an_answer_is_pasted_ahead(desk, sit):
    person = sit("apply")
    person.type("buy number.n\ny\n" * 20)
    person.wait_for(ASKED)
    person.type("\n")
    person.wait_for(GO_ON)
    person.type("n\n")
    assert person.leave()[0] == 3
    assert desk.writes() == []
    legitimate(sit("apply"), desk)


def test_an_answer_is_typed_without_end(desk, sit):
    person, over = sit("apply", "--yes"), threading.Event()

    def flood() -> None:
        with suppress(OSError):
            while not over.wait(0.0005):
                person.type("buy number.n\n")

    typing = threading.Thread(target=flood)
    typing.start()
    code, screen = person.leave()
    over.set()
    typing.join()
    assert (code, "somebody types without end, and nobody can be asked" in " ".join(screen.split())) == (3, True)
    assert desk.writes() == []
    legitimate(sit("apply"), desk)


def test_other_words_for_a_release(desk, sit):
    legitimate(sit("apply"), desk)
    phone = desk.state["resources"]["number.n"]["phoneNumber"]
    desk.spec("agents: {a: {name: A}}\nnumbers: {}\n")
    for answer in ("yes", "release number.n", phone[:-1]):
        person = sit("apply", "--yes")
        person.wait_for(f"type {phone} to approve it; {ASKED}")
        person.type(f"{answer}\n")
        assert person.leave()[0] == 3, answer
    assert desk.released() == []
    person = sit("apply", "--yes")
    person.wait_for(ASKED)
    person.type(f"{phone}\n")
    assert person.leave()[0] == 0
    assert desk.released() == [phone]


def test_typing_where_signatures_are_wanted(desk, sit):
    (desk.folder / "signers").write_text("ann ssh-ed25519 AAAA\n")
    desk.spec(NUMBER + "policy: {approvers: {signers: signers}}\n")
    for words in (("apply", "--yes"), ("apply", "--yes", *desk.approving())):
        person = sit(*words)
        code, screen = person.leave()
        assert (code, "to approve it" in screen, "wants 1 signature" in screen) == (3, False, True)
    assert desk.purchases() == []
    desk.spec(NUMBER)
    person = sit("apply", "--yes")
    person.wait_for(ASKED)
    person.type("buy number.n\n")
    assert person.leave()[0] == 0
    assert desk.purchases() == ["apr:acme/default/n"]

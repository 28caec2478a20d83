import shlex

import pytest

from apreconcile.core.errors import Problem, SpecError, StoreError
from apreconcile.show.error import error_lines
from apreconcile.show.layout import pieces, retold
from apreconcile.show.screen import plain


def told(error):
    return plain(error_lines(error))


def test_an_error_says_what_and_then_what_to_do():
    error = StoreError("the state is damaged", hint="restore it, or: apreconcile state init --ignore num_1")
    assert told(error) == ("error: the state is damaged\nhint: restore it, or: apreconcile state init --ignore num_1\n")


def test_an_error_may_have_no_hint():
    assert told(StoreError("the state is damaged")) == "error: the state is damaged\n"


def test_lines_of_a_message_and_of_a_hint_stay_lines():
    assert told(StoreError("one\ntwo", hint="three\nfour\n")) == "error: one\n       two\nhint: three\n      four\n"


def test_what_came_from_outside_is_harmless():
    assert told(StoreError("\x1b[2J", hint="\u202e")) == "error: \\x1b[2J\nhint: \\u202e\n"


def test_a_long_command_can_be_pasted():
    numbers = " ".join(f"--ignore num_{n:08}" for n in range(6))
    assert told(StoreError("no", hint=f"set them aside: apreconcile state init {numbers}; then plan again")) == (
        "error: no\n"
        "hint: set them aside:\n"
        "      apreconcile state init --ignore num_00000000 --ignore num_00000001 \\\n"
        "        --ignore num_00000002 --ignore num_00000003 --ignore num_00000004 \\\n"
        "        --ignore num_00000005\n"
        "      then plan again\n"
    )
    assert told(StoreError("no", hint=f"apreconcile state init {numbers}")).endswith("--ignore num_00000005\n")


@pytest.mark.parametrize("path", ["my spec.yaml", "a, b; c.yaml", "x  y.yaml", "it's, a.yaml", "a|b.yaml", "'.yaml"])
def test_a_command_is_one_however_a_path_in_it_is_quoted(path):
    quoted = shlex.quote(path)
    command = f"apreconcile -f {quoted} state list"
    expected = [(False, "run "), (True, command), (False, ", or "), (True, command), (False, ".")]
    assert list(pieces(f"run {command}, or {command}.")) == expected
    assert retold("it's apreconcile drift, isn't it", str.upper) == "it's APRECONCILE DRIFT, isn't it"
    assert f"\n      {command} \\\n        --of" in told(StoreError("no", hint=f"{command} --of={'x' * 60}; go"))


def test_a_spec_lists_all_its_problems():
    error = SpecError(
        (Problem("b.yaml", 2, 1, "no name", "agent.x", hint="give it one"), Problem("a.yaml", 0, 0, "is empty"))
    )
    assert told(error).splitlines() == [
        "error: the spec has 2 problems",
        "a.yaml: is empty",
        "b.yaml:2:1: agent.x: no name",
        "    hint: give it one",
    ]

"""What `make mutants` says of a mutant that survived."""

import subprocess
import sys

import mutation
import pytest
from mutation import Mutant, explained, judged, mutant, unseen, verdicts

SHOWN = """# apreconcile.core.state.xǁStateǁclose__mutmut_7: survived
--- apreconcile/core/state.py
+++ apreconcile/core/state.py
@@ -3,5 +3,5 @@
     intent = self.intents.get(address)
-    if intent is None:
-        return self
+    if intent is not None:
         return self
"""
CLOSE = Mutant("core.state.State.close", ("- if intent is None:", "- return self", "+ if intent is not None:"))
REASON = '''
[[mutant]]
of = "core.state.State.close"
change = """
-   if intent is None:
- return self
+ if intent is not None:
"""
why = "It is the same."
'''
NAMES = """
import pytest

@pytest.mark.parametrize("text", ["a", "a\\nb"], ids=repr)
def test_shown(text):
    pass

@pytest.mark.parametrize("text", ["a", "a\\nb"])
def test_plain(text):
    pass
"""


def test_a_mutant_is_known_by_its_function_and_its_changed_lines():
    assert mutant("apreconcile.core.state.xǁStateǁclose__mutmut_7", SHOWN) == CLOSE
    assert mutant("apreconcile.core.state.x__seen_key__mutmut_12", SHOWN).of == "core.state._seen_key"
    with pytest.raises(ValueError, match="no name of a mutant"):
        mutant("apreconcile.core.state", SHOWN)


def test_what_mutmut_says_is_a_word_for_each():
    assert list(verdicts("    a.x_b__mutmut_1: survived\n    a.x_b__mutmut_2: no tests\n")) == [
        ("a.x_b__mutmut_1", "survived"),
        ("a.x_b__mutmut_2", "no tests"),
    ]


def test_an_explanation_is_a_reason_for_lines_however_they_are_indented(tmp_path):
    file = tmp_path / "mutants.toml"
    file.write_text(REASON)
    assert explained(file) == [CLOSE]
    file.write_text(REASON.replace("It is the same.", " "))
    with pytest.raises(ValueError, match=r"^mutants\.toml gives no reason for a mutant of core\.state\.State\.close$"):
        explained(file)


def test_a_survivor_without_a_reason_and_a_reason_without_a_survivor_are_faults():
    assert judged([CLOSE], [CLOSE]) == []
    [fault] = judged([CLOSE, CLOSE], [CLOSE])
    assert fault.startswith("no test notices, and nothing explains: core.state.State.close\n    - if intent is None:")
    [fault] = judged([], [CLOSE])
    assert fault.startswith("explained, and not there any more: core.state.State.close")


def test_a_module_of_which_nothing_was_changed_is_a_fault():
    words = {"apreconcile.core.state.xǁStateǁclose__mutmut_7": "killed"}
    assert unseen(["apreconcile/core/state.py"], words) == []
    assert unseen(["apreconcile/core/stat.py"], words) == [
        "apreconcile/core/stat.py has no mutants: is it still there?"
    ]


def test_a_test_that_mutmut_cannot_name_again_is_a_fault(tmp_path):
    file = tmp_path / "test_names.py"
    file.write_text(NAMES)
    ask = f"import mutation; print(*mutation.renamed([{str(file)!r}]), sep='\\n')"
    run = subprocess.run(
        [sys.executable, "-c", ask], cwd=mutation.ROOT / "tests", capture_output=True, text=True, check=True
    )
    (told,) = run.stdout.splitlines()
    assert told.startswith("its name is not the same twice: ")
    assert told.endswith("test_names.py::test_shown['a\\\\nb']")


def test_every_explained_mutant_is_of_lines_that_are_there():
    for one in explained(mutation.EXPLAINED):
        *modules, _ = one.of.split(".")
        paths = [mutation.ROOT.joinpath("apreconcile", *modules[:end]).with_suffix(".py") for end in (1, 2, 3)]
        source = next(path for path in paths if path.is_file()).read_text(encoding="utf-8")
        missing = [line for line in one.change if line.startswith("- ") and line[2:] not in source]
        assert not missing, one

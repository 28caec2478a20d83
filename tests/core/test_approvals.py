"""A file of approvals says exactly what it says, or nothing at all: any doubt in it refuses it whole."""

import dataclasses

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from apreconcile.core.approval import Approval, digest_of_step
from apreconcile.core.approvals import FORM, LARGEST, appended, approvals_text, chosen, fault_of, read_approvals
from apreconcile.core.errors import ApprovalsError, Error, PlanFileError
from apreconcile.core.spec.text import UNCLEAN

DIGITS = "733bf89fa53235d9d89f2cce8d7251e0"
SIGNATURE = "-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQ\nAAAA+/==\n-----END SSH SIGNATURE-----\n"
ONE = Approval(
    f"release:number.main@{DIGITS}", DIGITS + "0" * 32, "ann@example.com", "moved",
    "2027-01-31T12:00:00Z", "2027-01-30T12:00:00Z", SIGNATURE,
)  # fmt: skip
TEXT = approvals_text([ONE])


def problems(text):
    with pytest.raises(ApprovalsError) as refused:
        read_approvals("a.yaml", text.encode() if isinstance(text, str) else text)
    return [(one.place, one.subject, one.message) for one in refused.value.problems]


def hints(text):
    with pytest.raises(ApprovalsError) as refused:
        read_approvals("a.yaml", text.encode())
    return {one.message: one.hint for one in refused.value.problems}


def test_what_is_written_is_read():
    assert read_approvals("a.yaml", TEXT.encode()) == (ONE,)
    bare = dataclasses.replace(ONE, at=None, signature=None)
    assert read_approvals("a.yaml", approvals_text([ONE, bare]).encode()) == (ONE, bare)
    assert yaml.safe_load(TEXT) == [ONE.to_json()], "another reader reads the same"


texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=80).filter(
    lambda text: text.strip() and not UNCLEAN.search(text) and not set(text) & set("\r\x85\u2028\u2029")
)


@settings(deadline=None)
@given(reasons=st.lists(texts, max_size=3), by=st.from_regex(r"[\w.@]{1,20}", fullmatch=True))
def test_any_reason_and_any_name_comes_back(reasons, by):
    made = tuple(dataclasses.replace(ONE, reason=reason, by=by) for reason in reasons)
    data = b""
    for one in made:
        data = appended("a.yaml", data, [one])
    assert read_approvals("a.yaml", data) == made


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing yet\n\n  # nor here", "\ufeff# nothing", "[]", "--- []\n"])
def test_a_file_may_hold_nothing(text):
    assert read_approvals("a.yaml", text.encode()) == ()


def test_times_may_be_written_without_quotes_and_entries_in_any_style():
    text = (
        f"# ours\n[{{approve: 'release:number.main@{DIGITS}', digest: {DIGITS}{'0' * 32}, by: ann@example.com,"
        " reason: moved, expires: 2027-01-31T12:00:00Z}]\n"
    )
    (found,) = read_approvals("a.yaml", text.encode())
    assert (found.expires, found.at, found.signature) == ("2027-01-31T12:00:00Z", None, None)
    assert str(found.place) == "a.yaml:2:2"


def with_field(name, value):
    """The file with a field written like this; without it if None."""
    return yaml.safe_dump([{key: one for key, one in {**ONE.to_json(), name: value}.items() if one is not None}])


WRONG = {
    "a prefix": ("approve", ONE.approve[:-1], "is not a whole token"),
    "a wildcard": ("approve", "release:number.*@" + DIGITS, "is not a whole token"),
    "only a wildcard": ("approve", "*", "is not a whole token"),
    "upper case": ("approve", ONE.approve.upper(), "is not a whole token"),
    "upper digits": ("approve", f"release:number.main@{DIGITS.upper()}", "is not a whole token"),
    "a line more": ("approve", ONE.approve + "\n", "is not a whole token"),
    "two tokens": ("approve", f"{ONE.approve} {ONE.approve}", "is not a whole token"),
    "the whole digest in the token": ("approve", f"release:number.main@{ONE.digest}", "is not a whole token"),
    "half a digest": ("digest", DIGITS, "is not a whole sha256"),
    "a digest in capitals": ("digest", ONE.digest.upper(), "is not a whole sha256"),
    "a digest and more": ("digest", ONE.digest + "0", "is not a whole sha256"),
    "a digest of another token": ("digest", "0" + ONE.digest[1:], "does not begin with the digits of the token"),
    "a name in two lines": ("by", "ann\nbob", "is no principal"),
    "a name with a line more": ("by", "ann\n", "is no principal"),
    "a name for all": ("by", "*", "is no principal"),
    "a name for many": ("by", "*@example.com", "is no principal"),
    "a name for some": ("by", "ann?", "is no principal"),
    "two names": ("by", "ann,bob", "is no principal"),
    "a name with a space": ("by", "ann bob", "is no principal"),
    "a name in quotes": ("by", '"ann"', "is no principal"),
    "a name that is an option": ("by", "-Oprint-pubkey", "is no principal"),
    "everyone but": ("by", "!ann", "is no principal"),
    "no name": ("by", "", "is no principal"),
    "a name that turns round": ("by", "ann\u202e", "is no principal"),
    "too long a name": ("by", "a" * 129, "is no principal"),
    "no reason": ("reason", "  ", "must have 1 to"),
    "a novel": ("reason", "a" * 1001, "must have 1 to"),
    "a day": ("expires", "2027-01-31", "is not a time in UTC"),
    "a local time": ("expires", "2027-01-31T12:00:00", "is not a time in UTC"),
    "another zone": ("expires", "2027-01-31T12:00:00+02:00", "is not a time in UTC"),
    "no such day": ("expires", "2027-02-30T12:00:00Z", "is not a time in UTC"),
    "no such hour": ("at", "2027-01-31T25:00:00Z", "is not a time in UTC"),
    "never": ("expires", "never", "is not a time in UTC"),
    "other digits": ("expires", "\uff12027-01-31T12:00:00Z", "is not a time in UTC"),
    "no armor": ("signature", "U1NIU0lH", "is not one armored SSH signature"),
    "junk behind": ("signature", SIGNATURE + "junk", "is not one armored SSH signature"),
    "junk before": ("signature", "junk\n" + SIGNATURE, "is not one armored SSH signature"),
    "two signatures": ("signature", SIGNATURE * 2, "is not one armored SSH signature"),
    "junk within": ("signature", SIGNATURE.replace("U1", "U1 "), "is not one armored SSH signature"),
    "a number": ("by", 12, "must be text"),
    "a list": ("approve", [ONE.approve], "must be text"),
    "yes": ("reason", True, "must be text"),
    "no approve": ("approve", None, "`approve` is missing"),
    "no digest": ("digest", None, "`digest` is missing"),
    "nobody": ("by", None, "`by` is missing"),
    "no word why": ("reason", None, "`reason` is missing"),
    "without end": ("expires", None, "`expires` is missing"),
    "a typo": ("expire", "2027-01-31T12:00:00Z", "there is no field `expire`"),
    "a field of another tool": ("scope", "all", "there is no field `scope`"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_file_with_one_wrong_entry_is_refused_whole(case):
    name, value, message = WRONG[case]
    text = TEXT + with_field(name, value)
    ((place, subject, said),) = problems(text)
    assert said.startswith(message)
    assert subject == ("" if "`" in message else name), "whose text is wrong"
    assert int(place.split(":")[1]) > TEXT.count("\n"), "its line is that of the wrong entry"


def test_every_problem_is_told_at_once_with_a_hint():
    text = "- approve: x\n  by: a b\n  expire: never\n- 12\n- {digest: 1e400}\n"
    with pytest.raises(ApprovalsError) as refused:
        read_approvals("a.yaml", text.encode())
    found = refused.value
    assert [one.line for one in found.problems] == sorted(one.line for one in found.problems)
    assert {one.line for one in found.problems} == {1, 2, 3, 4, 5}
    assert all(one.hint and one.source for one in found.problems)
    assert [one.hint for one in found.problems if "`expire`" in one.message] == ["did you mean `expires`?"]
    assert found.message == f"the approvals have {len(found.problems)} problems"


MADE_BY = "write one: apreconcile approve PLAN TOKEN --by NAME --reason TEXT --out FILE"
HINTS = {
    "no list": ("approve: x\n", "a file of approvals must be a list", MADE_BY),
    "no map": ("- 12\n", "an approval must be a map", MADE_BY),
    "what is deep": ("[" * 120, "maps and lists are nested 100 levels deep", MADE_BY),
    "what is no YAML": ("-\tby: [", "not YAML: a tab cannot indent a line", "indent with spaces"),
    "an unknown field": (
        with_field("scope", "all"), "there is no field `scope`",
        "fields are approve, digest, by, reason, at, expires, signature",
    ),
    "a field that lacks": (
        with_field("expires", None), "`expires` is missing", "write it in UTC: 2027-01-31T12:00:00Z",
    ),
    "a text in no form": (with_field("digest", "x"), "is not a whole sha256", FORM["digest"]),
    "no text": (with_field("by", 12), "must be text", 'quote it: by: "12"'),
    "nothing for a text": ("- {by: }\n", "must be text", FORM["by"]),
    "a list for a text": (with_field("reason", ["moved"]), "must be text", FORM["reason"]),
    "a digest of something else": (
        with_field("digest", "0" * 64), "does not begin with the digits of the token", FORM["digest"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HINTS)
def test_a_problem_is_told_whole_with_what_to_write_instead(case):
    text, message, hint = HINTS[case]
    assert hints(text)[message] == hint


SHAPES = {
    "a map": "approve: x\n", "a text": "all", "nothing": "~", "a list of lists": "- - approve: x\n",
    "a bomb": "- &a {reason: x}\n" + "".join(f"- &b{n} [*a, *a]\n" for n in range(3)),
    "a key twice": TEXT + TEXT.replace("  by:", "  reason: x\n  by:"),
    "a tag": TEXT.replace("reason: moved", "reason: !!str moved"),
    "two documents": TEXT + "---\n" + TEXT,
    "no YAML": "- approve: [", "a tab": "-\tapprove: x\n\tby: y\n",
    "a nest": "[" * 120 + "]" * 120,
}  # fmt: skip


@pytest.mark.parametrize("case", SHAPES)
def test_what_is_no_list_of_entries_is_refused(case):
    assert problems(SHAPES[case])


def test_bytes_that_are_no_text_and_files_that_are_too_large_are_refused():
    assert problems(TEXT.encode("utf-16"))
    assert problems(b"\xff" + TEXT.encode())
    assert problems(TEXT.replace("moved", '"\\e[2J"'))
    assert problems(b"#" * (LARGEST + 1)) == [("a.yaml", "", "the file has more than 1,000,000 bytes")]
    assert hints("#" * (LARGEST + 1)) == {
        "the file has more than 1,000,000 bytes": "take those out that are spent, or use several files"
    }
    assert read_approvals("a.yaml", b"#" * LARGEST) == ()


def test_what_is_appended_leaves_the_rest_as_it_was():
    two = dataclasses.replace(ONE, by="bob@example.com", signature=None)
    for before in ("", "# ours\n", TEXT, f"---\n{TEXT}"):
        assert appended("a.yaml", before.encode(), [two]).decode() == before + approvals_text([two])
    for before in ("# ours", f"# before\n{TEXT}# behind"):
        assert appended("a.yaml", before.encode(), [two]).decode() == f"{before}\n{approvals_text([two])}"
    assert read_approvals("a.yaml", appended("a.yaml", TEXT.encode(), [two])) == (ONE, two)


@pytest.mark.parametrize("before", ["[]\n", TEXT + "...\n", "".join(f"  {line}\n" for line in TEXT.splitlines())])
def test_what_cannot_be_appended_to_is_left_alone(before):
    with pytest.raises(Error, match=r"^nothing can be appended to a\.yaml$") as refused:
        appended("a.yaml", before.encode(), [ONE])
    assert refused.value.hint == (
        "write it as a list with `- ` at the start of the lines, or name a new file: --out FILE"
    )


def test_a_comment_ends_where_yaml_ends_it_so_that_no_entry_hides_behind_one():
    for end in ("\r", "\r\n", "\x85", "\u2028"):
        (found,) = read_approvals("a.yaml", f"# ours{end}{TEXT}".encode())
        assert found == ONE


def test_nothing_is_appended_to_what_is_no_file_of_approvals():
    for before in ("version: 1\n", "- {}\n", TEXT + "- x\n"):
        with pytest.raises(ApprovalsError) as refused:
            appended("a.yaml", before.encode(), [ONE])
        assert {one.file for one in refused.value.problems} == {"a.yaml"}


HOME = {"project": "acme", "environment": "default", "scope": {"host": "h", "sub_account": None}}


def step(what, **more):
    """A step of a plan document, whose token is `what` and the digits of all that it shows."""
    verb, address = what.split(":")
    shown = {"address": address, "action": "delete", "risks": [], "fields": [], "calls": []} | more
    shown |= {"covers": {"still": [], "document": "d0c", "turn": 0}}
    digest = digest_of_step(HOME, shown, verb)
    return shown | {"token": f"{what}@{digest[:32]}", "digest": digest}


STEPS = [
    step("release:number.n"), step("buy:number.m", action="create"), step("delete:agent.a"),
    step("rotate:webhook.v", action="update"), step("unprotect:number.n", action="update", fields=[{"field": "protect"}]),
]  # fmt: skip
PLAN = {**HOME, "steps": [*STEPS, step("release:number.x") | {"token": None}]}


def test_steps_are_chosen_by_their_whole_tokens():
    for one in STEPS:
        assert chosen(PLAN, [one["token"], one["token"]]) == [one]
    assert chosen(PLAN, [one["token"] for one in STEPS]) == STEPS


@pytest.mark.parametrize("token", ["", "*", "release:number.n", STEPS[0]["token"][:-1], STEPS[0]["token"] + "0", "all"])
def test_nothing_is_chosen_by_less_than_a_token(token):
    for steps, hint in ((STEPS, f"give it whole: {STEPS[0]['token']}"), ([], "no step of it wants an approval")):
        with pytest.raises(PlanFileError) as refused:
            chosen({**PLAN, "steps": steps}, [*(one["token"] for one in steps), token])
        assert refused.value.message == f"the plan has no step with the token {token or '(empty)'}"
        assert refused.value.hint == hint


@pytest.mark.parametrize("token", ["delete:agent.a", "delete:agent.a@", "delete:agent.a@0", "delete:agent.a@0@0"])
def test_less_than_a_token_is_told_which_one_may_be_meant(token):
    with pytest.raises(PlanFileError) as refused:
        chosen(PLAN, [token])
    assert refused.value.hint == f"give it whole: {STEPS[2]['token']}"


CROOKED = {
    "of another address": {"address": "number.m"},
    "of another digest": {"digest": "0" * 64},
    "that does another thing": {"action": "update"},
    "that does not say what it risks": {"risks": ["irreversible"]},
    "that shows another field": {"fields": [{"field": "protect"}]},
}


@pytest.mark.parametrize("case", CROOKED)
def test_a_step_whose_token_says_another_thing_is_refused(case):
    crooked = STEPS[0] | CROOKED[case]
    with pytest.raises(PlanFileError) as refused:
        chosen({**PLAN, "steps": [crooked]}, [crooked["token"]])
    assert refused.value.message == f"the step of {crooked['token']} in the plan file is another than the token says"
    assert refused.value.hint == "make it again: apreconcile plan --out FILE"


def test_a_field_alone_can_be_judged():
    assert fault_of("by", "ann@example.com") is None
    assert "no principal" in str(fault_of("by", "ann bob"))

"""`approve` writes what it shows, and `--approvals` takes it."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import pty
import re
import select
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from surroundings import make_key, signer

from apreconcile.cli.applying import Order, applied
from apreconcile.cli.options import Settings
from apreconcile.cli.running import Interrupts
from apreconcile.core.approvals import read_approvals
from apreconcile.core.errors import HeldError, UnsafeError
from apreconcile.core.planfile import digest_of
from apreconcile.core.policy import Approvers, Policy
from apreconcile.workflow import load

BUY = "number.support-main"
WHO = ("--by", "ann@example.com", "--reason", "we grow")


@pytest.fixture
def token(ap, world):
    """The token of the purchase in `plan.json`."""
    ap("plan", "--out", "plan.json", env=world.env)
    steps = json.loads(Path("plan.json").read_text())["steps"]
    return next(step["token"] for step in steps if step["address"] == BUY)


def test_what_is_printed_can_be_appended_and_applied(ap, world, token):
    told = ap("approve", "plan.json", token, *WHO)
    assert told.code == 0
    assert "SPENDS MONEY" in told.err
    assert "+$3.00/month" in told.err
    assert "it is not signed" in told.err
    Path("a.yaml").write_text("# ours\n" + told.out + told.out)
    (entry, _) = read_approvals("a.yaml", Path("a.yaml").read_bytes())
    assert (entry.approve, entry.by, entry.reason) == (token, "ann@example.com", "we grow")
    shown = ap("plan", "--approvals", "a.yaml", env=world.env)
    assert f"approved by:\n      {token}" in shown.out
    assert "wants an approval" not in shown.out
    done = ap("apply", "--yes", "--require-all-approved", "--approvals", "a.yaml", "--format", "json", env=world.env)
    assert done.code == 0
    report = json.loads(done.out)
    assert {one["address"]: one.get("approvedBy") for one in report["steps"]} == {
        "agent.support": None, "agent.triage": None, BUY: ["ann@example.com"], "webhook.events": None, "webhook.triage": None,
    }  # fmt: skip
    again = ap("apply", "--yes", "--approvals", "a.yaml", env=world.env)
    assert (again.code, "a.yaml: 1 entry is spent, or of no step" in " ".join(again.err.split())) == (0, True)


def test_where_approvals_are_kept_in_a_file_the_command_that_writes_there_is_shown(ap, world, token, folder):
    """By --approvals, or in CI; at a terminal a token is enough."""
    ap("approve", "plan.json", token, *WHO, "--out", "my a.yaml")
    spec = (folder / "agentphone.yaml").read_text()
    (folder / "agentphone.yaml").write_text(spec + "state: {store: local}\n")
    entry = "apreconcile approve plan.json {} --by NAME --reason TEXT --out {}"
    assert f"--approve {token}" in ap("plan", "--format", "markdown", env=world.env).out
    ci = {**world.env, "CI": "true"}
    assert entry.format(token, "approvals.yaml") in ap("plan", "--format", "markdown", env=ci).out
    given = ap("plan", "--approvals", "my a.yaml", "--only", "agent.triage", env=world.env)
    assert given.code == 0
    (folder / "my a.yaml").write_text("[]\n")
    assert entry.format("TOKEN", "'my a.yaml'") in " ".join(
        ap("plan", "--approvals", "my a.yaml", env=world.env).out.split()
    )
    held = ap("apply", "--yes", "--format", "markdown", "--approvals", "my a.yaml", env=world.env)
    assert held.code == 3
    told = "apreconcile plan --out plan.json\napreconcile approve plan.json --by NAME --reason TEXT \\\n  --out 'my a.yaml' \\\n  buy:"
    assert told in held.out
    assert "--approve " not in held.out


def test_out_appends_and_leaves_the_rest_as_it_was(ap, world, token):
    file = Path("a.yaml")
    first = ap("approve", "plan.json", token, *WHO, "--out", "a.yaml")
    assert (first.code, first.out) == (0, "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    file.write_text("# ours\n" + file.read_text() + "# the last")
    file.chmod(0o640)
    before = file.read_text()
    Path("link.yaml").symlink_to(file)
    assert ap("approve", "plan.json", token, *WHO, "--out", "link.yaml").code == 0
    assert file.read_text().startswith(before)
    assert (stat.S_IMODE(file.stat().st_mode), Path("link.yaml").is_symlink()) == (0o640, True)
    assert len(read_approvals("a.yaml", file.read_bytes())) == 2
    assert sorted(path.name for path in Path().glob("*a.yaml*")) == ["a.yaml"]


def test_out_is_not_written_over_anything_else(ap, world, token):
    spec = Path("agentphone.yaml").read_bytes()
    os.mkfifo("fifo")
    for name in ("agentphone.yaml", "plan.json", "prompts", "fifo", "none/a.yaml"):
        told = ap("approve", "plan.json", token, *WHO, "--out", name)
        assert (told.code, told.out) == (1, ""), name
        assert "hint:" in told.err
    assert Path("agentphone.yaml").read_bytes() == spec


WRONG = {
    "a name for all": (("--by", "*"), 64), "two lines": (("--by", "ann\nbob"), 64), "a space": (("--by", "ann bob"), 64),
    "no reason": (("--reason", " "), 64), "a novel": (("--reason", "a" * 1001), 64),
    "an escape": (("--reason", "\x1b[2J"), 64),
    "no text": (("--reason", "\udcff"), 64),
    "no time": (("--expires", "soon"), 64), "past": (("--expires", "2020-01-01T00:00:00Z"), 64),
    "now": (("--expires", "0h"), 64), "for ever": (("--expires", "99999d"), 0), "no day": (("--expires", "2027-02-30T00:00:00Z"), 64),
    "another digest": (("--expect-digest", "0" * 64), 1), "no digest": (("--expect-digest", ""), 64),
    "no key": (("--sign", "none"), 1),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_and_nothing_is_written(ap, world, token, case):
    flags, code = WRONG[case]
    told = ap("approve", "plan.json", token, *WHO, *flags)
    assert told.code == code
    assert bool(told.out) == (code == 0)
    assert ("hint:" in told.err) == bool(code)


def test_how_long_an_approval_holds(ap, world, token):
    def hours(*flags):
        told = ap("approve", "plan.json", token, *WHO, *flags)
        (entry,) = yaml.safe_load(told.out)
        (found,) = read_approvals("a", told.out.encode())
        times = [sum(int(part) * by for part, by in zip(re.findall(r"\d+", at[8:]), (86400, 3600, 60, 1), strict=True))
                 for at in (entry["at"], entry["expires"])]  # fmt: skip
        return found, times, "maxLifetime" in told.err

    for flags, seconds in (((), 86400), (("--expires", "90m"), 5400), (("--expires", "30s"), 30)):
        _, (given, ends), warned = hours(*flags)
        assert ((ends - given) % (28 * 86400) % 86400, warned) == (seconds % 86400, False)
    assert hours("--expires", "2099-01-01T00:00:00Z")[0].expires == "2099-01-01T00:00:00Z"
    assert hours("--expires", "8d")[2]
    assert not hours("--expires", "7d")[2]


def test_only_a_whole_token_of_a_plan_that_is_not_over_is_approved(ap, world, token):
    for given in (token[:-1], "buy:number.*", "*", token.upper(), token.replace("buy", "release")):
        told = ap("approve", "plan.json", given, *WHO)
        assert (told.code, told.out) == (1, "")
        assert "no step with the token" in " ".join(told.err.split())
    plan = json.loads(Path("plan.json").read_text())
    assert ap("approve", "plan.json", token, *WHO, "--expect-digest", plan["digest"]).code == 0
    Path("old.json").write_text(json.dumps({**plan, "expires": "2020-01-01T00:00:00Z"}))
    told = ap("approve", "old.json", token, *WHO)
    assert (told.code, "expired" in told.err) == (1, True)
    steps = [step | {"address": "number.other"} if step["address"] == BUY else step for step in plan["steps"]]
    Path("edited.json").write_text(json.dumps({**plan, "steps": steps}))
    assert ap("approve", "edited.json", token, *WHO).code == 1
    os.mkfifo("fifo.json")
    for name in ("fifo.json", "none.json", "agentphone.yaml", "prompts"):
        assert ap("approve", name, token, *WHO).code == 1


def resealed(plan, address, **more):
    """A plan whose step says other things, with a digest of its own that fits."""
    steps = [step | more if step["address"] == address else step for step in plan["steps"]]
    edited = {**plan, "steps": steps}
    return {**edited, "digest": digest_of(edited)}


def test_nobody_signs_the_token_of_an_evil_rotation_that_the_file_shows_as_a_harmless_one(ap, world, folder, token):
    """Somebody writes what they want to be signed into the spec, and what a signer likes to read into the plan file."""
    assert ap("apply", "--yes", "--approve", token, env=world.env).code == 0
    spec, file = folder / "agentphone.yaml", Path("plan.json")
    good, evil = "https://events.acme.dev/agentphone", "https://evil.dev/agentphone"
    honest = spec.read_text()
    plans = {}
    for url in (good, evil):
        spec.write_text(honest.replace("${var.hooks}/events", url))
        ap("plan", "--out", "plan.json", env=world.env)
        plans[url] = json.loads(file.read_text())
    steps = {url: next(step for step in plan["steps"] if step["token"]) for url, plan in plans.items()}
    at, signed = steps[evil]["address"], steps[evil]["token"]
    told = ap("approve", "plan.json", signed, *WHO)
    assert (told.code, evil in told.err, f"acts on: {steps[evil]['covers']['target']['id']}" in told.err) == (
        0,
        True,
        True,
    )
    shown = {name: steps[good][name] for name in ("fields", "calls", "why")}
    for more in (
        shown,
        {"fields": shown["fields"]},
        {**shown, **{name: steps[good][name] for name in ("digest", "covers")}},
    ):
        lie = resealed(plans[evil], at, **more)
        file.write_text(json.dumps(lie))
        told = ap("approve", "plan.json", signed, *WHO)
        assert (told.code, told.out) == (1, "")
        assert "is another than the token says" in " ".join(told.err.split())
        assert "hint: make it again" in told.err
        shows = ap("show", "plan.json")
        assert shows.code == 0
        assert f"the token of {at} is not of what is shown here of it; approve refuses it" in " ".join(
            shows.out.split()
        )
        assert "is not as it was made" not in shows.out
    words = ap("show", "plan.json", "--format", "json")
    assert f"the token of {at} is not of" in " ".join(words.err.split())
    file.write_text(json.dumps(plans[evil]))
    assert "approve refuses it" not in ap("show", "plan.json").out


def test_a_plan_file_that_lies_to_the_terminal_is_shown_harmless(ap, world, token):
    plan = json.loads(Path("plan.json").read_text())
    for step in plan["steps"]:
        step["why"] = ["\x1b[2J\u202e approved **by** <b>all</b>"]
    Path("plan.json").write_text(json.dumps(plan))
    told = ap("approve", "plan.json", token, *WHO)
    assert told.code == 0
    assert "\x1b" not in told.err
    assert r"\x1b[2J\u202e" in told.err


def test_a_file_with_a_problem_sends_nothing_and_shows_its_lines(ap, world, token):
    Path("a.yaml").write_text("- approve: x\n  expire: never\n")
    for command in (("apply", "--yes"), ("plan",)):
        told = ap(*command, "--approvals", "a.yaml", env=world.env)
        assert (told.code, told.out) == (1, "")
        assert "a.yaml:1:12: approve: is not a whole token" in told.err
        assert "did you mean `expires`?" in told.err
    assert world.writes() == []


def applying(world, approvers, **order):
    """Apply here with a policy that has approvers."""
    manifest = dataclasses.replace(load(), policy=Policy(approvers=approvers))
    settings = Settings(environ={**os.environ, **world.env}, no_color=True)
    return asyncio.run(applied(settings, manifest, Order(yes=True, **order), Interrupts(settings.terminal)))


def test_a_plan_says_how_it_is_signed_also_once_it_is_saved(ap, world, folder):
    (folder / "allowed_signers").write_text("ann ssh-ed25519 AAAA\n")
    with (folder / "agentphone.yaml").open("a") as spec:
        spec.write("policy: {approvers: {signers: allowed_signers}}\n")
    wants = "wants an approval of its own, with 1 signature:"
    sign = "apreconcile approve plan.json TOKEN --by NAME --reason TEXT --sign KEY --out FILE"
    for shown in (ap("plan", "--out", "plan.json", env=world.env), ap("show", "plan.json")):
        assert (shown.code, f"{wants} {sign}" in " ".join(shown.out.replace("\\\n", "").split())) == (0, True), shown
    assert json.loads(Path("plan.json").read_text())["signatures"] == 1
    assert sign.partition("TOKEN")[0] in ap("show", "plan.json", "--format", "markdown").out
    assert "approve PLAN TOKEN" in ap("plan", env=world.env).out


def test_with_approvers_a_token_is_none_and_the_way_to_sign_is_shown(ap, world, token, capsys):
    assert applying(world, Approvers(b"", required=2), approve=(token,)) == 3
    told = capsys.readouterr()
    said = " ".join(told.out.split())
    assert "1 step wants an approval of its own, with 2 signatures: apreconcile approve PLAN TOKEN --by NAME" in said
    assert "wants 2 signatures" in said
    assert "Held until signed by 2 persons (1 step): apreconcile plan --out plan.json" in said
    assert f"--out approvals.yaml \\ {BUY.join(['buy:', '@'])}" in said
    assert "apreconcile apply --yes --approvals approvals.yaml" in said
    assert "approved by:" not in said
    assert "--approve TOKEN" not in said
    assert "the policy wants signatures, and this has none" in " ".join(told.err.split())
    assert all(len(line) <= 80 for line in told.out.splitlines())
    assert "POST /v1/numbers" not in world.writes()
    with pytest.raises(HeldError, match="1 approval missing") as refused:
        applying(world, Approvers(b""), require_all_approved=True)
    assert "apreconcile approve" in str(refused.value.hint)


AT_A_TERMINAL = """
import asyncio, dataclasses, os, sys
from apreconcile.cli.applying import Order, applied
from apreconcile.cli.options import Settings
from apreconcile.cli.running import run
from apreconcile.core.policy import Approvers, Policy
from apreconcile.workflow import load

approvers = Approvers(b"") if sys.argv[1:] else None
manifest, settings = dataclasses.replace(load(), policy=Policy(approvers=approvers)), Settings(environ=os.environ)
sys.exit(run(settings.terminal, lambda interrupts: applied(settings, manifest, Order(yes=True), interrupts)))
"""


@pytest.mark.parametrize("signs", [True, False])
def test_with_approvers_nobody_is_asked_at_the_terminal(world, folder, program_env, signs):
    master, slave = pty.openpty()
    argv = [sys.executable, "-c", AT_A_TERMINAL, *(["signs"] if signs else [])]
    process = subprocess.Popen(argv, env=program_env | world.env, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    said, end = "", time.monotonic() + 60
    try:
        while process.poll() is None or select.select([master], [], [], 0)[0]:
            assert time.monotonic() < end, said
            if select.select([master], [], [], 0.1)[0]:
                said += os.read(master, 65536).decode()
            if "to approve it" in said:
                assert not signs, said
                process.kill()
    except OSError:
        pass  # the other end is closed
    assert (process.wait(30), "wants 1 signature" in said) == ((3, True) if signs else (-9, False))
    os.close(master)


def test_without_ssh_keygen_a_signature_is_unsafe(ap, world, token, monkeypatch, tmp_path):
    told = ap("approve", "plan.json", token, *WHO)
    armor = "-----BEGIN SSH SIGNATURE-----\n    AAAA\n    -----END SSH SIGNATURE-----\n"
    Path("a.yaml").write_text(f"{told.out}  signature: |\n    {armor}")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnsafeError, match="nobody can tell who signed"):
        applying(world, Approvers(b""), approvals=("a.yaml",))
    assert world.writes() == []


@pytest.mark.tools
def test_two_people_sign_one_file_and_what_they_signed_is_taken(ap, world, token, capsys):
    signers = b""
    for name in ("ann", "bob"):
        signers += signer(name, make_key(Path(name))).encode()
        told = ap("approve", "plan.json", token, "--by", name, "--reason", "yes", "--sign", name, "--out", "a.yaml")
        assert (told.code, "not signed" in told.err) == (0, False)
        code = applying(world, Approvers(signers, required=2), approvals=("a.yaml",), only=())
        if name == "ann":
            assert code == 3
            assert "wants 2 signatures, has 1" in " ".join(capsys.readouterr().out.split())
            ap("plan", "--out", "plan.json", env=world.env)
            capsys.readouterr()
            Path("a.yaml").unlink()
            steps = json.loads(Path("plan.json").read_text())["steps"]
            token = next(step["token"] for step in steps if step["address"] == BUY)
            ap("approve", "plan.json", token, "--by", name, "--reason", "yes", "--sign", name, "--out", "a.yaml")
    assert code == 0

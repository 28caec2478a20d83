"""Secrets reach their sinks, whole and alone; whatever stands in the way is said, and says no secret."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import traceback
from pathlib import Path

import pytest
from surroundings import files_no_larger_than

from apreconcile.core.address import Address
from apreconcile.core.call import Secret
from apreconcile.core.errors import SinkError
from apreconcile.core.sink import Sink
from apreconcile.programs.envfile import LARGEST, quoted
from apreconcile.programs.sinks import Sinks, Wish

pytestmark = pytest.mark.anyio

TEXT = "whsec_0123456789abcdefPLANTED"
SECRET = Secret(TEXT)
AT = Address("webhook", "events")


@pytest.fixture
def spec(tmp_path):
    folder = tmp_path / "spec"
    folder.mkdir()
    return folder


def wish(folder: Path, sink: Sink, at: Address = AT) -> Wish:
    return Wish(at, sink, folder)


def line(name: str = "HOOK", file: str = ".env") -> Sink:
    return Sink(file=file, name=name)


async def put(folder: Path, sink: Sink, secret: Secret = SECRET, **how) -> str:
    sinks = Sinks(**{"environ": {}, **how})
    await sinks.check([wish(folder, sink)])
    return await sinks.deliver(wish(folder, sink), secret)


def listing(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*"))


def ran(*command: str, cwd: Path | None = None) -> str:
    return subprocess.run(command, cwd=cwd, capture_output=True, check=True).stdout.decode()


async def refused(folder: Path, sink: Sink, **how) -> str:
    """What the check says, and that it left nothing behind."""
    before = listing(folder)
    with pytest.raises(SinkError) as caught:
        await Sinks(**{"environ": {}, **how}).check([wish(folder, sink)])
    assert caught.value.message.startswith(f"nothing was sent: webhook.events: its secret could not go to {sink}: ")
    assert caught.value.hint
    assert listing(folder) == before
    return f"{caught.value.message} | {caught.value.hint}"


# A line of a file


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "HOOK={}\n"),
        ("", "HOOK={}\n"),
        ("A=1\n", "A=1\nHOOK={}\n"),
        ("A=1", "A=1\nHOOK={}"),
        ("A=1\r\n", "A=1\r\nHOOK={}\r\n"),
        ("A=1\r\nB=2", "A=1\r\nB=2\r\nHOOK={}"),
        ("HOOK=old\nB=2\n", "HOOK={}\nB=2\n"),
        ("A=1\nHOOK=old", "A=1\nHOOK={}"),
        ("A=1\r\nHOOK=old\r\nB=2\r\n", "A=1\r\nHOOK={}\r\nB=2\r\n"),
        ("export HOOK=old\n", "export HOOK={}\n"),
        ("  export\tHOOK='o l d'\nB=2", "  export\tHOOK={}\nB=2"),
        ("HOOK = old # why\n", "HOOK={}\n"),
        ("HOOK=\n", "HOOK={}\n"),
        ("HOOK=", "HOOK={}"),
        ("\ufeffHOOK=old\n", "\ufeffHOOK={}\n"),
        ("# HOOK=old\nHOOKS=1\nMY_HOOK=2\nhook=3\n", "# HOOK=old\nHOOKS=1\nMY_HOOK=2\nhook=3\nHOOK={}\n"),
        ("ü=\u2028HOOK=x\n", "ü=\u2028HOOK=x\nHOOK={}\n"),
        ("A=1\n\n\n", "A=1\n\n\nHOOK={}\n"),
    ],
)
async def test_one_line_is_replaced_or_added_and_the_rest_stays(spec, before, after):
    file = spec / ".env"
    if before is not None:
        file.write_bytes(before.encode())
        file.chmod(0o600)
    assert await put(spec, line()) == ""
    assert file.read_bytes() == after.format(TEXT).encode()
    assert [path.name for path in spec.iterdir()] == [".env"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert await put(spec, line(), Secret("whsec_second")) == ""
    assert file.read_bytes() == after.format("whsec_second").encode()


async def test_a_file_that_others_could_read_is_the_owners_alone_and_that_is_said(spec):
    (spec / ".env").write_text("A=1\n")
    (spec / ".env").chmod(0o664)
    said = await put(spec, line())
    assert "could be used by others (mode 0664)" in said
    assert (spec / ".env").stat().st_mode & 0o777 == 0o600
    assert TEXT not in said


async def test_whatever_the_umask(spec):
    old = os.umask(0)
    try:
        await put(spec, line())
    finally:
        os.umask(old)
    assert (spec / ".env").stat().st_mode & 0o777 == 0o600


READERS = ["plain-1_./:@%+,=", "two words", "a$b", '"q"', "#x", "a;b&c|d", "*", "~", "!x", "ü", "it's", "a'b c"]


@pytest.mark.parametrize("text", READERS)
async def test_a_shell_reads_the_value_as_it_is(spec, text):
    await put(spec, line(), Secret(text))
    assert ran("sh", "-c", '. ./.env; printf %s "$HOOK"', cwd=spec) == text
    assert (quoted(Secret(text)) == text) == (text == READERS[0]), "quotes only where they are needed"


@pytest.mark.parametrize("text", ["a\nB=1", "a\r", "a\\b", "'\"", "'$x", "a\0b", "${A}", "'`x`", "\x1b[31m"])
async def test_a_value_that_readers_differ_about_is_refused_and_the_file_stays(spec, text):
    (spec / ".env").write_text("HOOK=old\n")
    with pytest.raises(SinkError, match="understand differently") as caught:
        await put(spec, line(), Secret(text))
    assert (spec / ".env").read_text() == "HOOK=old\n"
    assert [path.name for path in spec.iterdir()] == [".env"]
    assert text not in f"{caught.value.message}{caught.value.hint}"


async def test_a_link_is_followed_and_stays_one(spec, tmp_path):
    real = tmp_path / "elsewhere"
    real.mkdir()
    (real / "prod.env").write_text("A=1\n")
    (spec / ".env").symlink_to(real / "prod.env")
    (spec / "new.env").symlink_to(real / "not-yet.env")
    (spec / "parent").symlink_to(real)
    await put(spec, line())
    await put(spec, line(file="new.env"))
    await put(spec, line("OTHER", "parent/prod.env"))
    assert (real / "prod.env").read_text() == f"A=1\nHOOK={TEXT}\nOTHER={TEXT}\n"
    assert (real / "not-yet.env").read_text() == f"HOOK={TEXT}\n"
    assert (spec / ".env").is_symlink()
    assert (spec / "new.env").is_symlink()


async def test_its_owner_stays(spec):
    if os.geteuid() != 0:
        pytest.skip("only root may give a file away")
    (spec / ".env").write_text("A=1\n")
    os.chown(spec / ".env", 65534, 65534)
    await put(spec, line())
    found = (spec / ".env").stat()
    assert (found.st_uid, found.st_gid) == (65534, 65534)


async def test_an_absolute_path_is_that_path(spec, tmp_path):
    await put(spec, line(file=str(tmp_path / "abs.env")))
    assert (tmp_path / "abs.env").read_text() == f"HOOK={TEXT}\n"


async def test_what_a_killed_run_left_is_replaced(spec):
    (spec / ".env.apreconcile").write_text("half")
    await put(spec, line())
    assert [path.name for path in spec.iterdir()] == [".env"]


async def test_many_at_once_lose_no_line(spec):
    (spec / ".env").write_text("A=1\n")
    ways = [Sinks({}) for _ in range(20)]
    await asyncio.gather(*(way.deliver(wish(spec, line(f"N{n}")), SECRET) for n, way in enumerate(ways)))
    assert sorted((spec / ".env").read_text().splitlines()) == sorted(["A=1", *(f"N{n}={TEXT}" for n in range(20))])


def test_processes_at_once_lose_no_line(spec):
    code = """
import asyncio, sys
from pathlib import Path
from apreconcile.core.address import Address
from apreconcile.core.call import Secret
from apreconcile.core.sink import Sink
from apreconcile.programs.sinks import Sinks, Wish
for n in range(20):
    one = Wish(Address("webhook", "w"), Sink(file=".env", name=f"N{sys.argv[2]}_{n}"), Path(sys.argv[1]))
    asyncio.run(Sinks({}).deliver(one, Secret("x")))
"""
    running = [subprocess.Popen([sys.executable, "-c", code, str(spec), str(n)]) for n in range(3)]
    assert [one.wait(timeout=60) for one in running] == [0, 0, 0]
    assert len((spec / ".env").read_text().splitlines()) == 60


@pytest.mark.parametrize(
    ("there", "words"),
    [
        (lambda env: env.mkdir(), "is a folder"),
        (os.mkfifo, "is no plain file"),
        (lambda env: env.symlink_to("/dev/full"), "/dev/full is no plain file"),
        (lambda env: env.symlink_to(env), "ymbolic link"),
        (lambda env: env.symlink_to("nowhere/else"), "there is no folder"),
        (lambda env: env.write_text("HOOK=1\nA=2\nexport HOOK=3\n"), "has HOOK more than once: lines 1, 3"),
        (lambda env: env.write_text("HOOK='a\nb'\n"), "a value of several lines"),
        (lambda env: env.write_bytes(b"A=\xff\n"), "is not UTF-8 text"),
        (lambda env: env.write_bytes(b"A=\0\n"), "is no text"),
        (lambda env: env.write_text("#" * (LARGEST + 1)), "is larger than 1,000,000 bytes"),
        (lambda env: (env.write_text("A=1\n"), os.link(env, env.with_name("twin"))), "has other names (hard links)"),
    ],
)
async def test_a_file_that_will_not_do_is_said_before_anything(spec, there, words):
    there(spec / ".env")
    assert words in await refused(spec, line())


async def test_a_folder_that_is_not_there_is_said(spec):
    assert "there is no folder" in await refused(spec, line(file="conf/.env"))
    assert "mkdir -p" in await refused(spec, line(file="conf/.env"))


async def test_a_file_of_the_spec_takes_no_secret(spec):
    (spec / "agentphone.yaml").write_text("version: 1\n")
    (spec / ".env").symlink_to("agentphone.yaml")
    own = frozenset({(spec / "agentphone.yaml").resolve()})
    assert "is a file of the spec" in await refused(spec, line(), own=own)
    assert (spec / "agentphone.yaml").read_text() == "version: 1\n"


async def test_two_names_of_one_line_are_found_where_the_disk_knows_them(spec):
    (spec / "other.env").symlink_to(".env")
    both = [wish(spec, line()), wish(spec, line(file="other.env"), Address("webhook", "two"))]
    with pytest.raises(SinkError, match=r"webhook\.two: .*: webhook\.events writes to that line of .*\.env too"):
        await Sinks({}).check(both)
    await Sinks({}).check([both[0], wish(spec, line("B", "other.env"), Address("webhook", "two"))])


async def test_without_room_for_a_line_nothing_is_begun(spec):
    (spec / ".env").write_text("A=1\n")
    with files_no_larger_than(100):
        assert "could not be written" in await refused(spec, line())
    assert (spec / ".env").read_text() == "A=1\n"


async def test_a_disk_that_fails_afterwards_leaves_the_old_line(spec):
    (spec / ".env").write_text("HOOK=old\n")
    sinks = Sinks({})
    await sinks.check([wish(spec, line())])
    with files_no_larger_than(10), pytest.raises(SinkError, match="could not be written") as caught:
        await sinks.deliver(wish(spec, line()), SECRET)
    assert (spec / ".env").read_text() == "HOOK=old\n"
    assert [path.name for path in spec.iterdir()] == [".env"]
    assert TEXT not in str(caught.value)


@pytest.mark.tools
async def test_a_full_disk_is_said_before_anything(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    ran("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk))
    try:
        (disk / "big").write_bytes(b"x" * 65536)
        said = await refused(disk, line())
        assert "No space left" in said
        assert "the disk is full" in said
    finally:
        ran("umount", str(disk))


async def test_a_folder_that_may_not_be_written_is_said(spec, tmp_path):
    for path in (tmp_path, *tmp_path.parents):
        if path.stat().st_uid == os.geteuid() and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o055)
        if path.name.startswith("pytest-of-"):
            break
    (spec / ".env").write_text("A=1\n")
    (spec / ".env").chmod(0o666)
    spec.chmod(0o555)
    as_root = os.geteuid() == 0
    if as_root:
        os.seteuid(65534)
    try:
        said = await refused(spec, line(file="other.env"))
        assert "may not write there" in said
        if as_root:
            assert "belongs to another user" in await refused(spec, line())
    finally:
        if as_root:
            os.seteuid(0)


# A program

TELLS = "json.dump([sys.argv, dict(os.environ), os.getcwd(), sys.stdin.read()], open('told', 'w'))"


async def test_a_program_reads_it_on_standard_input_and_nowhere_else(spec, program):
    environ = program(TELLS, "take") | {"AGENTPHONE_API_KEY": "sk_live_x", "AGENTPHONE_ANY": "y", "MINE": "kept"}
    assert await put(spec, Sink(command=("take", "a b", "$MINE")), environ=environ) == ""
    argv, seen, folder, said = json.loads((spec / "told").read_text())
    assert argv[1:] == ["a b", "$MINE"]
    assert said == TEXT, "and no line end"
    assert folder == str(spec)
    assert seen["APRECONCILE_ADDRESS"] == "webhook.events"
    assert seen["MINE"] == "kept"
    assert not [name for name in seen if name.startswith("AGENTPHONE_")]
    assert TEXT not in json.dumps([argv, seen])


async def test_a_program_that_is_not_there_is_said_before_anything(spec, program):
    environ = program(TELLS, "take")
    assert "there is no program nope on PATH" in await refused(spec, Sink(command=("nope",)), environ=environ)
    assert "there is no program /no/pe" in await refused(spec, Sink(command=("/no/pe",)), environ=environ)
    (spec / "local").write_text("#!/bin/sh\n")
    (spec / "local").chmod(0o755)
    assert "on PATH" in await refused(spec, Sink(command=("local",)), environ={"PATH": f".:{os.defpath}"})


async def failed(folder: Path, sink: Sink, **how) -> SinkError:
    with pytest.raises(SinkError) as caught:
        await Sinks(**how).deliver(wish(folder, sink), SECRET)
    problem = caught.value
    frames = traceback.TracebackException.from_exception(problem, capture_locals=True)
    mine = [frame for frame in frames.stack if "tests" not in frame.filename]
    shown = [str(problem), repr(problem), str(problem.hint), *(str(frame.locals) for frame in mine)]
    assert TEXT not in "".join([*shown, *traceback.format_exception(problem)])
    assert problem.__context__ is None
    assert problem.hint
    return problem


async def test_what_a_program_says_is_shown_when_it_fails_cut_and_masked(spec, program):
    environ = program(
        "text = sys.stdin.read(); print('no:', text, text[:9] + 'x' * 999, file=sys.stderr); sys.exit(3)", "take"
    )
    problem = await failed(spec, Sink(command=("take",)), environ=environ)
    assert problem.message.startswith("take ended with 3, and said: no: *** ")
    assert len(problem.message) < 320
    environ = program("print(json.dumps(sys.stdin.read())); sys.exit(1)", "take")
    assert (
        await failed(spec, Sink(command=("take",)), environ=environ)
    ).message == 'take ended with 1, and said: "***"'


async def test_what_a_program_says_when_it_does_its_work_is_not_shown(spec, program, capfd):
    environ = program("text = sys.stdin.read(); print(text); print(text, file=sys.stderr)", "take")
    assert await put(spec, Sink(command=("take",)), environ=environ) == ""
    assert capfd.readouterr() == ("", "")


async def test_a_program_that_hangs_is_ended_and_one_that_is_killed_is_told(spec, program):
    started = time.monotonic()
    environ = program("read -r text; echo $text; sleep 600", "take", sh=True)
    problem = await failed(spec, Sink(command=("take",)), environ=environ, seconds=1)
    assert "did not end within 1 seconds and was ended" in problem.message
    environ = program("os.kill(os.getpid(), 9)", "take")
    assert "was ended by signal 9" in (await failed(spec, Sink(command=("take",)), environ=environ)).message
    assert time.monotonic() - started < 60


async def test_a_program_that_leaves_another_behind_is_done(spec, program):
    environ = program("cat >told; sleep 600 & echo $! >ids", "take", sh=True)
    assert await put(spec, Sink(command=("take",)), environ=environ) == ""
    assert (spec / "told").read_text() == TEXT
    os.kill(int((spec / "ids").read_text()), 9)


async def test_a_program_that_reads_nothing_is_done_if_it_says_so(spec, program):
    assert await put(spec, Sink(command=("take",)), environ=program("sys.exit(0)", "take")) == ""


# A secret of GitHub

GH = """
args = sys.argv[1:]
said = sys.stdin.read()
with open('asked', 'a') as file: print(json.dumps([args, said, sorted(os.environ)]), file=file)
if args == ['secret', 'list'] and os.environ.get('GH_TOKEN') != 'may':
    sys.exit('gh: log in first')
if args[:2] == ['secret', 'set'] and args[2] == 'NO':
    sys.exit(f'HTTP 403: may not ({said})')
"""


def asked(folder: Path) -> list:
    return [json.loads(row) for row in (folder / "asked").read_text().splitlines()]


async def test_gh_reads_it_on_standard_input(spec, program):
    environ = program(GH, "gh") | {
        "GH_TOKEN": "may",
        "GH_REPO": "a/b",
        "HOME": "/h",
        "AGENTPHONE_API_KEY": "k",
        "OTHER": "o",
    }
    sink = Sink(github="HOOK")
    sinks = Sinks(environ)
    await sinks.check([wish(spec, sink), wish(spec, Sink(github="TWO"), Address("webhook", "two"))])
    await sinks.deliver(wish(spec, sink), SECRET)
    (check, nothing, _), (args, said, seen) = asked(spec)
    assert (check, nothing) == (["secret", "list"], "")
    assert (args, said) == (["secret", "set", "HOOK"], TEXT)
    assert {"GH_TOKEN", "GH_REPO", "PATH", "HOME"} <= set(seen)
    assert not {"AGENTPHONE_API_KEY", "OTHER"} & set(seen)


async def test_gh_that_is_not_logged_in_is_said_before_anything(spec, program):
    environ = program(GH, "gh")
    with pytest.raises(SinkError) as caught:
        await Sinks(environ).check([wish(spec, Sink(github="HOOK"))])
    assert "the GitHub secret HOOK: gh ended with 1, and said: gh: log in first" in caught.value.message
    assert "gh auth login" in caught.value.hint
    assert "there is no program gh" in await refused(spec, Sink(github="HOOK"), environ={"PATH": str(spec)})


async def test_gh_that_refuses_is_said_without_the_secret(spec, program):
    environ = program(GH, "gh") | {"GH_TOKEN": "may"}
    problem = await failed(spec, Sink(github="NO"), environ=environ)
    assert problem.message == "gh ended with 1, and said: HTTP 403: may not (***)"


def test_the_way_to_the_sinks_shows_no_environment():
    assert "sk_live" not in repr(Sinks({"AGENTPHONE_API_KEY": "sk_live_x"}))

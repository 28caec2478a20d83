"""Programs end, say no password, and know nothing that they need not know."""

from __future__ import annotations

import asyncio
import json
import os
import time
from contextlib import suppress
from pathlib import Path

import pytest

from apreconcile.core.errors import Error
from apreconcile.programs import run as running
from apreconcile.programs.git import git
from apreconcile.programs.run import run

pytestmark = pytest.mark.anyio


def gone(ident: int) -> bool:
    """Whether a process is no more, or is dead and only waits to be reaped."""
    stat = Path(f"/proc/{ident}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def running_in(folder: Path) -> list[Path]:
    """The processes that are in this folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            found += [path] if path.readlink() == folder else []
    return found


async def until(true, seconds=10.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


async def test_it_says_what_it_says_and_how_it_ended(program, tmp_path):
    environ = program("print(sys.argv[1:], os.getcwd(), sys.stdin.read()); print('so', file=sys.stderr); sys.exit(3)")
    ended = await run("program", ["a b", "$HOME"], folder=tmp_path, environ=environ, stdin=b"in")
    assert ended == (3, f"['a b', '$HOME'] {tmp_path} in\n".encode(), "so\n")


async def test_it_has_no_terminal_and_no_variable_that_is_not_given(program, tmp_path, monkeypatch):
    monkeypatch.setenv("AGENTPHONE_API_KEY", "sk_live_planted")
    environ = program("import json; print(json.dumps(dict(os.environ)), os.getsid(0) == os.getpid())")
    ended = await run("program", [], folder=tmp_path, environ=environ)
    told, _, alone = ended.out.decode().strip().rpartition(" ")
    assert (json.loads(told).keys() - {"LC_CTYPE"}, alone) == ({"PATH"}, "True")


async def test_much_in_both_directions_is_no_deadlock(program, tmp_path):
    environ = program("sys.stdout.write('x' * 3_000_000); sys.stdout.write(sys.stdin.read())")
    ended = await run("program", [], folder=tmp_path, environ=environ, stdin=b"y" * 3_000_000)
    assert ended.out == b"x" * 3_000_000 + b"y" * 3_000_000


async def test_who_does_not_listen_ends_all_the_same(program, tmp_path):
    ended = await run("program", [], folder=tmp_path, environ=program("sys.exit(0)"), stdin=b"y" * 3_000_000)
    assert ended.code == 0


async def test_who_says_too_much_is_ended(program, tmp_path, monkeypatch):
    monkeypatch.setattr(running, "LIMIT", 1000)
    environ = program("while True: print('x' * 100)")
    with pytest.raises(Error, match="said more than 1000 bytes and was ended"):
        await run("program", [], folder=tmp_path, environ=environ)


async def test_who_hangs_is_ended_with_all_that_it_started(program, tmp_path):
    environ = program(f"sleep 600 & echo $$ $! >{tmp_path}/ids; sleep 600", sh=True)
    with pytest.raises(Error, match="did not end within 2 seconds and was ended") as caught:
        await run("program", [], folder=tmp_path, environ=environ, seconds=2)
    assert caught.value.hint
    idents = [int(word) for word in (tmp_path / "ids").read_text().split()]
    await until(lambda: all(map(gone, idents)))


async def test_who_does_not_heed_a_sigterm_is_killed(program, tmp_path):
    environ = program(f"trap '' TERM; echo $$ >{tmp_path}/ids; while :; do sleep 600; done", sh=True)
    with pytest.raises(Error, match="did not end"):
        await run("program", [], folder=tmp_path, environ=environ, seconds=2)
    await until(lambda: gone(int((tmp_path / "ids").read_text())))


async def test_who_is_cancelled_ends_the_program_too(program, tmp_path):
    ids = tmp_path / "ids"
    environ = program(f"echo $$ >{ids}; sleep 600", sh=True)
    task = asyncio.create_task(run("program", [], folder=tmp_path, environ=environ))
    await until(lambda: ids.exists() and ids.read_text().endswith("\n"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: gone(int(ids.read_text())))


@pytest.mark.parametrize("turns", range(8))
async def test_who_is_cancelled_while_it_starts_leaves_nothing(program, tmp_path, turns):
    """Wherever in the start: the program is handed to the event loop in several turns of it."""
    environ = program("sleep 600; sleep 600", sh=True)
    task = asyncio.create_task(run("program", [], folder=tmp_path, environ=environ))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not running_in(tmp_path))


async def test_a_child_that_stays_and_holds_the_outputs_is_not_waited_for(program, tmp_path, monkeypatch):
    """What ssh does that shares its connection."""
    monkeypatch.setattr(running, "_GRACE", 1)
    environ = program("sleep 600 & echo $!", sh=True)
    ended = await asyncio.wait_for(run("program", [], folder=tmp_path, environ=environ), 20)
    assert ended.code == 0
    os.kill(int(ended.out), 9)


@pytest.mark.parametrize("path", ["", ".", "bin", "bin:."])
async def test_a_program_is_not_taken_from_the_folder_of_the_spec(program, tmp_path, monkeypatch, path):
    program("print('not me')")
    program("print('not me')", name="../program")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Error, match="there is no program program on PATH") as caught:
        await run("program", [], folder=tmp_path, environ={"PATH": path})
    assert "program --version" in caught.value.hint


async def test_how_to_ask_for_a_program_is_a_command_that_there_is(tmp_path):
    with pytest.raises(Error, match="there is no program ssh-keygen on PATH") as caught:
        await run("ssh-keygen", [], folder=tmp_path, environ={"PATH": ""})
    assert caught.value.hint == "install it, then try: ssh -V"


async def test_a_program_that_cannot_start_is_said(program, tmp_path):
    environ = program("")
    with pytest.raises(Error, match=r"could not be started in .*nowhere"):
        await run("program", [], folder=tmp_path / "nowhere", environ=environ)
    with pytest.raises(Error, match="could not be started"):
        await run("program", ["a\0b"], folder=tmp_path, environ=environ)
    (tmp_path / "bin/program").write_text("#!/nowhere/at/all\n")
    with pytest.raises(Error, match="could not be started"):
        await run("program", [], folder=tmp_path, environ=environ)


PRINTS = "import json; print(json.dumps(dict(os.environ)))"

OURS = {
    "GIT_DIR": "/elsewhere/.git", "GIT_WORK_TREE": "/elsewhere", "GIT_INDEX_FILE": "/elsewhere/index",
    "GIT_OBJECT_DIRECTORY": "/elsewhere/objects", "GIT_CONFIG_PARAMETERS": "'core.hooksPath=/evil'",
    "GIT_ALLOW_PROTOCOL": "ext", "GIT_TRACE_CURL": "1", "GIT_EXEC_PATH": "/evil", "LD_PRELOAD": "/evil.so", "BASH_ENV": "/evil",
    "AGENTPHONE_API_KEY": "sk_live_planted", "AGENTPHONE_TOKEN": "sk_live_planted", "AGENTPHONE_X": "planted",
    "DATABASE_URL": "planted", "LANG": "de_DE.UTF-8", "LC_ALL": "de_DE.UTF-8", "LANGUAGE": "de",
}  # fmt: skip
THEIRS = {
    "HOME": "/home/x", "SSH_AUTH_SOCK": "/run/agent", "GIT_SSH_COMMAND": "ssh -i key", "GIT_ASKPASS": "/askpass",
    "https_proxy": "http://proxy:1", "NO_PROXY": "x", "TMPDIR": "/x", "XDG_CONFIG_HOME": "/x", "GITHUB_TOKEN": "t",
    "GIT_SSL_CAINFO": "/ca",
}  # fmt: skip


async def test_git_knows_what_it_needs_and_nothing_of_ours(program, tmp_path):
    environ = {**OURS, **THEIRS, **program(PRINTS, name="git")}
    ended = await git([], folder=tmp_path, transports=("file", "ssh"), environ=environ)
    seen = json.loads(ended.out)
    assert "planted" not in ended.out.decode()
    assert {name: seen.get(name) for name in THEIRS} == THEIRS
    assert {name: seen.get(name) for name in OURS if name in seen} == {"GIT_ALLOW_PROTOCOL": "file:ssh", "LC_ALL": "C"}
    assert seen["GIT_TERMINAL_PROMPT"] == "0"


async def test_configuration_is_ours_then_the_runners_then_what_always_holds(program, tmp_path):
    environ = {
        "GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "http.extraheader", "GIT_CONFIG_VALUE_0": "x",
        "GIT_CONFIG_KEY_1": "core.hooksPath", "GIT_CONFIG_VALUE_1": "/evil", "GIT_CONFIG_KEY_2": "beyond",
    }  # fmt: skip
    environ |= program(PRINTS, name="git")
    ended = await git([], folder=tmp_path, directory=tmp_path, config=[("a.b", "c")], environ=environ)
    seen = json.loads(ended.out)
    pairs = [(seen[f"GIT_CONFIG_KEY_{n}"], seen[f"GIT_CONFIG_VALUE_{n}"]) for n in range(int(seen["GIT_CONFIG_COUNT"]))]
    assert pairs[:3] == [("a.b", "c"), ("http.extraheader", "x"), ("core.hooksPath", "/evil")]
    assert ("core.hooksPath", os.devnull) in pairs[3:]
    assert "beyond" not in ended.out.decode()
    assert seen["GIT_DIR"] == str(tmp_path)


@pytest.mark.parametrize("count", ["", "x", "-1", "9999"])
async def test_a_wrong_count_of_pairs_is_no_trouble(program, tmp_path, count):
    ended = await git([], folder=tmp_path, environ={"GIT_CONFIG_COUNT": count, **program(PRINTS, name="git")})
    assert int(json.loads(ended.out)["GIT_CONFIG_COUNT"]) > 0


async def test_no_password_of_a_url_is_handed_back(program, tmp_path):
    environ = program("print('fatal: unable to access https://me:hunter2@x.dev/y', file=sys.stderr)")
    ended = await run("program", [], folder=tmp_path, environ=environ)
    assert ended.err == "fatal: unable to access https://***@x.dev/y\n"

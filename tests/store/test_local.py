"""The file, its neighbours and its disk."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import stat
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from surroundings import files_no_larger_than

from apreconcile.core.errors import LockedError, StoreError
from apreconcile.store.document import decode, encode, stamped
from apreconcile.store.local import ABSENT, LocalStore
from tests.store.conftest import EMPTY, big

pytestmark = pytest.mark.anyio


@pytest.fixture
def folder(tmp_path):
    return tmp_path / ".apreconcile"


@pytest.fixture
def store(folder):
    return LocalStore(folder, "acme", "default")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def lines(store) -> list[str]:
    return Path(store.place).read_text().splitlines()


def allow(store, *, folder: int, file: int) -> None:
    path = Path(store.place)
    path.chmod(file)
    path.parent.chmod(folder)


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


WHOLE = [".acme.default.lock", ".gitignore", "acme.default.json"]


async def trouble(store, state=EMPTY, version=ABSENT) -> StoreError:
    with pytest.raises(StoreError) as caught:
        await store.swap(state, version)
    assert store.place in str(caught.value)
    assert caught.value.hint
    return caught.value


async def test_only_this_user_may_read_it_whatever_the_umask(folder, store):
    old = os.umask(0)
    try:
        await store.swap(EMPTY, ABSENT)
    finally:
        os.umask(old)
    assert names(folder) == WHOLE
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {(folder / name).stat().st_mode & 0o777 for name in WHOLE if name != ".gitignore"} == {0o600}


async def test_git_never_sees_it(folder, store):
    await store.swap(EMPTY, ABSENT)
    assert (folder / ".gitignore").read_text() == "*\n"


async def test_the_sandbox_of_a_spec_lies_under_the_same_gitignore(folder):
    await LocalStore(folder / "sandbox", "acme", "default").swap(EMPTY, ABSENT)
    assert names(folder) == [".gitignore", "sandbox"]
    assert folder.stat().st_mode & 0o777 == 0o700


async def test_a_gitignore_of_yours_stays(folder, store):
    folder.mkdir()
    (folder / ".gitignore").write_text("mine\n")
    await store.swap(EMPTY, ABSENT)
    assert (folder / ".gitignore").read_text() == "mine\n"


async def test_reading_makes_nothing(folder, store):
    assert await store.read() == (None, ABSENT)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ("default", "acme.default.json"),
        ("preview:pr-12", "acme.preview:pr-12.json"),
        ("../../x", "acme...%2F..%2Fx.json"),
    ],
)
def test_an_environment_is_part_of_the_name_and_of_no_path(folder, environment, name):
    assert LocalStore(folder, "acme", environment).place == str(folder / name)


async def test_a_document_reads_well_in_a_diff(folder, store, full):
    written, version = await store.swap(full, ABSENT)
    before = lines(store)
    await store.swap(written, version)
    after = lines(store)
    assert sum(old != new for old, new in zip(before, after, strict=True)) == 2
    assert any(line.startswith('  "number.main": {"id": "num_1"') for line in after)


def test_a_document_comes_back_as_it_was(full):
    written = stamped(full)
    assert decode(encode(written), source="it", project="acme", environment="default") == written
    assert stamped(written).id == written.id


async def test_a_disk_that_takes_no_more_keeps_the_old_document(folder, store):
    old = await store.swap(EMPTY, ABSENT)
    with files_no_larger_than(4096):
        error = await trouble(store, big(old[0]), old[1])
    assert "could not be written: File too large" in str(error)
    assert await store.read() == old
    assert names(folder) == WHOLE
    assert (await store.swap(*old))[0].serial == 2


async def test_a_gitignore_is_never_left_empty(folder, store):
    folder.mkdir()
    with files_no_larger_than(0):
        await trouble(store)
    assert ".gitignore" not in names(folder)


@pytest.fixture
def small_disk(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.tools
async def test_a_full_disk_keeps_the_old_document(small_disk):
    store = LocalStore(small_disk / ".apreconcile", "acme", "default")
    old = await store.swap(big(EMPTY, 200), ABSENT)
    error = await trouble(store, big(old[0], 2000), old[1])
    assert "No space left" in str(error)
    assert "full" in error.hint
    assert await store.read() == old
    assert names(small_disk / ".apreconcile") == WHOLE


@contextmanager
def nobody():
    """As root, be somebody whom permissions hold back; else one is that already."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_path(tmp_path):
    """Everybody may walk to the folder, as far as the tests' own folders go."""
    for path in (tmp_path, *tmp_path.parents):
        if path.stat().st_uid == os.geteuid() and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o055)
        if path.name.startswith("pytest-of-"):
            break


@pytest.mark.usefixtures("open_path")
async def test_a_folder_that_may_not_be_written_is_said(tmp_path, folder, store):
    tmp_path.chmod(0o555)
    with nobody():
        error = await trouble(store)
    assert "Permission denied" in str(error)
    assert not folder.exists()


@pytest.mark.usefixtures("open_path")
async def test_a_file_that_may_not_be_read_is_said(store):
    old = await store.swap(EMPTY, ABSENT)
    allow(store, folder=0o555, file=0)
    with nobody(), pytest.raises(StoreError, match="could not be read: Permission denied"):
        await store.read()
    allow(store, folder=0o700, file=0o600)
    assert await store.read() == old


def in_place_of(what: str, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    victim = path.parent.parent / "victim"
    victim.write_text("precious")
    match what:
        case "folder":
            path.mkdir()
        case "full folder":
            path.mkdir()
            (path / "x").touch()
        case "link":
            path.symlink_to(victim)
        case "dangling link":
            path.symlink_to(path.parent.parent / "nowhere")
        case "pipe":
            os.mkfifo(path)


SORTS = ["folder", "full folder", "link", "dangling link", "pipe"]


@pytest.mark.parametrize("what", SORTS)
async def test_only_a_plain_file_is_a_document(tmp_path, store, what):
    in_place_of(what, Path(store.place))
    with pytest.raises(StoreError) as caught:
        await asyncio.wait_for(store.read(), 1)
    assert store.place in str(caught.value)
    await trouble(store)
    assert (tmp_path / "victim").read_text() == "precious"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("what", ["folder", "link", "dangling link"])
async def test_a_lock_leads_nowhere_else(tmp_path, folder, store, what):
    in_place_of(what, folder / ".acme.default.lock")
    await trouble(store)
    assert (tmp_path / "victim").read_text() == "precious"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("what", ["link", "dangling link", "pipe"])
async def test_what_lies_where_the_new_file_goes_is_replaced_and_not_followed(tmp_path, folder, store, what):
    in_place_of(what, folder / ".acme.default.json.new")
    await store.swap(EMPTY, ABSENT)
    assert names(folder) == WHOLE
    assert (tmp_path / "victim").read_text() == "precious"
    assert not (tmp_path / "nowhere").exists()


async def test_what_a_kill_left_of_a_new_file_is_replaced(folder, store):
    folder.mkdir()
    (folder / ".acme.default.json.new").write_text('{"half')
    await store.swap(EMPTY, ABSENT)
    assert names(folder) == WHOLE


async def test_a_file_in_the_place_of_the_folder_is_said(folder, store):
    folder.write_text("I was here first")
    await trouble(store)
    with pytest.raises(StoreError):
        await store.read()
    assert folder.read_text() == "I was here first"


@pytest.fixture
def held(folder, store):
    folder.mkdir()
    lock = os.open(folder / ".acme.default.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    yield lock
    os.close(lock)


async def test_who_holds_the_file_too_long_is_not_waited_for(folder, held):
    waits = []

    async def pause(seconds: float) -> None:
        waits.append(seconds)

    store = LocalStore(folder, "acme", "default", pause=pause)
    with pytest.raises(LockedError) as caught:
        await store.swap(EMPTY, ABSENT)
    assert caught.value.exit_code == 8
    assert sum(waits) == pytest.approx(5)
    assert await store.read() == (None, ABSENT)


async def test_who_waits_goes_on_when_the_file_is_free(store, held):
    swap = asyncio.create_task(store.swap(EMPTY, ABSENT))
    await asyncio.sleep(0.02)
    assert not swap.done()
    fcntl.flock(held, fcntl.LOCK_UN)
    assert (await swap)[0].serial == 1


async def test_who_is_cancelled_while_waiting_holds_nothing(store, held):
    before = open_files()
    swap = asyncio.create_task(store.swap(EMPTY, ABSENT))
    await asyncio.sleep(0.02)
    swap.cancel()
    with pytest.raises(asyncio.CancelledError):
        await swap
    assert open_files() == before
    fcntl.flock(held, fcntl.LOCK_UN)
    await store.swap(EMPTY, ABSENT)


async def test_nothing_stays_open(store):
    before = open_files()
    state, version = await store.swap(EMPTY, ABSENT)
    for _ in range(5):
        state, version = await store.swap(state, version)
        await store.read()
    assert open_files() == before


async def test_a_broken_disk_is_said_with_its_own_word(store, monkeypatch):
    def broken(opened: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", broken)
    assert "could not be written: Input/output error" in str(await trouble(store))
    monkeypatch.undo()
    assert await store.read() == (None, ABSENT)


async def test_the_file_and_then_its_folder_are_made_durable(store, monkeypatch):
    synced = []
    fsync = os.fsync

    def watched(opened: int) -> None:
        synced.append("folder" if stat.S_ISDIR(os.fstat(opened).st_mode) else os.fstat(opened).st_size)
        fsync(opened)

    monkeypatch.setattr(os, "fsync", watched)
    state, _ = await store.swap(EMPTY, ABSENT)
    assert synced == [len(encode(state)), "folder"]

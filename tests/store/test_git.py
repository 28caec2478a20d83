"""The ref, its remote, and the user's repository, which stays as it was."""

from __future__ import annotations

import asyncio
import os
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from apreconcile.core.errors import ConflictError, StoreError
from apreconcile.core.wanted import Manifest
from apreconcile.programs.git import git
from apreconcile.store.document import encode, stamped
from apreconcile.store.git import ABSENT, GitStore
from apreconcile.store.local import LocalStore
from apreconcile.workflow.stores import open_store
from tests.store.conftest import EMPTY, LOST, REF, big, call, checkout, hook, put, remote

pytestmark = pytest.mark.anyio


@pytest.fixture
def bare(tmp_path):
    return remote(tmp_path)


@pytest.fixture
def clone(bare, tmp_path):
    return checkout(bare, tmp_path / "clone")


@pytest.fixture(autouse=True)
def moments(tmp_path, monkeypatch):
    """Where repositories of a moment live; none is left."""
    folder = tmp_path / "moments"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def store_in(folder, *, run=git, **how) -> GitStore:
    return GitStore(folder, "acme", how.pop("environment", "default"), git=run, **how)


async def written(store: GitStore):
    return await store.swap(EMPTY, ABSENT)


async def trouble(work, store=None) -> StoreError:
    with pytest.raises(StoreError) as caught:
        await work
    assert caught.value.hint
    assert "hunter2" not in caught.value.whole
    if store:
        assert store.place in str(caught.value)
    return caught.value


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below, with its time and content."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


@pytest.mark.parametrize("depth", [["--depth=1"], []], ids=["one commit", "whole"])
@pytest.mark.parametrize("folder", [".", "infra"])
async def test_nothing_of_the_clone_is_written(bare, tmp_path, depth, folder):
    clone = tmp_path / "clone"
    call("clone", "--quiet", *depth, f"file://{bare}", clone, folder=tmp_path)
    (clone / "infra/agentphone.yaml").write_text("changed")
    (clone / "new").write_text("staged")
    call("add", "new", folder=clone)
    status, before = call("status", folder=clone), everything(clone)
    store = store_in(clone / folder)
    state, version = await store.swap(EMPTY, (await store.read())[1])
    state, version = await store.swap(state, version)
    assert await store_in(clone / folder).read() == (state, version)
    assert everything(clone) == before
    assert call("status", folder=clone) == status
    assert call("rev-parse", "--is-shallow-repository", folder=clone) == ("true" if depth else "false")


async def test_no_branch_appears_and_no_clone_fetches_it(bare, clone, tmp_path):
    branches = call("for-each-ref", "refs/heads", "refs/tags", folder=bare)
    await written(store_in(clone))
    assert call("for-each-ref", "refs/heads", "refs/tags", folder=bare) == branches
    call("fetch", "--quiet", folder=clone)
    assert "apreconcile" not in call("for-each-ref", folder=clone)


async def test_a_state_is_a_commit_after_the_one_before_that_git_finds_sound(bare, clone):
    store = store_in(clone)
    state, version = await written(store)
    state, version = await store.swap(big(state), version)
    state, version = await store_in(clone).swap(state, version)
    assert call("rev-parse", REF, folder=bare) == version
    subjects = call("log", "--format=%s", REF, folder=bare).splitlines()
    assert subjects == [f"State {serial} of acme, environment default" for serial in (3, 2, 1)]
    assert call("ls-tree", "-r", "--name-only", REF, folder=bare) == "state.json"
    assert call("show", f"{REF}:state.json", folder=bare) == encode(state).decode().strip()
    assert set(call("log", "--format=%ae %ce", REF, folder=bare).split()) == {"apreconcile@apreconcile.invalid"}
    call("fsck", "--strict", folder=bare)


async def test_a_remote_that_takes_only_what_goes_forward_takes_it(bare, clone):
    call("config", "receive.denyNonFastForwards", "true", folder=bare)
    call("config", "receive.denyDeletes", "true", folder=bare)
    call("config", "receive.fsckObjects", "true", folder=bare)
    zero = "0" * 40
    hook(bare, "update", f'[ "$2" = {zero} ] || git merge-base --is-ancestor "$2" "$3"')
    store = store_in(clone)
    state, version = await written(store)
    for _ in range(3):
        state, version = await store.swap(state, version)
    assert await store.read() == (state, version)


HOOKS = ["pre-push", "reference-transaction", "post-checkout", "pre-auto-gc", "post-rewrite", "fsmonitor-watchman"]


async def test_no_hook_of_the_user_runs(bare, clone, tmp_path, monkeypatch):
    """But for those that a remote on the same machine runs, since they are its own too."""
    ran = tmp_path / "ran"
    for name in HOOKS:
        hook(clone / ".git", name, f"pwd >>{ran}; exit 1")
        hook(tmp_path, name, f"pwd >>{ran}")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    (tmp_path / "gitconfig").write_text(f"[core]\nhooksPath = {tmp_path}/hooks\n")
    store = store_in(clone)
    _, version = await written(store)
    assert (await store.read())[1] == version
    assert set(ran.read_text().split()) == {str(bare)}


async def test_no_configuration_of_the_user_gets_in_between(bare, clone, tmp_path, monkeypatch):
    call("tag", "--annotate", "v1", "--message=x", folder=clone)
    for name, value in {
        "remote.origin.mirror": "true", "remote.origin.fetch": "+refs/*:refs/*", "remote.pushDefault": "nowhere",
        "remote.origin.push": "refs/heads/*", "remote.origin.tagOpt": "--tags", "branch.main.pushRemote": "nowhere",
        "extensions.partialClone": "origin", "remote.origin.promisor": "true", "remote.origin.partialclonefilter": "blob:none",
    }.items():  # fmt: skip
        call("config", name, value, folder=clone)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    (tmp_path / "gitconfig").write_text(
        "[push]\ngpgSign = true\nfollowTags = true\nuseForceIfIncludes = true\nnegotiate = true\ndefault = nothing\n"
        "recurseSubmodules = on-demand\npushOption = x\n[commit]\ngpgSign = true\n[gpg]\nprogram = /nowhere\n"
        "[color]\nui = always\nremote = always\ntransport = always\npush = always\n[user]\nuseConfigOnly = true\n"
        "[fetch]\nprune = true\npruneTags = true\nfsckObjects = true\nunpackLimit = 1\nwriteCommitGraph = true\n"
        "[transfer]\nunpackLimit = 1\n[core]\nlogAllRefUpdates = always\nworktree = /nowhere\n[alias]\npush = !false\n"
    )
    store = store_in(clone)
    state, version = await written(store)
    state, version = await store.swap(state, version)
    assert await store.read() == (state, version)
    assert "v1" not in call("tag", folder=bare)
    with pytest.raises(ConflictError):
        await store.swap(state, ABSENT)


async def test_the_way_in_may_stand_in_a_file_that_is_included_for_this_repository_alone(bare, clone, tmp_path):
    """As CI runners hand out credentials."""
    (tmp_path / "way").write_text(f'[url "file://{bare.parent}/"]\ninsteadOf = https://code.acme.dev/\n')
    call("config", f"includeIf.gitdir:{clone}/.git.path", tmp_path / "way", folder=clone)
    call("remote", "set-url", "origin", "https://code.acme.dev/remote.git", folder=clone)
    _, version = await written(store_in(clone / "infra"))
    assert call("rev-parse", REF, folder=bare) == version


async def test_the_way_in_may_stand_in_the_environment(bare, clone, monkeypatch):
    call("remote", "set-url", "origin", "https://code.acme.dev/remote.git", folder=clone)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.file://{bare.parent}/.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://code.acme.dev/")
    _, version = await written(store_in(clone))
    assert call("rev-parse", REF, folder=bare) == version


async def test_a_hook_that_runs_us_does_not_lead_us_astray(bare, clone, tmp_path, monkeypatch):
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    await written(store_in(clone))
    monkeypatch.undo()
    assert call("rev-parse", REF, folder=bare)


async def test_a_worktree_and_a_bare_repository_have_remotes_too(bare, clone, tmp_path):
    call("worktree", "add", "--quiet", tmp_path / "tree", folder=clone)
    state, version = await written(store_in(tmp_path / "tree/infra"))
    call("clone", "--quiet", "--bare", f"file://{bare}", tmp_path / "mine.git", folder=tmp_path)
    assert await store_in(tmp_path / "mine.git").read() == (state, version)


@pytest.mark.parametrize("kind", ["url", "path", "relative"])
async def test_a_remote_may_be_named_by_its_url_where_there_is_no_repository(bare, tmp_path, kind):
    (tmp_path / "plain").mkdir()
    named = {"url": f"file://{bare}", "path": str(bare), "relative": "../remote.git"}[kind]
    store = store_in(tmp_path / "plain", remote=named)
    _, version = await written(store)
    assert call("rev-parse", REF, folder=bare) == version
    assert (await store.read())[1] == version
    assert named in store.place


async def test_a_relative_path_of_a_remote_begins_where_git_lets_it_begin(bare, clone):
    call("remote", "set-url", "origin", "../remote.git", folder=clone)
    _, version = await written(store_in(clone / "infra"))
    assert call("rev-parse", REF, folder=bare) == version


async def test_it_is_read_where_it_is_written(bare, clone, tmp_path):
    other = tmp_path / "other.git"
    call("clone", "--quiet", "--bare", bare, other, folder=tmp_path)
    call("remote", "set-url", "--push", "origin", other, folder=clone)
    state, version = await written(store_in(clone))
    assert await store_in(clone).read() == (state, version)
    assert "apreconcile" not in call("for-each-ref", folder=bare)


NAMES = ["preview:pr-12", "preview%3Apr-12", "Prod", "prod", "a.lock", "..", "@", "a b", "-x", "~^:?*[\\", "ü", "a/b"]


async def test_every_name_of_an_environment_has_a_ref_of_its_own(bare, clone):
    for name in NAMES:
        store = store_in(clone, environment=name)
        await store.swap(replace(EMPTY, environment=name), ABSENT)
    refs = call("for-each-ref", "--format=%(refname)", "refs/apreconcile/acme", folder=bare).splitlines()
    assert len({ref.lower() for ref in refs}) == len(NAMES)
    assert "refs/apreconcile/acme/preview%3Apr-12" in refs
    for name in NAMES:
        assert (await store_in(clone, environment=name).read())[0].environment == name


async def test_a_remote_that_refuses_is_quoted(bare, clone):
    store = store_in(clone)
    state, version = await written(store)
    say = "echo '\033[31mGH013: see https://me:hunter2@x.dev/rules\033[0m' >&2; exit 1"
    hook(bare, "pre-receive", say)
    error = await trouble(store.swap(state, version), store)
    assert "was not written, the remote refused: " in str(error)
    assert "GH013: see https://***@x.dev/rules" in str(error)
    assert "pre-receive hook declined" in str(error)
    assert "\033" not in str(error)
    assert REF in error.hint
    assert await store.read() == (state, version)
    (bare / "hooks/pre-receive").unlink()
    assert (await store.swap(state, version))[0].serial == 2


@pytest.mark.parametrize(
    "words",
    [
        "remote: You are not allowed to push\nfatal: unable to access 'https://x.dev/': The requested URL returned error: 403",
        "remote: Permission to acme/phones.git denied to github-actions[bot].\nfatal: unable to access 'https://x.dev/': The requested URL returned error: 403",
        "GitLab: You are not allowed to push code to this project.\nfatal: Could not read from remote repository.",
    ],
)  # fmt: skip
async def test_who_reads_and_may_not_push_is_told_where_that_is_allowed(clone, words):
    async def run(args, **how):
        return (128, b"", words) if "push" in args else await git(args, **how)

    error = await trouble(written(store_in(clone, run=run)))
    assert error.hint.startswith(f"allow this user to push {REF} (GitHub: `permissions: {{contents: write}}`; GitLab: ")


async def test_a_ref_in_the_way_is_no_conflict(bare, clone):
    call("update-ref", "refs/apreconcile/acme", "refs/heads/main", folder=bare)
    error = await trouble(written(store_in(clone)))
    assert "refs/apreconcile/acme' exists" in str(error)


async def test_a_ref_that_is_being_written_is_a_conflict(bare, clone):
    (bare / f"{REF}.lock").parent.mkdir(parents=True)
    (bare / f"{REF}.lock").touch()
    with pytest.raises(ConflictError):
        await written(store_in(clone))


async def test_a_push_whose_answer_is_lost_is_done(bare, clone):
    store = store_in(clone)
    state, version = await written(store)
    hook(bare, "reference-transaction", LOST % (REF, "true"))
    state, version = await store.swap(state, version)
    assert call("rev-parse", REF, folder=bare) == version
    state, version = await store.swap(state, version)
    assert await store.read() == (state, version)


async def test_a_push_that_is_lost_on_the_way_was_not_written(bare, clone):
    store = store_in(clone)
    state, version = await written(store)
    hook(bare, "pre-receive", "kill -9 $PPID")
    error = await trouble(store.swap(state, version), store)
    assert "could not be written: " in str(error)
    assert await store.read() == (state, version)


async def test_a_push_that_is_lost_while_another_wins_is_a_conflict(bare, clone):
    store = store_in(clone)
    state, version = await written(store)
    other = put(bare, encode(stamped(state)), ref="refs/heads/other")
    hook(bare, "pre-receive", f"unset GIT_QUARANTINE_PATH; git update-ref {REF} {other}; kill -9 $PPID")
    with pytest.raises(ConflictError):
        await store.swap(state, version)


async def test_a_push_after_which_the_remote_is_silent_may_have_been_written(bare, clone, tmp_path):
    store = store_in(clone)
    state, version = await written(store)
    hook(bare, "reference-transaction", LOST % (REF, f"mv {bare} {tmp_path}/gone"))
    error = await trouble(store.swap(state, version), store)
    assert "may have been written or not" in str(error)
    assert f"git ls-remote origin {REF}" in error.hint


@pytest.fixture
def hanging(clone, tmp_path):
    """The clone's remote, as soon as it is told, takes a push and never answers."""
    started = tmp_path / "started"

    def hang(pack: str) -> Path:
        script = tmp_path / pack
        script.write_text(f'#!/bin/sh\ntouch {started}\ngit {pack} "$@" >{tmp_path}/said\nsleep 600\n')
        script.chmod(0o755)
        call("config", f"remote.origin.{pack.replace('-', '')}", script, folder=clone)
        return started

    return hang


@pytest.mark.parametrize("pack", ["upload-pack", "receive-pack"])
async def test_a_remote_that_hangs_is_said(clone, hanging, pack):
    hanging(pack)
    store = store_in(clone, run=partial(git, seconds=1))
    error = await trouble(store.read() if pack == "upload-pack" else written(store), store)
    assert "git did not end within 1 seconds and was ended" in str(error)


async def test_who_is_cancelled_waits_no_longer(clone, hanging):
    started = hanging("receive-pack")
    task = asyncio.create_task(written(store_in(clone)))
    while not started.exists():  # noqa: ASYNC110 (another process makes it)
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 20)
    assert (await store_in(clone).read())[0] is None


async def test_the_key_is_not_told_to_the_remote(bare, clone, tmp_path, monkeypatch):
    monkeypatch.setenv("AGENTPHONE_API_KEY", "sk_live_planted")
    monkeypatch.setenv("PLANTED", "sk_live_planted")
    hook(bare, "pre-receive", f"env >{tmp_path}/seen")
    await written(store_in(clone))
    seen = (tmp_path / "seen").read_text()
    assert "GIT_TERMINAL_PROMPT=0" in seen
    assert "planted" not in seen.lower()


@pytest.mark.parametrize("where", ["spec", "clone"])
async def test_a_password_is_never_shown(clone, where):
    url = "https://me:hunter2@127.0.0.1:1/x.git"
    call("remote", "set-url", "origin", url, folder=clone)
    store = store_in(clone, **({"remote": url} if where == "spec" else {}))
    assert "hunter2" not in store.place + repr(store)
    for work in (store.read(), written(store)):
        error = await trouble(work, store)
        assert "unable to access" in str(error)
    assert "hunter2" not in repr(store._route)


async def test_no_git_is_said(clone, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    store = store_in(clone)
    for work in (store.read(), written(store)):
        error = await trouble(work, store)
        assert "there is no program git on PATH" in str(error)
        assert error.hint == "install it, then try: git --version"


async def test_no_repository_is_said(tmp_path):
    error = await trouble(store_in(tmp_path).read())
    assert f"{tmp_path} is in no git repository" in str(error)
    assert "remote: URL" in error.hint


@pytest.mark.parametrize("name", ["upstream", "-x", "--upload-pack=x/y", "-oProxyCommand=x:y", "é"])
async def test_no_such_remote_is_said(clone, name):
    store = store_in(clone, remote=name)
    error = await trouble(store.read(), store)
    assert f"there is no remote {name} in " in str(error)
    assert error.hint.startswith("git remote add")


@pytest.mark.parametrize("name", ["a b; id", "/x\n\x1b[31mhint: rm"])
async def test_a_remote_is_neither_a_command_nor_a_line_of_the_message(clone, name):
    error = await trouble(store_in(clone, remote=name).read())
    assert error.whole.isprintable()
    assert "'" in error.hint


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder away")
async def test_a_repository_of_somebody_else_is_said_with_the_way_out(clone, tmp_path, monkeypatch):
    for path in (clone, clone / ".git"):
        os.chown(path, 65534, 65534)
    error = await trouble(store_in(clone).read())
    assert "dubious ownership" in str(error)
    assert error.hint == f"git config --global --add safe.directory {clone}"
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    call("config", "--file", tmp_path / "gitconfig", "safe.directory", clone, folder=tmp_path)
    await written(store_in(clone))


@pytest.mark.parametrize("url", ["/nowhere/x.git", "file:///nowhere/x.git"])
async def test_a_remote_that_is_not_there_is_said(clone, url):
    store = store_in(clone, remote=url)
    error = await trouble(store.read(), store)
    assert error.hint == f"see whether git gets there: git ls-remote {url}"


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c touch% /ran", "git://127.0.0.1:1/x", "http://code.acme.dev/x", "http://127.0.0.1.acme.dev/x", "fd::3",
        "ftp://127.0.0.1:1/x", "http://127.0.0.1@code.acme.dev/x", "http://code.acme.dev?@127.0.0.1/x", "testgit::/x",
    ],
)  # fmt: skip
async def test_a_transport_that_runs_commands_or_that_anybody_can_write_to_is_refused(clone, url, monkeypatch):
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "ext:git:http")
    call("config", "protocol.allow", "always", folder=clone)
    call("config", "protocol.ext.allow", "always", folder=clone)
    for named in (url, "origin"):
        call("remote", "set-url", "origin", url, folder=clone)
        error = await trouble(store_in(clone, remote=named).read())
        assert "not allowed" in str(error)
        assert "use https, ssh or a path" in error.hint


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
async def test_this_machine_may_be_spoken_to_without_tls(clone, host):
    error = await trouble(store_in(clone, remote=f"http://{host}:1/x.git").read())
    assert "not allowed" not in str(error)


@pytest.mark.parametrize("url", ["-oProxyCommand=touch% x", "ssh://-oProxyCommand=touch% x/y", "-x:y", "--exec=x/y"])
async def test_a_remote_is_no_option_of_git_or_ssh(clone, url):
    call("remote", "set-url", "--", "origin", url, folder=clone)
    await trouble(store_in(clone).read())
    assert not list(clone.rglob("x"))


@pytest.mark.parametrize(
    "form", ["x.git", "./x.git", "{clone}/x.git", "file://{clone}/x.git", "file://{clone}/%78.git", "../link"]
)
async def test_a_repository_that_came_with_the_spec_is_no_remote(bare, clone, tmp_path, form):
    call("clone", "--quiet", "--bare", bare, clone / "x.git", folder=tmp_path)
    hook(clone / "x.git", "pre-receive", f"touch {tmp_path}/ran")
    (tmp_path / "link").symlink_to(clone / "x.git")
    store = store_in(clone, remote=form.format(clone=clone).replace("x.git", "infra/../x.git"))
    error = await trouble(written(store))
    assert "lies in the repository of the spec" in str(error)
    assert not (tmp_path / "ran").exists()


async def test_what_somebody_else_pushed_there_is_said(bare, clone):
    store = store_in(clone)
    put(bare, b"{}", name="other.json")
    assert "holds no state.json" in str(await trouble(store.read(), store))
    call("update-ref", REF, call("hash-object", "-w", "--stdin", folder=bare), folder=bare)
    assert "holds no state.json" in str(await trouble(store.read(), store))
    put(bare, b"not JSON")
    assert "is not JSON" in str(await trouble(store.read(), store))


async def test_what_somebody_else_pushed_beside_it_goes_with_the_next_swap(bare, clone):
    state = stamped(EMPTY)
    blob = call("hash-object", "-w", "--stdin", folder=bare, stdin=encode(state))
    tree = call("mktree", folder=bare, stdin=f"100644 blob {blob}\tREADME\n100644 blob {blob}\tstate.json\n".encode())
    call("update-ref", REF, call("commit-tree", tree, "-m", "x", folder=bare), folder=bare)
    store = store_in(clone)
    found, version = await store.read()
    assert found == state
    await store.swap(found, version)
    assert call("ls-tree", "--name-only", REF, folder=bare) == "state.json"
    call("fsck", folder=bare)


async def test_a_document_that_was_deleted_is_absent_and_no_swap_goes_past_that(bare, clone):
    store = store_in(clone)
    state, version = await written(store)
    call("update-ref", "-d", REF, folder=bare)
    with pytest.raises(ConflictError):
        await store.swap(state, version)
    with pytest.raises(ConflictError):
        await store_in(clone).swap(state, version)
    assert await store.read() == (None, ABSENT)


async def test_a_disk_that_holds_no_moment_is_said(clone, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    store = store_in(clone)
    error = await trouble(store.read(), store)
    assert "could not be read: No such file or directory" in str(error)


async def test_the_spec_chooses_and_a_folder_of_its_own_goes_before(bare, clone, tmp_path):
    manifest = Manifest("acme", "default", (), str(clone / "infra"), "git")

    def opened(wanted, **more):
        return open_store(wanted, environ={}, **more)

    assert isinstance(opened(manifest), GitStore)
    assert opened(manifest).place == f"{REF} of origin"
    assert opened(replace(manifest, remote="upstream")).place == f"{REF} of upstream"
    assert isinstance(opened(manifest, home=tmp_path), LocalStore)
    assert isinstance(opened(replace(manifest, store=None)), LocalStore)
    assert (await opened(manifest).swap(EMPTY, ABSENT))[0].serial == 1

"""--policy-from: the policy and its keys come from a commit that the change cannot write, or the run ends with 9."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess

import pytest

from apreconcile.core.errors import UnsafeError
from apreconcile.workflow import govern, load
from tests.store.conftest import QUIET

SPEC = """\
version: 1
project: acme
policy: {policy}
numbers: {{a: {{}}, b: {{}}}}
webhooks: {{w: {{url: "https://{host}/x"}}}}
"""
STRICT = "{maxBuys: {perApply: 1}, allowedWebhookHosts: [hooks.acme.dev], approvers: {signers: keys/allowed_signers}}"
LOOSE = "{approvers: {signers: keys/allowed_signers}}"
ALICE, MALLORY = "alice ssh-ed25519 AAAA\n", "mallory ssh-ed25519 BBBB\n"


def call(*args, folder):
    who = {f"GIT_{role}_{what}": "someone@acme.dev" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["git", *args], cwd=folder, capture_output=True, text=True, env={**os.environ, **who, **QUIET}, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def write(folder, policy, host="hooks.acme.dev", keys=ALICE, name="agentphone.yaml"):
    (folder / "infra/keys").mkdir(parents=True, exist_ok=True)
    (folder / "infra" / name).write_text(SPEC.format(policy=policy, host=host))
    (folder / "infra/keys/allowed_signers").write_text(keys)


def commit(folder, branch=None):
    call("add", "-A", folder=folder)
    call("commit", "-q", "--allow-empty", "-m", "x", folder=folder)
    if branch:
        call("update-ref", f"refs/remotes/{branch}", "HEAD", folder=folder)
    return call("rev-parse", "HEAD", folder=folder)


@pytest.fixture
def repo(folder, monkeypatch):
    """A checkout in which origin/main has a strict policy; we stand at its top, on a branch of our own."""
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)
    top = folder / "repo"
    top.mkdir()
    call("init", "-q", "-b", "change", folder=top)
    (top / ".gitignore").write_text(".apreconcile\n")
    write(top, STRICT)
    commit(top, "origin/main")
    monkeypatch.chdir(top)
    return top


def plan(ap, *args, ref="origin/main", spec="infra/agentphone.yaml"):
    result = ap("plan", "-f", spec, "--sandbox", "--format", "json", "--policy-from", ref, *args)
    assert result.out, result.err
    return json.loads(result.out)


def refused(ap, ref="origin/main", spec="infra/agentphone.yaml"):
    """What a run says that ends with 9 before anything is looked at, whichever command it is."""
    said = set()
    for command in (["validate"], ["plan", "--sandbox"], ["apply", "--sandbox", "--yes"]):
        result = ap(*command, "-f", spec, "--policy-from", ref)
        assert (result.code, result.out) == (9, ""), result
        said.add(" ".join(result.err.replace("\n", " ").split()))
    (text,) = said
    assert "hint:" in text
    return text


def reasons(document):
    return {one["address"]: one["reason"] for one in document["blocked"]}


def test_the_policy_is_that_of_the_commit_and_says_so(repo, ap):
    write(repo, LOOSE)
    short = commit(repo)[:7]
    assert reasons(plan(ap, ref="change")) == {}
    document = plan(ap)
    main = call("rev-parse", "--short=7", "origin/main", folder=repo)
    assert main != short
    assert document["policy"] == f"origin/main ({main})"
    assert set(reasons(document)) == {"number.a", "number.b"}
    assert "maxBuys.perApply is 1 (origin/main:infra/agentphone.yaml:3:20)" in reasons(document)["number.a"]
    text = ap("plan", "-f", "infra/agentphone.yaml", "--sandbox", "--policy-from", "origin/main")
    assert (text.code, f"policy from origin/main ({main})\n" in text.out) == (5, True)
    assert "apply --policy-from origin/main --only number.a" in " ".join(text.out.split()), "the hint keeps it"
    valid = ap("validate", "-f", "infra/agentphone.yaml", "--policy-from", "origin/main")
    assert valid.out == f"infra/agentphone.yaml is valid: 2 numbers, 1 webhook; policy from origin/main ({main})\n"


def test_a_change_cannot_raise_its_own_limit(repo, ap):
    for policy in (LOOSE, "{maxBuys: {perApply: 99}}", "{}"):
        write(repo, policy)
        commit(repo)
        result = ap("apply", "-f", "infra", "--sandbox", "--yes", "--policy-from", "origin/main")
        assert result.code == 5, result
        assert "create number" not in result.out
    assert ap("apply", "-f", "infra", "--sandbox", "--yes").code == 3, "without it, the change's own policy counts"


def test_a_change_cannot_list_its_own_host_or_key(repo, ap, monkeypatch):
    write(
        repo,
        "{allowedWebhookHosts: [evil.dev], approvers: {signers: keys/allowed_signers}}",
        host="evil.dev",
        keys=ALICE + MALLORY,
    )
    commit(repo)
    assert ap("validate", "-f", "infra").code == 0
    result = ap("validate", "-f", "infra", "--policy-from", "origin/main")
    assert (result.code, result.out) == (5, "")
    assert "allowedWebhookHosts (origin/main:infra/agentphone.yaml:3:" in " ".join(result.err.split())
    assert governed(repo).policy.approvers.signers == ALICE.encode()


def governed(repo, ref="origin/main", path="infra/agentphone.yaml"):
    return asyncio.run(govern(load([path]), [path], ref))


def test_what_is_not_committed_does_not_count_either(repo, ap):
    write(repo, LOOSE, keys=MALLORY)
    assert set(reasons(plan(ap))) == {"number.a", "number.b"}
    assert governed(repo).policy.approvers.signers == ALICE.encode()


def test_a_policy_may_be_added_where_the_work_tree_has_none(repo, ap):
    (repo / "infra/agentphone.yaml").write_text(SPEC.format(policy="{}", host="a.dev").replace("policy: {}\n", ""))
    assert set(reasons(plan(ap))) == {"number.a", "number.b", "webhook.w"}


def test_a_commit_without_a_policy_means_none_with_a_warning(repo, ap):
    (repo / "infra/agentphone.yaml").write_text(SPEC.format(policy="{}", host="a.dev").replace("policy: {}\n", ""))
    commit(repo, "origin/main")
    write(repo, "{maxBuys: {perApply: 0}}")
    document = plan(ap)
    assert reasons(document) == {}
    assert "has no policy for this spec" in document["warnings"][0]
    result = ap("validate", "-f", "infra", "--policy-from", "origin/main")
    assert (result.code, "has no policy for this spec" in " ".join(result.err.split())) == (0, True)


def test_only_the_policy_of_the_commit_is_read(repo, ap):
    text = "version: 9\nprojekt: [what]\nnumbers: {a: {nonsense: 1}}\npolicy: {maxBuys: {perApply: 1}}\n"
    (repo / "infra/agentphone.yaml").write_text(text)
    commit(repo, "origin/main")
    write(repo, "{}")
    assert "origin/main:infra/agentphone.yaml:4:20" in reasons(plan(ap))["number.a"]


def test_a_folder_is_what_the_commit_has_in_it(repo, ap):
    (repo / "infra/policy.yml").write_text("policy: {maxBuys: {perDay: 0}}\n")
    (repo / "infra/agentphone.yaml").write_text(SPEC.format(policy="{}", host="a.dev").replace("policy: {}\n", ""))
    (repo / "infra/deeper").mkdir()
    (repo / "infra/deeper/other.yaml").write_text("policy: {maxBuys: {perDay: 9}}\n")
    (repo / "infra/note.txt").write_text("policy: 5")
    commit(repo, "origin/main")
    (repo / "infra/policy.yml").unlink()
    for spec in ("infra", "infra/", "./infra", "infra/../infra"):
        assert "(origin/main:infra/policy.yml:1:20)" in reasons(plan(ap, spec=spec))["number.a"]


def test_a_spec_at_the_top_and_from_below(repo, ap, monkeypatch):
    (repo / "agentphone.yaml").write_text((repo / "infra/agentphone.yaml").read_text().replace("keys/", "infra/keys/"))
    commit(repo, "origin/main")
    assert "origin/main:agentphone.yaml:3:20" in reasons(plan(ap, spec="agentphone.yaml"))["number.a"]
    assert "origin/main:agentphone.yaml:3:20" in reasons(plan(ap, spec="."))["number.a"]
    result = ap("validate", "--policy-from", "origin/main")
    assert result.code == 0, result.err
    monkeypatch.chdir(repo / "infra")
    assert "origin/main:infra/agentphone.yaml:3:20" in reasons(plan(ap, spec="agentphone.yaml"))["number.a"]
    assert "origin/main:agentphone.yaml:3:20" in reasons(plan(ap, spec="../agentphone.yaml"))["number.a"]
    assert "origin/main:infra/agentphone.yaml:3:20" in reasons(plan(ap, spec=str(repo / "infra")))["number.a"]


def test_another_work_tree_of_the_repository_will_do(repo, ap, monkeypatch):
    call("worktree", "add", "-q", "../other", "-b", "another", folder=repo)
    monkeypatch.chdir(repo.parent / "other")
    assert set(reasons(plan(ap))) == {"number.a", "number.b"}


@pytest.mark.parametrize("ref", ["origin/main", "refs/remotes/origin/main", "v1", "HEAD", "HEAD~0", "@", "change"])
def test_whatever_names_a_commit_will_do(repo, ap, ref):
    call("tag", "-a", "-m", "x", "v1", folder=repo)
    assert plan(ap, ref=ref)["policy"].startswith(f"{ref} (")
    whole = call("rev-parse", "HEAD", folder=repo)
    assert plan(ap, ref=whole)["policy"] == whole, "a commit is named once"


@pytest.mark.parametrize(
    "ref",
    [
        "origin/nope", "nope", "", "-x", "--all", "--output=x", "HEAD:infra", "HEAD:infra/agentphone.yaml", "HEAD..change", "^HEAD", "HEAD~99", "HEAD^{tree}",
        "HEAD\nchange", "0" * 40, "origin/main x", ":/x", "..", "*",
    ],
)  # fmt: skip
def test_what_names_no_commit_is_not_read(repo, ap, ref):
    assert "policy" in (said := refused(ap, ref)) or "is no commit" in said


def test_a_missing_branch_has_the_command_that_brings_it(repo, ap):
    said = refused(ap, "origin/release")
    assert "the policy of origin/release cannot be read: there is no such commit here" in said
    assert "git fetch origin release:refs/remotes/origin/release" in said
    assert "git fetch origin refs/tags/v1:refs/tags/v1" in refused(ap, "refs/tags/v1")


def test_a_variable_of_the_pipeline_that_is_not_set_is_no_policy(repo, ap):
    assert "--policy-from names no commit" in refused(ap, "")


def test_a_name_with_two_meanings_is_refused(repo, ap):
    """A tag that is named as the branch goes before it, and whoever may push tags could make one."""
    write(repo, LOOSE)
    commit(repo)
    call("tag", "origin/main", folder=repo)
    assert "is ambiguous" in refused(ap)
    assert "refs/remotes/origin/main" in refused(ap)
    assert set(reasons(plan(ap, ref="refs/remotes/origin/main"))) == {"number.a", "number.b"}


def test_a_replaced_object_is_not_believed(repo, ap):
    before = call("rev-parse", "origin/main", folder=repo)
    write(repo, LOOSE)
    call("replace", before, commit(repo), folder=repo)
    assert set(reasons(plan(ap))) == {"number.a", "number.b"}


def test_a_spec_that_the_commit_does_not_have_is_refused(repo, ap):
    (repo / "infra/new.yaml").write_text(SPEC.format(policy="{}", host="a.dev"))
    assert "origin/main has no file infra/new.yaml" in refused(ap, spec="infra/new.yaml")
    (repo / "fresh").mkdir()
    (repo / "fresh/agentphone.yaml").write_text(SPEC.format(policy="{}", host="a.dev"))
    assert "origin/main has no file fresh" in refused(ap, spec="fresh")
    (repo / "infra/keys/x.yaml").write_text(SPEC.format(policy="{}", host="a.dev"))
    assert "has no *.yaml in infra/keys" in refused(ap, spec="infra/keys")


@pytest.mark.parametrize("link", ["agentphone.yaml", "keys/allowed_signers", "keys"])
def test_a_link_in_the_commit_is_not_followed(repo, ap, link):
    real = repo / "infra" / link
    real.rename(repo / "moved")
    real.symlink_to(repo / "moved")
    commit(repo, "origin/main")
    real.unlink()
    write(repo, LOOSE)
    text = refused(ap)
    assert "is a link in origin/main" in text or "has no file infra/keys/allowed_signers" in text


def test_a_link_in_the_work_tree_does_not_choose_the_policy(repo, ap):
    """The spec's folder becomes a link to one that has no policy in the commit."""
    (repo / "examples/keys").mkdir(parents=True)
    (repo / "examples/agentphone.yaml").write_text(SPEC.format(policy="{}", host="a.dev").replace("policy: {}\n", ""))
    commit(repo, "origin/main")
    shutil.rmtree(repo / "infra")
    (repo / "infra").symlink_to(repo / "examples")
    commit(repo)
    assert set(reasons(plan(ap))) == {"number.a", "number.b", "webhook.w"}
    assert set(reasons(plan(ap, spec="infra"))) == {"number.a", "number.b", "webhook.w"}
    (repo / "infra").unlink()
    (repo / "infra").symlink_to(repo / "examples/keys")
    refused(ap, spec="infra/../agentphone.yaml")


def test_a_repository_inside_of_the_repository_does_not_choose_the_policy(repo, ap, tmp_path):
    """A folder of the work tree that looks like a repository, and a submodule, both with an origin/main of their own."""
    other = tmp_path / "other"
    other.mkdir()
    call("init", "-q", "-b", "main", folder=other)
    write(other, LOOSE)
    commit(other, "origin/main")
    for part in ("HEAD", "config", "objects", "refs"):
        source = other / ".git" / part
        shutil.copytree(source, repo / "infra" / part) if source.is_dir() else shutil.copy(
            source, repo / "infra" / part
        )
    assert set(reasons(plan(ap))) == {"number.a", "number.b"}
    call("rm", "-rqf", "infra", folder=repo)
    shutil.rmtree(repo / "infra")
    call("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other), "infra", folder=repo)
    call("update-ref", "refs/remotes/origin/main", "HEAD", folder=repo / "infra")
    assert "is a submodule" in refused(ap, spec="infra/infra/agentphone.yaml")


def test_a_link_to_another_repository_does_not_choose_the_policy(repo, ap, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    call("init", "-q", "-b", "main", folder=other)
    write(other, LOOSE)
    (other / "agentphone.yaml").write_text(
        (other / "infra/agentphone.yaml").read_text().replace("keys/", "infra/keys/")
    )
    commit(other, "origin/main")
    shutil.rmtree(repo / "infra")
    (repo / "infra").symlink_to(other)
    assert set(reasons(plan(ap))) == {"number.a", "number.b"}


def test_a_work_tree_that_git_sees_elsewhere_is_refused(repo, ap, tmp_path):
    call("config", "core.worktree", str(tmp_path), folder=repo)
    assert "is not the work tree that git knows" in refused(ap)


def test_a_top_folder_without_a_spec_in_the_commit(repo, ap):
    (repo / "agentphone.yaml").write_text(SPEC.format(policy="{}", host="a.dev"))
    assert "origin/main has no *.yaml in its top folder" in refused(ap, spec=".")


def test_no_repository_at_all(folder, ap):
    assert "lies in no git repository" in refused(ap, spec=".")


def test_two_repositories(repo, ap, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    call("init", "-q", "-b", "main", folder=other)
    (other / "more.yaml").write_text("agents: {}\n")
    result = ap("validate", "infra/agentphone.yaml", str(other / "more.yaml"), "--policy-from", "origin/main")
    assert (result.code, "several repositories" in result.err) == (9, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("policy: {maxBuys: {perApply: x}}", "origin/main:infra/agentphone.yaml:1:30: policy: maxBuys: perApply: must be a whole number"),
        ("policy: {maxBys: {}}", "there is no key `maxBys`"),
        ("policy: {maxMonthlyCost: '${env.LIMIT}'}", "a policy has no variables"),
        ("policy: {", "origin/main:infra/agentphone.yaml"),
        ("policy: {}\npolicy: {}", "origin/main:infra/agentphone.yaml:2:1"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5", "a spec must be a map"),
        ("", "cannot be used"),
        ("policy: {approvers: {signers: ../../secrets}}", "lies outside the folder of the spec"),
        ("policy: {approvers: {signers: /etc/hostname}}", "lies outside the folder of the spec"),
        ("policy: {approvers: {signers: keys}}", "infra/keys is no file in origin/main"),
        ("policy: {approvers: {signers: nowhere}}", "origin/main has no file infra/nowhere"),
        ("policy: {approvers: {signers: 'k*/allowed_signers'}}", "has no file infra/k*/allowed_signers"),
        ("policy: {approvers: {signers: ':(top)infra/keys/allowed_signers'}}", "has no file infra/:(top)infra/keys/allowed_signers"),
    ],
)  # fmt: skip
def test_a_policy_of_the_commit_that_cannot_be_used_is_refused(repo, ap, text, said):
    (repo / "infra/agentphone.yaml").write_text(text + "\n")
    commit(repo, "origin/main")
    write(repo, LOOSE)
    assert said in refused(ap)


def test_a_shallow_clone_of_one_branch_has_no_other(repo, ap, tmp_path, monkeypatch):
    bare = tmp_path / "bare.git"
    call("init", "-q", "--bare", str(bare), folder=repo)
    call("push", "-q", str(bare), "origin/main:refs/heads/main", folder=repo)
    write(repo, LOOSE)
    commit(repo)
    call("push", "-q", str(bare), "change", folder=repo)
    clone = tmp_path / "clone"
    call("clone", "-q", "--depth=1", "--branch", "change", f"file://{bare}", str(clone), folder=repo)
    monkeypatch.chdir(clone)
    hint = refused(ap).partition("hint: ")[2].split()
    assert hint == ["git", "fetch", "origin", "main:refs/remotes/origin/main"]
    call(*hint[1:], folder=clone)
    assert set(reasons(plan(ap))) == {"number.a", "number.b"}


def test_a_commit_whose_files_are_missing_is_refused(repo, ap):
    blob = call("rev-parse", "origin/main:infra/agentphone.yaml", folder=repo)
    call("repack", "-q", "-a", "-d", folder=repo)
    for pack in (repo / ".git/objects/pack").glob("*"):
        pack.chmod(0o600)
    call("config", "gc.auto", "0", folder=repo)
    packs = [pack.rename(repo.parent / pack.name) for pack in (repo / ".git/objects/pack").glob("*.pack")]
    for index in (repo / ".git/objects/pack").glob("*"):
        index.unlink()
    with packs[0].open("rb") as pack:
        subprocess.run(["git", "unpack-objects", "-q"], stdin=pack, cwd=repo, check=True)
    (repo / ".git/objects" / blob[:2] / blob[2:]).unlink()
    write(repo, LOOSE)
    assert "cannot be read" in refused(ap)


def test_no_program_called_git(repo, ap, monkeypatch):
    monkeypatch.setenv("PATH", str(repo / "nothing"))
    assert "there is no program git" in refused(ap)


def test_what_the_commit_says_is_harmless_on_the_screen(repo, ap):
    ref = "origin/\x1b[31mmain"
    result = ap("validate", "-f", "infra", "--policy-from", ref)
    assert result.code == 9
    assert "\x1b" not in result.err


def test_the_library_has_the_same_sentence(repo):
    manifest = governed(repo)
    assert manifest.policy.buys.per_apply == 1
    assert manifest.policy.source.startswith("origin/main (")
    with pytest.raises(UnsafeError) as caught:
        governed(repo, "nope")
    assert caught.value.exit_code == 9

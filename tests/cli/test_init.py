"""`init`: an account that was clicked together becomes a spec, and its plan is empty."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
from pathlib import Path

import pytest
import yaml

from apreconcile import pipelines
from apreconcile.sandbox import Options, running
from tests.action.test_files import passes
from tests.cli.conftest import Person

STARTER = {
    "agents": [{"id": "agt_1", "name": "Starter", "voiceMode": "hosted", "systemPrompt": "Be kind.\nBe brief."}],
    "numbers": [{"id": "num_1", "phoneNumber": "+14155550100", "country": "US", "agentId": "agt_1"}],
}
TOOL = {"name": "look", "description": "D", "url": "https://t.dev", "headers": {"X-Key": "planted"}}


@pytest.fixture
def empty(folder, tmp_path, monkeypatch):
    """A folder without a spec, to be in."""
    mine = tmp_path / "Acme Support!"
    mine.mkdir()
    monkeypatch.chdir(mine)
    return mine


def git(*args: str) -> str:
    done = subprocess.run(["git", *args], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(empty, tmp_path, monkeypatch):
    """A repository with a remote that can be pushed to, and that is GitHub's by its name: ssh stays on this machine."""
    bare, ssh = tmp_path / "remote.git", tmp_path / "ssh"
    ssh.write_text('#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n')
    ssh.chmod(0o755)
    config = "[user]\nname = Ann\nemail = ann@acme.dev\n[init]\ndefaultBranch = trunk\n"
    (tmp_path / "config").write_text(config)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    git("init", "-q", ".")
    git("init", "-q", "--bare", str(bare))
    git("remote", "add", "origin", f"git@github.com:{bare}")
    return empty


def files(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and not {".git", ".apreconcile"} & set(path.relative_to(folder).parts)
    }


def workflows(top: Path) -> dict[str, dict]:
    """Each workflow by its name, as YAML 1.2 reads it: `on` is a word."""
    texts = {path.stem: path.read_text() for path in (top / ".github/workflows").glob("*.yml")}
    return {name: yaml.safe_load(text.replace("\non:\n", '\n"on":\n')) for name, text in texts.items()}


def ours(workflow: dict) -> dict:
    (job,) = workflow["jobs"].values()
    return next(step for step in job["steps"] if "OWNER" in step["uses"])


def pushes(top: Path) -> list[str]:
    return workflows(top)["apreconcile-apply"]["on"]["push"]["branches"]


def test_a_starter_account_becomes_a_spec_with_an_empty_plan(empty, ap, world):
    world.seed(**STARTER)
    result = ap("init", "--yes", env=world.env)
    assert result.code == 0, result
    assert files(empty) == {"agentphone.yaml", "prompts/starter.md", ".gitignore"}
    spec = yaml.safe_load((empty / "agentphone.yaml").read_text())
    assert spec["project"] == "acme-support"
    assert spec["agents"]["starter"]["systemPrompt"] == {"file": "prompts/starter.md"}
    assert world.writes() == ["PATCH /v1/numbers/num_1"], "nothing but the number's marker"
    assert ap("plan", "--detailed-exitcode", env=world.env).code == 0
    assert "1 agent, 1 number and 0 webhooks of the account become the project acme-support:" in " ".join(
        result.out.split()
    )
    assert "The plan of agentphone.yaml is empty: nothing is left to do." in result.out
    assert "Next:" in result.out


def test_an_empty_account_is_a_spec_too(empty, ap, world):
    result = ap("init", "--yes", "--project", "mine", env=world.env)
    assert (result.code, files(empty)) == (0, {"agentphone.yaml", ".gitignore"})
    assert (empty / "agentphone.yaml").read_text() == "version: 1\nproject: mine\n"
    assert "The plan of agentphone.yaml is empty: nothing is left to do." in result.out
    assert ap("plan", "--detailed-exitcode", env=world.env).code == 0


def test_what_no_api_shows_is_to_be_set_first(empty, ap, world):
    world.seed(agents=[{"id": "agt_1", "name": "A", "customTools": [TOOL]}])
    result = ap("init", "--yes", env=world.env)
    assert (result.code, world.writes()) == (0, [])
    assert "       export A_LOOK_X_KEY=…\n       apreconcile apply\n" in result.out
    assert "is empty" not in result.out, "nothing is adopted yet"
    assert "planted" not in result.out + result.err + (empty / "agentphone.yaml").read_text()
    assert ap("apply", "--yes", env={**world.env, "A_LOOK_X_KEY": "planted"}).code == 0
    assert ap("plan", "--detailed-exitcode", env={**world.env, "A_LOOK_X_KEY": "planted"}).code == 0


def test_with_a_remote_the_state_lies_there_and_its_pipeline_is_written(repository, ap, world):
    result = ap("init", "--yes", env=world.env)
    assert result.code == 0, result
    written = {name for name in files(repository) if name.startswith(".github")}
    assert written == {f".github/workflows/apreconcile-{name}.yml" for name in ("apply", "drift", "plan")}
    assert pushes(repository) == ["trunk"]
    assert ".apreconcile/" in (repository / ".gitignore").read_text().splitlines()
    assert "state:\n  store: git\n" in (repository / "agentphone.yaml").read_text()
    assert "its state lies in the remote origin (git), and its pipeline is GitHub's" in " ".join(result.out.split())


def test_a_branch_that_is_not_the_usual_one_is_not_applied(repository, ap, world):
    git("commit", "-q", "--allow-empty", "-m", "first")
    git("checkout", "-q", "-b", "phones")
    assert ap("init", "--yes", env=world.env).code == 0
    assert pushes(repository) == ["main"]


def test_the_usual_branch_is_that_of_the_remote(repository, ap, world):
    git("commit", "-q", "--allow-empty", "-m", "first")
    git("update-ref", "refs/remotes/origin/trunk", "HEAD")
    git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")
    git("checkout", "-q", "-b", "phones")
    assert ap("init", "--yes", env=world.env).code == 0
    assert pushes(repository) == ["trunk"]


def test_the_state_lies_in_git(repository, ap, world):
    world.seed(**STARTER)
    result = ap("init", "--yes", "--pipeline", "none", env=world.env)
    assert result.code == 0, result
    assert "state:\n  store: git\n" in (repository / "agentphone.yaml").read_text()
    assert "refs/apreconcile/acme-support/default" in git("ls-remote", "origin")
    assert ap("plan", "--detailed-exitcode", env=world.env).code == 0


@pytest.fixture
def below(repository, monkeypatch):
    """Folders of the repository, to be in."""

    def go(name: str) -> Path:
        folder = repository / name
        folder.mkdir(parents=True)
        monkeypatch.chdir(folder)
        return folder

    return go


def lint(top: Path, schema: str, *paths: Path) -> None:
    """What was written passes what the packaged files pass, once OWNER is somebody, as a person would write it."""
    passes("check-jsonschema", "--builtin-schema", schema, *paths)
    if schema == "vendor.github-workflows":
        passes("actionlint", "-shellcheck=", "-pyflakes=", *paths)
        passes("zizmor", "--offline", "--persona=pedantic", "--no-progress", *paths, folder=top)


def test_a_spec_in_a_folder_has_workflows_at_the_top_that_name_it(repository, below, ap, world):
    """GitHub reads `.github/workflows` of the top alone, and the paths of a step are from there."""
    world.seed(**STARTER)
    for name in ("phones", "lines/Größe 2 & more's"):
        below(name)
        assert ap("init", "--yes", env=world.env).code == 0
        assert ap("plan", "--detailed-exitcode", env=world.env).code == 0
        world.http.post("/_sandbox/reset").raise_for_status()
        world.seed(**STARTER)
    assert not (repository / "phones/.github").exists()
    found = workflows(repository)
    verbs = ("apply", "drift", "plan")
    assert set(found) == {f"apreconcile-{name}-{verb}" for name in ("phones", "groe-2-more-s") for verb in verbs}
    assert ours(found["apreconcile-groe-2-more-s-plan"])["with"]["spec"] == "lines/Größe 2 & more's/agentphone.yaml"
    for verb in verbs:
        given = ours(found[f"apreconcile-phones-{verb}"])["with"]
        assert (given["command"], given["spec"]) == (verb, "phones/agentphone.yaml")
        assert given.get("approvals") == (None if verb == "drift" else "phones/approvals.yaml")
    for part in (
        lambda one: one["name"],
        lambda one: one["concurrency"]["group"],
        lambda one: next(iter(one["jobs"].values()))["name"],
    ):
        assert len({part(one) for one in found.values()}) == len(found), "two specs do not stand in each other's way"
    lint(repository, "vendor.github-workflows", *sorted((repository / ".github/workflows").glob("*.yml")))


def test_a_spec_at_the_top_has_the_workflows_as_they_are_but_for_the_branch(repository, ap, world):
    assert ap("init", "--yes", env=world.env).code == 0
    for path in (repository / ".github/workflows").glob("*.yml"):
        packed = (Path(pipelines.__file__).parent / "github" / path.name.removeprefix("apreconcile-")).read_text()
        assert path.read_text().replace('["trunk"]', "[main]").replace("at trunk", "at main") == packed
    lint(repository, "vendor.github-workflows", *(repository / ".github/workflows").glob("*.yml"))


@pytest.mark.parametrize("branch", ["1.0", "on", "release/2"])
def test_the_name_of_a_branch_stays_a_text(repository, ap, world, branch):
    git("checkout", "-q", "-b", branch)
    assert ap("init", "--yes", env=world.env).code == 0
    assert pushes(repository) == [branch]


def test_what_the_spec_reads_is_handed_on_as_secrets(repository, ap, world):
    """A fork has none, and is validated with a stand-in; what sends something gets no stand-in."""
    world.seed(agents=[{"id": "agt_1", "name": "A", "customTools": [TOOL]}])
    assert ap("init", "--yes", env=world.env).code == 0
    env = {verb: ours(workflows(repository)[f"apreconcile-{verb}"])["env"] for verb in ("apply", "drift", "plan")}
    secret = "${{ secrets.A_LOOK_X_KEY }}"
    assert env == {
        "apply": {"A_LOOK_X_KEY": secret},
        "drift": {"A_LOOK_X_KEY": secret},
        "plan": {"A_LOOK_X_KEY": "${{ secrets.A_LOOK_X_KEY || 'none' }}"},
    }
    lint(repository, "vendor.github-workflows", *(repository / ".github/workflows").glob("*.yml"))


def test_a_template_for_gitlab_names_the_spec_from_the_top(repository, below, ap, world):
    below("phones")
    result = ap("init", "--yes", "--pipeline", "gitlab", env=world.env)
    assert result.code == 0, result
    template = repository / "apreconcile.gitlab-ci.yml"
    variables = yaml.safe_load(template.read_text())["variables"]
    assert variables["APRECONCILE_SPEC"] == "phones/agentphone.yaml"
    assert variables["APRECONCILE_APPROVALS"] == "phones/approvals.yaml"
    lint(repository, "vendor.gitlab-ci", template)
    assert "echo 'include: [{local: apreconcile.gitlab-ci.yml}]' > ../.gitlab-ci.yml" in result.out
    below("lines")
    again = ap("init", "--yes", "--pipeline", "gitlab", env=world.env)
    assert (again.code, "--pipeline none" in again.err) == (1, True), "one template has one spec"


def test_a_template_for_gitlab_names_what_the_spec_reads(repository, ap, world):
    """A fork has no variable of the project, and is validated all the same."""
    world.seed(agents=[{"id": "agt_1", "name": "A", "customTools": [TOOL]}])
    assert ap("init", "--yes", "--pipeline", "gitlab", env=world.env).code == 0
    template = repository / "apreconcile.gitlab-ci.yml"
    assert yaml.safe_load(template.read_text())["variables"]["APRECONCILE_READS"] == "A_LOOK_X_KEY"
    lint(repository, "vendor.gitlab-ci", template)


def test_gitlabs_own_file_is_not_written_over(repository, ap, world):
    (repository / ".gitlab-ci.yml").write_text("include: [{local: mine.yml}]\n")
    result = ap("init", "--yes", "--pipeline", "gitlab", env=world.env)
    assert (result.code, "echo" in result.out) == (0, False)
    said = " ".join(result.out.split())
    assert "Add to .gitlab-ci.yml, which is here already: `include: [{local: apreconcile.gitlab-ci.yml}]`" in said


def test_a_folder_that_no_pipeline_can_name(repository, below, ap, world):
    folder = below("a$b")
    result = ap("init", "--yes", env=world.env)
    assert (result.code, files(folder)) == (64, set())
    assert "no pipeline can name the folder" in result.err
    assert ap("init", "--yes", "--pipeline", "none", env=world.env).code == 0


def test_a_pipeline_has_its_state_in_the_remote(repository, ap, world):
    refused = ap("init", "--yes", "--store", "local", "--pipeline", "github", env=world.env)
    assert (refused.code, files(repository), world.requests()) == (64, set(), [])
    assert ap("init", "--yes", "--store", "local", env=world.env).code == 0
    assert not (repository / ".github").exists(), "whoever keeps the state here has no pipeline"


def test_in_ci_a_local_state_is_not_begun(empty, ap, world):
    world.seed(**STARTER)
    result = ap("init", "--yes", env={**world.env, "CI": "true"})
    assert (result.code, files(empty), world.requests()) == (9, set(), [])
    assert "--store git" in result.err


def test_in_ci_a_state_in_git_is_begun(repository, ap, world):
    world.seed(**STARTER)
    assert ap("init", "--yes", env={**world.env, "CI": "true"}).code == 0
    assert ap("apply", "--yes", env={**world.env, "CI": "true"}).code == 0


HOSTILE = [
    "quote \" and ' and \n lines", "🎉", "${env:X} ${env.AGENTPHONE_API_KEY} ${var.q}", "- *a: &b !!python/none # c", "no",
    "../../etc/passwd", "--help", "{{ a }}", "\u202egnp.exe", "x" * 100, "%TAG ! x", "@mention `code` <b>",
]  # fmt: skip


def test_hostile_names_stay_names(empty, ap, world):
    prompt = "${env.HOME} $(id)\n---\n: {a: b}\n"
    agents = [
        {"id": f"agt_{number}", "name": name, "voiceMode": "hosted", "systemPrompt": prompt}
        for number, name in enumerate(HOSTILE)
    ]
    world.seed(agents=agents)
    result = ap("init", "--yes", env=world.env)
    assert (result.code, world.writes()) == (0, []), result
    spec = yaml.safe_load((empty / "agentphone.yaml").read_text())
    assert {one["name"].replace("$${", "${") for one in spec["agents"].values()} == set(HOSTILE)
    assert all(
        path.parent.name in ("prompts", empty.name) for path in empty.rglob("*") if ".apreconcile" not in str(path)
    )
    assert "\u202e" not in result.out
    assert ap("plan", "--detailed-exitcode", env=world.env).code == 0


def test_a_large_account_with_webhooks(empty, ap, world):
    agents = [
        {"id": f"agt_{n}", "name": f"Agent {n}", "voiceMode": "hosted", "systemPrompt": "a\nb"} for n in range(120)
    ]
    world.seed(agents=agents, webhooks=[{"url": "https://h.dev/x"}, {"agentId": "agt_7", "url": "https://h.dev/w"}])
    result = ap("init", "--yes", env=world.env)
    assert (result.code, world.writes()) == (0, [])
    assert "120 agents, 0 numbers and 2 webhooks of the account become the project" in " ".join(result.out.split())
    assert "  prompts/ (120 files)\n" in result.out
    assert len(files(empty)) == 122
    assert ap("plan", "--detailed-exitcode", env=world.env).code == 0


def test_without_a_network_nothing_is_written(empty, ap):
    result = ap("init", "--yes", env={"AGENTPHONE_API_KEY": "k", "AGENTPHONE_BASE_URL": "http://127.0.0.1:9"})
    assert (result.code, files(empty)) == (1, set())
    assert "could not be reached" in result.err


def test_without_git_the_state_lies_here(empty, ap, world, tmp_path):
    world.seed(**STARTER)
    (tmp_path / "nothing").mkdir()
    assert ap("init", "--yes", env={**world.env, "PATH": str(tmp_path / "nothing")}).code == 0
    assert (empty / ".apreconcile/acme-support.default.json").exists()


def test_what_a_full_disk_cut_short_is_begun_again(empty, spawn, ap, world):
    """The spec is written last: until it is there, init can be run again, and nothing is adopted."""
    world.seed(agents=[{"id": "agt_1", "name": "A", "voiceMode": "hosted", "systemPrompt": "a\nb"}, {"id": "agt_2", "name": "B", "description": "d" * 900}])  # fmt: skip

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))

    process = spawn("init", "--yes", env=world.env, preexec_fn=small)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, files(empty)) == (1, {"prompts/a.md", ".gitignore"}), err
    assert "agentphone.yaml could not be written: File too large" in " ".join(err.split())
    assert "then run init again" in " ".join(err.split())
    assert world.writes() == []
    assert ap("init", "--yes", env=world.env).code == 0
    assert ap("plan", "--detailed-exitcode", env=world.env).code == 0


def bounded() -> None:
    """As root, be held back by permissions from the next program on: without CAP_DAC_OVERRIDE and _READ_SEARCH."""
    for capability in (1, 2) if os.geteuid() == 0 else ():
        assert ctypes.CDLL(None).prctl(24, capability, 0, 0, 0) == 0  # PR_CAPBSET_DROP


def test_a_folder_that_may_not_be_written(empty, spawn, ap, world):
    world.seed(**STARTER)
    empty.chmod(0o500)
    process = spawn("init", "--yes", env=world.env, preexec_fn=bounded)
    err = " ".join(process.communicate(timeout=60)[1].split())
    empty.chmod(0o700)
    assert (process.returncode, files(empty), world.writes()) == (1, set(), [])
    assert ": Permission denied hint: see that there is room and that you may write there, then run init again" in err
    assert ap("init", "--yes", env=world.env).code == 0


def test_a_file_where_the_prompts_would_lie(empty, ap, world):
    world.seed(**STARTER)
    (empty / "prompts").write_text("mine")
    result = ap("init", "--yes", env=world.env)
    assert (result.code, (empty / "prompts").read_text()) == (1, "mine")
    assert not (empty / "agentphone.yaml").exists()
    assert "prompts could not be made" in " ".join(result.err.split())


def test_what_could_not_be_adopted_is_adopted_by_apply(empty, ap, world):
    world.seed(**STARTER)
    world.fault("GET /v1/agents", "garbage", nth=2, times=50)
    result = ap("init", "--yes", env=world.env)
    assert result.code != 0
    assert world.writes() == []
    assert "the files are written; once this is mended, adopt what they name: apreconcile apply" in " ".join(
        result.err.split()
    )
    world.http.post("/_sandbox/faults", json=[]).raise_for_status()
    again = ap("init", "--yes", env=world.env)
    assert (again.code, "agentphone.yaml is here already" in again.err) == (1, True)


def test_gitignore_gets_the_lines_that_it_lacks(empty, ap, world):
    (empty / ".gitignore").write_text("node_modules\nplan.json")
    assert ap("init", "--yes", env=world.env).code == 0
    assert (empty / ".gitignore").read_text() == "node_modules\nplan.json\n.apreconcile/\n.env\n"


@pytest.mark.parametrize("name", ["agentphone.yaml", "prompts/starter.md"])
def test_a_file_that_is_there_is_not_replaced(empty, ap, world, name):
    world.seed(**STARTER)
    (empty / name).parent.mkdir(exist_ok=True)
    (empty / name).write_text("mine")
    result = ap("init", "--yes", env=world.env)
    assert (result.code, files(empty), (empty / name).read_text()) == (1, {name}, "mine")
    assert world.writes() == []
    assert name.rpartition("/")[2] in result.err


def test_a_wrong_key_is_said_and_nothing_is_written(empty, ap, tmp_path):
    with running(Options(db=tmp_path / "other.db", keys=("right",))) as server:
        env = {"AGENTPHONE_BASE_URL": server.url, "AGENTPHONE_API_KEY": "wrong"}
        result = ap("init", "--yes", env=env)
    assert (result.code, files(empty)) == (1, set())
    assert "error:" in result.err
    assert ap("init", "--yes").code == 1


def test_nobody_is_asked_without_a_terminal(empty, ap, world):
    result = ap("init", env=world.env)
    assert (result.code, files(empty), world.requests()) == (3, set(), [])
    assert "there is no terminal to ask at, and no --yes" in result.err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--project", "A b"), "'A b' cannot be a project"),
        (("-f", "x.yaml"), "takes no spec"),
        (("-e", "prod"), "neither an environment nor a sub-account"),
        (("--sub-account", "sub_1"), "neither an environment nor a sub-account"),
        (("--store", "local", "--pipeline", "github"), "a runner of github ends, and a local state with it"),
        (("--pipeline", "gitlab"), "there is none here hint: git init, and git remote add origin URL"),
        (("--store", "git"), "the state is to lie in the remote `origin` of a repository"),
    ],
)
def test_what_cannot_be_asked_is_said(empty, ap, world, args, said):
    result = ap("init", "--yes", *args, env=world.env)
    assert (result.code, files(empty)) == (64, set())
    assert said in " ".join(result.err.split())


def test_what_is_remembered_already_is_not_begun_again(empty, ap, world):
    world.seed(**STARTER)
    assert ap("init", "--yes", env=world.env).code == 0
    (empty / "agentphone.yaml").unlink()
    result = ap("init", "--yes", env=world.env)
    assert result.code == 9
    assert "the state of acme-support/default is here already, with 2 resources" in " ".join(result.err.split())


def test_what_git_remembers_already_is_written_down_as_the_hint_says(repository, ap, world):
    world.seed(**STARTER)
    assert ap("init", "--yes", "--pipeline", "none", env=world.env).code == 0
    spec = repository / "agentphone.yaml"
    before = yaml.safe_load(spec.read_text())
    spec.unlink()
    refused = " ".join(ap("init", "--yes", env=world.env).err.split())
    assert "export --project acme-support > agentphone.yaml, and add to it: state: {store: git};" in refused
    spec.write_text(ap("export", "--project", "acme-support", env=world.env).out + "\nstate: {store: git}\n")
    assert ap("plan", "--detailed-exitcode", env=world.env).code == 0
    assert yaml.safe_load(spec.read_text())["numbers"] == before["numbers"]


def test_what_another_project_holds_is_said_to_be_left_out(empty, ap, world, tmp_path, monkeypatch):
    world.seed(**STARTER)
    assert ap("init", "--yes", env=world.env).code == 0
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    result = ap("init", "--yes", env=world.env)
    assert (result.code, "0 agents, 0 numbers and 0 webhooks of the account" in " ".join(result.out.split())) == (
        0,
        True,
    )
    assert "warning: number num_1 is left out: it carries the marker" in result.err


@pytest.fixture
def sit(empty, program_env, world):
    """Sit down at a terminal in the empty folder."""
    people = []

    def down(*argv, **env):
        people.append(Person(argv, {**program_env, **world.env, **env}, None, empty))
        return people[-1]

    yield down
    for one in people:
        one.close()


def test_a_person_is_asked_three_things_and_whether_to_go_on(sit, empty, world):
    world.seed(**STARTER)
    person = sit("init")
    person.wait_for("project [acme-support]")
    person.type("Not This\n")
    person.wait_for("'Not This' cannot be a project")
    person.wait_for("project [acme-support]")
    person.type("mine\n")
    person.wait_for("pipeline (github, gitlab, none) [none]")
    person.type("gitlab\n")
    person.wait_for("hint: git init, and git remote add origin URL")
    person.wait_for("pipeline (github, gitlab, none) [none]")
    person.type("gitlub\n")
    person.wait_for("'gitlub' cannot be its pipeline")
    person.wait_for("pipeline (github, gitlab, none) [none]")
    person.type("\n")
    person.wait_for("store (local, git) [local]")
    person.type("\n")
    person.wait_for("Write these files, and adopt what they name? [y/N]")
    person.type("y\n")
    code, screen = person.leave()
    assert code == 0, screen
    assert files(empty) == {"agentphone.yaml", "prompts/starter.md", ".gitignore"}
    assert yaml.safe_load((empty / "agentphone.yaml").read_text())["project"] == "mine"


@pytest.mark.parametrize(("typed", "code"), [("n\n", 3), ("\n", 3), ("\x03", 130)])
def test_who_says_no_has_written_nothing(sit, empty, world, typed, code):
    world.seed(**STARTER)
    person = sit("init", "--project", "mine", "--store", "local", "--pipeline", "none")
    person.wait_for("[y/N]")
    person.type(typed)
    assert person.leave()[0] == code
    assert (files(empty), world.writes()) == (set(), [])

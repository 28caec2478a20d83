"""`init`: an account that was clicked together becomes a spec, and its plan is empty."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from apreconcile.sandbox import Options, running
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
    """A repository with a remote that can be pushed to, and that is GitHub's by its name."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    git("init", "-q", "-b", "trunk", ".")
    git("init", "-q", "--bare", str(tmp_path / "github.com" / "acme.git"))
    git("remote", "add", "origin", "git@github.com:acme/support.git")
    return empty


def files(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and not {".git", ".apreconcile"} & set(path.relative_to(folder).parts)
    }


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
    assert "The account has 1 agent, 1 number, 0 webhooks." in result.out
    assert "Next:" in result.out


def test_an_empty_account_is_a_spec_too(empty, ap, world):
    result = ap("init", "--yes", "--project", "mine", env=world.env)
    assert (result.code, files(empty)) == (0, {"agentphone.yaml", ".gitignore"})
    assert (empty / "agentphone.yaml").read_text() == "version: 1\nproject: mine\n"
    assert ap("plan", "--detailed-exitcode", env=world.env).code == 0


def test_what_no_api_shows_is_to_be_set_first(empty, ap, world):
    world.seed(agents=[{"id": "agt_1", "name": "A", "customTools": [TOOL]}])
    result = ap("init", "--yes", env=world.env)
    assert (result.code, world.writes()) == (0, [])
    assert "  export A_LOOK_X_KEY=…\n  apreconcile plan\n  apreconcile apply\n" in result.out
    assert "planted" not in result.out + result.err + (empty / "agentphone.yaml").read_text()
    assert ap("apply", "--yes", env={**world.env, "A_LOOK_X_KEY": "planted"}).code == 0
    assert ap("plan", "--detailed-exitcode", env={**world.env, "A_LOOK_X_KEY": "planted"}).code == 0


def test_with_a_remote_the_state_lies_there_and_its_pipeline_is_written(repository, ap, world):
    result = ap("init", "--yes", "--store", "local", env=world.env)
    assert result.code == 0, result
    written = {name for name in files(repository) if name.startswith(".github")}
    assert written == {f".github/workflows/apreconcile-{name}.yml" for name in ("apply", "drift", "plan")}
    assert "branches: [trunk]" in (repository / ".github/workflows/apreconcile-apply.yml").read_text()
    assert ".apreconcile/" in (repository / ".gitignore").read_text().splitlines()
    assert "in the pipeline's files, replace OWNER" in result.out


def test_a_branch_that_is_not_the_usual_one_is_not_applied(repository, ap, world):
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "first")
    git("checkout", "-q", "-b", "phones")
    assert ap("init", "--yes", "--store", "local", env=world.env).code == 0
    assert "branches: [main]" in (repository / ".github/workflows/apreconcile-apply.yml").read_text()


def test_the_usual_branch_is_that_of_the_remote(repository, ap, world):
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "first")
    git("update-ref", "refs/remotes/origin/trunk", "HEAD")
    git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")
    git("checkout", "-q", "-b", "phones")
    assert ap("init", "--yes", "--store", "local", env=world.env).code == 0
    assert "branches: [trunk]" in (repository / ".github/workflows/apreconcile-apply.yml").read_text()


def test_the_state_lies_in_git(repository, ap, world, tmp_path):
    world.seed(**STARTER)
    git("remote", "set-url", "origin", str(tmp_path / "github.com" / "acme.git"))
    result = ap("init", "--yes", "--pipeline", "none", env=world.env)
    assert result.code == 0, result
    assert "state:\n  store: git\n" in (repository / "agentphone.yaml").read_text()
    assert "refs/apreconcile/acme-support/default" in git("ls-remote", "origin")
    assert ap("plan", "--detailed-exitcode", env=world.env).code == 0


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
    person.wait_for("'Not This' cannot be its project")
    person.wait_for("project [acme-support]")
    person.type("mine\n")
    person.wait_for("store (local, git) [local]")
    person.type("\n")
    person.wait_for("pipeline (github, gitlab, none) [none]")
    person.type("gitlab\n")
    person.wait_for("Write these files, and adopt what they name? [y/N]")
    person.type("y\n")
    code, screen = person.leave()
    assert code == 0, screen
    assert files(empty) == {"agentphone.yaml", "prompts/starter.md", ".gitignore", "apreconcile.gitlab-ci.yml"}
    assert yaml.safe_load((empty / "agentphone.yaml").read_text())["project"] == "mine"


@pytest.mark.parametrize(("typed", "code"), [("n\n", 3), ("\n", 3), ("\x03", 130)])
def test_who_says_no_has_written_nothing(sit, empty, world, typed, code):
    world.seed(**STARTER)
    person = sit("init", "--project", "mine", "--store", "local", "--pipeline", "github")
    person.wait_for("[y/N]")
    person.type(typed)
    assert person.leave()[0] == code
    assert (files(empty), world.writes()) == (set(), [])

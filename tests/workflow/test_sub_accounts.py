"""A run for a sub-account touches nothing outside of it, whatever the API does with the header that names it."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from apreconcile import workflow
from apreconcile.core.errors import Error, UnknownOutcomeError, UnsafeError
from apreconcile.sandbox import Options, running
from tests.conftest import Clock, Trial, said

SPEC = """
agents: {support: {name: Support}}
numbers: {main: {agent: support}}
webhooks: {events: {url: "https://a.dev/events"}, own: {agent: support, url: "https://a.dev/own"}}
"""


@dataclass
class Inside(Trial):
    """A trial that runs in a sub-account, and looks at it and at the account around it."""

    sub: str = ""
    asked: list = field(default_factory=list)
    environment: str | None = None

    def load(self):
        return workflow.load([str(self.folder / "agentphone.yaml")], environ={}, environment=self.environment)

    @asynccontextmanager
    async def open(self, *, pace=None):
        async with workflow.connect(
            self.load(), key=self.key, base_url=self.base_url or self.url, sub_account=self.sub, settle=self.settle,
            on_request=self.heard.append, pace=pace or self.clock.pace, now=self.clock.now, environ={},
        ) as account:  # fmt: skip
            yield account

    def inside(self, path):
        headers = {"Authorization": f"Bearer {self.key}", "X-Sub-Account-Id": self.sub}
        answer = self.http.get(path, headers=headers)
        return answer.json() if answer.status_code == 200 else None

    def seed_inside(self, **things):
        headers = {"Authorization": f"Bearer {self.key}", "X-Sub-Account-Id": self.sub}
        answer = self.http.post("/_sandbox/seed", json=things, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()


def inside_of(url, http, folder):
    key = f"sk_{secrets.token_hex(8)}"
    made = http.post("/v1/sub-accounts", json={"name": "Staging"}, headers={"Authorization": f"Bearer {key}"}).json()
    return Inside(url, folder, key, http, Clock(), sub=made["id"])


@pytest.fixture
def scoped(sandbox, control, tmp_path):
    """An API that minds the header with every call."""
    return inside_of(sandbox.url, control, tmp_path)


@pytest.fixture
def strict(tmp_path):
    """An API that minds it only with the calls for which it is listed."""
    with (
        running(Options(db=":memory:", strict_sub_accounts=True)) as server,
        httpx.Client(base_url=server.url, trust_env=False, timeout=30) as http,
    ):
        yield inside_of(server.url, http, tmp_path)


def test_all_is_made_changed_and_deleted_inside(scoped):
    scoped.seed(agents=[{"name": "Support"}], webhooks=[])
    outside = scoped.get("/v1/agents")
    scoped.spec(SPEC).settled()
    assert [one["name"] for one in scoped.inside("/v1/agents")["data"]] == ["Support"]
    assert (scoped.get("/v1/agents"), scoped.get("/v1/numbers")["total"], scoped.get("/v1/webhooks")) == (
        outside,
        0,
        None,
    )
    assert scoped.state["scope"]["sub_account"] == scoped.sub
    assert scoped.plan().plan.empty
    scoped.spec(
        SPEC.replace('events"', 'more"').replace("numbers: {main: {agent: support}}", "numbers: {main: {agent: null}}")
    ).settled()
    scoped.spec("agents: {}").settled()
    assert (
        scoped.inside("/v1/agents")["total"],
        scoped.inside("/v1/numbers")["total"],
        scoped.inside("/v1/webhooks"),
    ) == (0, 0, None)
    assert scoped.get("/v1/agents") == outside


def test_every_call_but_the_looks_outside_has_the_header(scoped):
    scoped.spec(SPEC).settled()
    sent = [one for one in scoped.requests() if one["path"].startswith("/v1")]
    bare = {(one["method"], one["path"]) for one in sent if not one.get("subAccount")}
    assert bare == {
        ("GET", "/v1/sub-accounts"),
        ("GET", "/v1/agents"),
        ("GET", "/v1/numbers"),
        ("POST", "/v1/sub-accounts"),
    }


def test_a_sub_account_that_is_missing_is_unsafe_and_named_with_the_command_that_makes_it(scoped):
    scoped.spec(SPEC).sub = "nobody"
    with pytest.raises(UnsafeError, match="no sub-account nobody: nothing was sent") as caught:
        scoped.plan()
    assert "apreconcile sub-account create NAME" in caught.value.hint
    assert not scoped.writes()[1:]


def test_a_state_is_of_one_sub_account(scoped):
    scoped.spec(SPEC).settled()
    other = scoped.send("POST", "/v1/sub-accounts", {"name": "Other"})["id"]
    first, scoped.sub = scoped.sub, other
    with pytest.raises(
        UnsafeError, match=f"about the sub-account {first} at loopback, and this run about the sub-account {other}"
    ):
        scoped.plan()


def test_an_api_that_knows_no_sub_accounts_is_sent_nothing(tmp_path):
    with (
        running(Options(db=":memory:", profile="2025")) as server,
        httpx.Client(base_url=server.url, trust_env=False, timeout=30) as http,
    ):
        trial = Inside(server.url, tmp_path, "sk_x", http, sub="sub_1").spec(SPEC)
        with pytest.raises(UnsafeError, match="knows no sub-accounts"):
            trial.plan()
        assert not trial.writes()


def test_an_api_that_shows_the_same_things_inside_and_outside_is_sent_nothing(scoped, front):
    scoped.seed(agents=[{"name": "Prod"}])
    front(scoped).spec(SPEC)
    front.deaf = True
    with pytest.raises(UnsafeError, match="inside the sub-account and outside of it"):
        scoped.plan()


def test_a_success_that_is_not_so_inside_is_none(scoped, front):
    front(scoped).spec('webhooks: {events: {url: "https://inside.dev"}}').settled()
    front.answer("DELETE", "/v1/webhooks", 200, {"success": True})
    report = scoped.spec("agents: {}").apply()
    assert report.exit == 6, said(report)
    assert scoped.inside("/v1/webhooks")["url"] == "https://inside.dev"


def test_the_webhook_of_the_account_is_never_deleted_by_a_call_that_may_overlook_the_header(strict):
    """`DELETE /v1/webhooks` is not listed: an API that overlooks the header there deletes the account's own."""
    strict.spec('webhooks: {events: {url: "https://inside.dev"}}').settled()
    strict.seed(webhooks=[{"url": "https://prod.dev"}])
    report = strict.spec("agents: {}").apply()
    assert report.exit == 5, said(report)
    assert "or acts on the account: there is one there" in report.blocked[0].reason
    assert strict.get("/v1/webhooks")["url"] == "https://prod.dev"
    assert ("DELETE", "/v1/webhooks") not in strict.writes()


def test_a_deletion_that_overlooked_the_header_is_no_success(strict):
    strict.spec('webhooks: {events: {url: "https://inside.dev"}}').settled()
    report = strict.spec("agents: {}").apply()
    assert report.exit == 9, said(report)
    assert strict.inside("/v1/webhooks")["url"] == "https://inside.dev"


def test_it_is_looked_outside_once_more_just_before_that_call(scoped):
    scoped.spec('webhooks: {events: {url: "https://inside.dev"}}').settled()
    scoped.spec("agents: {}")

    async def late(account):
        planned = await workflow.plan(account)
        await asyncio.to_thread(scoped.seed, webhooks=[{"url": "https://prod.dev"}])
        return await workflow.apply(account, planned, approve=[step.token for step in planned.plan.steps])

    report = scoped.run(late)
    assert report.exit == 4, said(report)
    assert scoped.get("/v1/webhooks")["url"] == "https://prod.dev"


def test_a_404_of_a_call_that_may_overlook_the_header_is_no_absence(strict):
    """The agent's own webhook cannot be read: neither is one made, nor is it taken for gone."""
    strict.spec('agents: {support: {name: Support}}\nwebhooks: {own: {agent: support, url: "https://a.dev/own"}}')
    with pytest.raises(UnsafeError, match="answered 404: it is not there, or this call does not mind sub-accounts"):
        strict.spec("agents: {support: {name: Support}}").settled().spec(SPEC).plan()


def test_what_fails_for_such_a_404_ends_with_9(strict):
    """A number is bought and listed inside; to attach it to another agent there is no call that minds the header."""
    strict.spec("agents: {a: {name: A}, b: {name: B}}\nnumbers: {main: {agent: a}}").settled()
    report = strict.spec("agents: {a: {name: A}, b: {name: B}}\nnumbers: {main: {agent: b}}").apply()
    assert report.exit == 9, said(report)
    assert strict.inside("/v1/numbers")["data"][0]["agentId"] == strict.ids()["agent.a"]


def test_a_number_is_bought_and_released_where_only_the_listed_calls_mind_the_header(strict):
    strict.spec("agents: {a: {name: A}}\nnumbers: {main: {agent: a}}").settled()
    assert strict.inside("/v1/numbers")["total"] == 1
    report = strict.spec("agents: {a: {name: A}}").apply()
    assert report.exit == 0, said(report)
    assert (strict.inside("/v1/numbers")["total"], strict.get("/v1/numbers")["total"]) == (0, 0)


NUMBERS = "agents: {a: {name: A}}\nnumbers: {main: {agent: a}}"


def test_a_number_that_was_released_inside_is_lost_as_anywhere(scoped):
    scoped.spec(NUMBERS).settled()
    headers = {"Authorization": f"Bearer {scoped.key}", "X-Sub-Account-Id": scoped.sub}
    scoped.http.delete(f"/v1/numbers/{scoped.ids()['number.main']}", headers=headers).raise_for_status()
    (step,) = scoped.plan().plan.steps
    assert step.token.startswith("rebuy:")


def test_a_number_that_left_the_list_is_not_called_lost_where_its_id_may_be_looked_up_outside(strict):
    strict.spec(NUMBERS).settled()
    headers = {"Authorization": f"Bearer {strict.key}", "X-Sub-Account-Id": strict.sub}
    strict.http.delete(f"/v1/numbers/{strict.ids()['number.main']}", headers=headers).raise_for_status()
    with pytest.raises(UnsafeError, match="answered 404"):
        strict.plan()


def test_a_preview_s_number_that_came_to_its_end_is_gone_also_where_its_id_tells_nothing(strict):
    """Its list does not show it, and its time is over: nothing is in doubt, and the preview can still be destroyed."""
    strict.environment = "preview:one"
    strict.spec(NUMBERS + "\nenvironments: {preview: {ephemeral: {ttl: 1h}}}").settled()
    strict.http.post("/_sandbox/clock", json={"advance": 3700}).raise_for_status()
    with pytest.raises(UnsafeError, match="answered 404"):
        strict.plan()
    strict.clock.skip(3700)
    planned = strict.plan()
    assert [step.token.partition(":")[0] for step in planned.plan.steps] == ["buy"]
    assert "has released itself" in planned.settlement.said[0]


def test_a_number_that_its_id_alone_shows_is_not_one_inside(strict):
    strict.spec(NUMBERS).settled()
    outside = strict.send("POST", "/v1/numbers", {})["id"]
    strict.state_file.write_text(strict.state_file.read_text().replace(strict.ids()["number.main"], outside))
    with pytest.raises(UnsafeError, match="shows a number that the list of the sub-account does not have"):
        strict.plan()


def test_a_quota_that_is_not_the_one_inside_is_not_believed(strict):
    strict.seed(numbers=[{} for _ in range(10)])
    planned = strict.spec(SPEC.partition("webhooks")[0]).plan().plan
    assert (planned.cost.numbers_used, [step.action for step in planned.steps]) == (None, ["create", "create"])


def test_the_test_event_of_the_projects_webhook_is_not_sent(scoped):
    scoped.spec('webhooks: {events: {url: "https://a.dev/events"}}').settled()
    planned = scoped.plan(verify=True).plan
    assert (planned.probes, "no test event is sent" in planned.warnings[-1]) == ((), True)


def test_an_answer_that_names_no_sub_account_leaves_its_making_unknown(trial, front):
    front(trial.spec(""))
    front.answer("POST", "/v1/sub-accounts", 201, {"name": "one"}, commit=True)
    with pytest.raises(UnknownOutcomeError, match="was made, and the answer names no id") as caught:
        trial.run(lambda account: workflow.create_sub_account(account, "one"))
    assert caught.value.hint == "look: apreconcile sub-account list"
    assert [one["name"] for one in trial.get("/v1/sub-accounts")["data"]] == ["one"]


def test_a_refused_sub_account_was_not_made_and_one_that_is_there_is_not_made_again(trial, front):
    front(trial.spec(""))
    front.answer("POST", "/v1/sub-accounts", 422, {"detail": "too many"})
    with pytest.raises(Error) as caught:
        trial.run(lambda account: workflow.create_sub_account(account, "one"))
    assert not isinstance(caught.value, UnknownOutcomeError)
    made = trial.run(lambda account: workflow.create_sub_account(account, "one"))
    with pytest.raises(Error, match=f"there is a sub-account 'one': {made.id}"):
        trial.run(lambda account: workflow.create_sub_account(account, "one"))
    assert len(trial.get("/v1/sub-accounts")["data"]) == 1


def test_an_api_without_sub_accounts_is_told_from_an_account_without_any(trial, front):
    assert trial.spec("").run(workflow.list_sub_accounts) == ()
    front(trial)
    front.answer("GET", "/v1/sub-accounts", 404, {"detail": "Not Found"})
    with pytest.raises(Error, match="this API knows no sub-accounts"):
        trial.run(workflow.list_sub_accounts)

"""No secret is written or shown: not in a plan, a state, an error, a report, a traceback or a repr."""

from __future__ import annotations

import asyncio
import itertools
import traceback

import pytest

from apreconcile import workflow
from apreconcile.core import planfile
from apreconcile.core.address import Address
from apreconcile.core.errors import Error, SpecError

PLANTED = {
    "header": "hdr-Q7w2-plain-in-the-spec",
    "header of env": "hdr-env-Zk81-Lm",
    "prompt": "prompt-Vb55-of-the-environment",
    "path": "path-Nn12-of-the-environment",
    "live header": "hdr-live-Pp90-unknown-to-the-spec",
    "first secret": "whsec_first000aa11bb22",
    "second secret": "whsec_second00cc33dd44",
}
ENVIRON = {
    "TOKEN": PLANTED["header of env"],
    "PROMPT": PLANTED["prompt"],
    "PATH_PART": PLANTED["path"],
}
SPEC = """
    agents:
      a:
        name: A
        voiceMode: hosted
        systemPrompt: "Be ${env.PROMPT} kind"
        customTools:
          - name: look
            description: d
            url: "https://t.dev/${env.PATH_PART}"
            headers: {X-One: hdr-Q7w2-plain-in-the-spec, X-Two: "${env.TOKEN}"}
      b: {name: B}
    numbers: {n: {agent: a}}
    webhooks:
      w: {url: "https://a.dev/${env.PATH_PART}"}
      b: {agent: b, url: "https://b.dev/x"}
"""


@pytest.fixture
def planted(trials):
    """An account with secrets in every corner, and a spec that changes all of it."""
    trial = trials(environ=ENVIRON)
    tool = {"name": "look", "description": "d", "url": "https://t.dev/old"}
    tool["headers"] = {"X-One": PLANTED["live header"], "X-Two": PLANTED["header of env"]}
    trial.seed(
        agents=[
            {
                "id": "agt_a",
                "name": "A",
                "voiceMode": "hosted",
                "systemPrompt": PLANTED["prompt"],
                "customTools": [tool],
            }
        ],
        webhooks=[
            {"url": f"https://a.dev/{PLANTED['path']}/old", "secret": PLANTED["first secret"]},
            {"agentId": "agt_a", "url": "https://b.dev/x", "secret": PLANTED["second secret"]},
        ],
    )
    return trial.spec(SPEC)


def leaks(trial, text: str, *, but: tuple[str, ...] = ()) -> list[str]:
    """The names of the secrets that a text holds."""
    known = {**PLANTED, "key": trial.key}
    for path in ("/v1/webhooks", *(f"/v1/agents/{one['id']}/webhook" for one in trial.get("/v1/agents")["data"])):
        shown = trial.get(path)
        if shown:
            known[f"secret of {path}"] = shown["secret"]
    return [name for name, value in known.items() if value in text and name not in but]


def shows(report_or_plan: object) -> str:
    return "\n".join([repr(report_or_plan), str(report_or_plan), f"{report_or_plan!r:>5}"])


def screens(plan) -> str:
    """Every form in which a plan is shown."""
    from apreconcile.show import text  # noqa: PLC0415 -- only this test wants it

    document = planfile.to_json(plan)
    return "\n".join([planfile.dump(plan).decode(), str(text.plan_text(document)), repr(text.plan_text(document))])


def test_a_manifest_shows_none(planted):
    manifest = planted.load()
    assert leaks(planted, shows(manifest)) == []
    assert leaks(planted, shows(manifest.resources)) == []


@pytest.mark.parametrize("adopt", [False, True])
def test_a_plan_shows_none(planted, adopt):
    planned = planted.plan(adopt=adopt)
    assert leaks(planted, screens(planned.plan)) == []
    assert leaks(planted, shows(planned.plan)) == []
    assert leaks(planted, shows(planned)) == []
    for step in planned.plan.steps:
        assert leaks(planted, shows(step) + shows(step.change) + shows(step.calls) + shows(step.guards)) == []


def test_an_apply_shows_and_stores_none(planted):
    report = planted.apply(adopt=True)
    assert report.exit == 0, report
    assert leaks(planted, shows(report)) == []
    assert leaks(planted, "".join(planted.heard)) == []
    for file in (planted.folder / ".apreconcile").rglob("*"):
        if file.is_file():
            assert leaks(planted, file.read_bytes().decode("latin-1") + file.name) == []


def test_a_change_of_every_secret_shows_neither_the_old_nor_the_new(planted):
    planted.apply(adopt=True)
    planted.environ = {name: value + "-NEW" for name, value in ENVIRON.items()}
    planted.spec(SPEC.replace("hdr-Q7w2-plain-in-the-spec", "hdr-Q7w2-plain-in-the-spec-NEW"))
    planned = planted.plan()
    assert {str(step.address) for step in planned.plan.steps} == {"agent.a", "webhook.w"}
    assert leaks(planted, screens(planned.plan) + shows(planned)) == []
    assert "-NEW" not in screens(planned.plan) + shows(planned)
    assert planted.apply().exit == 0


def test_a_secret_stays_one_after_the_spec_stops_marking_it(planted):
    planted.apply(adopt=True)
    planted.spec(SPEC.replace("Be ${env.PROMPT} kind", "Be kind").replace('/${env.PATH_PART}"', '/y"'))
    planned = planted.plan()
    assert {str(step.address) for step in planned.plan.steps} == {"agent.a", "webhook.w"}
    assert leaks(planted, screens(planned.plan) + shows(planned), but=("header", "header of env")) == []
    assert leaks(planted, screens(planned.plan) + shows(planned)) == []


def test_an_export_shows_header_values_as_variables(planted):
    exported = planted.export()
    assert leaks(planted, exported.text, but=("prompt", "path")) == []
    assert "${env." in exported.text
    assert exported.names


def secret_of(trial, address):
    """What is read for an address, or the reason why nothing is."""
    try:
        return trial.run(lambda account: workflow.read_secret(account, Address.parse(address)))
    except Error as problem:
        return problem.message if problem.hint else "no hint"


def test_the_secret_of_a_webhook_is_read_only_by_name(planted):
    planted.apply(adopt=True)
    assert secret_of(planted, "webhook.w") == planted.get("/v1/webhooks")["secret"]


def test_where_there_is_no_secret_to_read_that_is_said(trial, front):
    trial.spec('agents: {a: {name: A}}\nwebhooks: {w: {agent: a, url: "https://a.dev/x"}}')
    assert secret_of(trial, "agent.a") == "agent.a has no secret"
    assert secret_of(trial, "webhook.z") == "neither the spec nor the state has webhook.z"
    assert secret_of(trial, "webhook.w") == "agent.a is not in the state yet"
    trial.settled()
    agent, ours = trial.ids()["agent.a"], trial.ids()["webhook.w"]
    assert secret_of(trial, "webhook.w") == trial.get(f"/v1/agents/{agent}/webhook")["secret"]
    front(trial)
    front.hide = "secret"
    assert secret_of(trial, "webhook.w") == "the API shows no secret for webhook.w"
    front.hide = None
    trial.send("DELETE", f"/v1/agents/{agent}/webhook")
    theirs = trial.send("POST", f"/v1/agents/{agent}/webhook", {"url": "https://b.dev/x"})["id"]
    assert secret_of(trial, "webhook.w") == f"webhook.w is {ours}, and its slot now has {theirs}"


ECHOES = [
    "GET /v1/agents",
    "GET /v1/webhooks",
    "GET /v1/usage",
    "POST /v1/numbers",
    "PATCH /v1/agents/*",
    "POST /v1/webhooks",
]


@pytest.mark.parametrize("status", [400, 401, 422, 500])
@pytest.mark.parametrize("call", ECHOES)
def test_an_error_that_echoes_secrets_is_masked(planted, front, call, status):
    """The reply repeats the key, what was sent, and what looks like a secret of the vendor's."""
    method, path = call.split()
    echo = " ".join(
        [
            planted.key,
            PLANTED["header"],
            PLANTED["header of env"],
            PLANTED["path"],
            "whsec_unknown99",
            PLANTED["prompt"],
        ]
    )
    front.answer(
        method,
        path,
        status,
        {"error": {"message": echo, "code": planted.key, "details": [{"field": echo, "message": echo}]}},
        times=99,
    )
    front(planted)
    known = {**PLANTED, "key": planted.key, "a vendor's": "whsec_unknown99"}
    said = ""
    try:
        report = planted.apply(adopt=True)
        said = shows(report)
    except Error as problem:
        said = "".join([repr(problem), str(problem), str(problem.hint), *traceback.format_exception(problem)])
        walk = problem
        while walk:
            said += repr(walk) + repr(walk.args)
            walk = walk.__cause__ or walk.__context__
    assert [name for name, value in known.items() if value in said] == []
    if planted.state_file.exists():
        assert [name for name, value in known.items() if value in planted.state_file.read_text()] == []


def test_no_frame_of_a_traceback_shows_the_key_or_a_secret(planted):
    """A traceback with the locals of every frame, as error reporters send it."""
    planted.http.post("/_sandbox/faults", json=[{"match": "GET /v1/numbers", "do": "drop", "times": 99}])
    try:
        planted.plan()
    except Error as problem:
        whole = traceback.TracebackException.from_exception(problem, capture_locals=True)
        frames = [frame for frame in whole.stack if "apreconcile" in frame.filename and "tests" not in frame.filename]
        text = "\n".join(str(frame.locals) for frame in frames)
        assert frames
        assert leaks(planted, text, but=("key",)) == []
        assert planted.key not in "\n".join(str(frame.locals) for frame in frames if "connect" not in frame.name)
    else:
        raise AssertionError


def test_a_problem_of_the_spec_shows_no_secret(trials):
    trial = trials(environ=ENVIRON)
    wrong = SPEC.replace("X-One", "X One").replace("name: look", "name: look look").replace("name: A", "nam: A")
    with pytest.raises(SpecError) as refused:
        trial.spec(wrong).load()
    said = "\n".join(
        itertools.chain.from_iterable((one.message, one.hint, one.source, repr(one)) for one in refused.value.problems)
    )
    known = {name: value for name, value in PLANTED.items() if value in said}
    assert known == {}


def test_an_open_account_shows_no_key(planted):
    async def look():
        async with planted.open() as account:
            return shows(account) + shows(account.client) + shows(account.store)

    assert leaks(planted, asyncio.run(look())) == []

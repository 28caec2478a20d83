"""The main flows, whole: each command, what it printed on which stream, and its exit code."""

from __future__ import annotations

SPEC = """\
version: 1
project: acme-support
agents:
  support:
    name: Support Bot
    voiceMode: hosted
    systemPrompt: {file: prompts/support.md}
    beginMessage: "Hi there! How can I help you today?"
  triage: {name: Triage, voiceMode: webhook}
numbers:
  support-main: {country: US, areaCode: "415", agent: support}
webhooks:
  events: {url: "https://hooks.acme.dev/events", contextLimit: 10, timeout: 30}
  triage: {agent: triage, url: "https://hooks.acme.dev/triage"}
"""


def begin(stage) -> None:
    stage.write("prompts/support.md", "You are the support line of Acme.\nBe kind.\nNever guess.\n")
    stage.write("agentphone.yaml", SPEC)


def test_from_nothing_to_converged(stage, golden):
    begin(stage)
    assert stage.run("apreconcile validate") == 0
    assert stage.run("apreconcile plan --detailed-exitcode") == 2
    assert stage.run("apreconcile apply") == 3
    assert stage.run("apreconcile apply --yes --approve TOKEN(number.support-main)") == 0
    assert stage.run("apreconcile plan --detailed-exitcode") == 0
    assert stage.run("apreconcile state list") == 0
    assert stage.run("apreconcile secret show webhook.events") == 0
    golden("from-nothing")


def test_changes_and_releases(stage, golden):
    begin(stage)
    stage.run("apreconcile plan -q")
    stage.run("apreconcile apply -q --yes --approve TOKEN(number.support-main)")
    stage.seen.clear()
    stage.write("prompts/support.md", "You are the support line of Acme Inc.\nBe kind.\nNever guess.\n")
    changed = SPEC.replace("timeout: 30", "timeout: 20").replace(
        'numbers:\n  support-main: {country: US, areaCode: "415", agent: support}\n', ""
    )
    stage.write("agentphone.yaml", changed)
    assert stage.run("apreconcile plan --out plan.json") == 0
    assert stage.run("apreconcile show plan.json") == 0
    assert stage.run("apreconcile apply --yes") == 3
    assert stage.run("apreconcile apply --yes --require-all-approved") == 3
    assert stage.run("apreconcile plan -q") == 0
    assert stage.run("apreconcile apply --yes -q --approve TOKEN(number.support-main)") == 3
    assert stage.run("apreconcile state show") == 0
    golden("changes")


def test_a_lost_reply(stage, golden):
    begin(stage)
    stage.run("apreconcile plan -q")
    stage.seen.clear()
    stage.fault("POST /v1/numbers", "commit-then-drop")
    assert stage.run("apreconcile apply -q --yes --approve TOKEN(number.support-main)") == 6
    assert stage.run("apreconcile resolve number.support-main --not-created") == 8
    assert stage.run("apreconcile state show") == 0
    assert stage.run("apreconcile plan") == 0
    assert stage.run("apreconcile apply --yes") == 0
    assert stage.run("apreconcile plan") == 0
    golden("lost-reply")


def test_an_account_with_a_number_of_its_own(stage, golden):
    begin(stage)
    stage.http.post(
        "/_sandbox/seed",
        json={
            "numbers": [{"country": "US", "areaCode": "212"}],
            "agents": [{"name": "Triage", "systemPrompt": "Old."}],
        },
    ).raise_for_status()
    assert stage.run("apreconcile plan") == 9
    assert stage.run("apreconcile apply --yes") == 9
    assert stage.run("apreconcile state init") == 9
    assert stage.run("apreconcile state init --ignore-all") == 0
    assert stage.run("apreconcile plan -q") == 5
    assert stage.run("apreconcile export") == 0
    golden("starter-number")


def test_what_is_wrong_is_said(stage, golden):
    assert stage.run("apreconcile") == 64
    assert stage.run("apreconcile aply") == 64
    assert stage.run("apreconcile plan --onlt agent.a") == 64
    assert stage.run("apreconcile plan") == 1
    stage.write(
        "agentphone.yaml",
        "version: 1\nproject: acme\nagents:\n  a: {nam: A, voiceMode: loud}\nnumbers:\n"
        "  n: {country: US, areaCode: 415, agent: b}\n",
    )
    assert stage.run("apreconcile validate") == 1
    stage.write("agentphone.yaml", "version: 1\nproject: acme\nagents:\n  a: {name: A, voiceMode: webhook}\n")
    assert stage.run("apreconcile apply --approve bogus") == 3
    assert stage.run("apreconcile plan plan.json") == 64
    assert stage.run("apreconcile apply plan.json") == 1
    assert stage.run("apreconcile plan -e prod") == 64
    assert stage.run("apreconcile plan --base-url https://api.example.com") == 1
    assert stage.run("apreconcile secret show webhook.a") == 1
    assert stage.run("apreconcile resolve agent.a --not-created") == 1
    golden("wrong")


def test_another_key_and_none(stage, golden):
    begin(stage)
    stage.run("apreconcile plan -q")
    stage.run("apreconcile apply -q --yes --approve TOKEN(number.support-main)")
    stage.seen.clear()
    renamed = SPEC.replace("support-main:", "front-desk-of-the-whole-company:")
    stage.write("agentphone.yaml", renamed)
    assert stage.run("apreconcile plan") == 5
    moved = "moved:\n- {from: number.support-main, to: number.front-desk-of-the-whole-company}\n"
    stage.write("agentphone.yaml", renamed + moved)
    assert stage.run("apreconcile plan") == 0
    assert stage.run("apreconcile apply -q --yes") == 0
    stage.write(
        "agentphone.yaml",
        renamed[: renamed.index("numbers:")]
        + "forget: [number.front-desk-of-the-whole-company, webhook.events, webhook.triage]\n",
    )
    assert stage.run("apreconcile apply -q --yes") == 0
    assert stage.run("apreconcile plan -q") == 0
    assert stage.run("apreconcile state move agent.support agent.front") == 0
    assert stage.run("apreconcile state forget agent.front") == 0
    golden("names")


def test_a_saved_plan(stage, golden):
    begin(stage)
    stage.run("apreconcile plan -q")
    stage.run("apreconcile apply -q --yes --approve TOKEN(number.support-main)")
    stage.seen.clear()
    changed = SPEC.replace("timeout: 30", "timeout: 20").replace("agent: support}", "agent: triage}")
    changed = changed.replace("name: Triage", "name: Night Desk")
    stage.write("agentphone.yaml", changed)
    assert stage.run("apreconcile plan -q --out plan.json") == 0
    stage.write("prompts/support.md", "You are the support line of Acme Inc.\nBe kind.\nNever guess.\n")
    stage.write("agentphone.yaml", changed.replace("timeout: 20", "timeout: 10").replace("Night Desk", "Night Shift"))
    assert stage.run("apreconcile apply plan.json") == 3
    assert stage.run("apreconcile apply plan.json --yes") == 4
    assert stage.run("apreconcile apply plan.json --yes --format json -q") == 4
    stage.write("agentphone.yaml", changed)
    assert stage.run("apreconcile plan -q") == 0
    assert stage.run("apreconcile apply plan.json --yes --approve TOKEN(webhook.events)") == 0
    assert stage.run("apreconcile apply plan.json") == 0
    (stage.folder / "plan.json").write_text((stage.folder / "plan.json").read_text().replace("Night Desk", "Evil"))
    assert stage.run("apreconcile apply plan.json --yes") == 1
    assert stage.run("apreconcile show plan.json") == 0
    golden("saved")


BEFORE = """\
version: 1
project: acme-support
agents:
  support: {name: Support Bot, voiceMode: hosted, systemPrompt: "You are the support line of Acme."}
  triage: {name: Triage}
  old: {name: Old Bot}
numbers:
  main: {areaCode: "415", agent: support}
  vip: {areaCode: "212", agent: support, protect: true}
  summer-sale: {areaCode: "646", agent: old}
webhooks:
  events: {url: "https://hooks.acme.dev/events"}
  old: {agent: old, url: "https://old.acme.dev/events"}
"""
AFTER = """\
version: 1
project: acme-support
agents:
  support: {name: Support Bot, voiceMode: hosted, systemPrompt: "You are the support line of Acme."}
  triage: {name: Triage, transferNumber: "SALE"}
numbers:
  main: {areaCode: "415", agent: triage}
  vip: {areaCode: "212", agent: support, protect: false}
  second: {areaCode: "628", agent: support}
webhooks:
  events: {url: "https://events.acme.dev/all"}
"""


def test_all_that_is_at_stake(stage, golden):
    """Read without colour at 80 columns: what cannot be undone, who is left unanswered, and what it costs."""
    stage.write("agentphone.yaml", BEFORE)
    stage.run("apreconcile plan -q")
    tokens = " ".join(f"--approve TOKEN(number.{key})" for key in ("main", "vip", "summer-sale"))
    assert stage.run(f"apreconcile apply -q --yes {tokens}") == 0
    sale = next(one for one in stage.get("/v1/numbers") if one["externalId"].endswith("/summer-sale"))
    stage.seed(
        agents=[{"name": "Night shift", "transferNumber": sale["phoneNumber"]}],
        numbers=[{"phoneNumber": "+16505550199"}],
        calls=[{"numberId": sale["id"]}] * 120,
        messages=[{"numberId": sale["id"]}],
    )
    stage.seen.clear()
    stage.write("agentphone.yaml", AFTER.replace("SALE", sale["phoneNumber"]))
    assert stage.run("apreconcile plan --out plan.json") == 0
    assert stage.run("apreconcile apply --yes --require-all-approved") == 3
    every = ("number.second", "number.vip", "number.summer-sale", "webhook.events", "webhook.old", "agent.old")
    approvals = " ".join(f"--approve TOKEN({at})" for at in every)
    assert stage.run(f"apreconcile apply -q --yes {approvals}") == 0
    assert stage.run("apreconcile plan --detailed-exitcode") == 0
    golden("stakes")


def test_what_is_protected(stage, golden):
    begin(stage)
    stage.run("apreconcile plan -q")
    stage.run("apreconcile apply -q --yes --approve TOKEN(number.support-main)")
    stage.seen.clear()
    number = '  support-main: {country: US, areaCode: "415", agent: support}\n'
    guarded = SPEC.replace(number, number.replace("}", ", protect: true}"))
    guarded = guarded.replace("contextLimit", "protect: true, contextLimit")
    stage.write("agentphone.yaml", guarded)
    assert stage.run("apreconcile plan") == 0
    assert stage.run("apreconcile apply -q --yes") == 0
    assert stage.run("apreconcile state list") == 0
    stage.write("agentphone.yaml", SPEC.replace("numbers:\n" + number, ""))
    assert stage.run("apreconcile plan") == 5
    assert stage.run("apreconcile state forget number.support-main") == 5
    lifted = guarded.replace("protect: true", "protect: false").replace("timeout: 30", "timeout: 20")
    stage.write("agentphone.yaml", lifted)
    assert stage.run("apreconcile plan") == 0
    assert stage.run("apreconcile apply --yes --approve TOKEN(number.support-main)") == 3
    golden("protected")


HOOK = """\
version: 1
project: acme-support
webhooks:
  events: {url: "%s", timeout: %d%s}
"""


def hook(stage, url="https://hooks.acme.dev/events", timeout=30, sink="") -> None:
    secret = f", secret: {{writeTo: {sink}}}" if sink else ""
    stage.write("agentphone.yaml", HOOK % (url, timeout, secret))


def test_signing_secrets(stage, golden):
    hook(stage, sink="{exec: [no-such-program]}")
    assert stage.run("apreconcile plan") == 0
    assert stage.run("apreconcile apply -q --yes") == 1
    hook(stage, sink="{file: .env}")
    assert stage.run("apreconcile apply -q --yes") == 0
    hook(stage, timeout=20, sink="{exec: [sh, -c, 'echo no vault here >&2; exit 2']}")
    assert stage.run("apreconcile plan") == 0
    assert stage.run("apreconcile apply -q --yes --approve TOKEN(webhook.events)") == 7
    assert stage.run("apreconcile state show") == 0
    hook(stage, timeout=20, sink="{exec: [sh, -c, 'cat >/dev/null']}")
    assert stage.run("apreconcile apply -q --yes") == 0
    hook(stage, timeout=30)
    assert stage.run("apreconcile plan -q") == 0
    hook(stage, sink="{file: .env}")
    assert stage.run("apreconcile apply --sandbox --yes") == 0
    golden("signing-secrets")


def test_test_events(stage, golden, receiver):
    hook(stage, url=f"{receiver.url}/events")
    assert stage.run("apreconcile plan --verify") == 0
    assert stage.run("apreconcile apply -q --verify") == 3
    assert stage.run("apreconcile apply -q --yes --verify") == 0
    receiver.status = 500
    assert stage.run("apreconcile apply --yes --verify") == 1
    stage.fault("POST /v1/webhooks/test", "drop")
    hook(stage, url=f"{receiver.url}/events", timeout=20)
    assert stage.run("apreconcile plan -q") == 0
    assert stage.run("apreconcile apply -q --yes --verify --approve TOKEN(webhook.events)") == 7
    assert stage.run("apreconcile apply --yes --verify --format json -q") == 1
    golden("test-events")


def test_who_moved(stage, golden):
    stage.write("agentphone.yaml", BEFORE)
    assert stage.run("apreconcile drift --only agent.old") == 2
    stage.run("apreconcile plan -q")
    tokens = " ".join(f"--approve TOKEN(number.{key})" for key in ("main", "vip", "summer-sale"))
    assert stage.run(f"apreconcile apply -q --yes {tokens}") == 0
    stage.seen.clear()
    assert stage.run("apreconcile drift") == 0
    agents = {one["name"]: one["id"] for one in stage.get("/v1/agents")}
    numbers = {one["externalId"].rpartition("/")[2]: one["id"] for one in stage.get("/v1/numbers")}
    prompt = {"name": "Renamed", "systemPrompt": "You are the support line of Evil Corp, and ask for card numbers."}
    stage.http.patch(f"/v1/agents/{agents['Support Bot']}", json=prompt).raise_for_status()
    stage.http.delete(f"/v1/agents/{agents['Support Bot']}/numbers/{numbers['main']}").raise_for_status()
    stage.http.delete(f"/v1/numbers/{numbers['vip']}").raise_for_status()
    stage.http.delete(f"/v1/agents/{agents['Old Bot']}/webhook").raise_for_status()
    stage.http.post(f"/v1/agents/{agents['Old Bot']}/webhook", json={"url": "https://evil.dev/events"})
    stage.http.post("/v1/agents", json={"name": "Newcomer"}).raise_for_status()
    stage.seen.append("# somebody uses the console\n")
    assert stage.run("apreconcile drift") == 5
    changed = BEFORE.replace("name: Support Bot", "name: Support Desk").replace("  triage: {name: Triage}\n", "")
    changed = changed.replace("name: Old Bot", "name: Old Bot, description: Last year's")
    stage.write("agentphone.yaml", changed)
    assert stage.run("apreconcile drift --only agent.support --only agent.old --only agent.triage") == 2
    assert stage.run("apreconcile drift --only agent.support --format json") == 2
    golden("drift")


def test_the_doctor(stage, golden, monkeypatch):
    said = {"git": "git version 2.43.0", "ssh": "OpenSSH_8.4p1", "ssh-keygen": ""}
    for name, text in said.items():
        file = stage.folder.parent / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\necho '{text}'\n")
        file.chmod(0o755)
    monkeypatch.setenv("PATH", str(stage.folder.parent / "bin"))
    assert stage.run("apreconcile doctor") == 0
    begin(stage)
    stage.seed(numbers=[{"country": "US", "areaCode": "212"}])
    assert stage.run("apreconcile doctor") == 0
    monkeypatch.delenv("AGENTPHONE_API_KEY")
    assert stage.run("apreconcile doctor --base-url https://example.com") == 1
    golden("doctor")


def test_prompts_in_files(stage, golden):
    kind = {"name": "Support Bot", "voiceMode": "hosted", "systemPrompt": "You are the support line.\nBe kind.\n"}
    stage.seed(agents=[kind, {"name": "Night", "voiceMode": "hosted", "systemPrompt": "Be brief."}])
    assert stage.run("apreconcile export --project acme --prompts prompts") == 0
    stage.write("prompts/support-bot.md", "You are the night watch.\n")
    assert stage.run("apreconcile export --project acme --prompts prompts") == 1
    assert stage.run("apreconcile export --project acme --prompts ../prompts") == 64
    assert stage.run("apreconcile export --project acme --prompts prompts --overwrite -q") == 0
    golden("prompts")


def test_help(stage, golden):
    stage.run("apreconcile --help")
    stage.run("apreconcile apply --help")
    stage.run("apreconcile sandbox serve --help")
    golden("help")


def test_in_ci(stage, golden, monkeypatch):
    begin(stage)
    monkeypatch.setenv("CI", "true")
    assert stage.run("apreconcile plan --only agent.support") == 0
    assert stage.run("apreconcile apply --yes") == 9
    assert stage.run("apreconcile apply --yes --sandbox --only agent.support --format json") == 0
    golden("ci")


def test_beginning(stage, golden):
    assert stage.run("apreconcile init") == 3
    stage.seed(
        agents=[{"id": "agt_1", "name": "Starter", "voiceMode": "hosted", "systemPrompt": "Be kind.\nBe brief."}],
        numbers=[{"id": "num_1", "phoneNumber": "+14155550100", "country": "US", "agentId": "agt_1"}],
    )
    assert stage.run("apreconcile init --yes --pipeline github") == 64
    assert stage.run("apreconcile init --yes --pipeline github --store local") == 64
    assert stage.run("apreconcile init --yes --project acme-phones") == 0
    assert stage.run("apreconcile plan --detailed-exitcode") == 0
    assert stage.run("apreconcile init --yes") == 1
    golden("beginning")

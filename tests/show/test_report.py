import dataclasses

import pytest

from apreconcile.core.address import Address
from apreconcile.core.outcome import Arrival, Outcome, Remaining, Report, Verified, Word
from apreconcile.show.report import Again, ending, report_json, report_text
from apreconcile.show.report_markdown import report_markdown
from apreconcile.show.screen import plain
from apreconcile.show.tables import LIMIT

HEX = "4f1c9a2b1d0e7755c3a81f6290bd4e3a"


def at(text):
    return Address.parse(text)


def step(address, action, *risks, token=None):
    named = {"address": address, "action": action, "fields": [], "calls": [{}]}
    return {**named, "risks": list(risks), "token": token and f"{token}:{address}@{HEX}"}


DOCUMENT = {
    "project": "acme-support",
    "environment": "default",
    "steps": [
        step("agent.front", "adopt"),
        step("agent.front", "update"),
        step("agent.support", "create"),
        step("number.support-main", "create", "spends", token="buy"),
        step("number.second", "create", "spends", token="buy"),
        step("webhook.events", "update", "rotates-secret", token="rotate"),
        step("webhook.support", "create"),
        step("webhook.handed", "create"),
        step("webhook.stuck", "create"),
        step("number.old", "delete", "irreversible", token="release"),
        step("agent.old", "delete", "irreversible", token="delete"),
    ],
}


def report(*outcomes, **more):
    made = Report(0, None, "ab" * 32, outcomes, (), 23)
    return dataclasses.replace(made, **more)


def done(address, action, **more):
    return Outcome(at(address), action, Word.DONE, **more)


EVERYTHING = report(
    done("agent.front", "adopt", id="agt_1"),
    Outcome(
        at("agent.front"),
        "update",
        Word.FAILED,
        error="422: voice 'Polly.Joanna' is not one of the voices of this account \x1b[31m",
    ),
    done("agent.support", "create", id="agt_77"),
    Outcome(at("number.support-main"), "create", Word.UNKNOWN, error="the reply was lost: ReadTimeout"),
    done("number.second", "create", id="num_9", phone_number="+14155550177"),
    done("webhook.events", "update", id="wh_1"),
    done("webhook.support", "create", id="wh_2"),
    done("webhook.handed", "create", id="wh_3", delivered=".env as AGENTPHONE_WEBHOOK_SECRET_HANDED"),
    Outcome(at("webhook.stuck"), "create", Word.FAILED, error="it is set, but", changed=True),
    Outcome(at("number.old"), "delete", Word.HELD, token=f"release:number.old@{HEX}"),
    Outcome(at("agent.old"), "delete", Word.SKIPPED, because="number.old"),
    Outcome(at("number.third"), "create", Word.SKIPPED, because="unknown-purchase"),
    Outcome(at("agent.third"), "create", Word.SKIPPED, because="interrupted"),
    Outcome(at("agent.fourth"), "move", Word.SKIPPED),
    Outcome(at("agent.fifth"), "update", Word.STALE, error="its name was 'Fifth' and is 'Sixth'"),
    exit=6,
    remaining=(Remaining(at("number.x"), "create"), Remaining(at("agent.long-name"), "update")),
    warnings=("number.second is +14155550177, not from area 212: the wish was not met",),
    monthly="3.00",
)
DONE = report(
    done("agent.support", "create", id="agt_77"),
    done("number.support-main", "create", id="num_9", phone_number="+14155550177"),
    done("number.second", "create", id="num_10", phone_number="+14155550178"),
    converged=True,
    monthly="6.00",
)
HELD = report(
    done("agent.support", "create", id="agt_77"),
    Outcome(at("number.old"), "delete", Word.HELD, token=f"release:number.old@{HEX}"),
    Outcome(at("agent.old"), "delete", Word.HELD, token=f"delete:agent.old@{HEX}"),
    exit=3,
)
UPDATE_UNKNOWN = report(Outcome(at("webhook.events"), "update", Word.UNKNOWN, error="500"), exit=6)
NOTHING = report(converged=True, requests=1)


@pytest.mark.parametrize(
    ("name", "made"),
    [("everything", EVERYTHING), ("done", DONE), ("held", HELD), ("unknown", UPDATE_UNKNOWN), ("nothing", NOTHING)],
)
def test_a_report_reads_as_it_should(name, made, golden):
    golden(f"report-{name}", report_text(made, DOCUMENT))
    golden(f"report-{name}.md", report_markdown(made, DOCUMENT))


def test_the_json_has_every_key_of_the_contract():
    made = report(
        done("number.second", "create", id="num_9", phone_number="+14155550177", verb="buy"),
        Outcome(at("agent.old"), "delete", Word.SKIPPED, because="number.old"),
        exit=7,
        converged=False,
        remaining=(Remaining(at("number.x"), "create"),),
        monthly="3.00",
        warnings=("the marker did not stick",),
        settled=("number.x is num_8",),
    )
    assert report_json(made) == {
        "format": "apreconcile.report/1",
        "exit": 7,
        "converged": False,
        "digest": "ab" * 32,
        "steps": [
            {"address": "number.second", "action": "create", "verb": "buy", "outcome": "done", "because": None, "id": "num_9", "phoneNumber": "+14155550177", "error": None, "token": None},
            {"address": "agent.old", "action": "delete", "verb": "delete", "outcome": "skipped", "because": "number.old", "id": None, "phoneNumber": None, "error": None, "token": None},
        ],
        "remaining": [{"address": "number.x", "action": "create", "verb": "create"}],
        "requests": 23,
        "cost": {"monthly_delta": "3.00", "currency": "USD"},
        "blocked": [],
        "settled": ["number.x is num_8"],
        "warnings": ["the marker did not stick"],
    }  # fmt: skip
    assert type(report_json(made)["steps"][0]["outcome"]) is str


def test_a_protection_is_told_from_the_other_update_of_its_address():
    document = {
        "steps": [
            {**step("webhook.events", "update", "unprotects", token="unprotect"), "fields": [{"field": "protect"}], "calls": []},
            step("webhook.events", "update", "rotates-secret", token="rotate"),
        ]
    }  # fmt: skip
    lifted = done("webhook.events", "update", verb="unprotect")
    held = Outcome(at("webhook.events"), "update", Word.HELD, token=f"rotate:webhook.events@{HEX}", verb="rotate")
    told = plain(
        report_text(report(lifted, held, remaining=(Remaining(at("agent.a"), "update", "protect"),)), document)
    )
    assert "  done    ~ update webhook.events (unprotect)\n  held    ~ update webhook.events (rotate)  " in told
    assert "  update  agent.a (protect)\n" in told
    assert "secret show" not in told, "no secret is new"
    assert [one["verb"] for one in report_json(report(lifted, held))["steps"]] == ["unprotect", "rotate"]


def test_the_command_is_the_one_that_was_run():
    told = plain(report_text(HELD, DOCUMENT, Again("apreconcile apply -e prod")))
    assert f"\n  apreconcile apply -e prod \\\n    --approve release:number.old@{HEX} \\\n" in told


def test_a_held_step_without_a_token_is_no_line_to_paste():
    assert "--approve" not in plain(report_text(report(Outcome(at("agent.a"), "delete", Word.HELD)), DOCUMENT))


def test_a_long_name_takes_what_room_it_wants():
    long = report(done("agent." + "a" * 90, "create", id="agt_1"), Outcome(at("agent.b"), "create", Word.FAILED))
    assert max(map(len, plain(report_text(long, DOCUMENT)).splitlines())) <= 80


def test_a_step_with_nothing_to_do_made_nothing_new():
    told = plain(report_text(report(done("webhook.w", "create", because="nothing-to-do"), converged=True), DOCUMENT))
    assert "  done    + create webhook.w  there was nothing to do any more\n" in told
    assert "Signing secrets" not in told


def test_many_remaining_are_counted():
    many = report(remaining=tuple(Remaining(at(f"agent.a{n}"), "create") for n in range(14)))
    assert "  create  agent.a9\n  … and 4 more; --format json has them all\n" in plain(report_text(many, DOCUMENT))


ONE = (done("agent.a", "create"),)
LEFT = (Remaining(at("agent.b"), "create"),)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (report(converged=True), "Nothing to do: the account is as the spec wants it."),
        (report(remaining=(Remaining(at("agent.a"), "create"),)), "Nothing to do here."),
        (report(*ONE, converged=True), "Done: the account is as the spec wants it."),
        (report(*ONE, converged=True, remaining=LEFT), "Done: what was asked for is as the spec wants it."),
        (report(*ONE, converged=None), "Done; the account was not looked at again."),
        (report(*ONE, converged=False), "Done, but not all of it shows yet."),
        (report(*ONE, exit=1), "Nothing was changed: something failed (exit 1)."),
        (report(*ONE, exit=130), "Interrupted: nothing more was sent (exit 130)."),
        (report(*ONE, exit=77), "Not finished (exit 77)."),
    ],
)
def test_the_last_sentence_agrees_with_the_exit_code(made, says):
    assert ending(made) == says
    assert plain(report_text(made, DOCUMENT)).endswith(f"{says}\n")


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 7, 8, 9, 130])
def test_every_exit_code_has_a_sentence_of_its_own(code):
    assert ending(report(exit=code)) != f"Not finished (exit {code})."
    assert ending(report(exit=code)).endswith(f"(exit {code}).")


def test_money_that_does_not_change_is_not_spoken_of():
    assert "Cost" not in plain(report_text(report(*ONE), DOCUMENT))
    assert "Cost: -$3.00/month." in plain(report_text(report(*ONE, monthly="-3.00"), DOCUMENT))


def test_events_are_told_with_what_the_receiver_answered():
    verified = (
        Verified(at("webhook.a"), Arrival.DELIVERED, 204),
        Verified(at("webhook.b"), Arrival.FAILED, 500, "HTTP 500 \x1b[31m" + "very " * 20),
        Verified(at("webhook.c"), Arrival.UNKNOWN, None, "nobody knows"),
    )
    told = report(exit=1, verified=verified)
    screen = plain(report_text(told, {"steps": []}))
    assert "Test events:\n  delivered webhook.a  HTTP 204\n  failed    webhook.b  HTTP 500\n" in screen
    assert "            HTTP 500 \\x1b[31mvery very" in screen
    assert "  unknown   webhook.c\n            nobody knows\n" in screen
    assert max(map(len, screen.splitlines())) <= 80
    assert report_json(told)["verified"][2] == {
        "address": "webhook.c", "outcome": "unknown", "status": None, "error": "nobody knows",
    }  # fmt: skip
    assert "verified" not in report_json(report())


def test_what_wants_signatures_shows_how_to_sign(golden):
    held = [
        Outcome(at("number.old"), "delete", Word.HELD, token=f"release:number.old@{HEX}", signed=1),
        Outcome(at("agent.old"), "delete", Word.HELD, token=f"delete:agent.old@{HEX}"),
    ]
    made = report(*held, exit=3, signatures=2)
    golden("report-signatures", report_text(made, DOCUMENT, Again("apreconcile apply -f prod.yaml --yes")))
    told = report_markdown(made, DOCUMENT, Again("apreconcile apply -f prod.yaml --yes"))
    assert "apreconcile apply -f prod.yaml --yes --approvals approvals.yaml\n```" in told
    assert "wants 1 signature\n" in plain(report_text(report(held[1], exit=3, signatures=1), DOCUMENT))


def test_signing_goes_on_in_the_files_and_by_the_saved_plan_that_were_given():
    held = Outcome(at("number.old"), "delete", Word.HELD, token=f"release:number.old@{HEX}", signed=1)
    made, files = report(held, exit=3, signatures=2), ["a.yaml", "'b c.yaml'"]
    command = "apreconcile apply p.json"

    def told(token, **more):
        document = {"steps": [{**step("number.old", "delete"), "token": token}]}
        return plain(report_text(made, document, Again(command, files, **more)))

    sign = "approve {} --by NAME --reason TEXT \\\n    --sign KEY --out a.yaml \\\n    release:number.old"
    again = f"{command} --approvals a.yaml --approvals 'b c.yaml'\n"
    same, other, unsaved = told(held.token, saved="p.json"), told("other", saved="p.json"), told(held.token)
    assert "plan --out" not in same
    assert sign.format("p.json") in same
    assert again in same
    for one in (other, unsaved):
        assert "apreconcile plan --out plan.json\n" in one
        assert sign.format("plan.json") in one
    assert "new tokens" in other
    assert "new tokens" not in unsaved


def test_the_names_of_a_file_stand_beside_what_they_let_go():
    steps = report_json(report(done("number.n", "create", approved_by=("ann", "bob")), done("agent.a", "create")))[
        "steps"
    ]
    assert steps[0]["approvedBy"] == ["ann", "bob"]
    assert "approvedBy" not in steps[1]


def test_money_that_nobody_knows_is_spoken_of():
    made = report(*ONE, unpriced=(at("number.x"),))
    assert "Cost: +$0.00/month, and 1 price unknown." in plain(report_text(made, DOCUMENT))
    assert report_json(made)["cost"] == {"monthly_delta": "0.00", "currency": "USD", "unpriced": ["number.x"]}


def test_a_summary_of_a_thousand_steps_is_cut():
    failed = [Outcome(at(f"agent.a{n}"), "create", Word.FAILED, error="<b>@octocat</b> " * 20) for n in range(1000)]
    told = report_markdown(report(*failed, exit=1), DOCUMENT)
    assert len(told.encode()) <= LIMIT
    assert "step rows.**" in told
    assert "@octocat" not in told


def test_a_summary_tells_of_test_events_and_what_is_left():
    tests = (
        Verified(at("webhook.a"), Arrival.FAILED, 500, "HTTP 500"),
        Verified(at("webhook.b"), Arrival.DELIVERED, 200),
    )
    told = report_markdown(
        report(exit=1, verified=tests, remaining=(Remaining(at("agent.b"), "update", "protect"),)), DOCUMENT
    )
    assert "- failed: webhook.a, HTTP 500\n- delivered: webhook.b\n" in told
    assert "- update agent.b (protect)" in told


def test_tokens_survive_where_a_summary_is_cut():
    tokens = [f"delete:agent.a{n}@{HEX}" for n in range(300)]
    held = [Outcome(at(f"agent.a{n}"), "delete", Word.HELD, token=tokens[n]) for n in range(300)]
    failed = [Outcome(at(f"agent.b{n}"), "create", Word.FAILED, error="no " * 90) for n in range(300)]
    told = report_markdown(report(*held, *failed, exit=7), DOCUMENT)
    assert len(told.encode()) <= LIMIT
    assert "### Held until approved: 300 steps" in told
    assert all(f"- `{token}`\n" in told for token in tokens)


def test_the_summary_of_a_destruction_has_a_mark_of_its_own():
    assert report_markdown(NOTHING, DOCUMENT).startswith("<!-- apreconcile apply: ")
    assert report_markdown(NOTHING, {**DOCUMENT, "destroy": True}).startswith("<!-- apreconcile destroy: ")

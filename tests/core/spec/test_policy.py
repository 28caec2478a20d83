"""The policy of a spec: what each rule becomes, and every way in which it can be wrong, told at once with its place."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from apreconcile.core.errors import Error, SpecError
from apreconcile.core.place import Place
from apreconcile.core.policy import LIFETIME, PRICES, Approvers, Limit, Permit, Policy, Prices
from apreconcile.core.risk import Risk
from apreconcile.core.spec.manifest import load_manifest
from apreconcile.core.spec.policy import load_policy
from apreconcile.kinds import KINDS

HEAD = "version: 1\nproject: p\n"
FILES = {"allowed_signers": b"alice ssh-ed25519 AAAA\n", "revoked_keys": b"\x53\x53KRL", "empty": b" \n"}
WHOLE = """\
policy:
  maxBuys: {perApply: 2, perDay: 5}
  maxReleases: {perApply: 1, perDay: 2}
  maxMonthlyCost: 30.00
  allowedWebhookHosts: [hooks.acme.dev, "*.Acme.dev"]
  approve: [reroutes]
  autoApprove: {default: [{risk: spends, upTo: 10.00}, {risk: rotates-secret}], staging: [{risk: reroutes}]}
  prices: {asOf: 2026-11-01, US: 3.00, CA: 3, "US/sms": 5.5}
  approvers: {signers: allowed_signers, required: 2, maxLifetime: 24h, revoked: revoked_keys}
"""


def contents(spec, name):
    if name not in FILES:
        raise Error(f"there is no file {name}", hint=f"looked beside {spec}")
    return FILES[name]


def load(*texts, environment="default", environ=None):
    return load_manifest(
        [(f"{name}.yaml", text.encode()) for name, text in zip("abc", texts, strict=False)],
        kinds=KINDS,
        variables={},
        environ=environ or {},
        read_file=lambda _spec, _name: "",
        read_bytes=contents,
        environment=environment,
        home=".",
    )


def policy(rules, **more):
    return load(f"{HEAD}policy: {rules}", **more).policy


def problems(*texts, **more):
    with pytest.raises(SpecError) as caught:
        load(*texts, **more)
    return [f"{one.place}: {one.subject}: {one.message} | {one.hint}" for one in caught.value.problems]


def test_a_whole_policy_is_what_it_says():
    read = load(HEAD + WHOLE).policy
    assert read.buys == Limit(2, 5)
    assert read.releases == Limit(1, 2)
    assert (read.monthly, str(read.monthly)) == (Decimal(30), "30.00")
    assert read.hosts == ("hooks.acme.dev", "*.acme.dev")
    assert read.approve == {Risk.REROUTES}
    assert read.permits == (
        Permit(Risk.SPENDS, Place("a.yaml", 9, 27), Decimal("10.00")),
        Permit(Risk.ROTATES_SECRET, Place("a.yaml", 9, 56)),
    )
    assert read.prices == Prices(
        {"US": Decimal("3.00"), "CA": Decimal("3.00"), "US/sms": Decimal("5.50")}, "2026-11-01"
    )
    assert {str(price) for price in read.prices.table.values()} == {"3.00", "5.50"}
    assert read.approvers == Approvers(FILES["allowed_signers"], 2, timedelta(hours=24), FILES["revoked_keys"])
    assert read.source == ""
    assert {name: str(place) for name, place in read.places.items()} == {
        "maxBuys": "a.yaml:4:3", "maxBuys.perApply": "a.yaml:4:13", "maxBuys.perDay": "a.yaml:4:26",
        "maxReleases": "a.yaml:5:3", "maxReleases.perApply": "a.yaml:5:17", "maxReleases.perDay": "a.yaml:5:30",
        "maxMonthlyCost": "a.yaml:6:3", "allowedWebhookHosts": "a.yaml:7:3", "approve": "a.yaml:8:3",
        "autoApprove": "a.yaml:9:3", "prices": "a.yaml:10:3", "approvers": "a.yaml:11:3",
    }  # fmt: skip


def test_only_the_planned_environment_s_permits_are_taken():
    spec = f"{HEAD}environments: {{staging: {{}}, prod: {{}}}}\n{WHOLE}"
    assert [one.risk for one in load(spec, environment="staging").policy.permits] == [Risk.REROUTES]
    assert load(spec, environment="prod").policy.permits == ()


def test_no_policy_allows_what_would_be_allowed_without_one():
    assert load(HEAD).policy == Policy() == policy("{}")
    assert Policy().charged is PRICES
    assert policy("{prices: {asOf: 2026-01-02, CA: 1.00}}").charged.table == {"CA": Decimal("1.00")}, "replaced whole"


def test_rules_that_are_left_out_are_none():
    assert policy("{maxBuys: {perDay: 0}}").buys == Limit(None, 0)
    assert policy("{allowedWebhookHosts: []}").hosts == (), "an empty list allows none"
    assert policy("{approve: []}").approve == frozenset()
    assert policy("{autoApprove: {default: []}}").permits == ()
    alone = policy("{approvers: {signers: allowed_signers}}").approvers
    assert (alone.required, alone.lifetime, alone.revoked) == (1, LIFETIME, None)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90", 90), ("'90'", 90), ("90s", 90), ("5m", 300), ("24h", 86_400), ("7d", 604_800), ("366d", 31_622_400)],
)
def test_a_lifetime_is_written_as_people_write_times(written, seconds):
    read = policy(f"{{approvers: {{signers: allowed_signers, maxLifetime: {written}}}}}").approvers
    assert read.lifetime.total_seconds() == seconds


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("30", "30.00"),
        ("30.5", "30.50"),
        ("0.1", "0.10"),
        ("0", "0.00"),
        ("123456789.99", "123456789.99"),
        ("0.29", "0.29"),
    ],
)
def test_money_is_exactly_what_is_written(written, amount):
    assert str(policy(f"{{maxMonthlyCost: {written}}}").monthly) == amount


BAD = [
    ("", "3:8: policy: must be a map", "write policy: {maxBuys"),
    ("[maxBuys]", "3:9: policy: must be a map", "or leave it out"),
    ("x", "3:9: policy: must be a map", "write policy: {"),
    ("{maxBys: {perDay: 1}}", "3:10: policy: there is no key `maxBys`", "did you mean `maxBuys`?"),
    ("{zzz: 1}", "3:10: policy: there is no key `zzz`", "keys are maxBuys, maxReleases, maxMonthlyCost"),
    ("{maxBuys: 2}", "3:19: policy: maxBuys: must be a map", "write maxBuys: {perApply: 2, perDay: 5}"),
    ("{maxBuys: null}", "3:19: policy: maxBuys: must be a map", ""),
    ("{maxBuys: {}}", "3:19: policy: maxBuys: says neither perApply nor perDay", "write maxBuys"),
    ("{maxBuys: {perday: 2}}", "3:20: policy: maxBuys: there is no key `perday`", "did you mean `perDay`?"),
    ("{maxBuys: {perDay: -1}}", "3:28: policy: maxBuys: perDay: must be a whole number, 0 or more", ""),
    ("{maxBuys: {perDay: 1.0}}", "maxBuys: perDay: must be a whole number", ""),
    ("{maxBuys: {perDay: '1'}}", "maxBuys: perDay: must be a whole number", "without quotes"),
    ("{maxBuys: {perDay: true}}", "maxBuys: perDay: must be a whole number", ""),
    ("{maxBuys: {perDay: 0x10}}", "maxBuys: perDay: must be a whole number", ""),
    ("{maxBuys: {perDay: +1}}", "maxBuys: perDay: must be a whole number", ""),
    ("{maxBuys: {perDay: 1e3}}", "maxBuys: perDay: must be a whole number", ""),
    ("{maxBuys: {perDay: null}}", "maxBuys: perDay: must be a whole number", ""),
    ("{maxBuys: {perDay: unlimited}}", "maxBuys: perDay: must be a whole number", ""),
    ("{maxReleases: {perApply: [1]}}", "maxReleases: perApply: must be a whole number", ""),
    ("{maxMonthlyCost: '30.00'}", "3:26: policy: maxMonthlyCost: must be an amount of US dollars", "write it as 30.00"),
    ("{maxMonthlyCost: 30.001}", "maxMonthlyCost: must be an amount of US dollars with at most two decimals", ""),
    ("{maxMonthlyCost: -1}", "maxMonthlyCost: must be an amount", ""),
    ("{maxMonthlyCost: 1e2}", "maxMonthlyCost: must be an amount", ""),
    ("{maxMonthlyCost: .5}", "maxMonthlyCost: must be an amount", ""),
    ("{maxMonthlyCost: 1_000}", "maxMonthlyCost: must be an amount", ""),
    ("{maxMonthlyCost: $30}", "maxMonthlyCost: must be an amount", ""),
    ("{maxMonthlyCost: 9999999999}", "maxMonthlyCost: must be an amount", ""),
    ("{maxMonthlyCost: true}", "maxMonthlyCost: must be an amount", ""),
    ("{maxMonthlyCost: null}", "maxMonthlyCost: must be an amount", ""),
    ("{maxMonthlyCost: {US: 3}}", "maxMonthlyCost: must be an amount", ""),
    ("{allowedWebhookHosts: hooks.acme.dev}", "3:31: policy: allowedWebhookHosts: must be a list", "write allowedWebhookHosts: [hooks.acme.dev]"),
    ("{allowedWebhookHosts: [5]}", "allowedWebhookHosts: must be text", 'quote it: "5"'),
    ("{allowedWebhookHosts: ['']}", "allowedWebhookHosts: must be text", ""),
    ("{allowedWebhookHosts: [[a.dev]]}", "allowedWebhookHosts: must be text", ""),
    *(
        (f"{{allowedWebhookHosts: ['{host}']}}", "3:32: policy: allowedWebhookHosts: must be the name of a host", "hooks.acme.dev, or *.acme.dev")
        for host in (
            "https://hooks.acme.dev", "hooks.acme.dev/x", "hooks.acme.dev:443", "hooks.acme.dev.", ".acme.dev", "*", "*.", "**.acme.dev", "*acme.dev",
            "hooks.*.dev", "a_b.acme.dev", "-a.dev", "a..dev", "[::1]", "h\u00f6oks.dev", "a b.dev", "user@a.dev", "a%2e.dev", "a" * 64 + ".dev",
        )
    ),
    ("{allowedWebhookHosts: ['*.dev']}", "allowedWebhookHosts: `*.dev` would allow hosts of anybody", "*.acme.dev"),
    ("{allowedWebhookHosts: ['*.0.0.1']}", "allowedWebhookHosts: `*.0.0.1` would allow", ""),
    ("{approve: reroutes}", "3:19: policy: approve: must be a list", "write approve: [reroutes]"),
    ("{approve: [rerouts]}", "3:20: policy: approve: there is no risk `rerouts`", "did you mean `reroutes`?"),
    ("{approve: [everything]}", "approve: there is no risk `everything`", "risks are spends, irreversible"),
    ("{approve: [{risk: reroutes}]}", "approve: must be text", ""),
    ("{autoApprove: [{risk: spends}]}", "3:23: policy: autoApprove: must be a map", "write autoApprove: {default:"),
    ("{autoApprove: {default: {risk: reroutes}}}", "autoApprove: default: must be a list", "write default: ["),
    ("{autoApprove: {default: [reroutes]}}", "autoApprove: default: must be a map", ""),
    ("{autoApprove: {Prod: []}}", "3:24: policy: autoApprove: Prod: is not the name of an environment", "small letters"),
    ("{autoApprove: {default: [{risk: spends}]}}", "3:34: policy: autoApprove: default: `spends` needs `upTo`", "upTo: 10.00"),
    ("{autoApprove: {default: [{upTo: 5}]}}", "autoApprove: default: `risk` is missing", ""),
    ("{autoApprove: {default: [{risk: reroutes, upTo: 5}]}}", "autoApprove: default: `upTo` belongs to `spends`", "{risk: reroutes}"),
    ("{autoApprove: {default: [{risk: spends, upto: 5, upTo: 5}]}}", "autoApprove: default: there is no key `upto`", "did you mean `upTo`?"),
    ("{autoApprove: {default: [{risk: spends, upTo: 5.555}]}}", "autoApprove: default: upTo: must be an amount", ""),
    ("{autoApprove: {default: [{risk: irreversible}]}}", "`irreversible` cannot be approved by a policy: what cannot be taken back", "it may name spends, rotates-secret, reroutes"),
    ("{autoApprove: {default: [{risk: unprotects}]}}", "`unprotects` cannot be approved by a policy: a protection is lifted by a person", ""),
    ("{autoApprove: {staging: [{risk: irreversible}]}}", "autoApprove: staging: `irreversible` cannot be approved", ""),
    ("{autoApprove: {default: [{risk: spend, upTo: 5}]}}", "autoApprove: default: there is no risk `spend`", "did you mean `spends`?"),
    ("{autoApprove: {default: [{risk: reroutes}, {risk: reroutes}]}}", "3:52: policy: autoApprove: default: `reroutes` is given twice", ""),
    ("{prices: 3.00}", "3:18: policy: prices: must be a map", "write prices: {asOf: 2026-11-01, US: 3.00}"),
    ("{prices: {US: 3.00}}", "3:18: policy: prices: `asOf` is missing", "the day on which you read them"),
    ("{prices: {asOf: 2026-11-01}}", "prices: has no price", ""),
    ("{prices: {asOf: yesterday, US: 3}}", "3:25: policy: prices: asOf: must be a day", "2026-11-01"),
    ("{prices: {asOf: 2026-02-30, US: 3}}", "prices: asOf: must be a day", ""),
    ("{prices: {asOf: 20261101, US: 3}}", "prices: asOf: must be text", ""),
    ("{prices: {asOf: '20261101', US: 3}}", "prices: asOf: must be a day", ""),
    ("{prices: {asOf: 2026-11-01, us: 3}}", "3:37: policy: prices: us: is neither a country nor", "US or US/sms"),
    ("{prices: {asOf: 2026-11-01, USA: 3}}", "prices: USA: is neither", ""),
    ("{prices: {asOf: 2026-11-01, US/: 3}}", "prices: US/: is neither", ""),
    ("{prices: {asOf: 2026-11-01, '*': 3}}", "prices: *: is neither", ""),
    ("{prices: {asOf: 2026-11-01, US: free}}", "prices: US: must be an amount", ""),
    ("{approvers: allowed_signers}", "3:21: policy: approvers: must be a map", "write approvers: {signers: allowed_signers"),
    ("{approvers: {required: 1}}", "3:21: policy: approvers: `signers` is missing", ""),
    ("{approvers: {signers: nowhere}}", "3:31: policy: approvers: signers: there is no file nowhere", "looked beside a.yaml"),
    ("{approvers: {signers: empty}}", "approvers: signers: empty is empty", ""),
    ("{approvers: {signers: {file: allowed_signers}}}", "approvers: signers: must be text", ""),
    ("{approvers: {signers: allowed_signers, revoked: nowhere}}", "approvers: revoked: there is no file nowhere", ""),
    ("{approvers: {signers: allowed_signers, revoked: null}}", "approvers: revoked: must be text", ""),
    ("{approvers: {signers: allowed_signers, required: 0}}", "approvers: required: must be a whole number, 1 or more", ""),
    ("{approvers: {signers: allowed_signers, signer: x}}", "approvers: there is no key `signer`", "did you mean `signers`?"),
    *(
        (f"{{approvers: {{signers: allowed_signers, maxLifetime: {text}}}}}", "approvers: maxLifetime: is no length of time", "90, 90s, 5m, 24h or 7d")
        for text in ("soon", "-5m", "1.5h", "24H", "5 m", "null", "{h: 24}", "[24h]", "1w", "''", "999999999")
    ),
    *(
        (f"{{approvers: {{signers: allowed_signers, maxLifetime: {text}}}}}", "maxLifetime: must be more than nothing and at most 366d", "")
        for text in ("0", "0h", "367d", "99999999d")
    ),
    ("{maxMonthlyCost: '${env.LIMIT}'}", "3:26: policy: a policy has no variables: it is written out", "write the value out"),
    ("{maxMonthlyCost: '${var.limit}'}", "policy: a policy has no variables", ""),
    ("{allowedWebhookHosts: ['${var.host}']}", "3:32: policy: a policy has no variables", ""),
    ("{allowedWebhookHosts: ['$${x}.dev']}", "policy: a policy has no variables", ""),
    ("{approve: ['${var.risk}']}", "policy: a policy has no variables", ""),
    ("{approvers: {signers: '${var.file}'}}", "policy: a policy has no variables", ""),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "problem", "hint"), BAD)
def test_what_is_wrong_is_told_where_it_is(rules, problem, hint):
    found = problems(f"{HEAD}policy: {rules}", environ={"LIMIT": "30"})
    assert len(found) == 1, found
    said, _, hinted = found[0].partition(" | ")
    assert problem in said
    assert hinted
    assert hint in hinted


def test_a_key_that_is_a_variable_is_refused_too():
    found = problems(f"{HEAD}policy: {{autoApprove: {{'${{var.env}}': []}}}}")
    assert "a policy has no variables" in found[0]
    assert "is not the name of an environment" in found[1]


def test_everything_wrong_is_told_at_once():
    found = problems(HEAD + "policy:\n  maxBuys: {perDay: x}\n  zzz: 1\n  approve: [y]\nagents: {a: {}}")
    assert [one.split(": ")[0] for one in found] == ["a.yaml:4:21", "a.yaml:5:3", "a.yaml:6:13", "a.yaml:7:10"]


def test_one_file_of_a_spec_has_the_policy():
    assert load(HEAD, "policy: {maxBuys: {perDay: 1}}").policy.places["maxBuys"].file == "b.yaml"
    found = problems(f"{HEAD}policy: {{}}", "policy: {}")
    assert found == [
        "b.yaml:1:1: policy: `policy` is given twice, first at a.yaml:3:1 | keep one: a policy stands in one file of the spec"
    ]


def test_defaults_and_variables_do_not_reach_it():
    assert any(
        "there is no kind `policy`" in one
        for one in problems(f"{HEAD}defaults: {{policy: {{maxBuys: {{perDay: 1}}}}}}")
    )


def test_without_a_reader_a_policy_with_files_is_refused():
    with pytest.raises(SpecError) as caught:
        load_manifest(
            [("a.yaml", f"{HEAD}policy: {{approvers: {{signers: x}}}}".encode())], kinds=KINDS, variables={}, environ={},
            read_file=lambda _spec, _name: "", environment="default", home=".",
        )  # fmt: skip
    assert "x cannot be read here" in caught.value.problems[0].message


def alone(*texts):
    sources = [(f"main:{name}.yaml", text.encode()) for name, text in zip("abc", texts, strict=False)]
    return load_policy(sources, environment="default", read_bytes=contents)


def test_a_policy_is_read_alone_and_nothing_else_of_its_file():
    read = alone("agents: {a: {nonsense: 1}}\npolicy: {maxBuys: {perDay: 3}}\nvariables: [what]", "numbers: 5")
    assert read.buys == Limit(None, 3)
    assert str(read.places["maxBuys.perDay"]) == "main:a.yaml:2:20"
    assert alone("agents: {}") is None


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        (["policy: {maxBuys: {perDay: x}}"], "main:a.yaml:1:28"),
        (["policy: {}", "policy: {}"], "main:b.yaml:1:1"),
        (["policy: {}\npolicy: {}"], "main:a.yaml:2:1"),
        (["[a]"], "main:a.yaml:1:1"),
        (["policy: {"], "main:a.yaml:1"),
        ([""], "main:a.yaml"),
    ],
)
def test_a_policy_that_cannot_be_read_alone_is_no_policy(texts, problem):
    with pytest.raises(SpecError) as caught:
        alone(*texts)
    assert caught.value.problems[0].place.startswith(problem)

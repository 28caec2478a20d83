"""Where no source says what the API does, every way that it may do it comes to rest."""

from __future__ import annotations

import pytest

from apreconcile.sandbox import Options, running

FIRST = """
    agents:
      a: {name: A, voiceMode: hosted, systemPrompt: Hi, description: long, beginMessage: Hello}
      b: {name: B}
    numbers: {m: {areaCode: "415", agent: a}, n: {}}
    webhooks: {w: {url: "https://a.dev/x"}, v: {agent: a, url: "https://a.dev/y"}}
"""
SECOND = """
    agents:
      a: {name: A, voiceMode: webhook, systemPrompt: null, description: null, beginMessage: null}
      b: {name: B2}
    numbers: {m: {areaCode: "415", agent: b}, n: {agent: a}}
    webhooks: {w: {url: "https://b.dev/x"}, v: {agent: a, url: "https://a.dev/z"}}
"""
THIRD = """
    agents: {b: {name: B2}}
    numbers: {n: {agent: null}}
"""
WAYS = {
    "the newest": {},
    "null is ignored": {"null_handling": "ignore"},
    "null is refused": {"null_handling": "reject"},
    "a held number is refused": {"held_number": "refuse"},
    "left out is kept": {"omitted": "keep"},
    "flat errors": {"error_shape": "flat"},
    "detail errors": {"error_shape": "detail"},
    "of 2025": {"profile": "2025"},
    "of 2025, and null is refused": {"profile": "2025", "null_handling": "reject"},
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_comes_to_rest(trial, tmp_path, way):
    with running(Options(db=tmp_path / "way.db", number_limit=50, **WAYS[way])) as server:
        trial.base_url = server.url
        for spec in (FIRST, SECOND, THIRD):
            report = trial.spec(spec).apply()
            assert report.exit == 0, report
            assert trial.plan().plan.empty
            again = trial.apply()
            assert (again.exit, again.outcomes) == (0, ())


@pytest.mark.parametrize("way", ["the newest", "of 2025"])
def test_the_balance_that_runs_out_is_a_refusal_that_names_the_way_out(trial, tmp_path, way):
    with running(Options(db=tmp_path / "poor.db", balance=3, **WAYS[way])) as server:
        trial.base_url = server.url
        report = trial.spec("numbers: {m: {}, n: {}}").apply()
        assert [one.word.value for one in report.outcomes] == ["done", "failed"]
        assert report.exit == 7
        assert "402" in report.outcomes[1].error


def test_the_limit_of_numbers_is_blocked_while_planning_and_refused_while_applying(trial, tmp_path):
    with running(Options(db=tmp_path / "few.db", number_limit=1)) as server:
        trial.base_url = server.url
        plan = trial.spec("numbers: {m: {}, n: {}}").plan().plan
        assert [str(step.address) for step in plan.steps] == ["number.m"]
        assert [str(one.address) for one in plan.blocked] == ["number.n"]
        assert trial.apply().exit == 5
        assert trial.apply().exit == 5

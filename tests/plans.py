"""Plan documents for tests of what is shown: those of tests/show/cases, small ones, and any that somebody could write."""

import re
from pathlib import Path

from hypothesis import strategies as st

from apreconcile.core.planfile import load

_CASES = Path(__file__).parent / "show/cases"
CASES = sorted(path.stem for path in _CASES.glob("*.json"))
HELD = re.compile(r"create|update|delete|adopt|move|forget")
HEX = "4f1c9a2b1d0e7755c3a81f6290bd4e3a"


def case(name):
    return load((_CASES / f"{name}.json").read_bytes())


def a_document(steps, **more):
    words = ("create", "update", "delete", "adopt", "move", "forget")
    summary = {word: sum(step["action"] == word for step in steps) for word in words}
    return {
        "project": "acme", "environment": "default", "scope": {"host": "api.agentphone.ai", "sub_account": None},
        "digest": "ab" * 32, "expires": "2026-01-02T03:04:05Z", "tool": "apreconcile 0", "requests": 1, "steps": steps,
        "summary": {**summary, "blocked": len(more.get("blocked", ())), "unmanaged": len(more.get("unmanaged", ()))},
        "cost": {"monthly_delta": "3.00", "currency": "USD", "numbers_used": None, "numbers_limit": None},
        "blocked": [], "unmanaged": [], "warnings": [], **more,
    }  # fmt: skip


def a_step(number, **more):
    address = f"agent.a{number}"
    return {
        "address": address, "action": "update", "risks": [], "token": None, "after": [], "why": [], "fields": [], "calls": [], **more,
    }  # fmt: skip


texts = st.text(st.characters(exclude_categories=()), max_size=30) | st.sampled_from(
    [
        "a b " * 40,
        "x" * 200,
        "two\nlines",
        "東京 " * 30,
        "(secret)",
        "apreconcile plan --out FILE " * 6,
        "\n\n\n",
        "415",
    ]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(0, 1) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
fields = st.fixed_dictionaries({"field": texts, "before": values, "after": values}, optional={"secret": st.booleans()})
keys = st.from_regex(r"[a-z0-9][a-z0-9-]{0,40}", fullmatch=True)
addresses = keys.map(lambda word: f"agent.{word}")
calls = st.fixed_dictionaries({"method": texts, "path": st.lists(st.none() | texts, max_size=3)})
steps = st.fixed_dictionaries(
    {
        "address": addresses,
        "action": st.sampled_from(["create", "update", "delete", "adopt", "move", "forget", "\x1bnew"]),
        "risks": st.lists(texts | st.sampled_from(["spends", "reroutes"]), max_size=2),
        "token": st.none() | keys.map(lambda word: f"release:agent.{word}@{HEX}"),
        "after": st.lists(addresses, max_size=2),
        "why": st.lists(texts, max_size=2),
        "fields": st.lists(fields, max_size=3),
        "calls": st.lists(calls, max_size=1),
    }
)
stops = st.fixed_dictionaries(
    {"address": st.none() | addresses, "reason": texts, "hint": texts},
    optional={"exit": st.sampled_from([5, 6, 9, 77])},
)
strangers = st.fixed_dictionaries({"kind": texts, "id": texts, "name": texts})
resources = st.fixed_dictionaries(
    {"address": addresses | keys.map(lambda word: f"number.{word}"), "label": texts, "parent": st.none() | addresses}
)
ACTING = st.sampled_from(
    [
        "</title></style><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "-->", "--!><b>", "` ``` @octocat `",
        "```\n@octocat #1", "| a | b |\n|---|---|", "[x](javascript:alert(1))", "![x](https://evil.example/p.png)",
        "https://evil.example/?a=1&b=2", "www.evil.example", "a@evil.example", "</details></td></svg><a href=//evil>", "# Plan",
        "- [x] done", "1. one", "&lt;b&gt; &#64;octocat", "GH-1 #2 octocat/hub#3 @octocat :tada:", "$x$ ~~y~~ **z** _u_ __v__",
        '" onload=alert(1) x="', "' onfocus=alert(1) '", "\\", "\\|", "<!-- apreconcile: acme/default -->", "/close", "> quoted",
    ]
)  # fmt: skip
"""Words that would act in Markdown or HTML."""


@st.composite
def documents(draw):
    """Any plan document whose shape is right; its texts are often words that act."""

    def loud(value):
        if isinstance(value, str) and not HELD.match(value) and draw(st.integers(0, 3)) == 0:
            return draw(ACTING)
        if isinstance(value, dict):
            return {
                name: loud(inner) if name not in {"address", "after", "token", "parent"} else inner
                for name, inner in value.items()
            }
        return [loud(inner) for inner in value] if isinstance(value, list) else value

    name, more = draw(texts | ACTING), loud(draw(st.lists(steps, max_size=3)))
    return a_document(
        more,
        blocked=loud(draw(st.lists(stops, max_size=3))),
        unmanaged=loud(draw(st.lists(strangers, max_size=3))),
        warnings=loud(draw(st.lists(texts, max_size=3))),
        resources=draw(st.lists(resources, max_size=4, unique_by=lambda one: one["address"])),
        project=name, environment=name, tool=name, policy=name,
        tests=[{"address": "webhook.a", "method": name, "path": ["v1", None, name]}],
    )  # fmt: skip

"""A plan as Markdown, for a comment on a pull request: risks first, prompts folded, tokens to copy, never too long."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from . import escape, headline
from .headline import RUN, Run
from .layout import count
from .stakes import losses, stakes
from .tables import LIMIT, Block, diff_block, fitted, folded, sentence, table_head, table_row
from .text import SIGNS, UNKNOWN_SIGN
from .values import Value, value

_REST = "The whole plan is in its JSON, which a pipeline keeps as an artifact."
_SHORT = {
    "irreversible": "irreversible",
    "spends": "spends money",
    "rotates-secret": "new secret",
    "unprotects": "unprotects",
    "reroutes": "reroutes",
}
_NAME = 200
_CELL = 1_000


def marker(document: Mapping[str, Any], what: str = "") -> str:
    """The comment that nobody sees, by which a pipeline finds its own note again: `<!-- apreconcile: PROJECT/ENV -->`.

    `what` is a word for a note of another sort, such as `drift`: `<!-- apreconcile drift: PROJECT/ENV -->`.
    """
    name = f"{document['project']}/{document['environment']}"
    return f"<!-- apreconcile{f' {what}' if what else ''}: {re.sub(r'[^0-9A-Za-z_/:.-]', '_', name)[:_NAME]} -->"


def plan_markdown(document: Mapping[str, Any], run: Run = RUN, *, limit: int = LIMIT) -> str:
    """The whole note, of at most `limit` bytes."""
    waiting = headline.asking(document, run.approved)
    held, steps = headline.withholding(waiting), headline.gravest_first(document, waiting)
    steps_with_fields = [step for step in steps if step["fields"]]
    stopped = headline.in_the_way(document["blocked"])
    blocks = [
        Block(tuple(_head(document, headline.no_changes(document, run))), joined="\n\n"),
        *(stops_block(title, stops, 1) for title, stops in stopped if title != headline.BLOCKED),
        *_stakes(document["steps"]),
        Block(
            tuple(_step_row(step, run.approved, held) for step in steps),
            "### Steps", table_head("Step", "Risk", "What it means"), "step row", 3, 0.25,
        ),
        Block(tuple(map(_details, steps_with_fields)), noun="field table", rank=9, joined="\n\n"),
        _approvals(document, waiting, run),
        *(stops_block(title, stops, 5) for title, stops in stopped if title == headline.BLOCKED),
        *beside_blocks(document),
        Block((_foot(document),)),
    ]  # fmt: skip
    return fitted(blocks, limit, _REST)


def _head(document: Mapping[str, Any], nothing: str) -> list[str]:
    """The marker, the title with its counts, the cost, and the account."""
    empty = headline.changes_nothing(document)
    said = escape.markdown(nothing if empty else headline.counts(document), _NAME)
    cost, beside = headline.cost(document)
    said += f"; **{escape.markdown(cost)}**" if cost else ""
    told = [escape.markdown(headline.place(document), _NAME), *([escape.markdown(beside)] if beside else [])]
    told += [f"policy from {escape.code(document['policy'], _NAME)}"] if document.get("policy") else []
    title = f"## {escape.code(headline.name(document), _NAME)}: {said}"
    destroys, mark = document.get("destroy"), marker(document, "destroy-plan" if document.get("destroy") else "")
    return [f"{mark}\n{title}", *([f"**{headline.DESTROYS}**"] if destroys and not empty else []), " · ".join(told)]


def stops_block(title: str, stops: Sequence[Mapping[str, Any]], rank: int) -> Block:
    """What is in the way, under the title of its gravity."""
    return _listed(title, map(_stop, stops), "blocked thing", rank, 0.12)


def _listed(title: str, items: Iterable[str], noun: str, rank: int, share: float) -> Block:
    return Block(tuple(f"- {item}" for item in items), f"### {title.removesuffix(':')}", "", noun, rank, share)


def _stop(stop: Mapping[str, Any]) -> str:
    name = f"**{escape.code(stop['address'], _NAME)}** " if stop["address"] else ""
    hints = "".join(f"  \n  hint: {sentence(hint)}" for hint in stop["hint"].strip("\n").split("\n") if hint.strip())
    return f"{name}{sentence(stop['reason'])}{hints}"


def _stakes(steps: Sequence[Mapping[str, Any]]) -> list[Block]:
    """What cannot be taken back, what is charged, whose secrets and protections go."""
    told = [
        (title, [f"{escape.markdown(verb)} {escape.code(name)}: {sentence(why)}" for verb, name, why in rows])
        for title, rows in stakes(steps)
    ]
    told += [(title, list(map(escape.code, names))) for title, names in losses(steps)]
    return [_listed(title, rows, "risk row", 2, 0.12) for title, rows in told]


def _step_row(step: Mapping[str, Any], approved: Collection[str], held: Collection[str]) -> str:
    verb, why = headline.verb(step), [*step["why"], *headline.waits(step, held)]
    name = f"{title(step)}{f' ({escape.markdown(verb)})' if verb else ''}"
    return table_row(name, "<br>".join(_risks(step, approved)), _cut("<br>".join(map(sentence, why)), why))


def _cut(text: str, why: Sequence[str]) -> str:
    """The sentences of a step, or the first of them where they take too much room."""
    return text if len(text) <= _CELL else f"{sentence(escape.cut(why[0], _CELL // 4))} …"


def _risks(step: Mapping[str, Any], approved: Collection[str]) -> list[str]:
    told = [f"**{_SHORT.get(risk) or f'unknown risk {escape.code(risk, 40)}'}**" for risk in headline.risks(step)]
    if step.get("permit"):
        return [*told, f"approved by the policy: {sentence(step['permit'])}"]
    return [*told, "approved" if step["token"] in approved else "held"] if step["token"] else told


def title(step: Mapping[str, Any]) -> str:
    """A step in a few words of Markdown: its sign, its action, its address."""
    sign, _ = SIGNS.get(step["action"], UNKNOWN_SIGN)
    return escape.code(f"{sign} {step['action']} {step['address']}", _NAME)


def _details(step: Mapping[str, Any]) -> str:
    """The fields of a step, folded."""
    new = step["action"] == "create"
    values = [value(diff, new=new) for diff in step["fields"]]
    sign, _ = SIGNS.get(step["action"], UNKNOWN_SIGN)
    name = escape.html(f"{sign} {step['action']} {step['address']}", _NAME)
    return folded(f"<code>{name}</code> {count(len(values), 'field')}", field_blocks(values, new=new))


def field_blocks(values: Sequence[Value], *, new: bool) -> list[str]:
    """Short values as a table, each long one as a difference of its lines."""
    short = [one for one in values if not one.rows]
    head = table_head("Field", "Value") if new else table_head("Field", "Before", "After")
    rows = [
        table_row(escape.code(one.field), *([] if new else [escape.code(one.before or "")]), escape.code(one.after))
        for one in short
    ]
    blocks = ["\n".join([head, *rows])] if rows else []
    for one in values:
        if one.rows:
            blocks += [f"**{escape.code(one.field)}**", diff_block(one.rows)]
            blocks += [escape.markdown(one.more)] if one.more else []
    return blocks


def _approvals(document: Mapping[str, Any], waiting: Sequence[Mapping[str, Any]], run: Run) -> Block:
    """What approves each step that waits, as a command to copy."""
    if not waiting or headline.stops_all(document):
        return Block(())
    items = tuple(f"{title(step)}\n\n{escape.fenced([headline.approving(step, run.hint)], 'sh')}" for step in waiting)
    head = f"### {headline.wanting(len(waiting), run.signatures)}"
    tokens = token_list((step["token"] for step in waiting), f"{head}\n\n{escape.fenced([run.hint], 'sh')}")
    return Block(items, head, "", "approval command", joined="\n\n", short=tokens)


def token_list(tokens: Iterable[str], head: str) -> Block:
    """Tokens to copy, without a word: what a note that is too long keeps of its commands before anything else goes."""
    return Block(tuple(f"- {escape.code(token)}" for token in tokens), head, "", "token", 1, 0.35)


def beside_blocks(document: Mapping[str, Any]) -> list[Block]:
    """Warnings, test events, and what is nobody's."""
    tests = tuple(table_row(escape.code(name), escape.code(call)) for name, call in headline.test_calls(document))
    strangers = tuple(
        table_row(*(escape.code(item[part], _NAME) for part in ("kind", "id", "name")))
        for item in document["unmanaged"]
    )
    known = f"<details>\n<summary>Unmanaged, left as it is: {len(strangers):,}</summary>"
    return [
        _listed("Warnings", map(sentence, document["warnings"]), "warning", 6, 0.1),
        Block(tests, "### Afterwards a test event is sent to", table_head("Webhook", "Call"), "test event", 7, 0.05),
        Block(strangers, known, table_head("Kind", "Id", "Name"), "unmanaged thing", 8, 0.05, foot="</details>"),
    ]


def _foot(document: Mapping[str, Any]) -> str:
    made = f"Read with {count(document['requests'], 'request')} by {document['tool']}, expires {document['expires']}."
    return f"{escape.markdown(made, _NAME)} Digest {escape.code(document['digest'])}"

"""The plan file is the plan as JSON: the bytes that are printed and saved, and the meaning that its digest covers."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Never, TypeAlias

from apreconcile.version import __version__

from .call import IdOf, canonical, has_secret, replace_holes
from .change import Blocked, FieldDiff
from .errors import BlockedError, PlanFileError
from .plan import Member, Plan, Probe, Scope, Step, blocked, summary
from .planshape import first_fault
from .wire import Wire

FORMAT = "apreconcile.plan/1"
FAMILY = "apreconcile.plan/"
LIMIT = 64 * 1024 * 1024
"""Bytes that a plan file may have."""
DEPTH = 128
"""Levels that it may be nested; a spec may have 100."""
MASK = "(secret)"
VALID = timedelta(hours=24)
"""How long a plan holds."""
SKEW = timedelta(minutes=5)
"""How far the clock of the machine that made a plan may be ahead."""
MEANT = ("address", "action", "risks", "token", "after", "calls", "sink")
"""The keys of a step that the digest covers, those that it has."""

AGAIN = "make it again: apreconcile plan --out FILE"

Document: TypeAlias = dict[str, Any]


def plan_digest(project: str, environment: str, scope: Scope, steps: Iterable[Step], salt: str) -> str:
    """The sha256 of what the plan means, 64 hex digits; secrets count as salted hashes, unknown ids as addresses."""
    written = [step_json(step, salt) for step in steps]
    whole = {"project": project, "environment": environment, "scope": scope_json(scope), "steps": written}
    return digest_of(whole)


def digest_of(document: Document) -> str:
    """The digest of a plan document, from what it says and not from what it says of itself.

    An update without calls means what its fields say.
    """
    whole = {name: document[name] for name in ("project", "environment", "scope")}
    meant = [{name: step[name] for name in _meant(step) if name in step} for step in document["steps"]]
    return hashlib.sha256(canonical({**whole, "steps": meant})).hexdigest()


def _meant(step: Document) -> tuple[str, ...]:
    """What the digest covers of a step that has it; a protection, and who is handed a secret, have no calls."""
    silent = step["action"] == "update" and not step["calls"]
    return (*MEANT, "fields") if silent else MEANT


def to_json(plan: Plan) -> Document:
    """The plan as a document without secrets; holes for ids stand beside the calls, and as addresses in the fields."""
    cost = plan.cost
    return {
        "format": FORMAT,
        "project": plan.project,
        "environment": plan.environment,
        "scope": scope_json(plan.scope),
        "digest": plan.digest,
        "expires": plan.expires,
        "serial": plan.serial,
        "tool": f"apreconcile {__version__}",
        "summary": summary(plan),
        "cost": {
            "monthly_delta": f"{cost.monthly_delta:z.2f}",
            "currency": cost.currency,
            "numbers_used": cost.numbers_used,
            "numbers_limit": cost.numbers_limit,
            **({"prices_as_of": cost.as_of} if cost.as_of else {}),
            **({"unpriced": [str(address) for address in cost.unpriced]} if cost.unpriced else {}),
        },
        "steps": [step_json(step, plan.salt) for step in plan.steps],
        "blocked": [blocked_json(stop) for stop in blocked(plan)],
        **({"resources": [_member_json(member) for member in plan.members]} if plan.members else {}),
        "unmanaged": [{"kind": live.kind, "id": live.id, "name": live.name} for live in plan.unmanaged],
        "warnings": list(plan.warnings),
        **({"tests": [_probe_json(probe) for probe in plan.probes]} if plan.probes else {}),
        "requests": plan.requests,
        **({"policy": plan.policy} if plan.policy else {}),
        **({"signatures": plan.signatures} if plan.signatures else {}),
        **({"destroy": True} if plan.destroys else {}),
    }


def name_of(step: Document) -> tuple[str, str]:
    """What tells a step of a plan document from its others, as `Step.name` does."""
    alone = [diff["field"] for diff in step["fields"]] == ["protect"]
    return (step["address"], "protect" if alone and not step["calls"] else step["action"])


def verb_of(step: Document) -> str:
    """What a step of a plan document does, as `Step.verb` says it; without a token, a protection is put on."""
    return step["token"].split(":")[0] if step["token"] else name_of(step)[1]


def dump(plan: Plan) -> bytes:
    """The plan file, byte for byte: canonical JSON and a newline."""
    return encode(to_json(plan))


def encode(document: Document) -> bytes:
    """A loaded plan file as the bytes it came from."""
    return canonical(document) + b"\n"


def scope_json(scope: Scope) -> Document:
    """The account that a document is about."""
    return {"host": scope.host, "sub_account": scope.sub_account}


def step_json(step: Step, salt: str) -> Document:
    """A step as a plan document has it, without secrets."""
    return {
        "address": str(step.address),
        "action": step.action,
        "risks": sorted(step.risks),
        "token": step.token,
        **({"digest": step.digest} if step.digest else {}),
        **({"covers": dict(step.covers)} if step.covers else {}),
        **({"permit": step.permit} if step.permit else {}),
        "after": [str(address) for address in step.after],
        "fields": [field_json(diff) for diff in step.fields],
        "calls": [call.to_json(salt) for call in step.calls],
        **({"sink": str(step.delivery.sink)} if step.delivery else {}),
        "why": list(step.why),
    }


def _member_json(member: Member) -> Document:
    parent = str(member.parent) if member.parent else None
    return {"address": str(member.address), "label": member.label, "parent": parent}


def _probe_json(probe: Probe) -> Document:
    path = replace_holes(probe.call.path, lambda _: None)
    return {"address": str(probe.address), "method": probe.call.method, "path": path}


def field_json(diff: FieldDiff) -> Document:
    """One field that differs, without its secrets."""
    if diff.secret:
        return {"field": diff.field, "before": MASK, "after": MASK, "secret": True}
    before, after = has_secret(diff.before), has_secret(diff.after)
    shown = {
        "field": diff.field,
        "before": _value_json(diff.before, beside_secret=after and not before),
        "after": _value_json(diff.after, beside_secret=before and not after),
    }
    return shown | ({"secret": True} if before or after else {})


def _value_json(value: Wire, *, beside_secret: bool) -> Wire:
    """One side of a difference. If only the other side is known to be secret, this one may hold the old secret."""
    if beside_secret and value is not None:
        return MASK
    return replace_holes(value, lambda hole: str(hole.address) if isinstance(hole, IdOf) else MASK)


def blocked_json(stop: Blocked) -> Document:
    """What stands in the way. `exit` stands there only where it is not the usual one of something blocked."""
    shown = {"address": str(stop.address) if stop.address else None, "reason": stop.reason, "hint": stop.hint}
    return shown if stop.exit == BlockedError.exit_code else {**shown, "exit": stop.exit}


def load(data: bytes, *, source: str = "the plan file") -> Document:
    """The document of a plan file, to be shown; keys that a later minor version added stay in it.

    Raises PlanFileError. A good shape proves nothing about who wrote it: its risks and tokens are words of the file.
    """
    if len(data) > LIMIT:
        raise PlanFileError(f"{source} is larger than {LIMIT // 2**20} MiB", hint=AGAIN)
    document: Document = _parsed(data, source)
    _check_format(document, source)
    fault = first_fault(document)
    if fault:
        raise PlanFileError(f"{source} is damaged: {fault}", hint=AGAIN)
    return document


def check_intact(document: Document, *, source: str = "the plan file") -> None:
    """Raise PlanFileError unless the digest of a plan document fits all that it means, and no step stands there twice.

    This tells what was damaged, or edited without care. Whoever edits with care computes a new digest: so a plan that
    is intact is still believed in nothing.
    """
    holes = [hole for step in document["steps"] for call in step["calls"] for hole in call["holes"]]
    if any("sha256" not in hole for hole in holes if "env" in hole or "masked" in hole):
        raise PlanFileError(f"{source} does not tell which secrets it sends: an older version wrote it", hint=AGAIN)
    if digest_of(document) != document["digest"]:
        text = f"{source} is not as it was made: its digest does not fit what it says"
        raise PlanFileError(text, hint=f"somebody or something changed it; {AGAIN}")
    for (address, word), times in Counter(map(name_of, document["steps"])).items():
        if times > 1:
            raise PlanFileError(f"{source} has a step twice: {word} {address}", hint=AGAIN)


def check_current(document: Document, now: datetime, *, source: str = "the plan file") -> None:
    """Raise PlanFileError if a plan has expired, or says that it holds for longer than any plan does."""
    told = document["expires"]
    try:
        expires = datetime.fromisoformat(told)
    except ValueError as problem:
        raise PlanFileError(f"{source} is damaged: there is no time {told}", hint=AGAIN) from problem
    if expires <= now:
        raise PlanFileError(f"{source} expired at {told}; a plan holds 24 hours", hint=AGAIN)
    if expires > now + VALID + SKEW:
        text = f"{source} says that it expires at {told}; no plan holds longer than 24 hours"
        raise PlanFileError(text, hint=f"see whether the clock of this machine is right, or {AGAIN}")


def check_home(
    document: Document, project: str, environment: str, scope: Scope, *, source: str = "the plan file"
) -> None:
    """Raise PlanFileError if a plan is for another project, environment or account than this."""
    told = (document["project"], document["environment"], document["scope"]["host"], document["scope"]["sub_account"])
    here = (project, environment, scope.host, scope.sub_account)
    if told != here:
        text = f"{source} is a plan for {_home(*told)}, and this run is for {_home(*here)}"
        raise PlanFileError(text, hint="name the spec that it was made from, with the same account")


def _home(project: str, environment: str, host: str, sub_account: str | None) -> str:
    inside = f", sub-account {sub_account!r}" if sub_account else ""
    return f"{project!r}/{environment!r} at {host!r}{inside}"


def check_purpose(document: Document, *, destroying: bool, source: str = "the plan file") -> None:
    """Raise PlanFileError if a plan is to destroy and this run is not, or the other way round."""
    if bool(document.get("destroy")) != destroying:
        what, command = ("to apply", "apply") if destroying else ("to destroy", "destroy")
        raise PlanFileError(f"{source} is a plan {what}", hint=f"apreconcile {command} PLAN")


class _RefusedError(ValueError):
    """JSON that Python would read, and that must not be."""


def _parsed(data: bytes, source: str) -> Any:
    try:
        text = data.decode(errors="surrogatepass")
    except UnicodeDecodeError as problem:
        hint = "write it with: apreconcile plan --out FILE"
        raise PlanFileError(f"{source} is not UTF-8 text", hint=hint) from problem
    if not text.strip():
        raise PlanFileError(f"{source} is empty", hint=AGAIN)
    try:
        document = json.loads(text, object_pairs_hook=_map, parse_constant=_constant, parse_float=_float)
    except json.JSONDecodeError as problem:
        raise PlanFileError(f"{source} {_unreadable(text, problem)}", hint=AGAIN) from problem
    except RecursionError as problem:
        raise PlanFileError(f"{source} is nested too deeply", hint=AGAIN) from problem
    except ValueError as problem:
        words = str(problem) if isinstance(problem, _RefusedError) else "has a number that is too long"
        raise PlanFileError(f"{source} {words}", hint=AGAIN) from problem
    if _deep(document):
        raise PlanFileError(f"{source} is nested too deeply", hint=AGAIN)
    return document


def _unreadable(text: str, problem: json.JSONDecodeError) -> str:
    body = text.strip()
    if body.startswith("{") and (not body.endswith("}") or problem.pos >= len(text.rstrip())):
        return "ends too early: it was cut off"
    return f"is not JSON (line {problem.lineno}, column {problem.colno}: {problem.msg})"


def _map(pairs: list[tuple[str, Any]]) -> Document:
    made = dict(pairs)
    if len(made) != len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise _RefusedError(f"has the key {twice[:64]!r} twice in one map")
    return made


def _constant(word: str) -> Never:
    raise _RefusedError(f"holds {word}, which is not JSON")


def _float(text: str) -> float:
    number = float(text)
    if number - number != 0:
        raise _RefusedError("has a number that is too large")
    return number


def _deep(document: Any) -> bool:
    level = [document]
    for _ in range(DEPTH):
        level = [item for value in level for item in _items(value)]
        if not level:
            return False
    return True


def _items(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _check_format(document: Any, source: str) -> None:
    form = document.get("format") if isinstance(document, dict) else None
    if form == FORMAT:
        return
    if not isinstance(form, str) or not form.startswith("apreconcile."):
        raise PlanFileError(f"{source} is not a plan of apreconcile", hint=AGAIN)
    if not form.startswith(FAMILY):
        word = form.removeprefix("apreconcile.").partition("/")[0]
        raise PlanFileError(f"{source} is not a plan but a {word[:64]!r} document of apreconcile", hint=AGAIN)
    hint = "show it with the version that wrote it, or make it again with this one: apreconcile plan --out FILE"
    raise PlanFileError(f"{source} has the format {form[:64]!r}; this version reads {FORMAT!r}", hint=hint)

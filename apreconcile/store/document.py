"""The state document as bytes: the same in every store, small to read in a diff, and never the same twice."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import quote, unquote

from apreconcile.core.errors import StoreError
from apreconcile.core.state import State, from_json, to_json


def document_name(project: str, environment: str) -> str:
    """What a document is called, in every store: two projects or environments never share one, and none is a path."""
    return f"{quote(project, safe='')}.{quote(environment, safe=':')}"


def other_environments(files: Iterable[str], project: str, environment: str) -> tuple[str, ...]:
    """The other environments of a project whose documents are among these files, by their names."""
    before = document_name(project, "")
    named = (file.removeprefix(before) for file in files if file.startswith(before) and file.endswith(".json"))
    return tuple(sorted({unquote(name.removesuffix(".json")) for name in named} - {environment}))


def stamped(state: State) -> State:
    """The state as it is to be written: the next serial, a new id of the write; a first one gets its id and seed."""
    ident = secrets.token_hex(8) if state.id == "none" else state.id
    seed = state.seed or secrets.token_hex(16)
    return replace(state, id=ident, seed=seed, serial=state.serial + 1, write=secrets.token_hex(16))


def encode(state: State) -> bytes:
    """One line for each resource and other part, so that a diff of two documents can be read."""
    return ("{\n" + ",\n".join(_lines(name, part) for name, part in to_json(state).items()) + "\n}\n").encode()


def decode(content: bytes, *, source: str, project: str, environment: str) -> State:
    """The state in these bytes. Raises StoreError if they are damaged, or the state of something else."""
    hint = "restore it from a backup; do not edit it by hand"
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        document = None
    if document is None:
        raise StoreError(f"{source} is not JSON", hint=hint)
    state = from_json(document, source=source)
    if (state.project, state.environment) != (project, environment):
        raise StoreError(f"{source} is the state of {state.project}, environment {state.environment}", hint=hint)
    return state


def _lines(name: str, part: object) -> str:
    if isinstance(part, dict) and part:
        inner = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in part.items())
        return f" {json.dumps(name)}: {{\n{inner}\n }}"
    if isinstance(part, list) and part:
        inner = ",\n".join(f"  {json.dumps(value)}" for value in part)
        return f" {json.dumps(name)}: [\n{inner}\n ]"
    return f" {json.dumps(name)}: {json.dumps(part)}"

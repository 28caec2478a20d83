"""Specs and approvals as text: YAML that this program, and any other YAML reader, reads back as the same values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import yaml

from .wanted import API_KEYS
from .wire import Wire

WIDE = 1_000_000
"""No line is folded: a folded line is another text to whoever edits it."""
_PLAIN = re.compile(r"[A-Za-z_](?:[A-Za-z0-9_ .+/-]*[A-Za-z0-9_+/-])?")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_SETTINGS = ("AGENTPHONE_BASE_URL", "AGENTPHONE_SUB_ACCOUNT")
_GITHUBS = "GITHUB_"
"""No secret of a repository may begin so: GitHub refuses it."""
_BLOCK = re.compile(r"[^\S\n]\n|[^\S\n]$|^\s|[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]")
"""What a block would not bring back as it was."""
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""What makes a line read otherwise than it is: written as an escape, so that a review of the file sees it."""


class _Dumper(yaml.SafeDumper):
    """Quotes whatever could be read as something else; writes texts of several lines as blocks."""

    def ignore_aliases(self, _data: object) -> bool:
        return True

    def increase_indent(self, flow: bool = False, *_indentless: bool, **_named: bool) -> None:
        """Indent lists under their key, as people do."""
        super().increase_indent(flow, False)


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    if "\n" in text and not (_BLOCK.search(text) or _TURNING.search(text)):
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|")
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _text)


def _dumped(value: object) -> str:
    """The YAML of a value; what turns a line stands in quotes, as an escape."""
    text = str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDE))
    return _TURNING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def spec_text(document: Mapping[str, Wire]) -> str:
    """The YAML of a spec, its parts in the order given, with an empty line between the top-level ones."""
    parts = [_dumped({name: part}) for name, part in document.items()]
    small = [part for part in parts if part.count("\n") == 1]
    return "".join(small) + "".join(f"\n{part}" for part in parts if part not in small)


def list_text(items: Sequence[Mapping[str, Wire]]) -> str:
    """The YAML of a list of maps, each with its keys in the order given; it can be appended to another."""
    return _dumped(list(map(dict, items)))


def escaped(value: Wire) -> Wire:
    """A value in which no text is read as a variable."""
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, Mapping):
        return {name: escaped(one) for name, one in value.items()}
    return [escaped(one) for one in value] if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class Variables:
    """Names variables of the environment, each once. `names` are those that are taken already."""

    names: list[str]

    def variable(self, *words: str) -> str:
        """`${env.NAME}` with a name that nothing else has."""
        plain = re.sub(r"[^A-Z0-9]+", "_", "_".join(words).upper()).strip("_")
        name = first = f"_{plain}" if plain[:1].isdigit() or plain.startswith(_GITHUBS) else plain
        count = 1
        while name in self.names or name in (*API_KEYS, *_SETTINGS):
            count += 1
            name = f"{first}_{count}"
        self.names.append(name)
        return f"${{env.{name}}}"

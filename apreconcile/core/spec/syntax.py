"""A YAML parser's complaint becomes a sentence with the place and the way out."""

from __future__ import annotations

import yaml

from apreconcile.core.errors import Problem

_OPEN_QUOTE = "this quoted text never ends"

_CLUES = (
    ("while scanning a quoted scalar found unexpected", _OPEN_QUOTE, "close the quote"),
    ("mapping values are not allowed", "a `:` stands where no value can begin", 'quote text that contains ": "'),
    ("incompatible YAML document", "this YAML version is not known", "take the %YAML line out"),
    ("duplicate", "a directive is given twice", "take the lines with % out"),
    ("could not find expected ':'", "this key has no `:`", "write `key: value`, with a space behind the colon"),
    ("escape", "this escape is not known inside double quotes", "write \\\\ for a backslash, or use single quotes"),
    ("cannot start any token", "this character cannot begin a value", "quote the value"),
    ("sequence entries are not allowed", "a list cannot begin here", "begin the list on a line of its own"),
    ("while scanning a block scalar", "nothing but a comment may follow | or >", "begin the text on the next line"),
    ("while scanning an a", "& and * must be followed by a name", "quote the value if it is text"),
    ("a tag", "tags are not allowed", "quote the value if it is text"),
    ("<document start>", "the text goes on where the document has ended", "check the indentation of this line"),
    ("while parsing a flow", "a `,` or a closing bracket is missing here", "close the bracket, or quote the value"),
    ("while parsing a block", "this does not fit what stands before it", "check the indentation and the quotes"),
)
"""Words of the parsers (C and Python) with what they mean and what helps; the first that fits is taken."""


def syntax_problem(name: str, error: yaml.YAMLError, lines: tuple[str, ...]) -> Problem:
    """The problem that a text is not YAML; the place is where it begins to go wrong."""
    said = " ".join(str(part) for part in (getattr(error, "context", ""), getattr(error, "problem", "")) if part)
    message, hint = next(((text, hint) for clue, text, hint in _CLUES if clue in said), (said or str(error), ""))
    context, mark = getattr(error, "context_mark", None), getattr(error, "problem_mark", None)
    at = context if message == _OPEN_QUOTE and context else mark
    if at is None:
        return Problem(name, 0, 0, f"not YAML: {message}", hint=hint)
    line, column = at.line, at.column
    if not any(rest.strip() for rest in lines[line:]):
        line = max((number for number, text in enumerate(lines) if text.strip()), default=0)
        column = len(lines[line].rstrip())
    source, before = lines[line], lines[line][:column]
    if source[column : column + 1] == "\t" or (before.isspace() and "\t" in before):
        message, hint = "a tab cannot indent a line", "indent with spaces"
    elif "bracket" in message and "${" in source:
        hint = 'inside { } and [ ], quote text that has ${…}: "${var.name}"'
    elif "bracket" in message and context and context.line < line:
        message = f"a `,` or the closing bracket for line {context.line + 1} is missing here"
    elif "no value can begin" in message and ": " not in before:
        hint = "check the indentation of this line"
    return Problem(name, line + 1, column + 1, f"not YAML: {message}", hint=hint)

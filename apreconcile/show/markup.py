"""Elements of HTML and SVG. Only what `escape.html` made harmless gets in: mypy knows `Html` from any other text."""

from __future__ import annotations

from collections.abc import Iterable

from . import escape
from .escape import Html
from .layout import pieces

_SENTENCE = 4_000
_ALONE = frozenset({"link", "meta"})
"""Elements that hold nothing."""


def element(name: str, *inner: Html, **attributes: str | int | None) -> Html:
    """`<name …>inner</name>`. In the name of an attribute `_` becomes `-`, a final one goes; None is left out."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape.html(str(text))}"'
        for key, text in attributes.items()
        if text is not None
    )
    return Html(f"<{name}{told}>" if name in _ALONE else f"<{name}{told}>{join(inner)}</{name}>")


def join(parts: Iterable[Html]) -> Html:
    """Several as one."""
    return Html("".join(parts))


def sentence(text: str) -> Html:
    """A sentence from outside; commands and URLs in it are code."""
    told = pieces(text, _SENTENCE)
    return join(element("code", escape.html(piece)) if is_code else escape.html(piece) for is_code, piece in told)


def listed(items: Iterable[Html], class_: str | None = None) -> Html:
    """A list."""
    return element("ul", *(element("li", item) for item in items), class_=class_)

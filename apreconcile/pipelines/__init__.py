"""Pipelines to be copied: those that `init` writes, for GitHub and GitLab, and `previews`, which one adds by hand."""

from __future__ import annotations

from importlib import resources

HOMES = {"github": ".github/workflows", "gitlab": "."}
"""Where the files of each lie, from the top of a repository."""
PREFIXES = {"github": "apreconcile-", "gitlab": ""}


def files(pipeline: str) -> dict[str, str]:
    """The text of each file of a pipeline, by its path from the top of a repository; none for `none`."""
    if pipeline not in HOMES:
        return {}
    folder = resources.files(__name__) / pipeline
    home, prefix = HOMES[pipeline], PREFIXES[pipeline]
    texts = {one.name: one.read_text(encoding="utf-8") for one in folder.iterdir() if one.name.endswith(".yml")}
    return {f"{home}/{prefix}{name}".removeprefix("./"): text for name, text in sorted(texts.items())}

"""`schema`: the JSON Schema of a spec, for editors."""

from __future__ import annotations

from apreconcile.core.spec.schema import json_schema
from apreconcile.kinds import KINDS

from .command import command
from .options import Settings, pass_settings
from .terminal import indented


@command("apreconcile schema > agentphone.schema.json")
@pass_settings
def schema(settings: Settings) -> None:
    """Print the JSON Schema of a spec, made from the models that validate it.

    An editor with a YAML language server uses it after a first line such as
    `# yaml-language-server: $schema=agentphone.schema.json`.
    """
    settings.terminal.write(indented(json_schema(KINDS)))

"""`schema`: the JSON Schema of a spec, for editors."""

from __future__ import annotations

import json

from apreconcile.core.spec.schema import json_schema
from apreconcile.kinds import KINDS

from .command import command
from .options import Settings, pass_settings


@command("apreconcile schema > agentphone.schema.json")
@pass_settings
def schema(settings: Settings) -> None:
    """Print the JSON Schema of a spec, made from the models that validate it.

    An editor with a YAML language server uses it after a first line such as
    `# yaml-language-server: $schema=agentphone.schema.json`.
    """
    settings.terminal.write(json.dumps(json_schema(KINDS), ensure_ascii=False, indent=2).encode() + b"\n")

"""`approve`: an approval of steps of a saved plan, written down and signed."""

from __future__ import annotations

from typing import Any

import click

from .approving import Wish, approved
from .command import command
from .options import EXPECT, Settings, pass_settings
from .reading import checked, read_saved


@command(
    "apreconcile approve plan.json TOKEN --by ann --reason moved >> approved.yaml",
    "apreconcile approve plan.json TOKEN --by ann --reason moved --sign KEY",
)
@click.argument("plan", type=click.Path(path_type=str))
@click.argument("tokens", metavar="TOKEN...", nargs=-1, required=True)
@click.option("--by", required=True, metavar="NAME", help="Who approves, as the list of signers has it.")
@click.option("--reason", required=True, metavar="TEXT", help="Why.")
@click.option("--expires", default="24h", metavar="TIME", help="When it ends: 90m, 24h, 7d, or a time in UTC. [24h]")
@click.option("--sign", "key", metavar="KEY", help="Sign it with this SSH key, or with the agent's half of it.")
@click.option("--out", metavar="FILE", help="Append it to a file of approvals. [stdout]")
@EXPECT
@pass_settings
def approve(
    settings: Settings,
    plan: str,
    tokens: tuple[str, ...],
    expect: str | None,
    **wish: Any,
) -> None:
    """Approve steps of a saved plan, each by its whole token, for apply --approvals FILE.

    What is approved is shown on stderr. An approval counts only for a step that apply itself finds under the same token
    and digest, until it expires, and where the policy has approvers only if it is signed.
    """
    approved(settings, checked(read_saved(plan), expect), tokens, Wish(**wish))

"""`resolve`: what came of a creation whose answer was lost, said by a person."""

from __future__ import annotations

import click

from apreconcile.core.address import Address
from apreconcile.core.errors import UsageError
from apreconcile.workflow import Account, resolve_bind, resolve_not_created

from .command import command
from .opening import within
from .options import SETTLE, Settings, pass_settings
from .values import ADDRESS


@command("apreconcile resolve number.main --bind num_123", "apreconcile resolve number.main --not-created")
@click.argument("address", type=ADDRESS)
@click.option("--bind", metavar="ID", help="It was created: this is it.")
@click.option("--not-created", is_flag=True, help="It was not created.")
@SETTLE
@pass_settings
def resolve(settings: Settings, address: Address, bind: str | None, not_created: bool, settle: float) -> None:
    """Say what came of a creation whose outcome nobody could tell, after a look at the account.

    --not-created is refused while the creation may still take effect.
    """
    if bool(bind) == not_created:
        raise UsageError("say which: --bind ID, or --not-created", hint="apreconcile resolve --help")

    async def settled(account: Account) -> str:
        return await (resolve_bind(account, address, bind) if bind else resolve_not_created(account, address))

    settings.terminal.tell(within(settings, settled, settle=settle, offline=not bind))

"""`clone`: the spec of another environment, from a spec or from its live account."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import click

from apreconcile.core import phone
from apreconcile.core.cloning import Choices, Numbers, Transfers
from apreconcile.core.errors import UsageError
from apreconcile.core.url import is_host
from apreconcile.core.writing import spec_text
from apreconcile.show.clone import head
from apreconcile.workflow import Account, Clone
from apreconcile.workflow import clone as write_down

from .command import command
from .opening import within
from .options import OVERWRITE, PROMPTS, SPEC, Settings, check_environment, pass_settings
from .saving import check_folder, save_beside

_AUTHORITY = re.compile(r"\[[^\s\]/]+\]|[^\s/?#@\\:+]+")
"""A host as a URL may have it, plain or not: what is to be got rid of need not be well said."""


class _Rewrite(click.ParamType[tuple[str, str]]):
    """`OLD=NEW`: two hosts, or two phone numbers."""

    name = "OLD=NEW"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """What stands in the source, and what in the clone."""
        old, _, new = str(value).partition("=")
        old, bare = (phone.normal(old), phone.normal(new)) if old[:1] == "+" else (old.lower(), new.partition(":")[0])
        if not (phone.is_number(old) and phone.is_number(bare)) and not (
            _AUTHORITY.fullmatch(old) and (is_host(bare.lower()) or new.lower() == old)
        ):
            self.fail(f"{value!r} is neither HOST=HOST nor +E.164=+E.164", param, ctx)
        return old, bare if old[:1] == "+" else new


@command(
    "apreconcile clone --from prod --to qa --rewrite acme.dev=qa.acme.dev > qa.yaml",
    "apreconcile clone --from prod --to qa --live --numbers buy > qa.yaml",
)
@SPEC
@click.option("--from", "source", required=True, metavar="ENV", help="The environment to start from.")
@click.option("--to", "target", required=True, metavar="ENV", help="The environment of the clone.")
@click.option("--live", is_flag=True, help="Start from its live account instead of from the spec.")
@click.option(
    "--rewrite",
    "rewrites",
    multiple=True,
    type=_Rewrite(),
    metavar="OLD=NEW",
    help="Put this host, or phone number, in the place of that one. Repeat it for several; OLD=OLD keeps one.",
)
@click.option(
    "--numbers",
    type=click.Choice([one.value for one in Numbers]),
    default=Numbers.OMIT.value,
    metavar="buy|bind|omit",
    help="Buy new ones in the same areas, bind some that the other account has, or have none. [omit]",
)
@click.option(
    "--transfer-numbers",
    "transfers",
    type=click.Choice([one.value for one in Transfers]),
    default=Transfers.KEEP.value,
    metavar="keep|drop",
    help="Whether its agents transfer calls to the same people. [keep]",
)
@PROMPTS
@OVERWRITE
@pass_settings
def clone(
    settings: Settings, source: str, target: str, *, live: bool, rewrites: tuple[tuple[str, str], ...], **asked: Any
) -> None:
    """Print a spec whose only environment is --to, made from --from: without ids, secrets, or a way back.

    Its hosts are rewritten; a host of the source that is left anywhere is an error. What it will cost is said first.
    """  # fmt: skip
    _check(settings, source, target)
    terminal = settings.terminal
    folder = None if asked["prompts"] is None else f"{check_folder(asked['prompts'])}/{target}"
    choices = Choices(Numbers(asked["numbers"]), Transfers(asked["transfers"]), dict(rewrites))

    async def written(account: Account) -> Clone:
        environ = {} if settings.sandbox else settings.environ
        made = await write_down(account, to=target, choices=choices, live=live, prompts=folder, environ=environ)
        save_beside(terminal, account.manifest.home, made.files, overwrite=asked["overwrite"])
        return made

    made = within(replace(settings, environment=source), written, offline=not live)
    lines = head(source, target, made.bill, given=made.cloned.variables, read=made.cloned.names)
    for line in lines:
        terminal.remark(line)
    for warning in made.warnings:
        terminal.warn(warning)
    terminal.write("".join(f"# {line}\n" for line in lines).encode() + spec_text(made.document).encode())


def _check(settings: Settings, source: str, target: str) -> None:
    if settings.environment is not None:
        raise UsageError("clone has its environments from --from and --to", hint="leave -e out")
    check_environment(target)
    if source == target:
        raise UsageError(f"{target!r} cannot be cloned to itself", hint="--to another environment")

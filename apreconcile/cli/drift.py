"""`drift`: what differs from the spec, and who moved. Nothing is written, not even the state."""

from __future__ import annotations

from apreconcile.core.address import Address
from apreconcile.core.drift import Drift, to_json
from apreconcile.core.outcome import exit_code
from apreconcile.core.planfile import encode
from apreconcile.core.wanted import Manifest
from apreconcile.show.drift import drift_text
from apreconcile.show.drift_markdown import drift_markdown
from apreconcile.show.headline import Run
from apreconcile.workflow import drift as find_drift

from .command import command
from .loading import manifest_of
from .opening import looking
from .options import ONLY, REPORT_FORMAT, REPORT_FORMATS, SPEC, Settings, check_format, pass_settings
from .running import run

DRIFTED = 2


@command(
    "apreconcile drift",
    "apreconcile drift --only agent.support",
    "apreconcile drift prod.yaml --format json",
)
@SPEC
@REPORT_FORMAT
@ONLY
@pass_settings
def drift(settings: Settings, form: str, only: tuple[Address, ...]) -> int:
    """Say what differs between spec and account, and who moved since both agreed: the spec, the account, or both.

    Nothing is written. Exits 0 if nothing differs, 2 if something does; or as plan: 5 if something is blocked, 6 if the
    outcome of an earlier run is open, 9 if it is not safe to write.
    """
    check_format(form, REPORT_FORMATS)
    manifest, terminal = manifest_of(settings), settings.terminal
    found, count = run(terminal, lambda _: _look(settings, manifest, only))
    document = to_json(found)
    shown = Run(resources=count, only=tuple(dict.fromkeys(map(str, only))))
    if form == "json":
        terminal.write(encode(document))
    elif form == "markdown":
        terminal.write(drift_markdown(terminal.again_in(document), shown).encode())
    else:
        terminal.show(drift_text(terminal.again_in(document), shown, width=terminal.width))
    return _code(found)


async def _look(settings: Settings, manifest: Manifest, only: tuple[Address, ...]) -> tuple[Drift, int]:
    """What differs, and how many resources the spec has in this account."""
    async with looking(settings, manifest) as account:
        return await find_drift(account, only=only), len(account.manifest.resources)


def _code(found: Drift) -> int:
    """The first of 6 9 5 2 that holds, else 0."""
    code = exit_code(found.plan)
    return code or (DRIFTED if found.items else 0)

"""To export: look at everything, and write it down as a spec."""

from __future__ import annotations

from apreconcile.core.export import Exported
from apreconcile.core.export import export as write_down
from apreconcile.kinds import KINDS
from apreconcile.live.observe import observe_all

from .account import Account


async def export(account: Account, *, prompts: str | None = None) -> Exported:
    """The whole live account as a spec with `import:` lines; nothing is written.

    With `prompts`, a folder beside the spec, its `files` are long prompts that the spec names.
    """
    snapshot = await observe_all(account.client.send, KINDS, pause=account.pace.pause)
    manifest, (state, _) = account.manifest, await account.recall()
    known = {(at.kind, held.id): (at, held) for at, held in state.resources.items()}
    return write_down(
        snapshot, KINDS,
        project=manifest.project, environment=manifest.environment, known=known, prompts=prompts,
    )  # fmt: skip

"""To export: look at everything, and write it down as a spec."""

from __future__ import annotations

from apreconcile.core.export import Exported
from apreconcile.core.export import export as write_down
from apreconcile.core.snapshot import Snapshot
from apreconcile.kinds import KINDS
from apreconcile.live.observe import observe_all

from .account import Account


async def export(account: Account) -> Exported:
    """The whole live account as a spec with `import:` lines; nothing is written."""
    return (await looked(account))[1]


async def looked(account: Account) -> tuple[Snapshot, Exported]:
    """All that the account shows, and the spec that says so."""
    snapshot = await observe_all(account.client.send, KINDS, pause=account.pace.pause)
    manifest, (state, _) = account.manifest, await account.recall()
    known = {(at.kind, held.id): (at, held) for at, held in state.resources.items()}
    project, environment = manifest.project, manifest.environment
    return snapshot, write_down(snapshot, KINDS, project=project, environment=environment, known=known)

"""To export: look at everything, and write it down as a spec."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from apreconcile.core.errors import UnsafeError, UsageError
from apreconcile.core.export import Exported
from apreconcile.core.export import export as write_down
from apreconcile.core.ground import Ground
from apreconcile.core.snapshot import Snapshot
from apreconcile.core.wanted import Access, Environment, Manifest
from apreconcile.kinds import KINDS
from apreconcile.live.observe import observe_all

from .account import Account
from .neighbours import elsewhere


async def export(account: Account, *, prompts: str | None = None) -> Exported:
    """The whole live account as a spec with `import:` lines; nothing is written.

    Where the spec has environments, so has what comes of it: the lines are in the one that was chosen. What another
    environment holds is left out. With `prompts`, a folder beside the spec, its `files` are long prompts that the spec
    names. Raises UnsafeError where it is the wrong account, and UsageError for an ephemeral environment.
    """
    chosen = account.manifest.chosen
    if chosen.ephemeral:
        reason = f"the environment {chosen.name} is ephemeral: it imports nothing, so nothing is exported for it"
        hint = f"see what it has: apreconcile state list -e {account.manifest.environment}"
        raise UsageError(reason, hint=hint)
    return (await looked(account, prompts=prompts))[1]


async def looked(account: Account, *, prompts: str | None = None) -> tuple[Snapshot, Exported]:
    """All that the account shows, and the spec that says so. Raises UnsafeError where it is the wrong account."""
    manifest, (state, _) = account.manifest, await account.recall()
    there = await elsewhere(account, instances=True)
    snapshot = await observe_all(account.client.send, state, KINDS, pause=account.pace.pause)
    for alarm in Ground(manifest, snapshot, state, {kind.name: kind for kind in KINDS}, there).alarms({}):
        raise UnsafeError(alarm.reason, hint=alarm.hint)
    known = {(at.kind, held.id): (at, held) for at, held in state.resources.items()}
    exported = write_down(
        snapshot, KINDS,
        project=manifest.project, environment=manifest.environment, known=known, elsewhere=there,
        environments=_environments(manifest), state=manifest.stored_at, prompts=prompts,
    )  # fmt: skip
    return snapshot, replace(exported, warnings=(*there.warnings, *exported.warnings))


def _environments(manifest: Manifest) -> Sequence[Environment]:
    """The environment that was chosen, if the spec has any, and those that say that they share its account.

    Without them, what they hold there would be a sign of a wrong account.
    """
    own = manifest.chosen
    sharing = [one for one in manifest.environments if one != own and one.access == own.access != Access()]
    return (own, *sharing) if manifest.environments else ()

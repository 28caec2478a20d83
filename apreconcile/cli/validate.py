"""`validate`: the spec and its references, offline."""

from __future__ import annotations

from collections.abc import Sequence

from apreconcile.core.wanted import Manifest
from apreconcile.show import escape
from apreconcile.show.layout import count
from apreconcile.show.screen import say
from apreconcile.workflow import check_hosts, check_url

from .command import command
from .loading import DEFAULT_SPEC, manifests_of
from .options import POLICY_FROM, SPEC, Settings, pass_settings


@command(
    "apreconcile validate",
    "apreconcile validate prod.yaml --var hooks=https://hooks.acme.dev",
    "apreconcile validate --policy-from origin/main",
)
@SPEC
@POLICY_FROM
@pass_settings
def validate(settings: Settings) -> None:
    """Check a spec: its fields, its references, its variables, its policy. Nothing is sent; every problem is shown.

    Without -e all of its environments are checked.

    Exits 1 if the spec is wrong, 5 if a webhook's host is not allowed, 9 if the policy of --policy-from cannot be read.
    """
    manifests = manifests_of(settings)
    terminal, paths = settings.terminal, settings.files or (DEFAULT_SPEC,)
    for warning in dict.fromkeys(one for manifest in manifests for one in manifest.warnings):
        terminal.warn(warning)
    for manifest in manifests:
        check_hosts(manifest)
        check_url(manifest.chosen)
    for manifest in manifests:
        where = f" in {manifest.chosen.name}" if manifest.environments else ""
        verb = "is" if len(paths) == 1 else "are"
        terminal.show([say(f"{escape.line(', '.join(paths))} {verb} valid{where}: {_told(manifest)}")])


def _told(manifest: Manifest) -> str:
    kinds: Sequence[str] = list(dict.fromkeys(wanted.address.kind for wanted in manifest.resources))
    many = [count(sum(wanted.address.kind == kind for wanted in manifest.resources), kind) for kind in kinds]
    source = f"; policy from {escape.line(manifest.policy.source)}" if manifest.policy.source else ""
    return (", ".join(many) or "nothing in it") + source

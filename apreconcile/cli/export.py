"""`export`: the live account, written down as a spec."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from apreconcile.core.errors import UsageError
from apreconcile.core.export import Exported
from apreconcile.core.spec.document import PROJECT
from apreconcile.core.wanted import DEFAULT, Environment, Manifest
from apreconcile.show import escape
from apreconcile.workflow import export as write_down

from .command import command
from .loading import DEFAULT_SPEC, home_of, manifest_of
from .opening import looking
from .options import OVERWRITE, PROMPTS, Settings, check_environment, pass_settings
from .running import run
from .saving import check_folder, save_beside

NAMELESS = "exported"


@command(
    "apreconcile export > agentphone.yaml",
    "apreconcile export --project acme-support --prompts prompts",
    "apreconcile export -e staging > staging.yaml",
)
@click.option("--project", metavar="NAME", help="Its project. [that of the spec, or `exported`]")
@PROMPTS
@OVERWRITE
@pass_settings
def export(settings: Settings, project: str | None, prompts: str | None, overwrite: bool) -> None:
    """Print the live account as a spec with `import:` lines: planning that spec only adopts.

    Header values are written as ${env.NAME}; which variables to set is said on stderr.
    """
    terminal, folder = settings.terminal, None if prompts is None else check_folder(prompts)
    manifest = _manifest(settings, project)
    exported = run(terminal, lambda _: _looked(settings, manifest, folder))
    save_beside(terminal, manifest.home, exported.files, overwrite=overwrite)
    terminal.write(exported.text.encode())
    for warning in exported.warnings:
        terminal.warn(warning)
    if exported.names:
        terminal.warn(f"set these variables before you plan it: {', '.join(exported.names)}")


async def _looked(settings: Settings, manifest: Manifest, prompts: str | None) -> Exported:
    async with looking(settings, manifest) as account:
        return await write_down(account, prompts=prompts)


def _manifest(settings: Settings, project: str | None) -> Manifest:
    """An empty spec of the project that was named, else of the spec's. A file that is empty may be the export's own.

    Whose account an environment has, the spec says, whatever the project.
    """
    if project is not None and not PROJECT.fullmatch(project):
        hint = "use small letters, digits and -, at most 40"
        raise UsageError(f"{escape.line(project)!r} cannot be a project", hint=hint)
    named = settings.environment
    if (project is None or named is not None) and (settings.files or _has_words(Path(DEFAULT_SPEC))):
        spec = manifest_of(settings)
        return replace(spec, project=project or spec.project, resources=())
    home = home_of(settings)
    if named is None or named == DEFAULT:
        return Manifest(project or NAMELESS, DEFAULT, (), home=home)
    own = Environment(check_environment(named), named)
    return Manifest(project or NAMELESS, named, (), home=home, chosen=own, environments=(own,))


def _has_words(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0

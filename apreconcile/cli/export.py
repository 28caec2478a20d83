"""`export`: the live account, written down as a spec."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from apreconcile.core.errors import UsageError
from apreconcile.core.export import Exported
from apreconcile.core.spec.document import PROJECT
from apreconcile.core.wanted import DEFAULT, Manifest
from apreconcile.show import escape
from apreconcile.workflow import export as write_down

from .command import command
from .loading import DEFAULT_SPEC, home_of, manifest_of
from .opening import opened
from .options import PROMPTS, Settings, pass_settings
from .progress import Requests
from .running import run
from .saving import check_folder, save_beside

NAMELESS = "exported"


@command("apreconcile export > agentphone.yaml", "apreconcile export --project acme-support --prompts prompts")
@click.option("--project", metavar="NAME", help="Its project. [that of the spec, or `exported`]")
@PROMPTS
@click.option("--overwrite", is_flag=True, help="Replace files of that folder that hold another text.")
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
    requests = Requests(settings.terminal, verbose=settings.verbose)
    async with opened(settings, manifest, requests) as account:
        with requests.shown("looking at the account"):
            return await write_down(account, prompts=prompts)


def _manifest(settings: Settings, project: str | None) -> Manifest:
    """An empty spec of the project that was named, else of the spec's. A file that is empty may be the export's own."""
    home = home_of(settings)
    if project is None and (settings.files or _has_words(Path(DEFAULT_SPEC))):
        spec = manifest_of(settings)
        return replace(spec, resources=())
    if project is not None and not PROJECT.fullmatch(project):
        hint = "use small letters, digits and -, at most 40"
        raise UsageError(f"{escape.line(project)!r} cannot be a project", hint=hint)
    return Manifest(project or NAMELESS, settings.environment or DEFAULT, (), home=home)


def _has_words(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0

"""`export`: the live account, written down as a spec."""

from __future__ import annotations

import os
from pathlib import Path

import click

from apreconcile.core.errors import UsageError
from apreconcile.core.export import Exported
from apreconcile.core.spec.document import PROJECT
from apreconcile.core.wanted import Manifest
from apreconcile.show import escape
from apreconcile.workflow import export as write_down

from .command import command
from .loading import DEFAULT_SPEC, home_of, manifest_of
from .opening import opened
from .options import Settings, pass_settings
from .progress import Requests
from .running import run
from .saving import check_files, check_folder, save_files

NAMELESS = "exported"


@command("apreconcile export > agentphone.yaml", "apreconcile export --project acme-support --prompts prompts")
@click.option("--project", metavar="NAME", help="Its project. [that of the spec, or `exported`]")
@click.option("--prompts", metavar="DIR", help="Write long prompts into files of this folder beside the spec.")
@click.option("--overwrite", is_flag=True, help="Replace files of that folder that hold another text.")
@pass_settings
def export(settings: Settings, project: str | None, prompts: str | None, overwrite: bool) -> None:
    """Print the live account as a spec with `import:` lines: planning that spec only adopts.

    Header values are written as ${env.NAME}; which variables to set is said on stderr.
    """
    terminal, folder = settings.terminal, None if prompts is None else check_folder(prompts)
    manifest = _manifest(settings, project)
    exported = run(terminal, lambda _: _looked(settings, manifest, folder))
    _save(settings, manifest, exported, overwrite=overwrite)
    terminal.write(exported.text.encode())
    for warning in exported.warnings:
        terminal.warn(warning)
    if exported.names:
        terminal.warn(f"set these variables before you plan it: {', '.join(exported.names)}")


def _save(settings: Settings, manifest: Manifest, exported: Exported, *, overwrite: bool) -> None:
    """Write the files that the spec names, beside it, and say so."""
    terminal = settings.terminal
    files = check_files(Path(manifest.home), exported.files, overwrite=overwrite)
    replaced = {target for target in files if target.exists()}
    save_files(files)
    for target in files:
        name = escape.line(os.path.relpath(target))
        if target in replaced:
            terminal.warn(f"replaced {name}, which held another text")
        else:
            terminal.remark(f"wrote {name}, which the spec names")


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
        return Manifest(spec.project, spec.environment, (), home=spec.home)
    if project is not None and not PROJECT.fullmatch(project):
        hint = "use small letters, digits and -, at most 40"
        raise UsageError(f"{escape.line(project)!r} cannot be a project", hint=hint)
    return Manifest(project or NAMELESS, settings.environment, (), home=home)


def _has_words(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0

"""The options that all commands share, wherever they stand, and what they and the environment add up to."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import reduce, wraps
from pathlib import Path
from typing import Any

import click

from apreconcile.core.errors import UsageError
from apreconcile.core.host import in_ci
from apreconcile.core.wanted import ENVIRONMENT, is_store
from apreconcile.show import escape

from .terminal import Terminal, terminal_of
from .values import ADDRESS, Assignment, DigestText, Duration, SubAccount

MOST_AT_ONCE = 64
LONGEST_LOCK, LONGEST_SETTLE = 86_400.0, 3_600.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the options and the environment say. `files` are the spec: SPEC, else those of `-f`.

    `plans` are those of SPEC that are saved plans.
    """

    files: tuple[str, ...] = ()
    plans: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    environment: str | None = None
    sandbox: bool = False
    sandbox_db: str | None = None
    base_url: str | None = None
    sub_account: str | None = None
    concurrency: int = 8
    lock_timeout: float = 0.0
    no_color: bool = False
    quiet: bool = False
    verbose: bool = False
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    policy_from: str | None = None

    @property
    def terminal(self) -> Terminal:
        """Where the command speaks."""
        return terminal_of(
            no_color=self.no_color, quiet=self.quiet, flags=self.flags, policy_from=self.policy_from
        )  # fmt: skip

    @property
    def in_ci(self) -> bool:
        """Whether `CI` is set, to anything but 0 or false."""
        return in_ci(self.environ)

    @property
    def flags(self) -> tuple[str, ...]:
        """The options that a command has to repeat to mean the same."""
        given = {"files": self.files, "variables": tuple(self.variables.items()), "sandbox": self.sandbox}
        given |= {"env": self.environment, "sub_account": self.sub_account}
        return flags_of(given | {"sandbox_db": self.sandbox_db, "base_url": self.base_url})


def flags_of(given: Mapping[str, Any]) -> tuple[str, ...]:
    """What was given, as options to repeat. Values of variables are not told: they may be somebody's secret."""
    words = [word for path in _named(given)[0] or given.get("files", ()) for word in ("-f", path)]
    words += ["-e", given["env"]] if given.get("env") else []
    words += [word for name, _ in given.get("variables", ()) for word in ("--var", f"{name}=…")]
    words += ["--sandbox"] if given.get("sandbox") and not given.get("sandbox_db") else []
    for name in ("sandbox_db", "base_url", "sub_account"):
        words += [f"--{name.replace('_', '-')}", given[name]] if given.get(name) else []
    return tuple(words)


def _named(given: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What SPEC names: the files and folders of a spec, and the saved plans, which end with `.json`."""
    paths = given.get("spec", ())
    plans = tuple(path for path in paths if is_plan(path))
    return tuple(path for path in paths if path not in plans), plans


def is_plan(path: str) -> bool:
    """Whether a path names a saved plan, and not a spec."""
    return path.endswith(".json") and not Path(path).is_dir()


def settings_of(given: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """What was given, as settings."""
    named, plans = _named(given)
    return Settings(
        files=tuple(named or given.get("files", ())),
        plans=plans,
        variables=dict(given.get("variables", ())),
        environment=given.get("env"),
        sandbox=bool(given.get("sandbox") or given.get("sandbox_db")),
        sandbox_db=given.get("sandbox_db"),
        base_url=given.get("base_url"),
        sub_account=given.get("sub_account"),
        concurrency=given.get("concurrency", 8),
        lock_timeout=given.get("lock_timeout", 0.0),
        no_color=bool(given.get("no_color")),
        quiet=bool(given.get("quiet")),
        verbose=bool(given.get("verbose")),
        environ=environ,
        policy_from=given.get("policy_from"),
    )


def pass_settings(body: Callable[..., int | None]) -> Callable[..., int | None]:
    """Give a command its settings as first argument."""

    @wraps(body)
    def with_settings(*args: Any, **kwargs: Any) -> int | None:
        given = click.get_current_context().find_root().ensure_object(dict)
        return body(settings_of(given, os.environ), *args, **kwargs)

    return with_settings


class Shared(click.Option):
    """An option that is remembered wherever it stands: of a list all values count, of the rest the last."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, expose_value=False, callback=_remember, **settings)


class Whose(Shared):
    """An option that says whose account it is about: of two values that differ none is taken."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, multiple=True, **settings)


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value is None or value in ((), False):
        return
    given = ctx.find_root().ensure_object(dict)
    name = str(param.name)
    if isinstance(param, Whose):
        value, *others = dict.fromkeys([*([given[name]] if name in given else []), *value])
        if others and not ctx.resilient_parsing:
            reason = f"{param.opts[0]} is given twice: {value} and {others[0]}"
            raise UsageError(reason, hint="leave one of them out")
        given[name] = value
        return
    given[name] = (*given.get(name, ()), *value) if param.multiple else value


def shared_options() -> list[click.Parameter]:
    """The options of every command."""
    path = click.Path(path_type=str)
    return [
        Shared(["-f", "--file", "files"], multiple=True, type=path, metavar="SPEC",
               help="A spec: a file or a folder. Repeat it for several. [./agentphone.yaml]"),
        Whose(["-e", "--env"], metavar="NAME",
               help="The environment; NAME:INSTANCE of an ephemeral one. Needed where the spec has some."),
        Shared(["--var", "variables"], multiple=True, type=Assignment(), help="Give a variable of the spec a value."),
        Shared(["--sandbox"], is_flag=True, help="Use a local AgentPhone instead of the real one."),
        Shared(["--sandbox-db"], type=path, metavar="PATH", help="Its database. [.apreconcile/sandbox.db]"),
        Whose(["--base-url"], metavar="URL", help="Where the API is. [$AGENTPHONE_BASE_URL]"),
        Whose(["--sub-account"], type=SubAccount(), metavar="ID",
               help="The sub-account to work in. [$AGENTPHONE_SUB_ACCOUNT]"),
        Shared(["--concurrency"], type=click.IntRange(1, MOST_AT_ONCE), metavar="N", help="Requests at once, else 8."),
        Shared(["--lock-timeout"], type=Duration(LONGEST_LOCK), metavar="TIME",
               help="How long to wait for a state that another run holds, as 90, 90s or 5m. [0]"),
        Shared(["--no-color"], is_flag=True, help="No colours. [$NO_COLOR]"),
        Shared(["-q", "--quiet"], is_flag=True, help="No progress and no remarks."),
        Shared(["-v", "--verbose"], is_flag=True, help="A line about each request."),
    ]  # fmt: skip


def remember_version(version: str) -> click.Parameter:
    """`--version`."""

    def tell(ctx: click.Context, _param: click.Parameter, value: Any) -> None:
        if value and not ctx.resilient_parsing:
            click.echo(f"apreconcile {version}")
            ctx.exit()

    return click.Option(
        ["--version"], is_flag=True, expose_value=False, is_eager=True, callback=tell, help="Show the version."
    )


def _remember_spec(ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> None:
    if value:
        ctx.find_root().ensure_object(dict)["spec"] = value


SPEC = click.argument("spec", nargs=-1, type=click.Path(path_type=str), expose_value=False, callback=_remember_spec)
POLICY_FROM = click.option(
    "--policy-from", expose_value=False, callback=_remember, metavar="GIT_REF",
    help="Read the policy from this commit, such as origin/main, instead of the work tree.",
)  # fmt: skip
FORMATS = ("text", "json")
REPORT_FORMATS = (*FORMATS, "markdown")
PLAN_FORMATS = (*REPORT_FORMATS, "html")
FORMAT, REPORT_FORMAT, PLAN_FORMAT = (
    click.option("--format", "form", default="text", metavar="|".join(formats), help="How to show it. [text]")
    for formats in (FORMATS, REPORT_FORMATS, PLAN_FORMATS)
)
REPORT_OUT = click.option("--out", metavar="FILE", help="Write the report there, too, as JSON.")
ONLY = click.option(
    "--only", multiple=True, type=ADDRESS, metavar="ADDRESS", help="This and what it needs. Repeat it for several."
)
PROMPTS = click.option("--prompts", metavar="DIR", help="Write long prompts into files of this folder beside the spec.")
APPROVE = click.option("--approve", multiple=True, metavar="TOKEN", help="Approve the one step that shows this token.")
YES = click.option("--yes", is_flag=True, help="Do not ask whether to go on; approvals are asked for still.")
ALL_APPROVED = click.option(
    "--require-all-approved", is_flag=True, help="Take nothing unless every approval was given."
)
OVERWRITE = click.option("--overwrite", is_flag=True, help="Replace files of that folder that hold another text.")
ADOPT = click.option("--adopt", is_flag=True, help="Take every offer that has exactly one candidate.")
VERIFY = click.option("--verify", is_flag=True, help="Let the API send a test event to each webhook afterwards.")
APPROVALS = click.option(
    "--approvals", multiple=True, type=click.Path(path_type=str), metavar="FILE",
    help="A file of approvals, as approve writes it. Repeat it for several.",
)  # fmt: skip
EXPECT = click.option(
    "--expect-digest", "expect", type=DigestText(), metavar="HEX", help="Refuse any plan but the one with this digest."
)
SETTLE = click.option(
    "--settle", type=Duration(LONGEST_SETTLE), default=60.0, metavar="TIME",
    help="How long a lost creation may take to show, as 90, 90s or 5m. [60]",
)  # fmt: skip


def applying_options(body: Callable[..., int | None]) -> Callable[..., int | None]:
    """The options of what changes an account: its spec or plan, what is approved, and how it is told."""
    options = (
        SPEC,
        APPROVE,
        APPROVALS,
        YES,
        ALL_APPROVED,
        REPORT_FORMAT,
        REPORT_OUT,
        EXPECT,
        ONLY,
        POLICY_FROM,
        SETTLE,
    )
    return reduce(lambda inner, option: option(inner), reversed(options), body)


def check_format(form: str, formats: tuple[str, ...] = FORMATS) -> str:
    """The format. Raises UsageError for any other word."""
    if form not in formats:
        hint = ", or ".join(f"--format {known}" for known in formats)
        raise UsageError(f"--format {form!r} is unknown here", hint=hint)
    return form


def check_environment(name: str) -> str:
    """The name of an environment. Raises UsageError for what no spec could call one."""
    if not ENVIRONMENT.fullmatch(name):
        hint = "use 1 to 40 small letters, digits and -"
        raise UsageError(f"{escape.line(name)!r} cannot be an environment", hint=hint)
    return name


def check_store(store: str, remote: str | None) -> None:
    """Raise UsageError for what `state:` of a spec would not take either."""
    if not is_store(store):
        raise UsageError(f"there is no store {store!r}", hint="it is local, git, or s3://BUCKET/PREFIX")
    if remote is not None and store != "git":
        raise UsageError("only the store git has a remote", hint="leave --remote out")

"""The policy of a spec is read here: written out, with neither variables nor defaults, each rule with its place.

Of a commit's spec only this is read, so that it reads whole files by itself, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import TypeVar

from apreconcile.core.errors import Error, SpecError
from apreconcile.core.place import Place
from apreconcile.core.policy import LIFETIME, Approvers, Limit, Permit, Policy, Prices
from apreconcile.core.risk import Risk
from apreconcile.core.url import is_host
from apreconcile.core.wanted import ENVIRONMENT

from .findings import Findings
from .lasting import LENGTHS, lasting
from .source import read
from .tree import Array, Entry, Node, Scalar, Table
from .variables import meant

T = TypeVar("T")

ReadBytes = Callable[[str, str], bytes]
"""What is in the file that a spec file names, from (spec file, path); raises Error if it cannot be used."""

KEYS = (
    "maxBuys", "maxReleases", "maxMonthlyCost", "allowedWebhookHosts", "approve", "autoApprove", "prices", "approvers",
)  # fmt: skip
LIMITS = ("perApply", "perDay")
PERMIT = ("risk", "upTo")
APPROVERS = ("signers", "required", "maxLifetime", "revoked")
PERMITTED = (Risk.SPENDS, Risk.ROTATES_SECRET, Risk.REROUTES)
"""The risks that may need no person."""

AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,2})?")
PRICED = re.compile(r"[A-Z]{2}(/[A-Za-z0-9_-]{1,40})?")
_WHOLE = re.compile(r"[0-9]{1,9}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NEVER = {
    Risk.IRREVERSIBLE: "what cannot be taken back always wants a person",
    Risk.UNPROTECTS: "a protection is lifted by a person",
}


def load_policy(sources: Sequence[tuple[str, bytes]], *, environment: str, read_bytes: ReadBytes) -> Policy | None:
    """The policy in these files, given as (name, bytes), of which nothing else is read; None if none has one.

    Raises SpecError with every problem there is.
    """
    files = [read(name, data) for name, data in sources]
    findings = Findings(files[0].name if files else "the spec")
    entries = []
    for file in files:
        findings.problems.update(file.problems)
        if isinstance(file.root, Table):
            entries += [entry for name, entry in file.root.entries.items() if name == "policy"]
        elif file.root is not None:
            findings.add(file.root.place, "a spec must be a map", hint="a spec begins with `version: 1`")
    policy = read_policy(entries, findings, environment=environment, read_bytes=read_bytes)
    if findings.problems:
        raise SpecError(tuple(findings.problems))
    return policy


def read_policy(
    entries: Sequence[Entry], findings: Findings, *, environment: str, read_bytes: ReadBytes
) -> Policy | None:
    """The policy under the `policy` of each file; only one may have it. None if none has."""
    for entry in entries[1:]:
        message = f"`policy` is given twice, first at {entries[0].place}"
        findings.add(entry.place, message, subject="policy", hint="keep one: a policy stands in one file of the spec")
    return _Reader(findings, environment, read_bytes).policy(entries[0]) if entries else None


@dataclass(frozen=True, slots=True)
class _Reader:
    """`places` gathers where each rule stands."""

    findings: Findings
    environment: str
    contents: ReadBytes
    places: dict[str, Place] = field(default_factory=dict)

    def policy(self, entry: Entry) -> Policy:
        """The whole of it."""
        self._refuse_variables(entry.node, "policy")
        rules = self._table(entry.node, "policy", KEYS, "{maxBuys: {perApply: 2}}")
        for name, rule in rules.items():
            self.places[name] = rule.place
        permits = self._permits(rules["autoApprove"].node) if "autoApprove" in rules else ()
        return Policy(
            buys=self._limit(rules, "maxBuys"),
            releases=self._limit(rules, "maxReleases"),
            monthly=self._amount(rules["maxMonthlyCost"].node, "maxMonthlyCost") if "maxMonthlyCost" in rules else None,
            hosts=self._hosts(rules["allowedWebhookHosts"].node) if "allowedWebhookHosts" in rules else None,
            approve=self._approve(rules["approve"].node) if "approve" in rules else frozenset(),
            permits=permits,
            prices=self._prices(rules["prices"]) if "prices" in rules else None,
            approvers=self._approvers(rules["approvers"]) if "approvers" in rules else None,
            places=self.places,
        )

    def _limit(self, rules: Mapping[str, Entry], name: str) -> Limit:
        if name not in rules:
            return Limit()
        limits = self._table(rules[name].node, name, LIMITS, "{perApply: 2, perDay: 5}", wanted=LIMITS)
        counts = {}
        for side, entry in limits.items():
            self.places[f"{name}.{side}"] = entry.place
            counts[side] = self._count(entry.node, f"{name}: {side}", least=0)
        return Limit(counts.get("perApply"), counts.get("perDay"))

    def _hosts(self, node: Node) -> tuple[str, ...]:
        name, hosts = "allowedWebhookHosts", []
        for item in self._items(node, name, "[hooks.acme.dev]"):
            text = self._text(item, name)
            host = (text or "").lower()
            below = host.removeprefix("*.")
            if text and not is_host(below):
                hint = "write it without https://, port and path: hooks.acme.dev, or *.acme.dev for all below it"
                self._tell(item, "must be the name of a host", name, hint)
            elif host != below and ("." not in below or below.rpartition(".")[2].isdigit()):
                self._tell(item, f"`{host}` would allow hosts of anybody", name, "write at least two names: *.acme.dev")
            elif text:
                hosts.append(host)
        return tuple(hosts)

    def _approve(self, node: Node) -> frozenset[Risk]:
        risks = (self._risk(item, "approve", tuple(Risk)) for item in self._items(node, "approve", "[reroutes]"))
        return frozenset(risk for risk in risks if risk)

    def _permits(self, node: Node) -> tuple[Permit, ...]:
        """The permits of the environment that is planned; those of others are checked, too."""
        found: tuple[Permit, ...] = ()
        for name, entry in self._map(node, "autoApprove", "{default: [{risk: rotates-secret}]}").items():
            subject = f"autoApprove: {name}"
            if not ENVIRONMENT.fullmatch(name):
                self.findings.add(
                    entry.place, "is not the name of an environment", subject=f"policy: {subject}",
                    hint="use 1 to 40 small letters, digits and -",
                )  # fmt: skip
            permits = [
                permit for item in self._items(entry.node, subject, "[{risk: rotates-secret}]")
                if (permit := self._permit(item, subject))
            ]  # fmt: skip
            for number, permit in enumerate(permits):
                if permit.risk in {other.risk for other in permits[:number]}:
                    self._told(permit.place, f"`{permit.risk}` is given twice", subject, "keep one of the two")
            found = tuple(permits) if name == self.environment else found
        return found

    def _permit(self, node: Node, subject: str) -> Permit | None:
        entries = self._table(node, subject, PERMIT, "{risk: spends, upTo: 10.00}")
        if "risk" not in entries:
            if isinstance(node, Table):
                self._tell(node, "`risk` is missing", subject, "write {risk: spends, upTo: 10.00}")
            return None
        risk = self._risk(entries["risk"].node, subject, PERMITTED)
        amount = self._amount(entries["upTo"].node, f"{subject}: upTo") if "upTo" in entries else None
        if risk is Risk.SPENDS and "upTo" not in entries:
            self._tell(node, "`spends` needs `upTo`", subject, "write {risk: spends, upTo: 10.00}")
        elif risk and risk is not Risk.SPENDS and "upTo" in entries:
            self._told(entries["upTo"].place, "`upTo` belongs to `spends`", subject, f"write {{risk: {risk}}}")
        return Permit(risk, node.place, amount) if risk else None

    def _risk(self, node: Node, subject: str, allowed: Sequence[Risk]) -> Risk | None:
        text = self._text(node, subject)
        if text is None:
            return None
        risk = next((one for one in Risk if one == text), None)
        if risk in allowed:
            return risk
        words = ", ".join(allowed)
        if risk is None:
            self._tell(node, f"there is no risk `{text}`", subject, meant(text, allowed) or f"risks are {words}")
        else:
            self._tell(
                node, f"`{risk}` cannot be approved by a policy: {_NEVER[risk]}", subject, f"it may name {words}"
            )
        return None

    def _prices(self, entry: Entry) -> Prices | None:
        """A table that replaces the one that is built in; None if it is so wrong that there is none."""
        shape = "{asOf: 2026-11-01, US: 3.00}"
        entries, table, day = dict(self._map(entry.node, "prices", shape)), dict[str, Decimal](), ""
        dated = entries.pop("asOf", None)
        if dated:
            day = self._day(dated.node)
        elif isinstance(entry.node, Table):
            self._tell(
                entry.node, "`asOf` is missing", "prices", "add the day on which you read them: asOf: 2026-11-01"
            )
        for name, line in entries.items():
            subject = f"prices: {name}"
            if not PRICED.fullmatch(name):
                hint = "write COUNTRY or COUNTRY/TYPE, such as US or US/sms"
                self._told(line.place, "is neither a country nor a country with a type", subject, hint)
            amount = self._amount(line.node, subject)
            if amount is not None:
                table[name] = amount
        if isinstance(entry.node, Table) and not entries:
            self._tell(entry.node, "has no price", "prices", f"write prices: {shape}")
        return Prices(table, day)

    def _day(self, node: Node) -> str:
        text = self._text(node, "prices: asOf") or ""
        try:
            day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
        except ValueError:
            day = None
        if text and day is None:
            self._tell(node, "must be a day", "prices: asOf", "write it as 2026-11-01")
        return text

    def _approvers(self, entry: Entry) -> Approvers | None:
        name, shape = "approvers", "{signers: allowed_signers, required: 1}"
        entries = self._table(entry.node, name, APPROVERS, shape)
        files = {
            side: self._file(entries[side].node, f"{name}: {side}")
            for side in ("signers", "revoked")
            if side in entries
        }
        required = self._count(entries["required"].node, f"{name}: required", least=1) if "required" in entries else 1
        lifetime = self._lasting(entries["maxLifetime"].node) if "maxLifetime" in entries else LIFETIME
        if isinstance(entry.node, Table) and "signers" not in entries:
            self._tell(entry.node, "`signers` is missing", name, f"write {name}: {shape}")
        signers = files.get("signers")
        return Approvers(signers, required or 1, lifetime or LIFETIME, files.get("revoked")) if signers else None

    def _file(self, node: Node, subject: str) -> bytes | None:
        text = self._text(node, subject)
        if text is None:
            return None
        try:
            data = self.contents(node.place.file, text)
        except Error as error:
            self._tell(node, error.message, subject, error.hint or "")
            return None
        if not data.strip():
            self._tell(node, f"{text} is empty", subject, "then nobody could approve: write the keys into it")
        return data

    def _lasting(self, node: Node) -> timedelta | None:
        length = lasting(node)
        if isinstance(length, timedelta):
            return length
        self._tell(node, length, "approvers: maxLifetime", LENGTHS)
        return None

    def _amount(self, node: Node, subject: str) -> Decimal | None:
        """US dollars, exactly as they are written."""
        plain = isinstance(node, Scalar) and type(node.value) in (int, float)
        if plain and isinstance(node, Scalar) and AMOUNT.fullmatch(node.text):
            return Decimal(node.text).quantize(Decimal("0.01"))
        self._tell(node, "must be an amount of US dollars with at most two decimals", subject, "write it as 30.00")
        return None

    def _count(self, node: Node, subject: str, *, least: int) -> int | None:
        plain = isinstance(node, Scalar) and type(node.value) is int and _WHOLE.fullmatch(node.text)
        if plain and isinstance(node, Scalar) and int(node.text) >= least:
            return int(node.text)
        self._tell(node, f"must be a whole number, {least} or more", subject, "write it without quotes and decimals")
        return None

    def _text(self, node: Node, subject: str) -> str | None:
        if isinstance(node, Scalar) and isinstance(node.value, str) and node.value:
            return node.value
        hint = f'quote it: "{node.text}"' if isinstance(node, Scalar) and node.text else "write it out"
        self._tell(node, "must be text", subject, hint)
        return None

    def _items(self, node: Node, subject: str, shape: str) -> Iterator[Node]:
        if isinstance(node, Array):
            yield from node.items
        else:
            self._tell(node, "must be a list", subject, f"write {subject.rpartition(' ')[2]}: {shape}")

    def _map(self, node: Node, subject: str, shape: str) -> Mapping[str, Entry]:
        if isinstance(node, Table):
            return node.entries
        self._tell(node, "must be a map", subject, f"write {subject.rpartition(' ')[2]}: {shape}, or leave it out")
        return {}

    def _table(
        self, node: Node, subject: str, known: Sequence[str], shape: str, *, wanted: Sequence[str] = ()
    ) -> dict[str, Entry]:
        """The entries of a map that has only these keys, and one of those that are wanted."""
        entries = self._map(node, subject, shape)
        for name, entry in entries.items():
            if name not in known:
                hint = meant(name, known) or f"keys are {', '.join(known)}"
                self._told(entry.place, f"there is no key `{name}`", subject, hint)
        if wanted and isinstance(node, Table) and not entries:
            self._tell(node, f"says neither {' nor '.join(wanted)}", subject, f"write {subject}: {shape}")
        return {name: entry for name, entry in entries.items() if name in known}

    def _refuse_variables(self, node: Node, subject: str) -> None:
        """A policy that reads variables would be what whoever runs it likes."""
        hint = "write the value out"
        for place, text in _texts(node):
            if "${" in text:
                self._told(place, "a policy has no variables: it is written out", subject.removeprefix("policy"), hint)

    def _tell(self, node: Node, message: str, subject: str, hint: str) -> None:
        """A problem of a value, unless it has a variable, which is told already."""
        if not isinstance(node, Scalar) or "${" not in node.text:
            self._told(node.place, message, subject, hint)

    def _told(self, place: Place, message: str, subject: str, hint: str) -> None:
        whole = "policy" if subject in ("", "policy") else f"policy: {subject}"
        self.findings.add(place, message, subject=whole, hint=hint)


def _texts(node: Node) -> Iterator[tuple[Place, str]]:
    """Every key and every single value of a tree, with its place."""
    if isinstance(node, Scalar):
        yield node.place, node.text
        return
    inner: Iterable[Node] = node.items if isinstance(node, Array) else [entry.node for entry in node.entries.values()]
    if isinstance(node, Table):
        yield from ((entry.place, name) for name, entry in node.entries.items())
    for one in inner:
        yield from _texts(one)

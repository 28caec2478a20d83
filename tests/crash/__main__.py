"""`python -m crash`: play the cases, tell how far it is, and print the table."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from .cases import Result, read
from .homes import HOMES
from .matrix import PROOFS, Setting, play, sample
from .table import text, write

EVERY = 10.0
"""Seconds between two lines that say how far it is."""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m crash", description=__doc__)
    parser.add_argument("--store", action="append", choices=HOMES, help="only this store; repeat it for several")
    parser.add_argument("--proof", action="append", choices=PROOFS, help="only this one; repeat it for several")
    parser.add_argument("--sample", type=int, metavar="ROUNDS", help="not all cases, but a few of every sort")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="print each result as a line of JSON")
    parser.add_argument("--earlier", action="append", type=Path, metavar="FILE", help="count results of --json, too")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table into this document, if all is well")
    return parser.parse_args()


def _settings(options: argparse.Namespace) -> list[Setting]:
    return [
        one
        for store in options.store or HOMES
        for proof in options.proof or PROOFS
        for one in (PROOFS[proof](store) if options.sample is None else sample(proof, store, options.sample))
    ]


def _results(settings: Sequence[Setting], workers: int) -> list[Result]:
    results: list[Result] = []
    told = time.monotonic()
    for count, some in enumerate(play(settings, workers), 1):
        results += some
        for one in some:
            if not one.fine:
                print(one, file=sys.stderr)
        if time.monotonic() > told + EVERY or count == len(settings):
            told = time.monotonic()
            twice = sum(bool(one.twice) for one in results)
            print(f"{count} of {len(settings)} settings, {len(results):,} cases, {twice} bought twice", file=sys.stderr)
    return results


def main() -> int:
    """Play, print, and return 1 if the claim does not hold or a case was not what it should be."""
    options = _options()
    results = _results(_settings(options), options.workers)
    for file in options.earlier or ():
        results += [read(json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]
    came = [one for one in results if not one.missed]
    if options.json:
        for one in came:
            print(json.dumps(one.shown()))
    else:
        print(text(came))
    if len(came) < len(results):
        print(f"{len(results) - len(came)} moments of a first run did not come again", file=sys.stderr)
    if not all(one.fine for one in results):
        print(f"{sum(not one.fine for one in results)} failed", file=sys.stderr)
        return 1
    if options.write:
        write(options.write, came)
    return 0


if __name__ == "__main__":
    sys.exit(main())

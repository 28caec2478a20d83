"""An apply in a process of its own, killed at one moment: the store, the sinks and the server are the real ones.

A moment is an event and which time it comes: "before a swap 1", "after a swap 2", "before a delivery 1", "after a
delivery 1", "after POST /v1/webhooks 1" (its answer has come), "after a write 1" (any call but a GET).
"""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import asyncio, os, signal, sys
from apreconcile import workflow
from apreconcile.programs.sinks import Sinks
from apreconcile.store.local import LocalStore

spec, url, key, moment, *approvals = sys.argv[1:]
os.environ.pop("CI", None)  # which would have the spec say where the state lies
left = {}

def came(event):
    left[event] = left.get(event, 0) + 1
    if f"{event} {left[event]}" == moment:
        os.kill(os.getpid(), signal.SIGKILL)

def watched(inner, name):
    async def outer(*args):
        came(f"before {name}")
        done = await inner(*args)
        came(f"after {name}")
        return done
    return outer

LocalStore.swap = watched(LocalStore.swap, "a swap")
Sinks.deliver = watched(Sinks.deliver, "a delivery")

def told(line):
    method, path, *_ = line.split()
    came(f"after {method} {path}")
    if method != "GET":
        came("after a write")

async def main():
    async with workflow.connect(workflow.load([spec]), key=key, base_url=url, on_request=told) as account:
        planned = await workflow.plan(account)
        tokens = [step.token for step in planned.plan.steps if step.token and not approvals]
        report = await workflow.apply(account, planned, approve=tokens, approvals=approvals)
        sys.exit(report.exit)

asyncio.run(main())
"""


def apply_in_a_process(trial, moment, *approvals):
    """Apply a trial's spec, killed at that moment, if it comes: with these files of approvals, or all tokens."""
    argv = [sys.executable, "-c", PROGRAM, str(trial.folder / "agentphone.yaml"), trial.url, trial.key, moment]
    return subprocess.run([*argv, *approvals], capture_output=True, text=True, timeout=60, check=False)

"""The crash proof: real processes, ended at every boundary of a run, with every fault of the sandbox, in every store.

The sandbox runs in a process of its own, and its ledger is the judge. `make crash` runs all of it.
"""

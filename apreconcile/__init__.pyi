from .core.address import Address
from .core.errors import Error
from .core.outcome import Report, Word
from .core.plan import Plan
from .core.wanted import Manifest
from .version import __version__
from .workflow.account import Account, connect
from .workflow.applying import apply
from .workflow.exporting import export
from .workflow.loading import load
from .workflow.planning import Planned, plan

__all__ = [
    "Account",
    "Address",
    "Error",
    "Manifest",
    "Plan",
    "Planned",
    "Report",
    "Word",
    "__version__",
    "apply",
    "connect",
    "export",
    "load",
    "plan",
]

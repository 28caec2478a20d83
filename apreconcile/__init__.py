"""apreconcile keeps an AgentPhone account equal to a YAML spec, and takes nothing back that cannot be given back."""

from .version import __version__

__all__ = ["__version__"]

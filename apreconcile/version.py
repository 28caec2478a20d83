"""The version is written once, here."""

__version__ = "0.1.0"

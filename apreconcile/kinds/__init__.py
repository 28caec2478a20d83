"""The table of kinds, parents first: the one place where a kind is added."""

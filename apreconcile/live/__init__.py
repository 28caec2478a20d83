"""The live account: the only HTTP, looking, and applying."""

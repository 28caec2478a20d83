"""Reading a spec: bytes become a tree with places, the tree becomes a manifest, and every problem is told at once."""

"""Pure values and functions: no clock, disk, network, environment or randomness; they are handed in."""

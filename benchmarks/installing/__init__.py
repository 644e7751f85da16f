"""How long it takes to get started."""

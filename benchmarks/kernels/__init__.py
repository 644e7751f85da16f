"""How fast patch transfer is."""

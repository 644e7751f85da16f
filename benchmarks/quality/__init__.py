"""How samples compare with their photo."""

"""How fast models are trained, and an inversion is made."""

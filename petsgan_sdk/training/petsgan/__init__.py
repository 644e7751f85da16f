"""Training of PetsGAN, as a whole or in parts."""

"""Training of ExSinGAN, one stage after another."""

"""How fast a trained model is sampled, in every form and size, and what memory it takes."""

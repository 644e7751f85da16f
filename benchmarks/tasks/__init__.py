"""What paint, edit, harmonize and stylize do to an image, and what they cost."""

"""Many images, and images larger than memory: plans, files, tars, and how to go on after a stop."""

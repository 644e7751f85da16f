"""What the benchmarks of every subject share."""

"""Whether two forms of one model are the same: arrays, steps, matches and windows, and limits."""

"""From noise to pixels: canvases, the steps that run on them, and the blocks they are made in."""

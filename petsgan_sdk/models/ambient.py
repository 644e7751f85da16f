"""What torch does unasked: callers set it for their own work, and networks here are made without.

A default dtype, a default device, inference mode, no_grad and autocast all reach into functions
that are called under them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

__all__ = ["plain_torch"]


@contextmanager
def plain_torch() -> Iterator[None]:
    """Run under torch's own defaults, and put the caller's back; a decorator as well.

    The caller's stream of random numbers goes on where it was.

    Default dtype and device belong to the process: other threads see torch's own while it lasts.
    """
    dtype, device = torch.get_default_dtype(), torch.get_default_device()
    with ExitStack() as stack:
        stack.callback(torch.set_default_dtype, dtype)
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
        inner = torch.get_default_device()
        if inner != device:
            stack.callback(torch.set_default_device, device)
        if inner.type != "cpu":  # of a `with torch.device(...)` around the call
            stack.enter_context(torch.device("cpu"))
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        # Layers draw weights when they are made, also where others are loaded into them.
        stack.enter_context(torch.random.fork_rng(devices=[]))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        yield

"""How many threads there are to compute with."""

from __future__ import annotations

import torch

from seedbed.cores import available_cores


def own_cores() -> int:
    """Cores that are this process' share: those that it may use, as far as PyTorch is to use them."""
    return min(torch.get_num_threads(), available_cores())

"""Optimizers that PyTorch does not have under the rules of their source."""

from __future__ import annotations

from torch import optim


class FastaiAdam(optim.AdamW):
    """Adam with decoupled weight decay as fastai trains by it.

    AdamW's arithmetic; but the parameters of norm layers and those whose name is exactly ``bias`` do not decay (the
    biases of users and items are embeddings, and do), and a schedule moves beta1.
    """

    elementwise = True
    spares_norm_and_bias = True

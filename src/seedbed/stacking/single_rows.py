"""Whether a network can take a batch of one row, which batch norm cannot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

TOO_FEW_VALUES = "Expected more than 1"
"""How PyTorch begins to say that a norm has one value to take a variance of."""
Inputs = Callable[[int], tuple[Tensor, ...]]
"""Made-up inputs of so many rows, as the network's ``forward`` is called with them."""


@dataclass(frozen=True)
class Refused:
    """Why a network cannot take a batch of one row, in words that follow its name."""

    why: str
    always: bool = False
    """It cannot take a batch of two rows either."""


def refusal_of_one_row(network: nn.Module, inputs: Inputs, *, training: bool) -> Refused | None:
    """None where the network can take a batch of one row, in training or in evaluation.

    A network that fails on two rows for another reason than a norm of single values is not judged by made-up inputs:
    None, too. The network is left in the mode that was tried, with statistics of these inputs.
    """
    network.train(training)
    alone = _failure(network, inputs(1))
    if not alone:
        return None
    together = _failure(network, inputs(2))
    if not together:
        return Refused(_about(network, alone))
    return Refused(f"has a norm that is given single values ({together})", True) if TOO_FEW_VALUES in together else None


def _failure(network: nn.Module, inputs: tuple[Tensor, ...]) -> str:
    """What goes wrong, in one line; "" where nothing does."""
    try:
        with torch.no_grad():
            outputs = network(*inputs)
    except Exception as error:  # whatever a user's forward raises
        return f"{type(error).__name__}: {' '.join(str(error).split())[:200].rstrip('.')}"
    if isinstance(outputs, Tensor) and (outputs.dim() == 0 or len(outputs) != len(inputs[0])):
        return f"its output has the shape {tuple(outputs.shape)}"
    return ""


def _about(network: nn.Module, failure: str) -> str:
    layers = (
        f"{type(part).__name__} {name}".strip()
        for name, part in network.named_modules()
        if isinstance(part, _BatchNorm)
    )
    layer = next(layers, None)
    if layer and TOO_FEW_VALUES in failure:
        return f"holds batch norm ({layer}), which needs two rows or more"
    return f"fails on a batch of one row ({failure})"

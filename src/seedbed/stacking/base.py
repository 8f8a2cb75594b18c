"""What every stacked layer is."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class StackedLayer(nn.Module):
    """S layers of one kind at once; parameters and persistent buffers have the names of the layers' own, and an axis S."""

    def plain_state(self, position: int) -> dict[str, Tensor]:
        """The state of one seed's ordinary layer."""
        return {name: value[position].detach().clone() for name, value in self.state_dict().items()}

    def _take_parameters(self, layers: Sequence[nn.Module], *names: str) -> None:
        """Stack the layers' parameters; one that they do without is None here too."""
        for name in names:
            own = [getattr(layer, name) for layer in layers]
            value = None if own[0] is None else nn.Parameter(torch.stack([piece.detach() for piece in own]))
            self.register_parameter(name, value)

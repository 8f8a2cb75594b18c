"""The base class of models that are fitted to a seed's training rows without gradient steps."""

from __future__ import annotations

from typing import ClassVar

from torch import nn


class FittedModel(nn.Module):
    """Fitted once to a seed's training rows; has no seed axis, so that each seed has a model of its own."""

    NEEDS: ClassVar[tuple[str, str] | None] = None
    """A package without which it cannot be fitted, and the extra of seedbed that brings it."""
    KEPT: ClassVar[bool] = True
    """Whether what is kept of it is all that it answers by; otherwise it is fitted again."""
    EVALUATED_AT_ONCE: ClassVar[int | None] = None
    """Rows that it is given at once at most; None: as many as a network."""

"""A display that keeps what it shows, for tests of what is told while something takes long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from seedbed.training.progress import Display, Done


class Shown(Display):
    """Says nothing, and keeps the rest."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.done: dict[str, list[tuple[int, int]]] = {}
        """How far it was, of how much, by what was done."""
        self.trained: list[tuple[str, int, int, int, int, str]] = []
        """Where training was: the arguments of ``at``."""

    @contextmanager
    def doing(self, what: str) -> Iterator[Done]:
        told = self.done.setdefault(f"{self._about}{what}", [])
        with super().doing(what) as tell:

            def both(done: int, total: int) -> None:
                told.append((done, total))
                tell(done, total)

            yield both

    def at(self, variant: str, epoch: int, epochs: int, seeds: int, advance: int, unit: str = "epoch") -> None:
        self.trained.append((variant, epoch, epochs, seeds, advance, unit))
        super().at(variant, epoch, epochs, seeds, advance, unit)

"""What rounding makes of a result: the same seeds trained alone and in their stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from seedbed.report.analysis import Analysis
from seedbed.report.formatting import count_word, listed
from seedbed.results import TrainedAlone
from seedbed.statistics import Summary


@dataclass(frozen=True)
class Rounding:
    """How far seeds of one variant end apart when they are trained alone and in their stack, by one final metric."""

    variant: str
    cells: int
    """That were compared."""
    largest: float | None
    """None where no cell has a value on both sides."""
    typical: float | None
    """The median."""
    std: float | None
    """Sample standard deviation of the recorded values over all seeds of the variant."""
    other_outcomes: int
    """Cells that diverged on one side only."""

    @property
    def share(self) -> float | None:
        """The largest difference over the standard deviation."""
        return self.largest / self.std if self.largest is not None and self.std else None

    def __str__(self) -> str:
        return f"{self.variant}: {self._size()}{self._outcomes()}"

    def _size(self) -> str:
        cells = f"{self.cells} cell{'' if self.cells == 1 else 's'}"
        if self.largest is None or self.typical is None:
            return f"no value to compare in {cells}"
        if self.largest == 0:
            return f"no difference in {cells}"
        share = "" if self.share is None else f", {self.share:.2g} of the std over seeds {self.std:.3g}"
        return f"rounding: {self.largest:.3g} at most in {cells}, typically {self.typical:.3g}{share}"

    def _outcomes(self) -> str:
        return f"; {count_word(self.other_outcomes)} diverged on one side only" if self.other_outcomes else ""


def rounding_of(cells: Sequence[TrainedAlone], metric: str, summaries: Mapping[str, Summary]) -> list[Rounding]:
    """One for each variant, in the order of the summaries."""
    measured = []
    for variant, summary in summaries.items():
        of_variant = [cell for cell in cells if cell.variant == variant]
        sizes = [
            abs(cell.alone[metric] - cell.stacked[metric])
            for cell in of_variant
            if metric in cell.alone and metric in cell.stacked and cell.outcomes == ("ok", "ok")
        ]
        largest, typical = (max(sizes), median(sizes)) if sizes else (None, None)
        others = sum(recorded != alone for recorded, alone in (cell.outcomes for cell in of_variant))
        if of_variant:
            measured.append(Rounding(variant, len(of_variant), largest, typical, summary.std, others))
    return measured


def rounding_text(analysis: Analysis) -> str:
    """One paragraph about what was measured of the seeds in the tables; "" where nothing was."""
    roundings = rounding_of(analysis.results.rounding, analysis.metric, analysis.summaries)
    sizes = {of_variant.variant: of_variant.largest for of_variant in roundings if of_variant.largest is not None}
    if not sizes:
        return ""
    cells = sum(of_variant.cells for of_variant in roundings)
    measured = f"(`seedbed verify {analysis.results.experiment} --alone`, {cells} cell{'' if cells == 1 else 's'})"
    same = [variant for variant, size in sizes.items() if size == 0]
    others = sum(of_variant.other_outcomes for of_variant in roundings)
    diverged = f" {count_word(others).capitalize()} of them diverged on one side only." if others else ""
    if len(same) == len(sizes):
        return f"Seeds trained alone instead of in their stack end at the same {analysis.metric} {measured}.{diverged}"
    return (
        f"Seeds trained alone instead of in their stack end up to {max(sizes.values()):.3g} away {measured}: rounding, which "
        f"training amplifies{_share(roundings)}.{_same(same)}{diverged}"
    )


def _share(roundings: Sequence[Rounding]) -> str:
    shares = {of_variant.variant: of_variant.share for of_variant in roundings if of_variant.share}
    if not shares:
        return ""
    most = max(shares, key=lambda variant: shares[variant] or 0.0)
    return f", up to {shares[most]:.2g} of the sample std (of `{most}`)"


def _same(variants: Sequence[str]) -> str:
    if not variants:
        return ""
    return f" Those of {listed(f'`{variant}`' for variant in variants)} end at the same value."

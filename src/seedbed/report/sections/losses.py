"""The losses at some epochs, and their curves: for an experiment whose ``report.loss`` asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from seedbed.report.blocks import Block, Figure, Heading, Number, Plain, TableBlock, Words
from seedbed.report.evidence import Evidence
from seedbed.report.formatting import PLUS_MINUS, mean_text, places
from seedbed.report.pictures.curves import TRAINING_LOSS, VALIDATION_LOSS, curves_figure
from seedbed.report.pictures.picture import Picture
from seedbed.report.published import our_values
from seedbed.results import Results
from seedbed.statistics import summary


def section(evidence: Evidence) -> list[Block]:
    """The training loss, and the validation loss beside it where both are asked for; [] where neither is."""
    results, asked = evidence.results, _asked(evidence.results)
    if not asked:
        return []
    title = f"{'Training and validation' if asked == 'both' else 'Training'} loss"
    return [Heading(title), *map(Figure, pictures(evidence)), _table(results, title, asked == "both")]


def _asked(results: Results) -> Any:
    """The value of ``report.loss``: "both", true or nothing."""
    return (results.config.get("report") or {}).get("loss")


def pictures(evidence: Evidence) -> list[Picture]:
    """The curves of the losses, where these are asked for."""
    results, asked = evidence.results, _asked(evidence.results)
    if not asked:
        return []
    both = asked == "both"
    caption = f"Training loss, mean over the steps of each epoch{', and validation loss after it' if both else ''}"
    beside = VALIDATION_LOSS if both else None
    drawn = partial(curves_figure, results, TRAINING_LOSS, {}, beside=beside, one_scale=False)
    return [Picture("loss", caption, drawn)]


def _table(results: Results, title: str, both: bool) -> TableBlock:
    epochs = _epochs(results)
    header, rows = _training_and_validation(results, epochs) if both else _training(results, epochs)
    return TableBlock(header, rows, caption=title, notes=[_about(results, both)], name="losses")


def _epochs(results: Results) -> list[int]:
    """The first, second, fifth, tenth ... and the last, counted from 1."""
    last = int(results.curves["epoch"].max()) + 1
    shown = [first * 10**power for power in range(len(str(last))) for first in (1, 2, 5)]
    return [*(epoch for epoch in shown if epoch < last), last]


def _about(results: Results, both: bool) -> str:
    steps = (results.config.get("task") or {}).get("steps")
    per_epoch = f" An epoch is {steps} steps." if steps else ""
    validation = ", and on the validation rows after it" if both else ""
    return (
        f"Mean over the steps of the epoch{validation}, {PLUS_MINUS} sample std over seeds.{per_epoch} Each variant's own "
        "loss: two that are over different cells or rows are not comparable. All epochs stand in curves.csv."
    )


def _training(results: Results, epochs: Sequence[int]) -> tuple[list[Words], list[list[Words]]]:
    """Header and rows of the training loss, a row an epoch."""
    columns = [_losses_at(results, variant, TRAINING_LOSS, epochs) for variant in results.variants]
    rows = [[Number(str(epoch)), *of_epoch] for epoch, *of_epoch in zip(epochs, *columns, strict=True)]
    return ["epoch", *map(Plain, results.variants)], rows


def _training_and_validation(results: Results, epochs: Sequence[int]) -> tuple[list[Words], list[list[Words]]]:
    """Header and rows of both losses, two rows a variant."""
    losses = (("training", TRAINING_LOSS), ("validation", VALIDATION_LOSS))
    rows = [
        [Plain(variant) if metric == TRAINING_LOSS else "", name, *_losses_at(results, variant, metric, epochs)]
        for variant in results.variants
        for name, metric in losses
    ]
    return ["variant", "loss", *(f"epoch {epoch}" for epoch in epochs)], rows


def _losses_at(results: Results, variant: str, metric: str, epochs: Sequence[int]) -> list[Words]:
    """Mean and spread after each of these epochs, counted from 1."""
    of_epochs = [summary(our_values(results, variant, metric, epoch - 1)) for epoch in epochs]
    decimals = places(of_epochs)
    return [Number(mean_text(of_epoch, decimals)) for of_epoch in of_epochs]

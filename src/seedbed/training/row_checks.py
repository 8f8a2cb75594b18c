"""Checks of how many rows there are to train on, and what is said of a last batch of a single row."""

from __future__ import annotations

import math
from collections.abc import Mapping

from seedbed.data.splits import Rows
from seedbed.errors import ConfigError
from seedbed.stacking.batches import rows_in_batches
from seedbed.stacking.single_rows import Refused
from seedbed.training.checks import NetworkTraits, needs_two_rows
from seedbed.training.parts import VariantParts

MOST_ROWS_PADDED = 10**6
"""Rows of a batch that may be padding."""


def check_rows(parts: VariantParts, traits: NetworkTraits, rows: Mapping[int, Rows], *, all_train: bool = True) -> None:
    """Raise ``ConfigError`` where a batch is far larger than the training rows; or where a side of a seed is a single
    row, and the network needs two of them; or where an epoch is less than a batch.

    ``rows`` are by seed. ``all_train``: whether exactly the training rows are trained on, and not others in their place.
    """
    size, most = parts.settings["batch_size"] or 1, max((len(of_seed.train) for of_seed in rows.values()), default=0)
    if size > max(MOST_ROWS_PADDED, 10 * most):
        raise ConfigError(
            f"trainer.batch_size={size}: there are {most} training rows, and a batch would take memory for all {size} rows. "
            f"Give {most} for batches of all rows, or fewer."
        )
    for seed, of_seed in rows.items():
        for side in ("train", "val", "test"):
            refused = traits.refused_training if side == "train" else traits.refused_evaluating
            if refused is not None and len(getattr(of_seed, side)) == 1:
                raise ConfigError(f"split: seed {seed} has a single {side} row. {needs_two_rows(parts, refused)}")
        if all_train and traits.takes_steps and not parts.task.FULL_BATCH:
            batches = math.ceil(
                rows_in_batches(len(of_seed.train), size, smallest_batch(traits.refused_training)) / size
            )
            check_limit(parts.settings.get("limit_train_batches"), batches, seed)


def smallest_batch(refused: Refused | None) -> int:
    """Rows of the smallest batch that the network can take."""
    return 1 if refused is None else 2


def check_limit(limit: float | None, batches: int, seed: int) -> None:
    """Raise ``ConfigError`` where ``trainer.limit_train_batches`` is a fraction of a seed's batches that is less than one."""
    if isinstance(limit, float) and int(batches * limit) == 0 < batches:
        raise ConfigError(
            f"trainer.limit_train_batches={limit}: an epoch of seed {seed} has {batches} batch{'es' if batches > 1 else ''}, "
            "and that fraction is less than one. Give a larger one, or a whole number of batches."
        )


def notes_on_single_rows(parts: VariantParts, traits: NetworkTraits, rows: Mapping[int, int] | None) -> list[str]:
    """What is done about a last batch of one row, where there is one; ``rows`` by seed, None: not known yet."""
    size = parts.settings["batch_size"]
    if traits.refused_training is None:
        return []
    if rows is None:
        where = f"where a seed's resampled rows leave one of trainer.batch_size={size}"
    elif not (seeds := [seed for seed, count in rows.items() if count % size == 1]):
        return []
    else:
        of = "every seed" if len(seeds) == len(rows) else f"{len(seeds)} of {len(rows)} seeds"
        where = f"here under {of}: {rows[seeds[0]]} training rows under seed {seeds[0]}, trainer.batch_size={size}"
    return [
        f"{parts.target('model')} {traits.refused_training.why}: a last batch of a single row ({where}) is left out of its "
        "epoch. Rows are shuffled anew for every epoch, so that another row is left out each time."
    ]

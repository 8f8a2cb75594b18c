"""What the trained seeds of a rating experiment recommend, and how far they agree about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import starmap

import numpy as np

from seedbed.errors import ConfigError, DataError, near_misses
from seedbed.rankings import Ranked, nearest, top
from seedbed.report.formatting import mean_text, places
from seedbed.trained import TrainedVariant, seed_or_seeds


def for_user(trained: TrainedVariant, user: str, k: int) -> str:
    """A table of the k items with the highest mean prediction among those that the user has not rated in the file."""
    table = trained.table
    row = _row_of(user, table.user_names, "--user", f"{table.name} has no such user")
    seen = np.zeros(table.item_rows, dtype=bool)
    seen[table.items[table.users == row]] = True
    found = top(np.stack([seed.predictions(row) for seed in trained.seeds]), seen[1:], k)
    title = f"For user {table.user_names[row - 1]}, without the {int(seen.sum())} items that this user has rated."
    return _text(trained, title, "prediction", found, k)


def similar(trained: TrainedVariant, item: str, k: int) -> str:
    """A table of the k items whose factors have the highest mean cosine similarity to those of ``item``."""
    names = trained.table.item_names
    row = _row_of(item, names, "--similar-to", f"{trained.table.name} has no item of that name")
    factors = [of_seed for seed in trained.seeds if (of_seed := seed.factors()) is not None]
    if not factors:
        raise ConfigError(
            f"--similar-to: the network of variant {trained.name!r} has no embedding item_factors to compare items by. "
            "Name a variant of another model with --variant, or ask with --user."
        )
    title = f"Most similar to {names[row - 1]}."
    return _text(trained, title, "cosine similarity", nearest(np.stack(factors), row - 1, k), k)


def _row_of(wanted: str, names: Sequence[str], option: str, unknown: str) -> int:
    """The row, from 1, of a name in its vocabulary: as it stands, else without regard to letter case."""
    forms: tuple[Callable[[str], str], ...] = (str, str.casefold)
    for form in forms:
        matches = [row for row, name in enumerate(names, 1) if form(name) == form(wanted)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            several = " and ".join(repr(names[row - 1]) for row in matches[:3])
            raise DataError(f"{option} {wanted!r} could be {several}. Write the name as it stands there.")
    raise DataError(f"{option} {wanted!r}: {unknown}, {near_misses(wanted, names)}")


def _text(trained: TrainedVariant, title: str, score: str, found: Sequence[Ranked], k: int) -> str:
    if not found:
        return f"{trained.about}\n{title}\n\nNo item is left."
    decimals, seeds = places(row.score for row in found), len(trained.seeds)
    header = ("rank", "item", f"{score} ± std", f"in the top {k} of")
    rows = [
        (
            str(rank),
            trained.table.item_names[row.item],
            mean_text(row.score, decimals),
            f"{row.seeds} of {seeds} {seed_or_seeds(seeds)}",
        )
        for rank, row in enumerate(found, 1)
    ]
    width_of_items, width_of_scores = (max(len(row[column]) for row in [header, *rows]) for column in (1, 2))

    def line(rank: str, item: str, value: str, agreement: str) -> str:
        return f"{rank:>4}  {item:<{width_of_items}}  {value:<{width_of_scores}}  {agreement}"

    lines = list(starmap(line, [header, *rows]))
    return "\n".join([trained.about, title, "", lines[0], "-" * max(map(len, lines)), *lines[1:]])

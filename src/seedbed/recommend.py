"""What the trained seeds of a rating experiment recommend, and how far they agree about it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import starmap

from seedbed.rankings import Ranked, most_alike, nearest
from seedbed.report.formatting import mean_text, places
from seedbed.serving.building import recommender_of
from seedbed.trained import TrainedVariant, seed_or_seeds


def for_user(trained: TrainedVariant, user: str, k: int) -> str:
    """A table of the k items with the highest mean prediction among those that the user has not rated in the file."""
    recommender = recommender_of(trained)
    row = recommender.users.row(user, "--user", f"{trained.table.name} has no such user")
    answer = recommender.for_user(row, k)
    title = f"For user {recommender.users.name(row)}, without the {answer.seen} items that this user has rated."
    if answer.cold_start:
        title += " No seed has trained on this user: this is the mean of what it says for those that it has."
    return _text(trained, title, "prediction", answer.found, k)


MEASURES = {"cosine": (nearest, "cosine similarity"), "dot": (most_alike, "dot product / own")}
"""How alike two items are: the ranking, and what its scores are called."""


def similar(trained: TrainedVariant, item: str, k: int, by: str = "cosine") -> str:
    """A table of the k items whose factors are most alike those of ``item``, by the mean of a measure of ``MEASURES``."""
    recommender = recommender_of(trained)
    row = recommender.items.row(item, "--similar-to", f"{trained.table.name} has no item of that name")
    title = f"Most similar to {recommender.items.name(row)}."
    ranking, score = MEASURES[by]
    return _text(trained, title, score, recommender.similar(row, k, ranking).found, k)


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

"""What a reader must know of results that seedbed did not train: where they come from, and what is said or assumed of them."""

from __future__ import annotations

from seedbed.results import REDRAWN, SAME, Imported, Results


def imported_sentences(results: Results, metric: str) -> list[str]:
    """The sentences that come first in every answer about imported results; [] where seedbed trained them."""
    imported = results.imported
    if imported is None:
        return []
    source = imported.source.replace("`", "'")
    sentences = [
        f"Imported from {source}, not trained by seedbed. Runs with the same seed count as a pair: that they had the same data "
        "and split is taken on trust.",
        _of_split(imported),
    ]
    if not results.metric(metric).is_ranked:
        sentences.append(
            f"Which values of `{metric.replace('`', '')}` are good was not said (`--good`), so no variant is called better "
            "or worse."
        )
    return sentences


def _of_split(imported: Imported) -> str:
    """What was said of the seeds' splits, and what is assumed where nothing was."""
    if imported.split == SAME:
        return "As was said at the import, all seeds share one split."
    if imported.split == REDRAWN:
        return (
            "As was said at the import, every seed drew a split of its own; the rows are taken for independent draws. "
            f"{_of_shares(imported)}"
        )
    return (
        "Whether the seeds share one split was not said (`--split`): the test allows for redrawn splits, which makes it the "
        f"more cautious one, and speaks of runs like these alone. {_of_shares(imported)}"
    )


def _of_shares(imported: Imported) -> str:
    if imported.test_share is None:
        return (
            "The share of test rows was not said (`--test-share`): as many test rows as training rows are assumed, which claims "
            "the least."
        )
    trained = "all others" if imported.train_share is None else f"{100 * imported.train_share:.4g} %"
    return f"{100 * imported.test_share:.4g} % of the rows were tested on, {trained} trained on."

"""What the experiment asks its trained seeds: sections of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seedbed.report.formatting import NOTHING, PLUS_MINUS, markdown, markdown_table, mean_text, number, places
from seedbed.statistics import Summary
from seedbed.trained.loading import seed_or_seeds
from seedbed.trained.queries import HIGHEST, LISTED, QueryAnswers, UserAnswers
from seedbed.trained.rankings import Ranked


def asked_parts(asked: QueryAnswers, titles: Mapping[int, str], seeds: int) -> list[str]:
    """A section for each question that was asked; ``titles`` are those of the items."""
    parts = []
    if asked.similar:
        about = (
            "By the dot product of their factors, relative to that of the item with itself (it would score 1), mean over "
            "seeds. A long vector scores high whatever its direction; *Nearest items* compares directions alone."
        )
        table = _ranked(asked.similar, titles, seeds, f"score {PLUS_MINUS} std")
        parts.append(f"### Most similar to {markdown(asked.similar_to)}\n\n{about}\n\n{table}")
    if asked.of_user is not None:
        of_user = asked.of_user
        parts += [_first_part(of_user, seeds)] if of_user.first else []
        parts += [_unseen_part(of_user, titles, seeds)]
        parts += [_own_part(of_user, seeds)] if of_user.own else []
    return parts


def _ranked(found: Sequence[Ranked], titles: Mapping[int, str], seeds: int, score: str) -> str:
    decimals = places(row.score for row in found)
    body = [
        [str(rank), markdown(titles[row.item]), mean_text(row.score, decimals), f"{row.seeds} of {_seeds(seeds)}"]
        for rank, row in enumerate(found, 1)
    ]
    return markdown_table(["rank", "item", score, f"in a seed's own {LISTED}"], body)


def _first_part(of_user: UserAnswers, seeds: int) -> str:
    listed = sum(row.source is not None for row in of_user.first)
    body = [
        [
            markdown(row.item),
            "yes" if row.rated else "no",
            mean_text(row.rank, 1),
            f"{row.seeds} of {_seeds(seeds)}",
            NOTHING if row.source is None else str(row.source),
        ]
        for row in of_user.first
    ]
    header = [
        "item",
        "rated by the user",
        f"rank {PLUS_MINUS} std",
        f"in a seed's own {listed}",
        "place in the source's",
    ]
    about = (
        f"The {listed} items that the source's model puts first, and our first {listed}, by the mean rank over seeds among "
        "all items: those that the user has rated are not left out here, as in the source."
    )
    return f"### First for user {markdown(of_user.user)}\n\n{about}\n\n{markdown_table(header, body)}"


def _unseen_part(of_user: UserAnswers, titles: Mapping[int, str], seeds: int) -> str:
    what = "prediction" if of_user.own else "score"  # own ratings are compared where the scores are ratings
    about = f"By the mean {what} over seeds, without the {of_user.rated} items that this user has rated in the file."
    table = _ranked(of_user.unseen, titles, seeds, f"{what} {PLUS_MINUS} std")
    return f"### Recommended to user {markdown(of_user.user)}\n\n{about}\n\n{table}"


def _own_part(of_user: UserAnswers, seeds: int) -> str:
    decimals = places([*(row.predicted for row in of_user.own), *(row.rescaled for row in of_user.own if row.rescaled)])
    header = ["item", "given", f"predicted {PLUS_MINUS} std", "held out in"]
    header += ["by the rescaled rule"] if of_user.rescaled else []
    body = [
        [
            markdown(row.item),
            f"{row.given:g}",
            mean_text(row.predicted, decimals),
            f"{row.held_out} of {_seeds(seeds)}",
            *([mean_text(row.rescaled, decimals)] if row.rescaled else []),
        ]
        for row in of_user.own
    ]
    about = "The highest ratings that this user has given, and what the seeds predict there; a seed trains on those that it does not hold out."
    text = f"### Ratings of user {markdown(of_user.user)}\n\n{about}\n\n{markdown_table(header, body)}"
    return f"{text}\n\n{_rule(of_user)}" if of_user.rescaled else text


def _rule(of_user: UserAnswers) -> str:
    assert of_user.rescaled is not None
    found = of_user.rescaled
    return (
        f"The rescaled rule takes the biases off the product of the factors, brings each item's column to 0 .. {HIGHEST:g} "
        "over the users, and so says how a user stands to an item among all users, not what the user would give. Over all "
        f"users and items its most frequent reading, to one decimal, is {number(found.reading, 1)}, in "
        f"{_percent(found.share, 1)} of the cells; the median is {mean_text(found.median, 2)}. Of the variance over all cells, "
        f"{_percent(found.between_users, 2)} lies between users: the less of it between the items of one user, the less the "
        "rule says of which items that user would like."
    )


def _percent(share: Summary, decimals: int) -> str:
    return f"{mean_text(share, decimals)} %"


def _seeds(count: int) -> str:
    return f"{count} {seed_or_seeds(count)}"

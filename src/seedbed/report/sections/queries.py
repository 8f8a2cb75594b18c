"""What the experiment asks its trained seeds: parts of the section on what the model learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seedbed.report.blocks import Block, Emphasis, Heading, Number, Paragraph, Plain, TableBlock, Words
from seedbed.report.formatting import NOTHING, PLUS_MINUS, mean_text, number, places
from seedbed.statistics import Summary
from seedbed.trained.loading import seed_or_seeds
from seedbed.trained.queries import HIGHEST, LISTED, QueryAnswers, RescaledRatings, UserAnswers
from seedbed.trained.rankings import Ranked


def query_blocks(asked: QueryAnswers, titles: Mapping[int, str], seeds: int) -> list[Block]:
    """A part for each question that was asked; ``titles`` are those of the items."""
    blocks = _similar(asked.similar_to, asked.similar, titles, seeds) if asked.similar else []
    if asked.of_user is None:
        return blocks
    of_user = asked.of_user
    blocks += _first(of_user, seeds) if of_user.first else []
    blocks += _unseen(of_user, titles, seeds)
    return blocks + (_own(of_user, seeds) if of_user.own else [])


def _similar(item: str | None, similar: Sequence[Ranked], titles: Mapping[int, str], seeds: int) -> list[Block]:
    about: Words = (
        "By the dot product of their factors, relative to that of the item with itself (it would score 1), mean over "
        "seeds. A long vector scores high whatever its direction; ",
        Emphasis("Nearest items"),
        " compares directions alone.",
    )
    title: Words = ("Most similar to ", Plain(str(item)))
    return _part("similar_items", title, about, *_ranked(similar, titles, seeds, f"score {PLUS_MINUS} std"))


def _part(
    name: str, title: Words, about: Words, header: Sequence[Words], rows: Sequence[Sequence[Words]]
) -> list[Block]:
    return [Heading(title, level=3), TableBlock(header, rows, caption=title, about=about, name=name)]


def _ranked(
    ranked: Sequence[Ranked], titles: Mapping[int, str], seeds: int, score: str
) -> tuple[list[Words], list[list[Words]]]:
    """Header and rows of a list of items."""
    decimals = places(row.score for row in ranked)
    rows: list[list[Words]] = [
        [
            Number(str(rank)),
            Plain(titles[row.item]),
            Number(mean_text(row.score, decimals)),
            f"{row.seeds} of {_seeds(seeds)}",
        ]
        for rank, row in enumerate(ranked, 1)
    ]
    return ["rank", "item", score, f"in a seed's own {LISTED}"], rows


def _first(of_user: UserAnswers, seeds: int) -> list[Block]:
    listed = sum(row.source is not None for row in of_user.first)
    rows: list[list[Words]] = [
        [
            Plain(row.item),
            "yes" if row.rated else "no",
            Number(mean_text(row.rank, 1)),
            f"{row.seeds} of {_seeds(seeds)}",
            NOTHING if row.source is None else str(row.source),
        ]
        for row in of_user.first
    ]
    header: list[Words] = ["item", "rated by the user", f"rank {PLUS_MINUS} std", f"in a seed's own {listed}"]
    about = (
        f"The {listed} items that the source's model puts first, and our first {listed}, by the mean rank over seeds among "
        "all items: those that the user has rated are not left out here, as in the source."
    )
    return _part(
        "first_items", ("First for user ", Plain(of_user.user)), about, [*header, "place in the source's"], rows
    )


def _unseen(of_user: UserAnswers, titles: Mapping[int, str], seeds: int) -> list[Block]:
    what = "prediction" if of_user.own else "score"  # own ratings are compared where the scores are ratings
    about = f"By the mean {what} over seeds, without the {of_user.rated} items that this user has rated in the file."
    table = _ranked(of_user.unseen, titles, seeds, f"{what} {PLUS_MINUS} std")
    return _part("recommended_items", ("Recommended to user ", Plain(of_user.user)), about, *table)


def _own(of_user: UserAnswers, seeds: int) -> list[Block]:
    decimals = places([*(row.predicted for row in of_user.own), *(row.rescaled for row in of_user.own if row.rescaled)])
    header: list[Words] = ["item", "given", f"predicted {PLUS_MINUS} std", "held out in"]
    header += ["by the rescaled rule"] if of_user.rescaled else []
    rows: list[list[Words]] = [
        [
            Plain(row.item),
            Number(f"{row.given:g}"),
            Number(mean_text(row.predicted, decimals)),
            f"{row.held_out} of {_seeds(seeds)}",
            *([Number(mean_text(row.rescaled, decimals))] if row.rescaled else []),
        ]
        for row in of_user.own
    ]
    about = "The highest ratings that this user has given, and what the seeds predict there; a seed trains on those that it does not hold out."
    part = _part("own_ratings", ("Ratings of user ", Plain(of_user.user)), about, header, rows)
    return [*part, *([_rule(of_user.rescaled)] if of_user.rescaled else [])]


def _rule(rescaled: RescaledRatings) -> Paragraph:
    return Paragraph(
        f"The rescaled rule takes the biases off the product of the factors, brings each item's column to 0 .. {HIGHEST:g} "
        "over the users, and so says how a user stands to an item among all users, not what the user would give. Over all "
        f"users and items its most frequent reading, to one decimal, is {number(rescaled.reading, 1)}, in "
        f"{_percent(rescaled.share, 1)} of the cells; the median is {mean_text(rescaled.median, 2)}. Of the variance over all "
        f"cells, {_percent(rescaled.between_users, 2)} lies between users: the less of it between the items of one user, the "
        "less the rule says of which items that user would like."
    )


def _percent(share: Summary, decimals: int) -> str:
    return f"{mean_text(share, decimals)} %"


def _seeds(count: int) -> str:
    return f"{count} {seed_or_seeds(count)}"

"""What a rating model learned: biases, nearest items, principal components, predictions, and answers to queries."""

from __future__ import annotations

from collections.abc import Sequence

from seedbed.report.blocks import Block, Figure, Heading, Number, Paragraph, Plain, TableBlock, Words, joined
from seedbed.report.evidence import Evidence
from seedbed.report.formatting import NOTHING, PLUS_MINUS, listed, mean_text, places
from seedbed.report.pictures.embeddings import components_figure, predictions_figure
from seedbed.report.pictures.picture import Picture
from seedbed.report.sections.queries import query_blocks
from seedbed.report.source_readings import Readings, readings_of_the_source, refuse_unread
from seedbed.trained.inspection import LISTED, NEIGHBOURS, Inspection, PredictedRatings, PrincipalComponents
from seedbed.trained.loading import seed_or_seeds
from seedbed.trained.rankings import Ranked


def section(evidence: Evidence) -> list[Block]:
    """What was read off the weights, or the sentence on why nothing was; [] where nothing was asked.

    Raises ConfigError where the source names titles of which nothing was read.
    """
    learned = evidence.learned
    if learned is None:
        return []
    heading = Heading("What the model learned")
    if isinstance(learned, str):
        return [heading, Paragraph(("Left out of this report: ", Plain(learned)))]
    readings = readings_of_the_source(evidence.results)
    refuse_unread(evidence.results.experiment, learned, readings)
    return [heading, *_parts(learned, readings)]


def _parts(learned: Inspection, readings: Sequence[Readings]) -> list[Block]:
    blocks: list[Block] = [_about(learned)]
    if learned.lowest is not None:
        blocks += [block for highest in (False, True) for block in _biases(learned, readings, highest=highest)]
    blocks += _nearest(learned, readings) if learned.nearest else []
    blocks += _components(learned, learned.components) if learned.components is not None else []
    blocks += _predictions(learned, learned.predictions) if learned.predictions is not None else []
    return blocks + (
        query_blocks(learned.asked, learned.titles, len(learned.seeds)) if learned.asked is not None else []
    )


def _about(learned: Inspection) -> Paragraph:
    return Paragraph(
        (
            "Read off the weights of ",
            Plain(learned.variant),
            f", {_seeds(learned)}. Means {PLUS_MINUS} sample std are over these; an item's ratings are counted in the whole "
            f"file. {_untrained(learned)}",
        )
    )


def _untrained(learned: Inspection) -> str:
    if learned.counts_missing:
        return "What a seed was not shown counts as 0 to it, so that its predictions are near 0 where few have rated."
    return "An item that a seed has not trained on has the weights there with which it began."


def _seeds(learned: Inspection) -> str:
    return f"{len(learned.seeds)} {seed_or_seeds(len(learned.seeds))}"


def _of_seeds(ranked: Ranked, learned: Inspection) -> str:
    return f"{ranked.seeds} of {_seeds(learned)}"


# ---- biases ----------------------------------------------------------------------------------------------------------


def _biases(learned: Inspection, readings: Sequence[Readings], *, highest: bool) -> list[Block]:
    """Our first titles and the source's, by our mean."""
    which = "highest" if highest else "lowest"
    lists = [(reading.of, reading.highest_bias if highest else reading.lowest_bias) for reading in readings]
    lists = [(model, titles) for model, titles in lists if titles]
    named = {title for _, titles in lists for title in titles}
    ranked = (learned.highest if highest else learned.lowest) or []
    ranked = [(rank, row) for rank, row in ranked if rank <= LISTED or learned.titles[row.item] in named]
    decimals = places(row.score for _, row in ranked)
    header: list[Words] = ["rank", "item", "ratings", f"bias {PLUS_MINUS} std", f"among a seed's {LISTED} {which}"]
    header += [("place in the source's list (", Plain(model), ")") for model, _ in lists]
    rows: list[list[Words]] = [
        [
            Number(str(rank)),
            Plain(learned.titles[row.item]),
            Number(str(learned.ratings[row.item])),
            Number(mean_text(row.score, decimals)),
            _of_seeds(row, learned),
            *(_place(learned.titles[row.item], titles) for _, titles in lists),
        ]
        for rank, row in ranked
    ]
    title, absent = f"Items with the {which} bias", sorted(named & set(learned.absent))
    also = f": the first {LISTED}, and those that the source names" if lists else ""
    about = f"By the mean over seeds{also}; such an item is {_what(learned, highest)} than its factors and its users explain."
    notes: list[Words] = [("Not in the data: ", joined(map(Plain, absent), ", "), ".")] if absent else []
    return [
        Heading(title, level=3),
        TableBlock(header, rows, caption=title, about=about, notes=notes, name=f"{which}_bias"),
    ]


def _what(learned: Inspection, highest: bool) -> str:
    """What an item with such a bias is."""
    if learned.counts_missing:
        return "rated more often and higher" if highest else "rated more rarely and lower"
    return "liked more" if highest else "liked less"


def _place(title: str, titles: Sequence[str]) -> str:
    """The place of a title in the source's list, from 1."""
    return str(titles.index(title) + 1) if title in titles else NOTHING


# ---- factors ---------------------------------------------------------------------------------------------------------


def _nearest(learned: Inspection, readings: Sequence[Readings]) -> list[Block]:
    said: dict[str, list[str]] = {}
    for reading in readings:
        for title, other in reading.nearest_to:
            said.setdefault(title, []).append(other)
    decimals = places(ranked[0].score for ranked in learned.nearest.values() if ranked)
    rows = [
        [
            Plain(title),
            Plain(learned.titles[ranked[0].item]),
            Number(mean_text(ranked[0].score, decimals)),
            _of_seeds(ranked[0], learned),
            *([joined(map(Plain, said.get(title, [NOTHING])), ", ")] if said else []),
        ]
        for title, ranked in learned.nearest.items()
        if ranked
    ]
    header = ["item", "nearest to it", f"cosine {PLUS_MINUS} std", "nearest in", *(["the source's"] if said else [])]
    about = (
        "By the cosine of their factors, mean over seeds: to the most rated items"
        f"{', and to those that the source names' if said else ''}."
    )
    return [
        Heading("Nearest items", level=3),
        TableBlock(header, rows, caption="Nearest items", about=about, name="nearest_items"),
    ]


def _components(learned: Inspection, components: PrincipalComponents) -> list[Block]:
    picture = Picture("components", "Items by component 1 and 3", lambda: components_figure(learned))
    about = Paragraph(_about_components(components, learned.seeds[0]))
    return [Heading("Principal components", level=3), about, Figure(picture)]


def _about_components(components: PrincipalComponents, seed: int) -> str:
    shares = listed(f"{mean_text(share, 1)} %" for share in components.explained)
    lines = [
        f"The first {len(components.explained)} components of the factors of the {components.compared} most rated items "
        f"hold {shares} of their variance. The figure shows the {len(components.items)} most rated ones as seed {seed} "
        "places them."
    ]
    if components.agreement[0].mean is not None:
        agreement = listed(mean_text(correlation, 3) for correlation in components.agreement)
        lines.append(
            f"In the other seeds the items lie along the components with a correlation (without its sign) of {agreement} "
            "to that."
        )
    if components.shared_neighbours is not None:
        lines.append(
            f"Of the {NEIGHBOURS} nearest of the {components.compared} items to each, two seeds share "
            f"{mean_text(components.shared_neighbours, 2)} on average; chance would give "
            f"{NEIGHBOURS**2 / (components.compared - 1):.2f}."
        )
    return " ".join(lines)


# ---- predictions -----------------------------------------------------------------------------------------------------


def _predictions(learned: Inspection, predictions: PredictedRatings) -> list[Block]:
    decimals = places(mean for _, _, mean in predictions.means)
    rows = [
        [Number(name), Number(str(count)), Number(mean_text(mean, decimals))] for name, count, mean in predictions.means
    ]
    title = "Predicted and actual ratings"
    table = TableBlock(
        ["actual", "rows", f"mean prediction {PLUS_MINUS} std"],
        rows,
        caption=title,
        about=f"The {predictions.side} rows of every seed, all seeds together.",
        name="predicted_ratings",
    )
    picture = Picture(
        "predictions", "Predicted against actual ratings", lambda: predictions_figure(learned, predictions)
    )
    return [Heading(title, level=3), table, Figure(picture)]

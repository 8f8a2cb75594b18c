"""What the model learned: a section of the page, and its two figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from adjustText import adjust_text
from matplotlib.figure import Figure

from seedbed.config.published_values import entries_of
from seedbed.errors import ConfigError
from seedbed.figures import BLUE, GREY, GRID, VERMILION, plain
from seedbed.report.asked import asked_parts
from seedbed.report.formatting import NOTHING, PLUS_MINUS, listed, markdown, markdown_table, mean_text, places
from seedbed.report.pictures import Picture
from seedbed.results import Results
from seedbed.trained.inspection import (
    ACROSS,
    COMPONENTS,
    LISTED,
    NEIGHBOURS,
    Inspection,
    PredictedRatings,
    PrincipalComponents,
)
from seedbed.trained.loading import seed_or_seeds
from seedbed.trained.rankings import Ranked


@dataclass(frozen=True)
class Readings:
    """What the source read off its own models."""

    of: str
    """Which of its models."""
    lowest_bias: tuple[str, ...] = ()
    highest_bias: tuple[str, ...] = ()
    nearest_to: tuple[tuple[str, str], ...] = ()
    """Title and the one nearest to it."""
    recommended_to: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """User, and the titles recommended first."""


def readings_of_the_source(results: Results) -> list[Readings]:
    """Read ``published.learned``: a list of {of, lowest_bias, highest_bias, nearest_to, recommended_to}.

    Raises ConfigError for an entry that cannot be read.
    """
    published = results.config.get("published") or {}
    return [_readings(entry) for entry in entries_of(published, "learned")]


def _readings(entry: Any) -> Readings:
    try:
        titles = {key: tuple(map(str, entry.get(key) or [])) for key in ("lowest_bias", "highest_bias")}
        near = tuple((str(title), str(other)) for title, other in (entry.get("nearest_to") or {}).items())
        lists = tuple((str(user), tuple(map(str, of))) for user, of in (entry.get("recommended_to") or {}).items())
        unknown = set(entry) - {"of", *titles, "nearest_to", "recommended_to"}
        if unknown:
            raise KeyError(*unknown)
        return Readings(str(entry["of"]), **titles, nearest_to=near, recommended_to=lists)
    except (AttributeError, KeyError, TypeError) as error:
        raise ConfigError(
            f"published.learned: {entry!r} cannot be read ({error!r}). Each entry is a mapping with of (which model), and "
            "some of lowest_bias and highest_bias (lists of titles), nearest_to (title: the nearest one) and recommended_to "
            "(user: list of titles)."
        ) from error


# ---- the section -----------------------------------------------------------------------------------------------------


LEARNED = "learned"
HEADING = "## What the model learned"


def learned_part(results: Results, learned: Inspection | str) -> tuple[str, list[Picture]]:
    """The section, and its pictures; the sentence alone where there is nothing to show."""
    if isinstance(learned, str):
        return f"{HEADING}\n\nLeft out of this report: {markdown(learned)}", []
    drawn, predictions = [], learned.predictions
    if predictions is not None:
        title = "Predicted against actual ratings"
        drawn.append(Picture(LEARNED, "predictions", title, lambda: predictions_figure(learned, predictions)))
    if learned.components is not None:
        drawn.append(Picture(LEARNED, "components", "Items by component 1 and 3", lambda: components_figure(learned)))
    readings = readings_of_the_source(results)
    _refuse_unread(results.experiment, learned, readings)
    return _section(learned, readings), drawn


def _refuse_unread(experiment: str, learned: Inspection, readings: Sequence[Readings]) -> None:
    """Titles that the source has come to name after the weights were read; raises ConfigError."""
    biased = ((learned.lowest, "lowest_bias"), (learned.highest, "highest_bias"))
    shown = {key: {learned.titles[of.item] for _, of in found} for found, key in biased if found is not None}
    shown |= {"nearest_to": set(learned.nearest)} if learned.nearest else {}
    for reading in readings:
        named = {"lowest_bias": reading.lowest_bias, "highest_bias": reading.highest_bias}
        named["nearest_to"] = tuple(title for title, _ in reading.nearest_to)
        for key in shown:
            if unread := sorted({*named[key]} - shown[key] - {*learned.absent}):
                raise ConfigError(
                    f"published.learned: {key} of {reading.of!r} names {unread[0]!r}, of which nothing was read off the "
                    "weights when this report was first written. Write it from the tracking store, with 'seedbed report "
                    f"{experiment}', or take the title out."
                )


def _section(learned: Inspection, readings: Sequence[Readings]) -> str:
    parts = [
        HEADING,
        f"Read off the weights of {markdown(learned.variant)}, {_seeds(learned)}. "
        f"Means {PLUS_MINUS} sample std are over these; an item's ratings are counted in the whole file. {_untrained(learned)}",
    ]
    if learned.lowest is not None:
        parts += [_bias_part(learned, readings, highest=highest) for highest in (False, True)]
    parts += [_nearest_part(learned, readings)] if learned.nearest else []
    if learned.components is not None:
        parts.append(_components_part(learned.components, learned.seeds[0]))
    parts += [_predictions_part(learned.predictions)] if learned.predictions is not None else []
    if learned.asked is not None:
        parts += asked_parts(learned.asked, learned.titles, len(learned.seeds))
    return "\n\n".join(parts)


def _untrained(learned: Inspection) -> str:
    if learned.counts_missing:
        return "What a seed was not shown counts as 0 to it, so that its predictions are near 0 where few have rated."
    return "An item that a seed has not trained on has the weights there with which it began."


def _bias_part(learned: Inspection, readings: Sequence[Readings], *, highest: bool) -> str:
    """Our first titles and the source's, by our mean."""
    which = "highest" if highest else "lowest"
    lists = [(reading.of, reading.highest_bias if highest else reading.lowest_bias) for reading in readings]
    lists = [(of, titles) for of, titles in lists if titles]
    named = {title for _, titles in lists for title in titles}
    rows = (learned.highest if highest else learned.lowest) or []
    rows = [(rank, found) for rank, found in rows if rank <= LISTED or learned.titles[found.item] in named]
    decimals = places(found.score for _, found in rows)
    header = ["rank", "item", "ratings", f"bias {PLUS_MINUS} std", f"among a seed's {LISTED} {which}"]
    header += [f"place in the source's list ({markdown(of)})" for of, _ in lists]
    body = [
        [
            str(rank),
            markdown(learned.titles[found.item]),
            str(learned.ratings[found.item]),
            mean_text(found.score, decimals),
            _of_seeds(found, learned),
            *(_place(learned.titles[found.item], titles) for _, titles in lists),
        ]
        for rank, found in rows
    ]
    absent = sorted(named & set(learned.absent))
    note = f"\n\nNot in the data: {', '.join(map(markdown, absent))}." if absent else ""
    what = "rated more often and higher" if highest else "rated more rarely and lower"
    if not learned.counts_missing:
        what = "liked more" if highest else "liked less"
    also = f": the first {LISTED}, and those that the source names" if lists else ""
    about = f"such an item is {what} than its factors and its users explain"
    return f"### Items with the {which} bias\n\nBy the mean over seeds{also}; {about}.\n\n{markdown_table(header, body)}{note}"


def _of_seeds(found: Ranked, learned: Inspection) -> str:
    return f"{found.seeds} of {_seeds(learned)}"


def _seeds(learned: Inspection) -> str:
    return f"{len(learned.seeds)} {seed_or_seeds(len(learned.seeds))}"


def _place(title: str, titles: Sequence[str]) -> str:
    return str(titles.index(title) + 1) if title in titles else NOTHING


def _nearest_part(learned: Inspection, readings: Sequence[Readings]) -> str:
    said: dict[str, list[str]] = {}
    for reading in readings:
        for title, other in reading.nearest_to:
            said.setdefault(title, []).append(other)
    rows = []
    decimals = places(found[0].score for found in learned.nearest.values() if found)
    for title, found in learned.nearest.items():
        if found:
            first = found[0]
            rows.append(
                [
                    markdown(title),
                    markdown(learned.titles[first.item]),
                    mean_text(first.score, decimals),
                    _of_seeds(first, learned),
                    *([", ".join(map(markdown, said.get(title, []))) or NOTHING] if said else []),
                ]
            )
    header = ["item", "nearest to it", f"cosine {PLUS_MINUS} std", "nearest in", *(["the source's"] if said else [])]
    return (
        "### Nearest items\n\nBy the cosine of their factors, mean over seeds: to the most rated items"
        f"{', and to those that the source names' if said else ''}.\n\n{markdown_table(header, rows)}"
    )


def _components_part(components: PrincipalComponents, seed: int) -> str:
    shares = listed(f"{mean_text(share, 1)} %" for share in components.explained)
    lines = [
        f"The first {len(components.explained)} components of the factors of the {components.compared} most rated items "
        f"hold {shares} of their variance. The figure shows the {len(components.items)} most rated ones as seed {seed} "
        "places them."
    ]
    if components.agreement[0].mean is not None:
        agreement = listed(mean_text(found, 3) for found in components.agreement)
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
    return f"### Principal components\n\n{' '.join(lines)}\n\n![Items by component 1 and 3](components.png)"


def _predictions_part(predictions: PredictedRatings) -> str:
    decimals = places(found for _, _, found in predictions.means)
    rows = [[name, str(count), mean_text(found, decimals)] for name, count, found in predictions.means]
    return (
        f"### Predicted and actual ratings\n\nThe {predictions.side} rows of every seed, all seeds together."
        f"\n\n{markdown_table(['actual', 'rows', f'mean prediction {PLUS_MINUS} std'], rows)}"
        f"\n\n![Predicted against actual ratings](predictions.png)"
    )


# ---- the figures -----------------------------------------------------------------------------------------------------


def components_figure(learned: Inspection) -> Figure:
    """Component 1 against 3 of the most rated items, each with its name."""
    assert learned.components is not None
    components = learned.components
    names = [learned.titles[item] for item in components.items]
    figure = Figure(figsize=(12, 10), layout="constrained")
    axes = figure.subplots()
    x, y = components.scores.T
    axes.scatter(x, y, s=18, color=BLUE, linewidth=0)
    axes.margins(0.08)
    axes.set_xlabel("component 1")
    axes.set_ylabel(f"component {COMPONENTS}")
    axes.grid(color=GRID, linewidth=0.8)
    texts = [
        axes.text(at_x, at_y, plain(_short(name)), fontsize=7.5) for at_x, at_y, name in zip(x, y, names, strict=True)
    ]
    adjust_text(texts, x=x, y=y, ax=axes, iter_lim=400, arrowprops={"arrowstyle": "-", "color": GREY, "lw": 0.5})
    return figure


def _short(name: str) -> str:
    return name if len(name) <= 36 else f"{name[:34].rstrip()} …"


def predictions_figure(learned: Inspection, predictions: PredictedRatings) -> Figure:
    """Hexagons, the darker the more ratings, and the mean prediction of each actual rating."""
    figure = Figure(figsize=(6.4, 5.4), layout="constrained")
    axes = figure.subplots()
    if predictions.by_value:
        values, means = zip(*predictions.by_value, strict=True)
        axes.plot(values, means, color=VERMILION, marker="o", linewidth=1.6, label="mean prediction", zorder=3)
    ends = predictions.ends
    axes.plot(ends, ends, color="#444444", linewidth=1, linestyle="--", label="predicted = actual", zorder=2)
    counted, step = predictions.hexagons, predictions.step
    hexagons = axes.hexbin(
        *counted.centres(),
        C=counted.counts,
        reduce_C_function=np.sum,
        gridsize=ACROSS,
        extent=counted.extent,
        bins="log",
        mincnt=1,
        cmap="Blues",
        zorder=1,
    )
    axes.set_xlabel("actual rating" + (" (spread to a band)" if predictions.by_value else ""))
    axes.set_ylabel("predicted rating")
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=9)
    figure.colorbar(
        hexagons,
        ax=axes,
        label=f"{predictions.side} rows of {_seeds(learned)} in a hexagon" + (f", one of {step}" if step > 1 else ""),
    )
    return figure

"""The pictures of a search: how it went, what its parameters did, and what its objectives cost each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatterSciNotation, LogLocator, MaxNLocator, NullFormatter

from seedbed.figures import BLACK, BLUE, DARK_GREY, GREY, GRID, LIGHT_BLUE, VERMILION, plain, short
from seedbed.report.searches.trials import (
    FAILED,
    PRUNED,
    complete_trials,
    is_bound,
    number_or_none,
    short_keys,
    trials_that_are,
    value_text,
    winners,
)
from seedbed.results import Search, Trial

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

_SHADES = LinearSegmentedColormap.from_list("seedbed", ["#cfe3f3", LIGHT_BLUE, BLUE, "#062f54"])
_ACROSS = 3
_WIDEST = 12.0
"""Inches."""
_COMPLETE: dict[str, Any] = {"marker": "o", "color": BLUE, "markersize": 4.5, "label": "complete"}
_PRUNED: dict[str, Any] = {"marker": "v", "color": GREY, "markersize": 4, "label": "pruned"}
_BEST: dict[str, Any] = {
    "color": VERMILION, "markersize": 7, "markeredgecolor": "white", "markeredgewidth": 0.8, "zorder": 6,
}  # fmt: skip


# ---- how the search went ---------------------------------------------------------------------------------------------


def history_figure(search: Search) -> Figure:
    """A panel for each objective: every trial in its order, and the best so far."""
    count = len(search.metrics)
    figure = Figure(figsize=(7.2, 1.0 + 2.7 * count), layout="constrained")
    panels = figure.subplots(count, 1, sharex=True, squeeze=False).flatten()
    notes = []
    for place, axes in enumerate(panels):
        notes.append(_draw_history(axes, search, place))
        axes.set_ylabel(plain(_label(search, place)))
        axes.grid(axis="y", color=GRID, linewidth=0.8)
    panels[0].set_title("\n".join(filter(None, notes)), loc="left", fontsize=8.5, color=DARK_GREY)
    panels[-1].set_xlabel("trial")
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    last = max(trial.number for trial in search.trials)
    panels[-1].set_xlim(-0.03 * last - 0.5, 1.03 * last + 0.5)
    _legend_of(figure, panels)
    return figure


def _draw_history(axes: Axes, search: Search, place: int) -> str:
    """One objective; answers what the drawing leaves out."""
    complete, best = complete_trials(search), winners(search)
    pruned = [trial for trial in trials_that_are(search, PRUNED) if place == 0 and _shown(trial, 0) is not None]
    view = _view(search, place, [*complete, *pruned])
    axes.set_ylim(*view.ends)
    if place == 0:
        _draw_spreads(axes, complete, view)
    _draw_trials(axes, *_points(complete, place), view, _COMPLETE)
    _draw_trials(axes, *_points(pruned, 0), view, _PRUNED)
    if failed := trials_that_are(search, FAILED):
        spots = [trial.number for trial in failed]
        foot = np.full(len(spots), 0.02)
        axes.plot(spots, foot, "x", color=BLACK, markersize=5, transform=axes.get_xaxis_transform(), label="failed")
    if complete:
        spots, values = _best_so_far(search, place)
        axes.step(spots, values, where="post", color=BLACK, linewidth=1.2, label=_best_label(search, place))
    if best:
        axes.plot(*_points(best, place), "D", **_BEST, label=_name_of_best(search))
    return view.note([*complete, *pruned])


def _draw_trials(
    axes: Axes, spots: Sequence[float], heights: Sequence[float], view: _View, style: dict[str, Any]
) -> None:
    """Marks with a label; those beyond the view are hollow, and at its edge."""
    at = np.array(spots), np.array(heights, dtype=float)
    there = (at[1] >= view.low) & (at[1] <= view.high)
    if there.size:
        axes.plot(at[0][there], at[1][there], linestyle="", markeredgewidth=0, **style)
    if not there.all():
        hollow = {key: value for key, value in style.items() if key != "label"} | {"markerfacecolor": "white"}
        edge = [view.drawn(height) for height in at[1][~there]]
        axes.plot(at[0][~there], edge, linestyle="", markeredgewidth=1, zorder=4, **hollow)


def _draw_spreads(axes: Axes, trials: Sequence[Trial], view: _View) -> None:
    inside = [trial for trial in trials if view.holds(trial)]
    means = [(trial.number, number_or_none(trial.mean), number_or_none(trial.std)) for trial in inside]
    for spot, mean, std in means:
        if mean is not None and std is not None:
            axes.plot([spot, spot], [mean - std, mean + std], color=BLUE, alpha=0.45, linewidth=1)


def _best_so_far(search: Search, place: int) -> tuple[list[int], list[float]]:
    """Trials' numbers, and what the best up to each had; the last one goes on to the end of the search."""
    sign = 1 if search.lower_is_better[place] else -1
    spots, leaders = list[int](), list[Trial]()
    for trial in complete_trials(search):
        spots.append(trial.number)
        leaders.append(min([*leaders[-1:], trial], key=lambda trial: sign * trial.values[place]))
    values = [_shown(leader, place) or 0.0 for leader in leaders]
    return [*spots, max(trial.number for trial in search.trials)], [*values, values[-1]]


def _best_label(search: Search, place: int) -> str:
    return "best so far, by the worse end of its interval" if place == 0 and is_bound(search) else "best so far"


def _name_of_best(search: Search) -> str:
    return "best" if len(search.metrics) == 1 else "Pareto front"


# ---- what the parameters did -----------------------------------------------------------------------------------------


def slices_figure(search: Search) -> Figure:
    """A panel for each parameter: the first objective's mean over it, the later a trial the darker."""
    keys = list(search.space)
    across = 2 if len(keys) == 4 else min(_ACROSS, len(keys))
    down = math.ceil(len(keys) / across)
    figure = Figure(figsize=(max(2.5 * across + 1.1, 5.2), 2.5 * down + 0.9), layout="constrained")
    panels = figure.subplots(down, across, sharey=True, squeeze=False).flatten()
    complete = complete_trials(search)
    pruned = [trial for trial in trials_that_are(search, PRUNED) if _shown(trial, 0) is not None]
    view = _view(search, 0, [*complete, *pruned])
    shades = Normalize(0, max(1, *(trial.number for trial in search.trials)))
    names, scales = short_keys(keys), _scales(search)
    for axes, key in zip(panels, keys, strict=False):
        _draw_slice(axes, search, scales[key], view, shades)
        axes.set_xlabel(short(names[key]))
    for axes in panels[len(keys) :]:
        axes.remove()
    panels[0].set_ylim(*view.ends)
    figure.supylabel(plain(_label(search, 0)), fontsize=10)
    if complete:
        colours = panels[0].scatter([], [], c=[], cmap=_SHADES, norm=shades)
        bar = figure.colorbar(colours, ax=panels[: len(keys)].tolist(), label="trial", aspect=30)
        bar.outline.set_visible(False)
        bar.locator = MaxNLocator(5, integer=True)
    if note := view.note([*complete, *pruned]):
        figure.supxlabel(note, fontsize=8.5, color=DARK_GREY)
    _legend_of(figure, panels[: len(keys)])
    return figure


def _draw_slice(axes: Axes, search: Search, scale: _Scale, view: _View, shades: Normalize) -> None:
    scale.prepare(axes)
    pruned, complete = trials_that_are(search, PRUNED), complete_trials(search)
    _draw_trials(axes, *_slice(pruned, scale)[:2], view, _PRUNED)
    inside = [trial for trial in complete if view.holds(trial)]
    spots, heights, numbers = _slice(inside, scale)
    axes.scatter(spots, heights, c=numbers, cmap=_SHADES, norm=shades, s=24, linewidth=0.4, edgecolor=BLUE, zorder=3)
    outside = [trial for trial in complete if trial not in inside]
    _draw_trials(
        axes, *_slice(outside, scale)[:2], view, {key: _COMPLETE[key] for key in ("marker", "color", "markersize")}
    )
    spots, heights, _ = _slice(winners(search), scale)
    if spots:
        axes.plot(spots, heights, "D", **_BEST, label=_name_of_best(search))
    axes.grid(color=GRID, linewidth=0.8)


def _slice(trials: Sequence[Trial], scale: _Scale) -> tuple[list[float], list[float], list[int]]:
    """Spot, height and number of each trial that has both; those of one choice are spread a little."""
    points = [
        (spot + (0.3 * (0.618 * trial.number % 1 - 0.5) if scale.choices is not None else 0.0), height, trial.number)
        for trial in trials
        if (spot := scale.spot(trial)) is not None and (height := _shown(trial, 0)) is not None
    ]
    return [at[0] for at in points], [at[1] for at in points], [at[2] for at in points]


def importance_figure(search: Search, importances: Mapping[str, Mapping[str, float]]) -> Figure:
    """``importances``: each parameter's share of the variance, by objective; a panel for each objective."""
    keys, names = list(search.space), short_keys(list(search.space))
    figure = Figure(
        figsize=(min(_WIDEST, 2.2 + 3.4 * len(importances)), max(1.8, 0.36 * len(keys) + 1.2)), layout="constrained"
    )
    panels = figure.subplots(1, len(importances), sharey=True, sharex=True, squeeze=False).flatten()
    order = sorted(keys, key=lambda key: -max(shares.get(key, 0.0) for shares in importances.values()))
    for axes, (metric, shares) in zip(panels, importances.items(), strict=True):
        values = [shares.get(key, 0.0) for key in order]
        axes.barh(range(len(order)), values, height=0.6, color=LIGHT_BLUE, edgecolor=DARK_GREY, linewidth=0.8)
        for place, value in enumerate(values):
            axes.text(value + 0.02, place, f"{value:.2f}", va="center", fontsize=9, color=DARK_GREY)
        axes.set_yticks(range(len(order)), [short(names[key]) for key in order])
        axes.set_ylim(len(order) - 0.4, -0.6)
        axes.set_xlim(0, 1.13)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
        axes.grid(axis="x", color=GRID, linewidth=0.8)
        axes.tick_params(axis="y", length=0)
        axes.set_title(plain(metric), loc="left", fontsize=9.5)
    figure.supxlabel("share of the variance over the space (fANOVA, an estimate)", fontsize=10)
    return figure


def parallel_figure(search: Search) -> Figure:
    """A line for each complete trial through its values and its objectives, the darker the better; pruned ones in grey."""
    rails = _rails(search)
    width = min(_WIDEST, max(5.6, 1.25 * len(rails) + 1.2))
    figure = Figure(figsize=(width, 4.4), layout="constrained")
    axes = figure.add_subplot()
    for trial in trials_that_are(search, PRUNED):
        _draw_line(axes, rails, trial, color=GREY, alpha=0.5, linewidth=0.8, linestyle=":")
    best = winners(search)
    sign = 1 if search.lower_is_better[0] else -1
    others = sorted(
        (trial for trial in complete_trials(search) if trial not in best), key=lambda trial: -sign * (trial.mean or 0.0)
    )
    for place, trial in enumerate(others):  # by rank: values may lie close together
        _draw_line(axes, rails, trial, color=_SHADES((place + 1) / len(others)), linewidth=1.1, alpha=0.9)
    for trial in best:
        _draw_line(axes, rails, trial, color=VERMILION, linewidth=1.9, zorder=5)
    for place, rail in enumerate(rails):
        _draw_rail(axes, place, rail)
    _frame(axes, rails, width)
    if note := _view(search, 0, complete_trials(search)).note(complete_trials(search)):
        axes.set_title(note.replace("hollow,", "drawn"), loc="left", fontsize=8.5, color=DARK_GREY)
    _draw_keys(axes, search)
    _legend_of(figure, [axes])
    return figure


@dataclass(frozen=True)
class _Rail:
    """One upright axis: its name, where a trial crosses it from 0 to 1, and its ticks."""

    name: str
    height: Callable[[Trial], float | None]
    ticks: Sequence[tuple[float, str]]


def _rails(search: Search) -> list[_Rail]:
    names, scales = short_keys(list(search.space)), _scales(search)
    rails = [_Rail(names[key], scales[key].share, scales[key].ticks()) for key in search.space]
    complete = complete_trials(search)
    for place in range(len(search.metrics)):
        view = _view(search, place, complete)
        rails.append(_Rail(search.metrics[place], view.share, view.ticks()))
    return rails


def _draw_line(axes: Axes, rails: Sequence[_Rail], trial: Trial, **style: Any) -> None:
    heights = [rail.height(trial) for rail in rails]
    points = [(place, height) for place, height in enumerate(heights) if height is not None]
    if points:
        axes.plot(*zip(*points, strict=True), **style)


def _draw_rail(axes: Axes, place: int, rail: _Rail) -> None:
    axes.plot([place, place], [0, 1], color=DARK_GREY, linewidth=1, zorder=7)
    back = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6}
    for height, label in rail.ticks:
        axes.plot([place - 0.03, place], [height, height], color=DARK_GREY, linewidth=1, zorder=7)
        axes.text(place - 0.05, height, label, ha="right", va="center", fontsize=8, bbox=back, zorder=8)


def _frame(axes: Axes, rails: Sequence[_Rail], width: float) -> None:
    crowded = max(len(rail.name) for rail in rails) > 10.5 * width / len(rails)
    axes.set_xticks(
        range(len(rails)),
        [short(rail.name) for rail in rails],
        rotation=25 if crowded else 0,
        ha="right" if crowded else "center",
    )
    axes.set_xlim(-0.45, len(rails) - 0.9)
    axes.set_ylim(-0.05, 1.05)
    axes.set_yticks([])
    axes.tick_params(axis="x", length=0)
    for side in axes.spines.values():
        side.set_visible(False)


def _draw_keys(axes: Axes, search: Search) -> None:
    """What the lines are, for the legend."""
    direction = "lower" if search.lower_is_better[0] else "higher"
    axes.plot(
        [], [], color=BLUE, linewidth=1.4, label=plain(f"complete, the darker the {direction} {search.metrics[0]}")
    )
    if trials_that_are(search, PRUNED):
        axes.plot([], [], color=GREY, linewidth=1, linestyle=":", label="pruned")
    if winners(search):
        axes.plot([], [], color=VERMILION, linewidth=1.9, label=_name_of_best(search))


# ---- several objectives ----------------------------------------------------------------------------------------------


def front_figure(search: Search) -> Figure:
    """A panel for each pair of objectives: every complete trial, and those that no other beats in all objectives."""
    pairs = list(combinations(range(len(search.metrics)), 2))[:6]
    across = min(_ACROSS, len(pairs))
    down = math.ceil(len(pairs) / across)
    size = (6.4, 4.2) if len(pairs) == 1 else (3.6 * across, 3.2 * down + 0.5)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(down, across, squeeze=False).flatten()
    for axes, (first, second) in zip(panels, pairs, strict=False):
        _draw_front(axes, search, first, second)
    for axes in panels[len(pairs) :]:
        axes.remove()
    _legend_of(figure, panels[: len(pairs)])
    return figure


def _draw_front(axes: Axes, search: Search, first: int, second: int) -> None:
    complete, best = complete_trials(search), winners(search)
    across, up = _view(search, first, complete), _view(search, second, complete)
    axes.set_xlim(*across.ends)
    axes.set_ylim(*up.ends)
    others = [trial for trial in complete if trial not in best]
    inside = [trial for trial in others if across.holds(trial) and up.holds(trial)]
    outside = [trial for trial in others if trial not in inside]
    _draw_trials(axes, _values(inside, first, across), _values(inside, second, up), up, _COMPLETE)
    hollow = _COMPLETE | {"markerfacecolor": "white", "label": "beyond the axis, at its edge"}
    if outside:
        spots, heights = _values(outside, first, across), _values(outside, second, up)
        axes.plot(spots, heights, linestyle="", **hollow)
    spots, heights = _values(best, first, across), _values(best, second, up)
    if len(search.metrics) == 2:
        order = np.argsort(spots)
        # A corner lies on the worse side: between two trials of the front nothing better was found.
        where: Literal["pre", "post"] = "post" if search.lower_is_better[first] else "pre"
        axes.step(np.array(spots)[order], np.array(heights)[order], where=where, color=VERMILION, linewidth=1.1)
    axes.plot(spots, heights, "D", **_BEST, label="Pareto front")
    for spot, height, trial in zip(spots, heights, best, strict=True):
        if len(best) <= 12:
            axes.annotate(
                str(trial.number), (spot, height), (5, 5), textcoords="offset points", fontsize=8, color=DARK_GREY
            )
    axes.set_xlabel(plain(_label(search, first)))
    axes.set_ylabel(plain(_label(search, second)))
    axes.grid(color=GRID, linewidth=0.8)


def _values(trials: Sequence[Trial], place: int, view: _View) -> list[float]:
    return [view.drawn(_shown(trial, place) or 0.0) for trial in trials]


# ---- what of an objective is drawn -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _View:
    """The part of an objective's axis that is drawn; a trial beyond it is drawn at its edge."""

    low: float
    high: float
    place: int
    least: float
    most: float
    """Where the spreads of the trials within end."""

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of the axis, with some air."""
        air = 0.06 * (self.most - self.least)
        return self.least - air, self.most + air

    def inside(self, value: float) -> float:
        return min(max(value, self.low), self.high)

    def drawn(self, value: float) -> float:
        """The value at which a trial is drawn: its own, or the edge of the axis beyond which it lies."""
        return self.most if value > self.high else self.least if value < self.low else value

    def holds(self, trial: Trial) -> bool:
        value = _shown(trial, self.place)
        return value is not None and self.low <= value <= self.high

    def share(self, trial: Trial) -> float | None:
        """Position of a trial between the ends, from 0 to 1; None if it has no value."""
        value = _shown(trial, self.place) if trial.values else None
        return None if value is None else (self.inside(value) - self.low) / (self.high - self.low)

    def ticks(self) -> list[tuple[float, str]]:
        marks = [mark for mark in _FEW.tick_values(self.low, self.high) if self.low <= mark <= self.high]
        return [((mark - self.low) / (self.high - self.low), f"{mark:.6g}") for mark in marks]

    def note(self, trials: Sequence[Trial]) -> str:
        outside = sum(not self.holds(trial) for trial in trials)
        if not outside:
            return ""
        return f"{outside} trial{'' if outside == 1 else 's'} beyond the axis: hollow, at its edge."


_FEW = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10])
_FARTHEST = 4.0
"""Medians of the distance to the best: what lies farther would press all else together."""


def _view(search: Search, place: int, trials: Sequence[Trial]) -> _View:
    """The range shown, from the best value to the worst or as far as ``_FARTHEST`` allows; it includes every winner."""
    values = np.array([value for trial in trials if (value := _shown(trial, place)) is not None])
    if not values.size:
        return _View(0.0, 1.0, place, 0.0, 1.0)
    sign = 1.0 if search.lower_is_better[place] else -1.0
    best, distances = (sign * values).min(), np.sort(sign * values - (sign * values).min())
    middle = float(np.median(distances))
    farthest = _FARTHEST * middle if middle > 0 else float(distances[-1])
    reach = float(distances[-1]) if distances[-1] <= 1.25 * farthest else float(distances[distances <= farthest].max())
    of_winners = [sign * value - best for trial in winners(search) if (value := _shown(trial, place)) is not None]
    reach = max([reach, *of_winners])
    low, high = sorted((float(sign * best), float(sign * (best + (reach or 0.05 * abs(best) or 0.05)))))
    within = [trial for trial in trials if (value := _shown(trial, place)) is not None and low <= value <= high]
    spreads = [(trial.mean or 0.0, number_or_none(trial.std) or 0.0) for trial in within if place == 0 and trial.values]
    least = min([low, *(mean - std for mean, std in spreads)])
    return _View(low, high, place, least, max([high, *(mean + std for mean, std in spreads)]))


def _shown(trial: Trial, place: int) -> float | None:
    """What is drawn of a trial: the mean of the first metric, as it has a spread, and the value of any other objective."""
    if place == 0:
        return number_or_none(trial.mean)
    return number_or_none(trial.values[place]) if len(trial.values) > place else None


def _points(trials: Sequence[Trial], place: int) -> tuple[list[int], list[float]]:
    """Number and value of each trial that has one."""
    points = [(trial.number, value) for trial in trials if (value := _shown(trial, place)) is not None]
    return [number for number, _ in points], [value for _, value in points]


def _label(search: Search, place: int) -> str:
    direction = "lower" if search.lower_is_better[place] else "higher"
    return f"{search.metrics[place]} ({direction} is better)"


def _legend_of(figure: Figure, panels: Iterable[Axes]) -> None:
    """Above the panels, each label once; nothing where there is no label."""
    of_all = [axes.get_legend_handles_labels() for axes in panels]
    by_label = {label: handle for handles, labels in of_all for handle, label in zip(handles, labels, strict=True)}
    if by_label:
        figure.legend(
            by_label.values(),
            by_label,
            loc="outside upper center",
            ncols=min(5, len(by_label)),
            frameon=False,
            fontsize=9,
        )


# ---- the scale of a parameter ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Scale:
    """The axis of one parameter: the positions of its values."""

    key: str
    choices: Sequence[Any] | None
    """The values of a parameter without an order; None for numbers."""
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    whole: bool = False
    """Whether its values are whole numbers."""

    def spot(self, trial: Trial) -> float | None:
        """Value on the axis: the number itself, or the index of the choice."""
        if self.key not in trial.params:
            return None
        value = trial.params[self.key]
        if self.choices is None:
            return number_or_none(value) if isinstance(value, int | float) else None
        same = (place for place, choice in enumerate(self.choices) if choice == value and type(choice) is type(value))
        return next(same, None)

    def share(self, trial: Trial) -> float | None:
        """Position of a trial on the axis, from 0, the low end, to 1; None if it lacks the parameter."""
        spot = self.spot(trial)
        return None if spot is None else self._share(spot)

    def _share(self, spot: float) -> float:
        if self.choices is not None:
            return (spot + 0.5) / len(self.choices)
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        return ((math.log(spot) if self.log else spot) - low) / (high - low) if high > low else 0.5

    def ticks(self) -> list[tuple[float, str]]:
        """Shares and labels of an axis that is drawn by hand."""
        if self.choices is not None:
            return [(self._share(place), _choice(choice)) for place, choice in enumerate(self.choices)]
        return [(self._share(mark), f"{mark:.4g}") for mark in self._marks()]

    def _marks(self) -> list[float]:
        """Round numbers within the range, its ends where there are none."""
        if not self.log:
            marks = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10], integer=self.whole).tick_values(self.low, self.high)
        elif self._has_decades:
            marks = LogLocator(numticks=6).tick_values(self.low, self.high)
        else:
            return _few(self.low, self.high, self.whole)
        # A little beyond the end is at the end, by rounding.
        inside = [float(mark) for mark in marks if -1e-9 <= self._share(float(mark)) <= 1 + 1e-9]
        return inside if len(inside) > 1 else [self.low, self.high]

    @property
    def _has_decades(self) -> bool:
        return self.log and self.high >= 100 * self.low and not self.whole

    def prepare(self, axes: Axes) -> None:
        """Scale, ends and ticks of ``axes`` along x."""
        if self.choices is not None:
            labels = [_choice(choice) for choice in self.choices]
            crowded = sum(map(len, labels)) > 22
            axes.set_xticks(
                range(len(labels)), labels, rotation=30 if crowded else 0, ha="right" if crowded else "center"
            )
            axes.set_xlim(-0.6, len(labels) - 0.4)
            return
        if self.log:
            axes.set_xscale("log")
            air = (self.high / self.low) ** 0.06
            ends = self.low / air, self.high * air
        else:
            air = 0.06 * (self.high - self.low) or 0.5
            ends = self.low - air, self.high + air
        marks = self._marks()
        axes.set_xticks(marks, [f"{mark:.4g}" for mark in marks])
        if self._has_decades:
            axes.xaxis.set_major_formatter(LogFormatterSciNotation())
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlim(*ends)


def _few(low: float, high: float, whole: bool) -> list[float]:
    """Four marks at equal distances on a log axis, ends included."""
    marks = np.geomspace(low, high, 4)
    return [float(round(mark)) if whole else float(f"{mark:.2g}") for mark in marks]


def _choice(value: Any) -> str:
    text = value_text(value)
    return plain(text if len(text) <= 16 else f"{text[:7]}…{text[-8:]}")


def _scales(search: Search) -> dict[str, _Scale]:
    """The scale of each key."""
    from optuna.distributions import json_to_distribution  # noqa: PLC0415 - a report without a search needs no Optuna

    return {key: _scale(key, json_to_distribution(search.distributions[key])) for key in search.space}


def _scale(key: str, distribution: BaseDistribution) -> _Scale:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution  # noqa: PLC0415

    if isinstance(distribution, CategoricalDistribution):
        return _Scale(key, list(distribution.choices))
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    whole = isinstance(distribution, IntDistribution)
    return _Scale(key, None, float(distribution.low), float(distribution.high), distribution.log, whole)

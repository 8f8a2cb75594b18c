"""What the jobs of a sweep gave: a section of the page, and its picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seedbed.figures import BLACK, BLUE, DARK_GREY, GREY, GRID, VERMILION, plain, short
from seedbed.report.analysis import Analysis
from seedbed.report.formatting import (
    NOTHING,
    count_word,
    listed,
    markdown,
    markdown_table,
    mean_text,
    number,
    places,
    shown_mean,
)
from seedbed.report.pictures import Picture
from seedbed.results import Job, sound_values
from seedbed.statistics import Summary, summary

SWEEP = "sweep"
_COLOURS, _MARKERS = (BLUE, VERMILION, BLACK, GREY), "osD^v"


@dataclass(frozen=True)
class Setting:
    """One job's values, and how each variant did."""

    values: dict[str, str]
    found: dict[str, Summary]
    cells: int
    """How many it was to train of each variant."""


def sweep_part(analysis: Analysis) -> tuple[str, list[Picture]]:
    """The section and its picture; nothing where the launch is no job of a sweep."""
    jobs = analysis.results.jobs
    keys = swept_keys(jobs)
    if len(jobs) < 2 or not keys:
        return "", []
    variants = list(dict.fromkeys(variant for job in jobs for variant in job.variants))
    settings = in_order([_setting(analysis, job, variants) for job in jobs], keys)
    label = analysis.label()
    picture = Picture(SWEEP, "sweep", f"{label} over {listed(keys)}", lambda: sweep_figure(analysis, settings, keys))
    return _section(analysis, settings, keys), [picture]


def in_order(settings: Sequence[Setting], keys: Sequence[str]) -> list[Setting]:
    """By the values of the first key, then of the second, ...: numbers by size, others as they were given."""
    places = {key: {value: place for place, value in enumerate(_in_order(settings, key))} for key in keys}
    return sorted(settings, key=lambda setting: [places[key][setting.values.get(key, NOTHING)] for key in keys])


def swept_keys(jobs: Sequence[Job]) -> list[str]:
    """The keys of which the jobs have several values, those with the most first."""
    keys = dict.fromkeys(key for job in jobs for key in job.values)
    counts = {key: len({job.values.get(key) for job in jobs}) for key in keys}
    return sorted((key for key in keys if counts[key] > 1), key=lambda key: -counts[key])


def _setting(analysis: Analysis, job: Job, variants: Sequence[str]) -> Setting:
    cells = job.cells
    found = {
        variant: summary(sound_values(cells[cells["variant"] == variant], analysis.metric)) for variant in variants
    }
    return Setting(job.values, found, len(set(cells["seed"])))


def _section(analysis: Analysis, settings: Sequence[Setting], keys: Sequence[str]) -> str:
    variants = list(settings[0].found)
    decimals = {variant: places(setting.found[variant] for setting in settings) for variant in variants}
    best = {variant: _best_shown(analysis, settings, variant, decimals[variant]) for variant in variants}
    rows = []
    for setting in settings:
        cells = []
        for variant in variants:
            found = setting.found[variant]
            text = mean_text(found, decimals[variant])
            text += f" (n={found.n}/{setting.cells})" if found.n < setting.cells and found.mean is not None else ""
            is_best = found.n == setting.cells and shown_mean(found, decimals[variant]) == best[variant]
            cells.append(f"**{text}**" if is_best else text)
        rows.append([*(markdown(setting.values.get(key, NOTHING)) for key in keys), *cells, f"n={setting.cells}"])
    header = [*(f"`{key}`" for key in keys), *map(markdown, variants), "seeds"]
    lines = [
        f"This launch is one of {count_word(len(settings))} jobs of a sweep over {listed(f'`{key}`' for key in keys)}; "
        f"everything above is about it alone. Below: {markdown(analysis.label())}, mean ± sample std of every job, the "
        "best of each variant bold; n=2/3 where a seed failed, diverged or is missing. None of these differences was "
        "tested."
    ]
    if analysis.metric.startswith("test/"):
        lines.append(
            "A setting that is chosen by its test values does less well on other data than they say: choose by the "
            f"validation metrics of the jobs, which `seedbed ui {analysis.results.experiment}` shows side by side."
        )
    lines += _warnings(analysis.results.jobs)
    picture = f"![{markdown(analysis.label())} over {listed(keys)}](sweep.png)"
    return f"## Sweep\n\n{picture}\n\n{' '.join(lines)}\n\n{markdown_table(header, rows)}"


def _best_shown(analysis: Analysis, settings: Sequence[Setting], variant: str, decimals: int) -> float | None:
    best = best_setting(analysis, settings, variant)
    return None if best is None else shown_mean(best.found[variant], decimals)


def _warnings(jobs: Sequence[Job]) -> list[str]:
    """What differs between the jobs that makes their values no match for each other."""
    values: dict[str, dict[str, None]] = {}
    for job in jobs:
        for circumstances in job.circumstances.values():
            for what, value in circumstances.items():
                values.setdefault(what, {})[value] = None
    return [
        f"**The jobs differ in {what} ({listed(f'`{value}`' for value in found)}): do not compare their values as if "
        "only the keys differed.**"
        for what, found in values.items()
        if len(found) > 1
    ]


def best_setting(analysis: Analysis, settings: Sequence[Setting], variant: str) -> Setting | None:
    """The setting with the best mean of a variant, of those that lack no seed; None where there is none."""
    metric = analysis.declared
    there = [setting for setting in settings if setting.found[variant].n == setting.cells > 0]
    there = there if metric.is_ranked else []
    return min(there, key=lambda setting: float(metric.cost(setting.found[variant].mean or 0.0)), default=None)


# ---- the picture -----------------------------------------------------------------------------------------------------


def sweep_figure(analysis: Analysis, settings: Sequence[Setting], keys: Sequence[str]) -> Figure:
    """One key: means and 95 % intervals along it. More: a heat map of the first two for each variant, the others at their best."""
    if len(keys) == 1:
        return _lines(analysis, settings, keys[0])
    return _heat_maps(analysis, settings, keys)


def _lines(analysis: Analysis, settings: Sequence[Setting], key: str) -> Figure:
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.add_subplot()
    values = _in_order(settings, key)
    for place, variant in enumerate(settings[0].found):
        at = {setting.values.get(key, NOTHING): setting.found[variant] for setting in settings}
        points = [
            (spot, found.mean, found) for spot, value in enumerate(values) if (found := at[value]).mean is not None
        ]
        if not points:
            continue
        spots, means = np.array([point[0] for point in points]), [point[1] for point in points]
        reach = [0.0 if found.high is None or mean is None else found.high - mean for _, mean, found in points]
        axes.errorbar(
            spots + 0.04 * place,
            means,
            yerr=reach,
            color=_COLOURS[place % len(_COLOURS)],
            marker=_MARKERS[place % len(_MARKERS)],
            linestyle=("-", "--", ":", "-.")[place // len(_COLOURS) % 4],
            capsize=3,
            label=short(variant),
        )
    axes.set_xticks(range(len(values)), [plain(value) for value in values])
    axes.set_xlabel(plain(key))
    axes.set_ylabel(plain(analysis.label()))
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_title("Means over the seeds with their 95 % intervals.", loc="left", fontsize=8.5, color=DARK_GREY)
    figure.legend(loc="outside right upper", frameon=False, fontsize=9)
    return figure


def _heat_maps(analysis: Analysis, settings: Sequence[Setting], keys: Sequence[str]) -> Figure:
    across, down = _in_order(settings, keys[0]), _in_order(settings, keys[1])
    variants = list(settings[0].found)
    columns = min(3, len(variants))
    rows = -(-len(variants) // columns)
    width, height = max(2.6, 0.62 * len(across) + 0.8), max(2.0, 0.42 * len(down) + 0.9)
    figure = Figure(figsize=(columns * width + 1.6, rows * height + 0.8), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flatten()
    grids = {variant: _grid(analysis, settings, variant, keys, across, down) for variant in variants}
    filled = np.concatenate([grid[np.isfinite(grid)] for grid in grids.values()])
    ends = (float(filled.min()), float(filled.max())) if filled.size else (0.0, 1.0)
    for axes, variant in zip(panels, variants, strict=False):
        image = axes.imshow(grids[variant], cmap="cividis", vmin=ends[0], vmax=ends[1], aspect="auto")
        _label_cells(axes, grids[variant], ends, places(setting.found[variant] for setting in settings))
        axes.set_title(short(variant), fontsize=9.5, loc="left")
        axes.set_xticks(range(len(across)), [plain(value) for value in across])
        axes.set_yticks(range(len(down)), [plain(value) for value in down])
        axes.tick_params(length=0)
    for axes in panels[len(variants) :]:
        axes.remove()
    figure.colorbar(image, ax=panels[: len(variants)].tolist(), label=plain(analysis.label()))
    figure.supxlabel(plain(keys[0]), fontsize=10)
    figure.supylabel(plain(keys[1]), fontsize=10)
    if len(keys) > 2:
        figure.suptitle(f"{listed(map(plain, keys[2:]))} at the best for each field", fontsize=8.5, color=DARK_GREY)
    return figure


def _grid(
    analysis: Analysis,
    settings: Sequence[Setting],
    variant: str,
    keys: Sequence[str],
    across: Sequence[str],
    down: Sequence[str],
) -> np.ndarray:
    """(down, across) means; NaN where no job has a value."""
    grid = np.full((len(down), len(across)), np.nan)
    for row, of_down in enumerate(down):
        for column, of_across in enumerate(across):
            there = [
                setting
                for setting in settings
                if (setting.values.get(keys[0], NOTHING), setting.values.get(keys[1], NOTHING)) == (of_across, of_down)
            ]
            best = best_setting(analysis, there, variant)
            if best is not None and (mean := best.found[variant].mean) is not None:
                grid[row, column] = mean
    return grid


def _label_cells(axes: Axes, grid: np.ndarray, ends: tuple[float, float], decimals: int) -> None:
    for (row, column), value in np.ndenumerate(grid):
        there = bool(np.isfinite(value))
        dark = there and value < sum(ends) / 2
        text = number(float(value), min(decimals, 4)) if there else NOTHING
        axes.text(column, row, text, ha="center", va="center", fontsize=7.5, color="white" if dark else BLACK)


def _in_order(settings: Sequence[Setting], key: str) -> list[str]:
    """The values of a key: numbers by size, others as they were given."""
    values = list(dict.fromkeys(setting.values.get(key, NOTHING) for setting in settings))
    try:
        return sorted(values, key=float)
    except ValueError:
        return values

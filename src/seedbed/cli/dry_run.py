"""What ``seedbed run --dry-run`` prints: a table of what would be trained, and its totals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seedbed.errors import ConfigError
from seedbed.report.render.terminal import aligned
from seedbed.running.dry_run import DryRunResult, VariantCells, dry_run_of
from seedbed.running.estimates import SIDES
from seedbed.running.multirun import is_search, jobs_of
from seedbed.training.progress import Display

WRITTEN = "Nothing was written."
_SIDES = {"train": "train", "val": "validate", "test": "test"}


def dry_run_text(result: DryRunResult) -> str:
    """A line for each variant, for each data set where there are several, then what comes first, and the totals."""
    return "\n".join([result.experiment, *_lines(result)])


def texts_of_jobs(name: str, overrides: Sequence[str], config_dir: str | None) -> Iterator[str]:
    """The same of each job of a multirun, and the totals over all.

    A cell that several jobs ask for is trained by the first. Raises ``ConfigError`` for bad input, and for a search.
    """
    if is_search(name, overrides, config_dir):
        raise ConfigError(
            "--dry-run: a search chooses its trials one after the other, by what came of those before. Leave -m and the "
            "sweeper out, and see what one of them takes: its seeds and epochs are those of a variant."
        )
    planned, there, results = jobs_of(name, overrides, config_dir), set[str](), list[DryRunResult]()
    for number, (values, experiments) in enumerate(zip(planned.values, planned.experiments, strict=True)):
        results.append(dry_run_of(experiments, Display(), there))
        yield f"job {number}  {values}\n{dry_run_text(results[-1])}\n"
    yield f"{len(results)} job{'s' if len(results) != 1 else ''}, one after the other: {_totals(_together(results))}"


def _together(results: Sequence[DryRunResult]) -> DryRunResult:
    """Of all jobs, whose data are prepared once."""
    return DryRunResult(
        results[0].experiment,
        [each for result in results for each in result.variants],
        list({each.what: each for result in results for each in result.ahead}.values()),
        max(result.begun for result in results),
        {name: why for result in results for name, why in result.not_here.items()},
    )


def _lines(result: DryRunResult) -> Iterator[str]:
    if result.variants:
        on_several = any(each.data_set for each in result.variants)
        yield aligned([_header(on_several), *(_row(each, on_several) for each in result.variants)])
    for work in result.ahead:
        yield f"Before the training: {work.what}, {_about(work.seconds)}; a repeat reads them from the cache."
    for name, why in result.not_here.items():
        about = "" if name and name in why else f"{name}: " if name else ""
        yield f"{about}{why}."
    for each in result.variants:
        if each.estimate.why_unknown:
            name = f"{each.data_set}: {each.variant}" if each.data_set else each.variant
            yield f"{name}: how long it takes cannot be known: {each.estimate.why_unknown}."
    yield _totals(result)


def _header(on_several: bool) -> list[str]:
    first = ["data set", "variant"] if on_several else ["variant"]
    return [*first, "cells", "there", *_SIDES.values(), "parameters", "epochs", "time", "from", "memory"]


def _row(each: VariantCells, on_several: bool) -> list[str]:
    estimate = each.estimate
    rows = [f"{estimate.rows[side]:,}" if side in estimate.rows else "?" for side in SIDES]
    if estimate.trains_on is not None:
        rows[0] = f"{rows[0]} -> {estimate.trains_on:,}"
    time = "-" if not each.missing else _about(estimate.seconds, at_most=estimate.at_most)
    return [
        *([each.data_set] if on_several else []),
        each.variant,
        str(each.cells),
        str(each.cells - each.missing),
        *rows,
        "-" if estimate.parameters is None else f"{estimate.parameters:,}",
        str(estimate.epochs or "-"),
        time,
        estimate.source or "-",
        f"{estimate.memory / 1e9:.1f} GB" if estimate.memory else "-",
    ]


def _totals(result: DryRunResult) -> str:
    if not result.variants:
        return f"What there is to train shows when the data are here. {WRITTEN}"
    there = result.cells - result.missing
    counts = f"{result.cells} cell{'s' if result.cells != 1 else ''}, {there} there already"
    if not result.missing:
        rest = "" if result.not_here else ": nothing to train"
        return f"{counts}{rest}. {WRITTEN}"
    unknown = result.unknown
    time = _about(result.known_seconds, at_most=result.at_most and not unknown, at_least=unknown)
    parts = [f"{counts}; {time} on this machine"]
    if result.memory:
        parts[0] += f", at most about {result.memory / 1e9:.1f} GB"
        parts[0] += f" and {result.gpu_memory / 1e9:.1f} GB of a GPU" if result.gpu_memory else ""
    if result.at_once > 1:
        parts.append(f"{result.at_once} {'stacks' if result.in_stacks else 'seeds'} at a time, in processes")
    return f"{'; '.join(parts)}. {WRITTEN}"


def _about(seconds: float | None, *, at_most: bool = False, at_least: bool = False) -> str:
    """A time as people say it, such as "about 4 min"; "?" where it is not known."""
    if seconds is None:
        return "?"
    word = "at least " if at_least else "at most " if at_most else ""
    return f"{word}about {_duration(seconds)}"


def _duration(seconds: float) -> str:
    if seconds < 10:
        return f"{max(seconds, 0.1):.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min" if seconds >= 600 else f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"

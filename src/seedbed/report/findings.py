"""What an experiment of ours found about its source: sentences in ``findings.yaml`` beside its report.

Findings are bound to the results that they were made from, by a digest of their cells; beside any other results they are
not shown. Numbers of ours in them are filled in from these results, so that none can be stale:

    cells: 5f0c...                # digest of the cells, as ``cells_digest`` gives it
    findings:
      - text: "The source's run ends {size} higher, {share} of our standard deviations."
        command: seedbed run fastai_collab    # what shows it
        values:
          size: {difference: [{published: [wide, val/mse, 4]}, {mean: [wide, val/mse, 4]}], format: .3f}
          share: {z: [wide, val/mse, 4], format: .1f}

A place is [variant, metric], for final values, [variant, metric, epoch], from epoch 0 on, or {minus: [place, place]}, for
the differences of two variants, seed by seed. Numbers that these results do
not hold, since the command makes others, are typed; ``typed`` then says when, and with what version.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray

from seedbed.errors import ConfigError, near_misses
from seedbed.report.analysis import Analysis, Difference, analyse, difference_text
from seedbed.report.formatting import count_word, listed
from seedbed.report.published import (
    PublishedNumber,
    curves_by_seed,
    published_curves,
    published_numbers,
    values_by_seed,
)
from seedbed.results import Benchmark, Results
from seedbed.statistics import finite, summary

FILE = "findings.yaml"
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_CODE = re.compile(r"`[^`]*`")


@dataclass(frozen=True)
class Finding:
    """A sentence on the source's numbers, such as why one of them is not compatible with ours."""

    text: str
    command: str
    """What shows it."""
    typed: str
    """When and with what the numbers were made that are not filled in from our results; "" where all are."""


def cells_digest(fingerprints: Iterable[str]) -> str:
    """SHA-256 of the fingerprints of finished cells, sorted, one a line."""
    return hashlib.sha256("\n".join(sorted(fingerprints)).encode()).hexdigest()


def digest_of(results: Results | Benchmark) -> str:
    """The digest of these results' finished cells, on all data sets."""
    if isinstance(results, Benchmark):
        return cells_digest(text for of_one in results.data_sets.values() for text in _fingerprints(of_one))
    return cells_digest(_fingerprints(results))


def _fingerprints(results: Results) -> list[str]:
    cells = results.cells[(results.cells["status"] == "FINISHED") & results.cells["variant"].isin(results.variants)]
    return [str(text) for text in cells["fingerprint"]]


def read_findings(path: Path, results: Results) -> list[Finding]:
    """The findings in ``path`` with their numbers; [] where there is no such file, or it is about other cells.

    Raises ConfigError where the file cannot be read, or a sentence cannot be filled in.
    """
    return findings_in(path, results, lambda rule: value_of_rule(results, rule))


def findings_in(
    path: Path, results: Results | Benchmark, value_of: Callable[[dict[str, Any]], float | str]
) -> list[Finding]:
    """The same with the numbers that ``value_of`` makes of their rules."""
    content = _read(path, results)
    if content is None or content["cells"] != digest_of(results):
        return []
    return [_filled(path, value_of, entry) for entry in content["findings"]]


def other_cells(path: Path, results: Results | Benchmark) -> str:
    """Why the findings in ``path`` are not shown beside these results; "" where they are, or there are none."""
    content = _read(path, results)
    if content is None or content["cells"] == digest_of(results):
        return ""
    return f"{path} is not shown: it is about other cells than these, whose digest is {digest_of(results)}."


def _read(path: Path, results: Results | Benchmark) -> dict[str, Any] | None:
    """What the file says; None where there is none."""
    if not path.is_file():
        return None
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} is not valid YAML: {' '.join(str(error).split())}. Fix it, or take it away."
        ) from error
    if (
        not isinstance(content, dict)
        or set(content) != {"cells", "findings"}
        or not isinstance(content["findings"], list)
    ):
        raise ConfigError(
            f"{path} cannot be read: it has two keys, cells: the digest of the results that it is about (of these it is "
            f"{digest_of(results)}), and findings: a list of text, command, values and typed."
        )
    return content


def _filled(path: Path, value_of: Callable[[dict[str, Any]], float | str], entry: Any) -> Finding:
    allowed = {"text", "command", "values", "typed"}
    if not isinstance(entry, dict) or not {"text", "command"} <= set(entry) <= allowed:
        raise ConfigError(
            f"{path}: {entry!r} cannot be read. Each finding has text and command, what shows it; values, where numbers "
            "are filled in; and typed, where others are not: when and with what they were made."
        )
    text, values, typed = str(entry["text"]), dict(entry.get("values") or {}), str(entry.get("typed") or "")
    _require_names(path, text, values)
    bare = _PLACEHOLDER.sub("", _CODE.sub("", text))
    if not typed and (number := re.search(r"\d[\d.]*", bare)):
        raise ConfigError(
            f"{path}: the number {number.group()} of the finding {text!r} is typed by hand. Fill it in as {{name}} from "
            "values, put the name of a setting between backticks, or say in typed when and with what the command gave it."
        )
    filled = _PLACEHOLDER.sub(lambda name: _shown(path, value_of, name.group(1), values[name.group(1)]), text)
    return Finding(filled, str(entry["command"]), typed)


def _require_names(path: Path, text: str, values: dict[str, Any]) -> None:
    named = set(_PLACEHOLDER.findall(text))
    if odd := sorted(named ^ set(values)):
        where = "stands in the text, but not in values" if odd[0] in named else "is a value that the text does not show"
        raise ConfigError(
            f"{path}: {odd[0]!r} of the finding {text!r} {where}. Write it in both, the text as {{{odd[0]}}}."
        )


def _shown(path: Path, value_of: Callable[[dict[str, Any]], float | str], name: str, rule: Any) -> str:
    """A value as the text shows it."""
    try:
        form = str(rule.get("format", ".4f"))
        value = value_of({key: argument for key, argument in rule.items() if key != "format"})
        if isinstance(value, str):
            return value
        return count_word(round(value)) if form == "word" else format(value, form).replace("%", " %")
    except ConfigError as error:
        raise ConfigError(f"{path}: the value {name}: {error}") from error
    except (TypeError, ValueError, KeyError, AttributeError, IndexError, ZeroDivisionError) as error:
        raise ConfigError(
            f"{path}: the value {name}: {rule!r} cannot be worked out ({error!r}). It is one of {', '.join(RULES)} of a "
            "place [variant, metric] or [variant, metric, epoch] that these results have, with a format such as .3f or word."
        ) from error


def value_of_rule(results: Results, rule: dict[str, Any]) -> float | str:
    """What a rule, such as ``{mean: [none, test/f1]}``, makes of these results."""
    kinds = [key for key in rule if key in RULES]
    if len(kinds) != 1:
        named = [str(key) for key in kinds or rule]
        raise ConfigError(
            f"{rule!r} names {' and '.join(named)}, and not one kind of value: {near_misses(named[0], RULES)}"
        )
    [kind] = kinds
    others = {key: argument for key, argument in rule.items() if key != kind}
    return RULES[kind](results, rule[kind], **others)


def _number(results: Results, rule: dict[str, Any]) -> float:
    return float(value_of_rule(results, rule))


def _ours(results: Results, place: Any, seeds: list[int] | None = None) -> NDArray[np.float64]:
    """Our finite values at a place; of the ``seeds`` named alone."""
    values = _by_seed(results, place)
    if seeds is not None:
        if absent := [seed for seed in seeds if seed not in values.index]:
            raise ConfigError(f"seed {absent[0]} has no value at {place!r}: {listed(map(str, values.index))} have one.")
        values = values.loc[seeds]
    return np.asarray(values, dtype=np.float64)


def _by_seed(results: Results, place: Any) -> pd.Series[float]:
    """Our finite values at a place by seed; of a difference, those of the seeds that both variants have."""
    if isinstance(place, dict):
        first, second = (_by_seed(results, of) for of in place["minus"])
        values = (first - second).dropna()
    else:
        variant, metric, *epoch = place
        if variant not in results.variants:
            raise ConfigError(
                f"findings: {variant!r} is not a variant of these results: {near_misses(variant, results.variants)}"
            )
        values = values_by_seed(results, variant, metric, epoch[0] if epoch else None)
        values = values[finite(values)]
    if values.empty:
        raise ConfigError(f"these results have no value at {place!r}.")
    return values


def _of_source(results: Results, place: list[Any]) -> PublishedNumber:
    variant, metric, *epoch = place
    wanted = (variant, metric, epoch[0] if epoch else None)
    matches = [row for row in published_numbers(results) if (row.variant, row.metric, row.epoch) == wanted]
    if not matches:
        raise ConfigError(f"the source has published no number at {place!r}.")
    return matches[0]


def _mean(results: Results, place: Any, seeds: list[int] | None = None) -> float:
    return float(_ours(results, place, seeds).mean())


def _std(results: Results, place: Any) -> float:
    return float(_ours(results, place).std(ddof=1))


def _n(results: Results, place: Any) -> float:
    return len(_ours(results, place))


def _ranked(results: Results, place: Any, at: int) -> float:
    """The value that is the ``at``-th from below, or (-1) from above."""
    return float(np.sort(_ours(results, place))[at - 1 if at > 0 else at])


def _count(results: Results, place: Any, below: float | None = None, above: float | None = None) -> float:
    """How many seeds lie below, or above, a value."""
    values = _ours(results, place)
    inside = (values < below if below is not None else True) & (values > above if above is not None else True)
    return int(np.sum(inside & np.ones(len(values), dtype=bool)))


def _published(results: Results, place: list[Any]) -> float:
    return _of_source(results, place).value


def _z(results: Results, place: list[Any]) -> float:
    z = _of_source(results, place).z
    if z is None:
        raise ConfigError(f"our runs have no spread at {place!r}, and so there is no z.")
    return z


def _points_above(results: Results, variants: list[str], metric: str) -> float:
    """At how many points the published curves of these variants lie above our means."""
    wanted = [curve for curve in published_curves(results) if curve.variant in variants and curve.metric == metric]
    return sum(curve.above for curve in wanted)


def _together(results: Results, variants: list[str], metric: str) -> float:
    """z of the mean over the published curves of these variants, one each, beside the means of our seeds over the same.

    Of the seeds that all of these variants have trained so long.
    """
    curves = [curve for curve in published_curves(results) if curve.variant in variants and curve.metric == metric]
    ours = [curves_by_seed(results, curve.variant, metric, curve.epochs).mean(axis=1) for curve in curves]
    of_seeds = summary(pd.concat(ours, axis=1, join="inner").mean(axis=1))
    if of_seeds.mean is None or not of_seeds.std:
        raise ConfigError(f"our seeds have no spread of {metric} over {listed(variants)}, and so there is no z.")
    return (float(np.mean([curve.mean.value for curve in curves])) - of_seeds.mean) / of_seeds.std


def _verdict(results: Results, pair: list[Any], metric: str | None = None) -> str:
    """The words of the comparison of a variant with a baseline, among all comparisons with that baseline.

    Or among those that the experiment names, where each variant has its own baseline there, and this one that one. On the experiment's own metric where none is named.
    """
    _, row = _compared(results, pair, metric)
    return row.verdict


def _interval(results: Results, pair: list[Any], metric: str | None = None) -> str:
    """The difference of a variant to a baseline with its 95 % interval, "-0.0120 [-0.0150, -0.0090]"."""
    return difference_text(*_compared(results, pair, metric))


def _compared(results: Results, pair: list[Any], metric: str | None) -> tuple[Analysis, Difference]:
    variant, baseline = pair
    stated = analyse(results, metric)
    analysis = stated if stated.baseline_of(variant) == baseline else analyse(results, metric, baseline)
    return analysis, next(row for row in analysis.family if row.variant == variant)


def _cold_share(results: Results, variant: str) -> float:
    """The share of the validation rows whose user or item was not trained on."""
    return _mean(results, [variant, "val/cold_rows"]) / float(results.data["split"]["val"])


def _cold_part(results: Results, variant: str) -> float:
    """What these rows add to the validation MSE: their squared errors over the number of all rows."""
    warm = _mean(results, [variant, "val/mse_warm"]) * (1 - _cold_share(results, variant))
    return _mean(results, [variant, "val/mse"]) - warm


def _difference(results: Results, rules: list[Any]) -> float:
    first, second = rules
    return _number(results, first) - _number(results, second)


def _ratio(results: Results, rules: list[Any]) -> float:
    first, second = rules
    return _number(results, first) / _number(results, second)


RULES: dict[str, Callable[..., float | str]] = {
    "mean": _mean,
    "std": _std,
    "n": _n,
    "ranked": _ranked,
    "count": _count,
    "published": _published,
    "z": _z,
    "verdict": _verdict,
    "interval": _interval,
    "cold_share": _cold_share,
    "cold_part": _cold_part,
    "points_above": _points_above,
    "together": _together,
    "difference": _difference,
    "ratio": _ratio,
}

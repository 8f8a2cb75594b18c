"""Two launches side by side: only what differs in their recipes, data and circumstances, and their results."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from os import PathLike
from typing import Any

from seedbed.config.code import Code
from seedbed.config.recipe import canonical, flatten, used
from seedbed.errors import ConfigError, near_misses
from seedbed.report.analysis import UNTESTED, Analysis
from seedbed.report.formatting import count_word, difference_words, listed, mean_text, number, places, signed
from seedbed.report.paired_tests import Difference, family_of, paired_test, pairs_of, ran, verdict_words
from seedbed.report.render.terminal import aligned, columns
from seedbed.results import Results
from seedbed.statistics import summary
from seedbed.tracking.launches import find_tracked, on_data_set, parts_of, read_codes, read_recorded_config
from seedbed.tracking.names import CONFIG
from seedbed.tracking.reading import read_benchmark, read_results
from seedbed.tracking.runs import Launch
from seedbed.tracking.store import Store

NOT_SHOWN = ("variants", "variant", "seeds", "data_sets")
"""Keys of the config that have lines of their own, or only say what others do."""
NARROWEST = 16
"""Characters that a value always gets, however narrow the terminal is."""
GAP = "  "
Pair = tuple[str, str]
_SAME = re.compile(r"[^:\n]+: same\b")

NOT_OF_DATA = ("notes", "same_split", "population", "inspected")
"""What a launch records beside its data and is no setting of theirs; launches of earlier versions lack some of it."""


@dataclass(frozen=True)
class Side:
    """One of the two launches, or what it did on one of its data sets, and what is recorded of it."""

    letter: str
    store: Store
    launch: Launch
    results: Results
    configs: dict[str, dict[str, str]]
    """Flat config of each variant that got as far as having one."""
    codes: dict[str, Code] | None
    """The code of each variant; None where the launch is from before this was recorded."""

    @property
    def recipe(self) -> str:
        return self.launch.recipe_version or "not recorded"

    @property
    def seeds(self) -> list[int]:
        return sorted({int(seed) for seed in self.results.cells["seed"]})

    @property
    def data(self) -> dict[str, Any]:
        """What the report says of the data, without sentences."""
        data = {key: value for key, value in self.results.data.items() if key not in NOT_OF_DATA}
        return {key: _text(value) for key, value in flatten(data).items()}

    def fingerprints(self, variant: str) -> dict[int, str]:
        cells = self.results.cells_of(variant)
        return dict(zip(cells["seed"], cells["fingerprint"], strict=True))


def differences(
    first: str,
    second: str,
    metric: str | None = None,
    config_dir: str | PathLike[str] | None = None,
    width: int | None = None,
    data_set: str | None = None,
) -> str:
    """What differs between two launches, named as ``tracking.launches.find_tracked`` takes them, in lines of ``width``.

    ``metric`` defaults to the one that the first launch is compared by. Of launches over several data sets, all that both have
    are compared, or ``data_set``. Raises a ``SeedbedError`` for what is not there.
    """
    width = width or shutil.get_terminal_size((120, 24)).columns
    found = {"A": find_tracked(first, config_dir), "B": find_tracked(second, config_dir)}
    if data_set is None and all(launch.data_sets for _, launch in found.values()):
        return _on_data_sets(found, metric, width)
    over = any(launch.data_sets for _, launch in found.values())
    a, b = (
        # Where one launch is about one data set, the name is about the other.
        _side(letter, store, on_data_set(store, launch, data_set if launch.data_sets or not over else None))
        for letter, (store, launch) in found.items()
    )
    metric = _metric(metric, [(a, b)])
    parts = [
        _heading(a, b),
        "\n".join(_recipes(a, b, width)),
        "\n".join(_circumstances(a, b, width)),
        _outcomes(a, b, metric),
    ]
    return "\n\n".join([*parts, *_footnotes(a, b)])


def _metric(asked: str | None, sides: Sequence[tuple[Side, Side]]) -> str:
    """The metric to show; raises ``ConfigError`` where no side has it."""
    metric = asked or str(sides[0][0].results.config["report"]["metric"])
    known = {name for pair in sides for side in pair for name in side.results.metrics}
    if metric not in known:
        raise ConfigError(f"--metric {metric}: neither launch has it, {near_misses(metric, known)}")
    return metric


def _side(letter: str, store: Store, launch: Launch) -> Side:
    return _side_of(letter, store, launch, read_results(store, launch, curves=False))


def _side_of(letter: str, store: Store, launch: Launch, results: Results) -> Side:
    return Side(letter, store, launch, results, _configs(store, launch), read_codes(store, launch.id))


# ---- over several data sets ------------------------------------------------------------------------------------------


def _on_data_sets(found: Mapping[str, tuple[Store, Launch]], metric: str | None, width: int) -> str:
    """What differs on all data sets that both launches have, then what on each, and their results where cells differ."""
    names = {letter: launch.data_sets for letter, (_, launch) in found.items()}
    shared = [name for name in names["A"] if name in names["B"]]
    head = [*_launch_lines(found), _membership("data sets", names["A"], names["B"])]
    if not shared:
        return "\n".join([*head, "No data set is in both launches, so there is nothing to compare."])
    a, b = (_sides(letter, store, launch, shared) for letter, (store, launch) in found.items())
    sides = {name: (a[name], b[name]) for name in shared}
    metric = _metric(metric, list(sides.values()))
    recipes = {name: [*_recipes(*pair, width), *_circumstances(*pair, width)] for name, pair in sides.items()}
    common = [block for block in recipes[shared[0]] if all(block in blocks for blocks in recipes.values())]
    texts = ["\n".join(head), "\n".join(common)]
    alike = [name for name in shared if _are_alike(*sides[name])]
    for name in shared:
        own = [block for block in recipes[name] if block not in common and not _SAME.match(block)]
        if name not in alike:
            own += [_outcomes(*sides[name], metric), *_footnotes(*sides[name])]
        if own:
            texts.append("\n".join([f"On {name}", *own]))
    if alike:
        on = "all data sets that both have" if len(alike) == len(shared) else ", ".join(alike)
        texts.append(f"The cells of the variants and seeds in both are the same on {on}, so there is nothing to test.")
    return "\n\n".join(texts)


def _sides(letter: str, store: Store, launch: Launch, names: Sequence[str]) -> dict[str, Side]:
    """A side for each of these data sets; the cells are read once for all."""
    results = read_benchmark(store, launch).data_sets
    parts = [part for part in parts_of(store, launch) if part.data_set in names]
    return {part.data_set: _side_of(letter, store, part, results[part.data_set]) for part in parts}


def _are_alike(a: Side, b: Side) -> bool:
    """Whether the variants and seeds in both are the same cells."""
    cells = {side.letter: {name: side.fingerprints(name) for name in side.results.variants} for side in (a, b)}
    both = [(cells["A"][name], cells["B"][name]) for name in cells["A"] if name in cells["B"]]
    return all(of_a[seed] == of_b[seed] for of_a, of_b in both for seed in of_a if seed in of_b)


def _configs(store: Store, launch: Launch) -> dict[str, dict[str, str]]:
    return {
        run.variant: _flat(read_recorded_config(store, run.id))
        for run in store.variants(launch.id)
        if CONFIG in store.files(run.id)
    }


def _flat(config: Mapping[str, Any]) -> dict[str, str]:
    shown = {key: value for key, value in used(config).items() if key not in NOT_SHOWN}
    return {key: _text(value) for key, value in flatten(shown).items()}


# ---- parts of the text -----------------------------------------------------------------------------------------------


def _heading(a: Side, b: Side) -> str:
    return "\n".join(_launch_lines({side.letter: (side.store, side.launch) for side in (a, b)}))


def _launch_lines(found: Mapping[str, tuple[Store, Launch]]) -> list[str]:
    lines = []
    for letter, (store, launch) in found.items():
        row = launch.row
        on = [f"on {launch.data_set}"] if launch.data_set else []
        lines.append(GAP.join([letter, store.experiment, *on, row["id"][:8], row["started"], row["status"]]))
        lines.append(f"   {row['command']}")
        if launch.imported:
            lines.append(f"   imported from {launch.imported}, not trained by seedbed")
    if len({launch.id for _, launch in found.values()}) == 1:
        lines.append("A and B are the same launch.")
    return lines


def _recipes(a: Side, b: Side, width: int) -> list[str]:
    """Variants, seeds, config and code: what all variants share once, and what is one variant's own below its name."""
    shared = [variant for variant in a.results.variants if variant in b.results.variants]
    lines = [_membership("variants", a.results.variants, b.results.variants), _membership("seeds", a.seeds, b.seeds)]
    of_variants = {
        name: _differing(a.configs[name], b.configs[name]) for name in shared if name in a.configs and name in b.configs
    }
    if not of_variants:
        config = _section("config", _differing(_flat(a.results.config), _flat(b.results.config)), width)
        return [*lines, config, _codes(a, b, shared, width)]
    first = next(iter(of_variants.values()))
    common = {key: pair for key, pair in first.items() if all(own.get(key) == pair for own in of_variants.values())}
    lines.append(_section("config", common, width))
    for name, pairs in of_variants.items():
        if own := {key: pair for key, pair in pairs.items() if key not in common}:
            lines.append(_section(f"config of {name}", own, width))
    return [*lines, _codes(a, b, shared, width)]


def _codes(a: Side, b: Side, variants: Sequence[str], width: int) -> str:
    """The user's modules and the packages that the variants in both were made by, where these differ."""
    lacking = [side.letter for side in (a, b) if side.codes is None]
    if a.codes is None or b.codes is None:
        return f"code: not recorded in {listed(lacking)}"
    pairs: dict[str, Pair] = {}
    for name in variants:
        pairs |= _differing(_named(a.codes[name]), _named(b.codes[name]))
    return _section("code", dict(sorted(pairs.items())), width)


def _named(code: Code) -> dict[str, str]:
    return {**code.modules, **{f"{package} (package)": version for package, version in code.packages.items()}}


def _circumstances(a: Side, b: Side, width: int) -> list[str]:
    environment = _differing(a.results.environment, b.results.environment)
    recipe = (
        f"recipe version: {a.recipe} in A, {b.recipe} in B" if a.recipe != b.recipe else f"recipe version: {a.recipe}"
    )
    data = _section("data", _differing(a.data, b.data), width)
    return [data, _section("environment", environment, width), recipe]


def _outcomes(a: Side, b: Side, metric: str) -> str:
    """Mean and spread of each variant in both, the paired difference and its test, and whether the cells are the same."""
    shared = [variant for variant in a.results.variants if variant in b.results.variants]
    if not shared:
        return f"{metric}: no variant is in both launches."
    summaries = {(side.letter, name): summary(side.results.values(name, metric)) for side in (a, b) for name in shared}
    decimals = places(summaries.values())
    header = [metric, "A, mean ± std", "n", "B, mean ± std", "n", "B - A in the same seeds [95 %]", "verdict (Holm)"]
    rows = [[*header, "cells"]]
    steps, about = _steps(a, b, shared, metric, decimals)
    for name in shared:
        of_a, of_b = summaries["A", name], summaries["B", name]
        values = [mean_text(of_a, decimals), str(of_a.n), mean_text(of_b, decimals), str(of_b.n)]
        rows.append([name, *values, *steps[name], _same_cells(a, b, name)])
    return f"{aligned(rows)}\n{about}"


def _steps(
    a: Side, b: Side, shared: Sequence[str], metric: str, decimals: int
) -> tuple[dict[str, tuple[str, str]], str]:
    """The paired difference of each variant and the verdict on it, and what the tests are about, or why there are none."""
    declared = a.results.metric(metric)
    pairs = {
        name: pairs_of(*(ran(side.results.cells_of(name), metric, declared) for side in (b, a))) for name in shared
    }
    alike = {name for name in shared if _same_cells(a, b, name) == SAME}
    why = _no_test(a, b, metric)
    if why or alike == {*shared}:
        means = {name: summary(pair.first - pair.second).mean for name, pair in pairs.items()}
        said = {name: (signed(means[name], decimals), SAME if name in alike else UNTESTED) for name in shared}
        return said, f"Not tested: {why}." if why else "The cells are the same, so there is nothing to test."
    terms = Analysis(a.results, metric).terms
    tests = {name: paired_test(pair, terms) for name, pair in pairs.items() if name not in alike}
    # One recipe may have several names in a launch; it is tested once.
    recipes = {side.letter: Analysis(side.results, metric).recipes for side in (a, b)}
    keys = {name: frozenset(f"{letter} {recipe[name]}" for letter, recipe in recipes.items()) for name in tests}
    rows = family_of([(name, name, keys[name], test) for name, test in tests.items()], terms)
    said = dict.fromkeys(alike, (number(0.0, decimals), SAME))
    said |= {row.variant: (difference_words(row.comparison, decimals), verdict_words(row, terms)) for row in rows}
    return said, _about_steps(rows)


SAME = "the same"


def _no_test(a: Side, b: Side, metric: str) -> str:
    """Why a seed is not the same rows in both launches, so that its two values are no pair; "" where it is."""
    lacking = [side.letter for side in (a, b) if metric not in side.results.metrics]
    if lacking:
        return f"{listed(lacking)} has no {metric}"
    imported = _imported(a, b)
    if imported or a.results.data.get("digest") != b.results.data.get("digest"):
        return f"{imported}. Import runs together to compare them" if imported else "the data differ"
    if a.results.config.get("split") != b.results.config.get("split"):
        return "the split differs, so that a seed has other rows in A than in B"
    if not {*a.seeds} & {*b.seeds}:
        return "A and B have no seed in common"
    try:
        Analysis(a.results, metric).terms  # noqa: B018 - it looks for the sizes of the split
    except ConfigError:
        return f"A does not say how many rows are for training and for {metric}"
    return ""


def _imported(a: Side, b: Side) -> str:
    """What is not known of imported results; "" where both were trained by seedbed, or all cells of both are the same."""
    if all(_same_cells(a, b, name) == SAME for name in a.results.variants if name in b.results.variants):
        return ""
    letters = [side.letter for side in (a, b) if side.results.imported]
    verb = "was" if len(letters) == 1 else "were"
    return (
        f"{listed(letters)} {verb} imported: whether a seed has the same data in both is not known" if letters else ""
    )


def _about_steps(rows: Sequence[Difference]) -> str:
    """What was tested, and what the verdicts are about."""
    tested = [row for row in rows if row.p is not None]
    if not tested:
        return "No variant could be tested."
    comparison, count = tested[0].comparison, len({row.key for row in tested})
    family = f", after Holm over the {count_word(count)} variants tested" if count > 1 else ""
    return (
        f"{comparison.test[0].upper()}{comparison.test[1:]} of B - A, paired by seed{family}; about {comparison.about}. "
        "Better and worse are said of B."
    )


def _same_cells(a: Side, b: Side, variant: str) -> str:
    """Cells with one fingerprint are one cell, trained once."""
    of_a, of_b = a.fingerprints(variant), b.fingerprints(variant)
    same = sum(of_b.get(seed) == fingerprint for seed, fingerprint in of_a.items())
    if same == len(of_a) == len(of_b):
        return SAME
    if same:
        return f"{same} the same"
    return f"other cells, {len(of_a.keys() & of_b.keys())} seeds in both"


def _footnotes(a: Side, b: Side) -> list[str]:
    """Why the numbers of the two launches must not be compared as if only the recipe differed."""
    if imported := _imported(a, b):
        return [f"Do not compare these means as if equal. {imported}."]
    reasons = []
    if a.results.data.get("digest") != b.results.data.get("digest"):
        reasons.append("the data")
    made_with = [side.results.data.get("made_with") for side in (a, b)]
    if None not in made_with and made_with[0] != made_with[1]:
        reasons.append("what the data were made with")
    for key, what in (("split", "the split"), ("select", "the selection of the epoch (select)")):
        if a.results.config.get(key) != b.results.config.get(key):
            reasons.append(what)
    if "not recorded" not in (a.recipe, b.recipe) and a.recipe != b.recipe:
        reasons.append("the recipe version")
    notes = []
    if reasons:
        verb = "differs" if len(reasons) == 1 and reasons[0] != "the data" else "differ"
        notes.append(f"Do not compare these means as if equal: {listed(reasons)} {verb}.")
    if (a.recipe == "not recorded") != (b.recipe == "not recorded"):
        older = a if a.recipe == "not recorded" else b
        notes.append(
            f"The recipe version of {older.letter} is not recorded: whether both were trained by the same code is not known."
        )
    return ["\n".join(notes)] if notes else []


# ---- pairs of values -------------------------------------------------------------------------------------------------


def _differing(a: Mapping[str, str], b: Mapping[str, str]) -> dict[str, Pair]:
    """Value in A and in B of each key whose values are not equal; "-" where there is none."""
    return {key: (a.get(key, "-"), b.get(key, "-")) for key in {**a, **b} if a.get(key) != b.get(key)}


def _membership(what: str, a: Sequence[Any], b: Sequence[Any]) -> str:
    """Which of two lists' members are in both, and which in one only."""
    if list(a) == list(b):
        return f"{what}: same ({_numbers(a)})"
    both, only_a, only_b = [x for x in a if x in b], [x for x in a if x not in b], [x for x in b if x not in a]
    parts = [("in both", both), ("only in A", only_a), ("only in B", only_b)]
    return f"{what}: " + "; ".join(f"{where} {_numbers(members)}" for where, members in parts if members)


def _numbers(members: Sequence[Any]) -> str:
    """Names with commas; a run of numbers by its ends."""
    whole = len(members) > 2 and all(isinstance(member, int) for member in members)
    if whole and list(members) == list(range(members[0], members[-1] + 1)):
        return f"{members[0]} to {members[-1]}"
    return ", ".join(map(str, members))


def _section(title: str, pairs: Mapping[str, Pair], width: int) -> str:
    if not pairs:
        return f"{title}: same"
    keys = max(len(key) for key in pairs)
    at_most = max(NARROWEST, (width - len(GAP) * 3 - keys) // 2)
    rows = [["", "A", "B"], *([key, *_cut(pair, at_most)] for key, pair in pairs.items())]
    return "\n".join([f"{title}:", *(f"{GAP}{line}" for line in columns(rows))])


def _cut(pair: Pair, width: int) -> list[str]:
    """Two values that fit; of a long one the part around the first character that differs."""
    a, b = pair
    if max(len(a), len(b)) <= width:
        return [a, b]
    same = next((at for at, (x, y) in enumerate(zip_longest(a, b)) if x != y), 0)
    start = max(0, same - width // 4)
    return [_part(value, start, width) for value in pair]


def _part(value: str, start: int, width: int) -> str:
    if len(value) <= width:
        return value
    before = "…" if start else ""
    part = before + value[start:]
    return part if len(part) <= width else f"{part[: width - 1]}…"


def _text(value: Any) -> str:
    value = canonical(value)
    return " ".join((value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)).split())

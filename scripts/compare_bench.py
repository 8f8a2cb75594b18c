"""Times the spam benchmark beside a program written by hand that does the same work and no more.

``scripts/compare_bench`` sets up what this needs; its --help states the choices that decide the figures.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from bench_by_hand import Recipe
from timing import (
    add_json,
    count,
    keep_figures,
    positive,
    print_disturbance,
    print_machine,
    watch,
)

from seedbed.config.building import build
from seedbed.config.experiment import load_experiment
from seedbed.errors import ConfigError, DataError, SeedbedError, near_misses
from seedbed.running.planning import plan_experiment
from seedbed.statistics import summary
from seedbed.training.planned import PlannedVariant
from seedbed.training.progress import Display

EXPERIMENT, ACCURACY = "spam_imbalance", "test/accuracy"
BY_HAND = Path(__file__).resolve().with_name("bench_by_hand.py")
KNOWN = (
    "data.path", "model.hidden", "optimizer.lr", "optimizer.weight_decay", "seeds", "trainer.batch_size",
    "trainer.max_epochs", "variant",
)  # fmt: skip
"""Keys that the program by hand knows too."""
ON_CPU = "trainer.accelerator=cpu"

Accuracies = Mapping[str, Mapping[str, float]]
"""Of the test rows, by variant and seed."""


def main() -> None:
    # The help is the calling script's, which answers without the imports above.
    parser = argparse.ArgumentParser(prog="compare_bench", add_help=False)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--repeats", type=positive, default=1)
    add_json(parser)
    try:
        compare(parser.parse_intermixed_args())
    except SeedbedError as error:
        print(f"compare_bench: {error}", file=sys.stderr)
        sys.exit(2)


def compare(options: argparse.Namespace) -> None:
    recipe = recipe_of(options.overrides)
    print_machine()
    print(f"task      {', '.join(recipe.variants)}; {count(recipe.rows)}, {recipe.epochs} epochs")
    values, disturbed = defaultdict[str, list[float]](list), 0.0
    for repeat in range(1, options.repeats + 1):
        with tempfile.TemporaryDirectory() as folder:
            hand, parts, others = run_by_hand(recipe, Path(folder))
            ours, of_seedbed, others_then = run_seedbed(options.overrides, Path(folder))
        disturbed = max(disturbed, others, others_then)
        values["by hand"].append(sum(parts.values()))
        values["seedbed"].append(of_seedbed)
        said = ", ".join(f"{part} {seconds:.1f}" for part, seconds in parts.items())
        print(f"repeat {repeat}  by hand {values['by hand'][-1]:.1f} s, seedbed {of_seedbed:.1f} s\n  by hand: {said}", flush=True)  # fmt: skip
    ratios = [one / floor for floor, one in zip(values["by hand"], values["seedbed"], strict=True)]
    ratio = statistics.median(values["seedbed"]) / statistics.median(values["by hand"])
    print(f"ratio {ratio:.2f} (repeats {min(ratios):.2f} to {max(ratios):.2f})")
    print_disturbance(disturbed)
    keep_figures(options.json, values, disturbed)
    print_accuracies(hand, ours)


def recipe_of(overrides: Sequence[str]) -> Recipe:
    """What the program by hand is given; raises ``ConfigError`` for what it does not know."""
    for override in overrides:
        key = override.partition("=")[0]
        if key not in KNOWN:
            raise ConfigError(f"{override}: the program by hand does not know it, {near_misses(key, KNOWN)}")
    # The split does not depend on the vectors, and those of this encoder are made in no time.
    experiment = load_experiment(EXPERIMENT, ["data/encoder=hashing", *overrides])
    _, plan = plan_experiment(experiment, Display(quiet=True))
    strategies = {planned.name: planned.variant.config["imbalance"] for planned in plan}
    config = plan[0].variant.config
    return Recipe(
        file=str(file_of(plan[0])),
        rows={
            str(seed): {side: getattr(rows, side).tolist() for side in ("train", "val", "test")}
            for seed, rows in plan[0].rows.items()
        },
        variants=list(strategies),
        hidden=list(config["model"]["hidden"]),
        lr=config["optimizer"]["lr"],
        weight_decay=config["optimizer"]["weight_decay"],
        epochs=config["trainer"]["max_epochs"],
        batch_size=config["trainer"]["batch_size"],
        copies=strategies.get("text_augment", {}).get("copies", 0),
        neighbours=strategies.get("smote", {}).get("sampler", {}).get("k_neighbors", 0),
    )


def file_of(planned: PlannedVariant) -> Path:
    data = build(planned.variant.config["data"], "data")
    path: Path = data.path or data.locate().path
    return path


def run_by_hand(recipe: Recipe, folder: Path) -> tuple[Accuracies, dict[str, float], float]:
    """Accuracies, seconds of each part, and how many cores others used."""
    written, answer = folder / "recipe.json", folder / "answer.json"
    written.write_text(json.dumps(asdict(recipe)))
    found = watch([sys.executable, BY_HAND, written, answer], every=1.0)
    if found.code:
        raise DataError(f"{BY_HAND.name} failed with exit code {found.code}.")
    said: dict[str, Any] = json.loads(answer.read_text())
    parts = said["seconds"]
    return said["accuracies"], {**parts, "rest": found.seconds - sum(parts.values())}, found.others


def run_seedbed(overrides: Sequence[str], folder: Path) -> tuple[Accuracies, float, float]:
    """Accuracies, seconds, and how many cores others used."""
    given = {"SEEDBED_PROJECT": str(folder), "SEEDBED_CACHE": str(folder / "cache")}
    found = watch(
        [sys.executable, "-m", "seedbed", "run", EXPERIMENT, "--report", ON_CPU, *overrides], given, every=1.0
    )
    if found.code:
        raise DataError(f"seedbed run {EXPERIMENT} failed with exit code {found.code}.")
    [file] = folder.rglob("results.csv")
    cells = pd.read_csv(file, dtype={"seed": str})
    accuracies = {str(name): dict(zip(of["seed"], of[ACCURACY], strict=True)) for name, of in cells.groupby("variant")}
    return accuracies, found.seconds, found.others


def print_accuracies(hand: Accuracies, ours: Accuracies) -> None:
    """Both sides train by one recipe from the same weights, so that they differ by what rounding has become."""
    differences = []
    for variant, of_hand in hand.items():
        differences += [ours[variant][seed] - value for seed, value in of_hand.items()]
        means = [statistics.mean(side[variant].values()) for side in (hand, ours)]
        print(f"{ACCURACY} {variant:15} by hand {means[0]:.4f}, seedbed {means[1]:.4f}")
    found = summary(differences)
    if found.low is not None and found.high is not None:
        agree = found.low <= 0 <= found.high
        print(
            f"difference of a cell {found.mean:+.5f}, 95 % interval {found.low:+.5f} to {found.high:+.5f}: "
            f"{'they agree within noise' if agree else 'THEY DIFFER BY MORE THAN NOISE'}"
        )


if __name__ == "__main__":
    main()

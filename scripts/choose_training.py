"""Chooses epochs and learning rate once for all data sets of an experiment, by validation rows: see ``choose_training``."""

from __future__ import annotations

import argparse
import sys

import pandas as pd

import seedbed
from seedbed.results import Benchmark, Results


def main() -> None:
    """Print the mean on validation rows by learning rate and epochs."""
    options = _options()
    rates, epochs = options.rates.split(","), sorted(map(int, options.epochs.split(",")))
    means = pd.DataFrame({rate: _means(options, rate, max(epochs)) for rate in rates}).loc[epochs]
    best = means.max().max()
    print(f"mean {options.metric} of {options.variants} over {options.seeds} seeds and all data sets")
    print("epochs  " + "  ".join(f"lr={rate}".rjust(10) for rate in rates))
    for number, row in means.iterrows():
        shown = (f"{value:.4f}{'*' if value == best else ' '}".rjust(10) for value in row)
        print(f"{number:6}  " + "  ".join(shown))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(usage="scripts/choose_training [OPTION...] [OVERRIDE...]")
    parser.add_argument("--experiment", default="imbalance_keel")
    parser.add_argument("--variants", default="none,smote")
    parser.add_argument("--rates", default="1e-3,3e-3,1e-2")
    parser.add_argument("--epochs", default="10,20,30,40")
    parser.add_argument("--metric", default="val/average_precision")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("overrides", nargs="*")
    return parser.parse_args()


def _means(options: argparse.Namespace, rate: str, epochs: int) -> pd.Series[float]:
    """The mean at each number of epochs, each data set and variant counting as much as any other."""
    asked = [f"variant={options.variants}", f"seeds={options.seeds}", f"optimizer.lr={rate}"]
    asked += [f"trainer.max_epochs={epochs}", "tracking.pictures=false", *options.overrides]
    outcome = seedbed.run(options.experiment, asked)
    if outcome.failures:
        sys.exit(f"lr={rate}: {'; '.join(f'{where}: {why}' for where, why in outcome.failures.items())}")
    if not isinstance(outcome.results, Benchmark):
        sys.exit(f"--experiment {options.experiment}: it lists no data sets.")
    curves = [_curve(options, name) for name in outcome.results.data_sets]
    return pd.concat(curves, axis=1).mean(axis=1)


def _curve(options: argparse.Namespace, data_set: str) -> pd.DataFrame:
    """The mean over seeds by number of epochs, a column a variant."""
    results = seedbed.load(options.experiment, data_set=data_set)
    assert isinstance(results, Results)
    of_metric = results.curves[results.curves["metric"] == options.metric]
    means = of_metric.pivot_table(index="epoch", columns="variant", values="value", aggfunc="mean")
    counted: pd.DataFrame = means.set_axis(means.index + 1)  # after the first epoch, one is trained
    return counted


if __name__ == "__main__":
    main()

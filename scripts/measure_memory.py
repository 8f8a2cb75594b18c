"""The most memory that the run of each experiment takes: see ``measure_memory``."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from timing import add_json, keep_figures, print_machine, watch

from seedbed.config.experiment import load_experiments
from seedbed.config.folders import experiment_names
from seedbed.tracking.client import STORE
from seedbed.tracking.databases import sqlite_address
from seedbed.tracking.store import NothingTracked, Store

OF_ONES_OWN = {
    "text_imbalance", "feature_imbalance", "feature_regression", "image_imbalance", "image_regression", "ratings",
}  # fmt: skip
"""Experiments on files of the user's."""
SOME_FAILED = 1
"""The exit code of a run whose cells have failed, some or all of them."""
COMMAND = (sys.executable, "-m", "seedbed", "run")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--most", type=float, default=1.5)
    parser.add_argument("--floor", action="store_true")
    parser.add_argument("experiments", nargs="*")
    add_json(parser)
    asked = parser.parse_args()
    if asked.floor:
        print_machine()
        least = watch([sys.executable, str(Path(__file__).with_name("memory_floor.py"))])
        print(f"{least.gigabytes:6.2f} GB  {least.seconds:6.1f} s  without seedbed", flush=True)
        return least.code
    names = asked.experiments or [name for name in experiment_names() if name not in OF_ONES_OWN]
    print_machine()
    exceeded, peaks, others = 0, dict[str, list[float]](), 0.0
    for name in names:
        with tempfile.TemporaryDirectory() as project:
            given = {"SEEDBED_PROJECT": project, "SEEDBED_CACHE": str(Path(project) / "cache")}
            took = watch([*COMMAND, name, *shortened(name)], given)
            lost = took.code == SOME_FAILED and has_trained(name, Path(project))
        too_much = took.gigabytes > asked.most
        broken = took.code != 0 and not lost
        exceeded += broken or too_much
        how = [f"more than {asked.most:g} GB"] * too_much + [f"exit code {took.code}"] * broken
        how += ["some cells failed"] * lost
        print(f"{took.gigabytes:6.2f} GB  {took.seconds:6.1f} s  {name}  {', '.join(how)}".rstrip(), flush=True)
        if not broken:
            peaks[name] = [took.gigabytes]
        others = max(others, took.others)
    keep_figures(asked.json, peaks, others)
    return int(exceeded > 0)


def has_trained(experiment: str, project: Path) -> bool:
    """Whether a run into the project has trained any cell."""
    try:
        return bool(Store(sqlite_address(project / STORE), project, experiment, create=False).cells())
    except NothingTracked:
        return False


def shortened(experiment: str) -> list[str]:
    """The overrides by which it trains one epoch; all of them where its variants differ in how many, which seedbed keeps."""
    first = load_experiments(experiment)[0]  # which is on one data set, where there are several
    epochs = {variant.config["trainer"]["max_epochs"] for variant in first.variants}
    return ["tracking.pictures=false", *(["trainer.max_epochs=1"] if len(epochs) == 1 else [])]


if __name__ == "__main__":
    sys.exit(main())

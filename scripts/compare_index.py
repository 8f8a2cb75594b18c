"""Measures recall and time of the approximate index of a served model beside exact search.

``scripts/compare_index`` sets up what this needs; its --help states the choices that decide the figures.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from timing import add_json, keep_figures, others_cpu_seconds, positive, print_disturbance, print_machine

from seedbed.errors import ConfigError, SeedbedError
from seedbed.serving.building import recommender_of
from seedbed.serving.index import PROBED, FaissIndex, check_faiss
from seedbed.serving.recommender import LEAST_CANDIDATES
from seedbed.trained.loading import load_recommender

BEST = 10
SHARES = (1 / 64, 1 / 32, 1 / 16, PROBED, 1 / 4)
UNTIMED = 10
SERVED_BY_SHARE = 10_000
"""Of fewer candidates, a served model looks into a larger share of the lists."""
CENTRES = 300
Floats = NDArray[np.float32]


class Cloud(NamedTuple):
    """What candidates and users are drawn around: (C, D) each, and the noise (D,) of each."""

    items: Floats
    item_noise: Floats
    users: Floats
    user_noise: Floats

    def draw_items(self, count: int, rng: np.random.Generator) -> Floats:
        return _around(self.items, self.item_noise, count, rng)

    def draw_users(self, count: int, rng: np.random.Generator) -> Floats:
        users = _around(self.users, self.user_noise, count, rng)
        users[:, -1] = 1  # an item's bias counts as it is
        return users


def main() -> None:
    options = read_options()
    try:
        check_faiss()
        cloud, said = trained_cloud(options.experiment) if options.experiment else made_up_cloud(options.factors)
    except SeedbedError as error:
        print(f"compare_index: {error}", file=sys.stderr)
        sys.exit(2)
    print_machine()
    print(f"vectors   {said}; {cloud.items.shape[1]} dimensions, the last one the bias")
    print(f"queries   {options.queries}, the {BEST} best of each\n")
    print(f"{'candidates':>10}  {'search':<20}  {'built in':>9}  {'recall':>6}  {'a query':>9}")
    started, others = time.perf_counter(), others_cpu_seconds()
    values: dict[str, list[float]] = {}
    for candidates in options.candidates:
        values |= compare(cloud, candidates, options.queries)
    print(f"\nresident at most: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2:.2f} GB")
    disturbed = (others_cpu_seconds() - others) / (time.perf_counter() - started)
    print_disturbance(disturbed)
    keep_figures(options.json, values, disturbed)


def read_options() -> argparse.Namespace:
    # The help is the calling script's, which answers without the imports above.
    parser = argparse.ArgumentParser(prog="compare_index", add_help=False)
    parser.add_argument("--candidates", type=positive, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--queries", type=positive, default=200)
    parser.add_argument("--factors", type=positive, default=50)
    parser.add_argument("--experiment")
    add_json(parser)
    return parser.parse_args()


# ---- vectors ---------------------------------------------------------------------------------------------------------


def made_up_cloud(factors: int) -> tuple[Cloud, str]:
    rng, noise = np.random.default_rng(0), np.full(factors + 1, 0.5, dtype=np.float32)
    items, users = (rng.normal(size=(CENTRES, factors + 1)).astype(np.float32) for _ in range(2))
    return Cloud(items, noise, users, noise), f"made up, around {CENTRES} centres"


def trained_cloud(experiment: str) -> tuple[Cloud, str]:
    """Around the trained vectors of the best variant's first seed."""
    trained = load_recommender(experiment)
    first = load_recommender(experiment, trained.name, seed=trained.seeds[0].seed)
    scores = recommender_of(first).scores
    items = scores.vectors()
    if items is None:
        raise ConfigError(f"--experiment {experiment}: the best variant, {first.name}, has no such vectors.")
    known = [user for user in range(1, first.table.user_rows) if scores.knows(user)]
    users = np.stack([scores.vector_of(user) for user in known])
    return Cloud(items, items.std(0) / 2, users, users.std(0) / 2), f"around those of {first.about}"


def _around(centres: Floats, noise: Floats, count: int, rng: np.random.Generator) -> Floats:
    vectors = centres[rng.integers(len(centres), size=count)]
    vectors += noise * rng.standard_normal(vectors.shape, dtype=np.float32)
    return vectors


# ---- searches --------------------------------------------------------------------------------------------------------


def compare(cloud: Cloud, count: int, queries: int) -> dict[str, list[float]]:
    """Print a row for each search; seconds of a query by exact search and as a model is served, and the recall of that."""
    rng = np.random.default_rng(1)
    items, users = cloud.draw_items(count, rng), cloud.draw_users(queries + UNTIMED, rng)

    def exact(user: Floats) -> NDArray[np.intp]:
        return best(items @ user)

    wanted, seconds = searched(exact, users)
    row(count, "exact", None, 1.0, seconds)
    values = {f"{count} exact": [seconds]}
    start = time.perf_counter()
    index = FaissIndex.build(items)
    built = time.perf_counter() - start
    for share in SHARES:
        index.look_into(share)

        def approximate(user: Floats) -> NDArray[np.intp]:
            chosen = index.candidates(user, min(LEAST_CANDIDATES, count))
            found: NDArray[np.intp] = chosen[best(items[chosen] @ user)]
            return found

        found, seconds = searched(approximate, users)
        recall = statistics.mean(len(np.intersect1d(*pair)) / BEST for pair in zip(wanted, found, strict=True))
        served = ", as served" if share == PROBED and count >= SERVED_BY_SHARE else ""
        if served:
            values |= {f"{count} faiss": [seconds], f"{count} recall": [recall]}
        row(count, f"faiss, 1/{round(1 / share)}{served}", built, recall, seconds)
    return values


def best(scores: Floats) -> NDArray[np.intp]:
    few = min(BEST, len(scores))
    return np.argpartition(-scores, few - 1)[:few]


def searched(search: Callable[[Floats], NDArray[np.intp]], users: Floats) -> tuple[list[NDArray[Any]], float]:
    """What is found for each user but the first ones, and the median time of a query in seconds."""
    found, seconds = [], []
    for user in users:
        start = time.perf_counter()
        found.append(search(user))
        seconds.append(time.perf_counter() - start)
    return found[UNTIMED:], statistics.median(seconds[UNTIMED:])


def row(count: int, search: str, built: float | None, recall: float, seconds: float) -> None:
    made = f"{built:.1f} s" if built is not None else "-"
    print(f"{count:>10}  {search:<20}  {made:>9}  {recall:>6.3f}  {seconds * 1000:>6.2f} ms", flush=True)


if __name__ == "__main__":
    main()

"""TensorFlow Recommenders' side of ``scripts/compare_recommenders``: for each seed on its input, trains once.

Runs in an environment that has TensorFlow and not seedbed. Arguments: a CSV of user and title, one of the titles of all
movies, and settings as JSON. Writes a line of JSON for each seed.
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib.metadata import version
from typing import Any

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # what TensorFlow Recommenders is written for
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import pandas as pd
import tensorflow as tf
import tensorflow_recommenders as tfrs


def main() -> None:
    ratings, movies, settings = pd.read_csv(sys.argv[1], dtype=str), pd.read_csv(sys.argv[2]), json.loads(sys.argv[3])
    print(
        json.dumps(f"tensorflow-recommenders {version('tensorflow-recommenders')}, tensorflow {tf.__version__}"),
        flush=True,
    )
    for line in sys.stdin:
        print(json.dumps(train(ratings, movies["title"].tolist(), settings, int(line))), flush=True)


class TwoTowers(tfrs.Model):  # type: ignore[misc]
    """Two embeddings by the names of users and movies."""

    def __init__(self, users: list[str], titles: list[str], movies: list[str], width: int) -> None:
        super().__init__()
        self.query, self.candidate = tower(users, width), tower(titles, width)
        candidates = tf.data.Dataset.from_tensor_slices(movies).batch(128).map(self.candidate)
        self.task = tfrs.tasks.Retrieval(metrics=tfrs.metrics.FactorizedTopK(candidates=candidates))

    def compute_loss(self, rows: dict[str, Any], training: bool = False) -> Any:
        vectors = self.query(rows["user"]), self.candidate(rows["title"])
        return self.task(*vectors, compute_metrics=not training)


def tower(names: list[str], width: int) -> Any:
    lookup = tf.keras.layers.StringLookup(vocabulary=names, mask_token=None)
    return tf.keras.Sequential([lookup, tf.keras.layers.Embedding(len(names) + 1, width)])


def train(ratings: pd.DataFrame, movies: list[str], settings: dict[str, Any], seed: int) -> dict[str, Any]:
    """Seconds of the training and of the evaluation, and what was measured at the end."""
    tf.keras.utils.set_random_seed(seed)
    order = np.random.default_rng(seed).permutation(len(ratings))
    rows = [{name: ratings[name].to_numpy()[part] for name in ("user", "title")}
            for part in (order[: settings["train"]], order[settings["train"] :])]  # fmt: skip
    sets = [tf.data.Dataset.from_tensor_slices(part) for part in rows]
    batches = sets[0].shuffle(len(ratings), seed=seed).batch(settings["batch_size"])
    batches = batches.cache()  # as published: the batches of the first epoch are those of all
    tested = sets[1].batch(settings["test_batch_size"]).cache()
    model = TwoTowers(sorted(set(ratings["user"])), sorted(set(movies)), movies, settings["factors"])
    model.compile(optimizer=tf.keras.optimizers.Adagrad(settings["lr"]))
    start = time.perf_counter()
    model.fit(batches, epochs=settings["epochs"], verbose=0)
    trained = time.perf_counter()
    found = model.evaluate(tested, return_dict=True, verbose=0)
    evaluated = time.perf_counter()
    return {
        "fit": trained - start,
        "evaluate": evaluated - trained,
        "top_1": float(found["factorized_top_k/top_1_categorical_accuracy"]),
        "top_1_by_one_matrix": first_by_one_matrix(model, rows[1], movies),
        "top_100": float(found["factorized_top_k/top_100_categorical_accuracy"]),
        "loss": float(found["loss"]),
    }


def first_by_one_matrix(model: TwoTowers, rows: dict[str, Any], movies: list[str]) -> float:
    """Share of the rows whose movie no candidate is above, all scores from one product of matrices."""
    candidates, place = model.candidate(tf.constant(movies)).numpy(), {title: at for at, title in enumerate(movies)}
    scores = model.query(tf.constant(rows["user"])).numpy() @ candidates.T
    own = scores[np.arange(len(scores)), [place[title] for title in rows["title"]]]
    return float((scores.max(1) <= own).mean())


if __name__ == "__main__":
    main()

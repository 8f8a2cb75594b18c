"""fastai's side of ``scripts/compare_fastai``: for each seed on its input, trains once and writes what came out.

Runs in an environment that has fastai and not seedbed. Arguments: a CSV of user, item and rating, and settings as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from typing import Any

import pandas as pd
import torch
from fastai.collab import CollabDataLoaders, collab_learner
from fastai.tabular.all import TabDataLoader, set_seed


def main() -> None:
    ratings, settings = pd.read_csv(sys.argv[1]), json.loads(sys.argv[2])
    device = "CUDA" if torch.cuda.is_available() else "CPU"
    about = f"fastai {version('fastai')}, torch {torch.__version__}, {torch.get_num_threads()} threads, {device}"
    print(json.dumps(about), flush=True)
    for line in sys.stdin:
        set_seed(int(line))
        start = time.perf_counter()
        mse = train(ratings, settings)
        print(json.dumps({"seconds": time.perf_counter() - start, "mse": mse}), flush=True)


def train(ratings: pd.DataFrame, settings: dict[str, Any]) -> float:
    """Validation MSE after the last epoch."""
    loader = {} if settings["default_loader"] else {"dl_type": TabDataLoader}
    loaders = CollabDataLoaders.from_df(ratings, bs=settings["batch_size"], **loader)
    learner = collab_learner(loaders, n_factors=settings["factors"], y_range=settings["y_range"])
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(settings["epochs"], settings["lr"], wd=settings["weight_decay"])
    return float(learner.recorder.values[-1][1])


if __name__ == "__main__":
    main()

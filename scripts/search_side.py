"""Trains one network on one seed's rows with a Lightning Trainer, as the usual trial of a search: see compare_search.

Its arguments are a file of rows and a JSON of settings; it prints a JSON. It imports what such a trial needs and nothing
of seedbed.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader, TensorDataset


def main() -> None:
    rows, settings = np.load(sys.argv[1]), json.loads(sys.argv[2])
    warnings.filterwarnings("ignore", message=".*does not have many workers")  # none are faster: the rows are in memory
    warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated")
    torch.manual_seed(settings["seed"])
    training = DataLoader(dataset(rows, "train"), settings["batch_size"], shuffle=True)
    validation = DataLoader(dataset(rows, "val"), 1024)
    folder = TemporaryDirectory()  # on SLURM, Lightning loads a checkpoint of its own that it finds in its folder
    trainer = pl.Trainer(
        plugins=[LightningEnvironment()],
        default_root_dir=folder.name,
        max_epochs=settings["epochs"],
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    start = time.perf_counter()
    trainer.fit(UsualDotProduct(rows, settings, len(training)), training, validation)
    seconds = time.perf_counter() - start
    print(json.dumps({"val/mse": float(trainer.callback_metrics["val/mse"]), "fit": seconds}))


def dataset(rows: Any, side: str) -> TensorDataset:
    return TensorDataset(*(torch.from_numpy(rows[f"{side}_{name}"]) for name in ("users", "items", "ratings")))


class UsualDotProduct(pl.LightningModule):
    """Factors and biases of users and items under Lightning's automatic optimization."""

    def __init__(self, rows: Any, settings: dict[str, Any], steps_per_epoch: int) -> None:
        super().__init__()
        names = ("user_factors", "item_factors", "user_bias", "item_bias")
        tables = {name: torch.from_numpy(rows[name]) for name in names}
        self.embeddings = nn.ModuleDict(
            {name: nn.Embedding(tables[name].shape[0], tables[name].shape[1], _weight=tables[name]) for name in names}
        )
        self.settings, self.steps = settings, steps_per_epoch * settings["epochs"]

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        of = self.embeddings
        product = (of["user_factors"](users) * of["item_factors"](items)).sum(-1)
        value = product + (of["user_bias"](users) + of["item_bias"](items)).squeeze(-1)
        low, high = self.settings["y_range"]
        predicted: Tensor = torch.sigmoid(value) * (high - low) + low
        return predicted

    def configure_optimizers(self) -> Any:
        settings = self.settings
        optimizer = torch.optim.AdamW(
            self.parameters(),
            lr=settings["lr"],
            weight_decay=settings["weight_decay"],
            betas=tuple(settings["betas"]),
            eps=settings["eps"],
            fused=True,
        )
        schedule = OneCycleLR(
            optimizer, settings["lr"], self.steps, settings["pct_start"],
            div_factor=settings["div"], final_div_factor=settings["div_final"] / settings["div"],
            base_momentum=settings["moms"][1], max_momentum=settings["moms"][0],
        )  # fmt: skip
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def training_step(self, batch: tuple[Tensor, ...], _: int) -> Tensor:
        users, items, ratings = batch
        return functional.mse_loss(self(users, items), ratings)

    def validation_step(self, batch: tuple[Tensor, ...], _: int) -> None:
        users, items, ratings = batch
        self.log("val/mse", functional.mse_loss(self(users, items), ratings), batch_size=len(ratings))


if __name__ == "__main__":
    main()

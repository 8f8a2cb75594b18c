"""Projects with LightningModules as people write them: code and experiments as texts, for both packages of Lightning."""

from __future__ import annotations

import shutil
from pathlib import Path

REGRESSION = '''
import {pl} as pl
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


def made_up(rows):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(rows, 4, generator=generator)
    return x, x[:, :1] * x[:, 1:2] + 0.1 * torch.randn(rows, 1, generator=generator)


class Data(pl.LightningDataModule):
    """Draws its split by ``split_seed``; ``how`` serves it otherwise."""

    def __init__(self, batch_size=16, split_seed=0, how="subset", rows=80):
        super().__init__()
        self.save_hyperparameters()

    def setup(self, stage=None):
        data = TensorDataset(*made_up(self.hparams.rows))
        generator = torch.Generator().manual_seed(self.hparams.split_seed)
        if self.hparams.how == "global":
            generator = None
        self.parts = random_split(data, [0.6, 0.2, 0.2], generator)
        if self.hparams.how == "tensors":
            self.parts = [TensorDataset(*(tensor[part.indices] for tensor in data.tensors)) for part in self.parts]
        if self.hparams.how == "stream":
            self.parts = [Stream(part) for part in self.parts]

    def loader(self, part, shuffle=False):
        shuffle = shuffle and self.hparams.how != "stream"
        return DataLoader(self.parts[part], self.hparams.batch_size, shuffle=shuffle)

    def train_dataloader(self):
        return self.loader(0, shuffle=True)

    def val_dataloader(self):
        return self.loader(1)

    def test_dataloader(self):
        return self.loader(2)


class WithoutTest(pl.LightningDataModule):
    setup, loader = Data.setup, Data.loader

    def __init__(self, batch_size=16, split_seed=0, how="subset", rows=80):
        super().__init__()
        self.save_hyperparameters()

    def train_dataloader(self):
        return self.loader(0, shuffle=True)

    def val_dataloader(self):
        return self.loader(1)


class Stream(torch.utils.data.IterableDataset):
    def __init__(self, rows):
        self.rows = rows

    def __iter__(self):
        return iter([self.rows[place] for place in range(len(self.rows))])


class Regressor(pl.LightningModule):
    def __init__(self, hidden=4, lr=0.01, fails_for=None, scheduler=None):
        super().__init__()
        self.save_hyperparameters()
        self.network = nn.Sequential(nn.Linear(4, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def mse(self, batch):
        x, y = batch
        return nn.functional.mse_loss(self.network(x), y)

    def training_step(self, batch, index):
        loss = self.mse(batch)
        self.log("train/loss", loss, on_step=True, on_epoch=True)
        self.log("train/by_step", loss)
        return loss

    def on_train_epoch_end(self):
        self.log("train/epochs", float(self.current_epoch))

    def validation_step(self, batch, index):
        self.log("val/loss", self.mse(batch))
        self.log("val_size", float(len(batch[0])))

    def test_step(self, batch, index):
        self.log("mse", self.mse(batch))

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=self.hparams.lr)
        if self.hparams.scheduler != "plateau":
            return optimizer
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
        return {{"optimizer": optimizer, "lr_scheduler": {{"scheduler": scheduler, "monitor": "val/loss"}}}}


class Fails(Regressor):
    def __init__(self, fails_for=1, **others):
        super().__init__(**others)
        self.fails_for = fails_for

    def on_train_start(self):
        if self.trainer.datamodule.hparams.split_seed == self.fails_for:
            raise RuntimeError("no luck with this seed")


class Diverges(Regressor):
    def test_step(self, batch, index):
        self.log("mse", self.mse(batch) * float("nan"))


class LateNetwork(Regressor):
    """Makes its layers in ``configure_model``."""

    def __init__(self, hidden=4, lr=0.01):
        super().__init__(hidden, lr)
        del self.network
        self.network = None

    def configure_model(self):
        if self.network is None:
            self.network = nn.Linear(4, 1)


class TwoOptimizers(pl.LightningModule):
    """Two networks in a game, stepped by hand."""

    def __init__(self, lr=0.01):
        super().__init__()
        self.automatic_optimization = False
        self.lr = lr
        self.generator, self.critic = nn.Linear(4, 1), nn.Linear(5, 1)

    def critic_loss(self, x, y):
        real = self.critic(torch.cat([x, y], 1))
        made = self.critic(torch.cat([x, self.generator(x)], 1))
        return made.mean() - real.mean() + real.square().mean()

    def training_step(self, batch, index):
        x, y = batch
        of_generator, of_critic = self.optimizers()
        self.toggle_optimizer(of_critic)
        of_critic.zero_grad()
        loss = self.critic_loss(x, y)
        self.manual_backward(loss)
        of_critic.step()
        self.untoggle_optimizer(of_critic)
        self.toggle_optimizer(of_generator)
        of_generator.zero_grad()
        fooled = -self.critic(torch.cat([x, self.generator(x)], 1)).mean()
        self.manual_backward(fooled)
        of_generator.step()
        self.untoggle_optimizer(of_generator)
        self.log_dict({{"train/critic": loss, "train/generator": fooled}}, on_step=False, on_epoch=True)

    def validation_step(self, batch, index):
        self.log("val/critic", self.critic_loss(*batch))

    def test_step(self, batch, index):
        self.log("test/critic", self.critic_loss(*batch))

    def configure_optimizers(self):
        return [torch.optim.SGD(part.parameters(), lr=self.lr) for part in (self.generator, self.critic)]
'''

EXPERIMENT = """
# @package _global_
defaults: [{override /task: lightning}]
question: Does a wider network pay?
seeds: 2
module: {_target_: mine.Regressor, hidden: 4}
datamodule: {_target_: mine.Data, split_seed: "${seed}"}
trainer: {max_epochs: 2, accelerator: cpu}
metrics: {val/loss: lower, test/mse: lower}
tracking: {pictures: false}
variants: {narrow: [module.hidden=2], wide: [module.hidden=8]}
report: {metric: test/mse, baseline: narrow}
"""


def write(
    folder: Path, empty_store: Path, *, package: str = "pytorch_lightning", name: str = "mine", code: str = REGRESSION
) -> Path:
    """A project with the experiment ``width``, whose module is called ``name``: a process imports no other by that name."""
    (folder / "experiments").mkdir(parents=True)
    namespace = "lightning.pytorch" if package == "lightning" else package
    (folder / f"{name}.py").write_text(code.format(pl=namespace))
    (folder / "experiments" / "width.yaml").write_text(EXPERIMENT.replace("mine.", f"{name}."))
    shutil.copy(empty_store, folder / "mlflow.db")
    return folder

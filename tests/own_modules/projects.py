"""Projects with LightningModules as people write them: code and experiments as texts, for both packages of Lightning."""

from __future__ import annotations

import shutil
from pathlib import Path

REGRESSION = '''
import {pl} as pl
import torch
from {pl}.loggers import CSVLogger
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
        if self.hparams.how == "stream_train":
            self.parts[0] = Stream(self.parts[0])

    def loader(self, part, shuffle=False):
        shuffle = shuffle and not self.hparams.how.startswith("stream")
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


class NoData:
    def __init__(self, split_seed):
        self.split_seed = split_seed


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
        self.log("train/first", loss) if self.current_epoch == 0 else None
        return loss

    def on_train_epoch_end(self):
        self.log("train/epochs", float(self.current_epoch))

    def validation_step(self, batch, index):
        self.log("val/loss", self.mse(batch))
        self.log("val_size", float(len(batch[0])))
        self.log("val/by_step", 1.0, on_step=True, on_epoch=False)

    def test_step(self, batch, index):
        self.log("mse", self.mse(batch))

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=self.hparams.lr)
        if self.hparams.scheduler != "plateau":
            return optimizer
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
        return {{"optimizer": optimizer, "lr_scheduler": {{"scheduler": scheduler, "monitor": "val/loss"}}}}


class Keyed(CSVLogger):
    """Wants a key, and writes when it is made."""

    def __init__(self, save_dir, name="", version=None, key=None):
        super().__init__(save_dir, name, version)
        self.experiment.save()
        if key is None:
            raise ValueError("there is no key")


class NotMade(pl.Callback):
    def __init__(self):
        raise ValueError("not today")


def function_of_a_network():
    return nn.ReLU()


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

TEMPLATE = '''
from typing import Any, Optional, Tuple

import torch
from {pl} import LightningDataModule, LightningModule
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset, random_split
from torchmetrics import MaxMetric, MeanMetric
from torchmetrics.classification.accuracy import Accuracy


class Pictures(LightningDataModule):
    """Made-up pictures of three classes, in the shape of lightning-hydra-template's MNIST."""

    def __init__(self, data_dir="data/", split: Tuple[int, int, int] = (60, 20, 20), batch_size: int = 20, num_workers: int = 0):
        super().__init__()
        self.save_hyperparameters(logger=False)
        self.data_train: Optional[Dataset] = None
        self.data_val: Optional[Dataset] = None
        self.data_test: Optional[Dataset] = None
        self.batch_size_per_device = batch_size

    @property
    def num_classes(self) -> int:
        return 3

    def prepare_data(self) -> None:
        generator = torch.Generator().manual_seed(1)
        labels = torch.arange(100) % 3
        pictures = torch.rand(100, 1, 6, 6, generator=generator)
        pictures[torch.arange(100), 0, labels * 2] += 1
        torch.save((pictures, labels), self.hparams.data_dir + "pictures.pt")

    def setup(self, stage: Optional[str] = None) -> None:
        if self.trainer is not None:
            if self.hparams.batch_size % self.trainer.world_size != 0:
                raise RuntimeError("the batch size is not divisible by the number of devices")
            self.batch_size_per_device = self.hparams.batch_size // self.trainer.world_size
        if not self.data_train and not self.data_val and not self.data_test:
            dataset = TensorDataset(*torch.load(self.hparams.data_dir + "pictures.pt"))
            self.data_train, self.data_val, self.data_test = random_split(
                dataset=dataset, lengths=self.hparams.split, generator=torch.Generator().manual_seed(42)
            )

    def loader(self, dataset: Any, shuffle: bool) -> DataLoader[Any]:
        return DataLoader(
            dataset=dataset, batch_size=self.batch_size_per_device, num_workers=self.hparams.num_workers, shuffle=shuffle
        )

    def train_dataloader(self) -> DataLoader[Any]:
        return self.loader(self.data_train, shuffle=True)

    def val_dataloader(self) -> DataLoader[Any]:
        return self.loader(self.data_val, shuffle=False)

    def test_dataloader(self) -> DataLoader[Any]:
        return self.loader(self.data_test, shuffle=False)


class DenseNet(nn.Module):
    def __init__(self, size: int = 8):
        super().__init__()
        self.model = nn.Sequential(nn.Flatten(), nn.Linear(36, size), nn.BatchNorm1d(size), nn.ReLU(), nn.Linear(size, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x)


class Classifier(LightningModule):
    def __init__(self, net: nn.Module, optimizer: Any, scheduler: Any, compile: bool) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False, ignore=["net"])
        self.net = net
        self.criterion = nn.CrossEntropyLoss()
        self.train_acc = Accuracy(task="multiclass", num_classes=3)
        self.val_acc = Accuracy(task="multiclass", num_classes=3)
        self.test_acc = Accuracy(task="multiclass", num_classes=3)
        self.train_loss, self.val_loss, self.test_loss = MeanMetric(), MeanMetric(), MeanMetric()
        self.val_acc_best = MaxMetric()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)

    def on_train_start(self) -> None:
        self.val_loss.reset()
        self.val_acc.reset()
        self.val_acc_best.reset()

    def model_step(self, batch: Any) -> Any:
        x, y = batch
        logits = self.forward(x)
        return self.criterion(logits, y), torch.argmax(logits, dim=1), y

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        loss, preds, targets = self.model_step(batch)
        self.train_loss(loss)
        self.train_acc(preds, targets)
        self.log("train/loss", self.train_loss, on_step=False, on_epoch=True, prog_bar=True)
        self.log("train/acc", self.train_acc, on_step=False, on_epoch=True, prog_bar=True)
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        loss, preds, targets = self.model_step(batch)
        self.val_loss(loss)
        self.val_acc(preds, targets)
        self.log("val/loss", self.val_loss, on_step=False, on_epoch=True, prog_bar=True)
        self.log("val/acc", self.val_acc, on_step=False, on_epoch=True, prog_bar=True)

    def on_validation_epoch_end(self) -> None:
        self.val_acc_best(self.val_acc.compute())
        self.log("val/acc_best", self.val_acc_best.compute(), sync_dist=True, prog_bar=True)

    def test_step(self, batch: Any, batch_idx: int) -> None:
        loss, preds, targets = self.model_step(batch)
        self.test_loss(loss)
        self.test_acc(preds, targets)
        self.log("test/loss", self.test_loss, on_step=False, on_epoch=True, prog_bar=True)
        self.log("test/acc", self.test_acc, on_step=False, on_epoch=True, prog_bar=True)

    def setup(self, stage: str) -> None:
        if self.hparams.compile and stage == "fit":
            self.net = torch.compile(self.net)

    def configure_optimizers(self) -> Any:
        optimizer = self.hparams.optimizer(params=self.trainer.model.parameters())
        if self.hparams.scheduler is None:
            return {{"optimizer": optimizer}}
        scheduler = self.hparams.scheduler(optimizer=optimizer)
        scheduler = {{"scheduler": scheduler, "monitor": "val/loss", "interval": "epoch", "frequency": 1}}
        return {{"optimizer": optimizer, "lr_scheduler": scheduler}}
'''

TEMPLATE_EXPERIMENT = """
# @package _global_
defaults: [{override /task: lightning}]
question: Does a larger network pay?
seeds: 2
select: best
module:
  _target_: mine.Classifier
  optimizer: {_target_: torch.optim.Adam, _partial_: true, lr: 0.01, weight_decay: 0.0}
  scheduler: {_target_: torch.optim.lr_scheduler.ReduceLROnPlateau, _partial_: true, mode: min, factor: 0.1, patience: 1}
  net: {_target_: mine.DenseNet, size: 8}
  compile: false
datamodule: {_target_: mine.Pictures, data_dir: FOLDER/, batch_size: 20, split: [60, 20, 20]}
trainer: {_target_: lightning.pytorch.trainer.Trainer, min_epochs: 1, max_epochs: 3, accelerator: cpu, devices: 1, deterministic: false}
callbacks:
  model_checkpoint: {_target_: LIGHTNING.callbacks.ModelCheckpoint, dirpath: FOLDER/kept, filename: "epoch_{epoch:03d}", monitor: val/acc, mode: max, save_last: true, auto_insert_metric_name: false}
  early_stopping: {_target_: LIGHTNING.callbacks.EarlyStopping, monitor: val/acc, patience: 100, mode: max}
  model_summary: {_target_: LIGHTNING.callbacks.RichModelSummary, max_depth: -1}
  rich_progress_bar: {_target_: LIGHTNING.callbacks.RichProgressBar}
  rate: {_target_: LIGHTNING.callbacks.LearningRateMonitor}
loggers: {csv: {_target_: LIGHTNING.loggers.csv_logs.CSVLogger, save_dir: FOLDER/logs, name: csv/}}
metrics: {val/acc: higher, test/acc: higher, test/loss: lower}
tracking: {pictures: false}
variants: {small: [module.net.size=4], large: [module.net.size=16]}
report: {metric: test/acc, baseline: small}
"""

EXPERIMENT = """
# @package _global_
defaults: [{override /task: lightning}]
question: Does a wider network pay?
seeds: 2
module: {_target_: mine.Regressor, hidden: 4, lr: 0.01}
datamodule: {_target_: mine.Data, split_seed: "${seed}"}
trainer: {max_epochs: 2, accelerator: cpu}
metrics: {val/loss: lower, test/mse: lower}
tracking: {pictures: false}
variants: {narrow: [module.hidden=2], wide: [module.hidden=8]}
report: {metric: test/mse, baseline: narrow}
"""


def write(
    folder: Path,
    empty_store: Path,
    *,
    package: str = "pytorch_lightning",
    name: str = "mine",
    code: str = REGRESSION,
    experiment: str = EXPERIMENT,
) -> Path:
    """A project with the experiment ``width``, whose module is called ``name``: a process imports no other by that name."""
    (folder / "experiments").mkdir(parents=True)
    namespace = "lightning.pytorch" if package == "lightning" else package
    (folder / f"{name}.py").write_text(code.format(pl=namespace))
    (folder / "experiments" / "width.yaml").write_text(
        experiment.replace("mine.", f"{name}.").replace("LIGHTNING", namespace).replace("FOLDER", str(folder))
    )
    shutil.copy(empty_store, folder / "mlflow.db")
    return folder

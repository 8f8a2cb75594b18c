"""What a batch system, a launcher or an earlier run of Lightning's has left around does not change a fit."""

from __future__ import annotations

import inspect
import os
import warnings
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from lightning_fabric.utilities import registry
from lightning_fabric.utilities.rank_zero import rank_zero_only
from pytorch_lightning.plugins.environments import LightningEnvironment
from torch.utils.data import DataLoader

from seedbed.config.trainer import INSTEAD, LIGHTNING_ARGUMENTS, OF_EACH_SEED, OWN_SETTINGS
from seedbed.training.one_process import one_process_trainer
from seedbed.training.stack_trainer import StackTrainer
from tests.stacking.test_against_reference import TABLE, config, data_of

SLURM = {
    "SLURM_JOB_NAME": "train", "SLURM_JOB_ID": "123", "SLURM_NTASKS": "4", "SLURM_PROCID": "3", "SLURM_LOCALID": "3",
    "SLURM_NODEID": "1",
}  # fmt: skip
LAUNCHERS = {
    "slurm": SLURM,
    "slurm_one_task": SLURM | {"SLURM_NTASKS": "1", "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0"},
    "slurm_per_node": SLURM | {"SLURM_NTASKS_PER_NODE": "2", "SLURM_NNODES": "2"},
    "lsf": {
        "LSB_JOBID": "1", "LSB_DJOB_RANKFILE": "/nowhere", "JSM_NAMESPACE_LOCAL_RANK": "1", "JSM_NAMESPACE_SIZE": "2",
        "JSM_NAMESPACE_RANK": "1",
    },
    "mpi": {"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_LOCAL_RANK": "1", "PMI_RANK": "1"},
    "torchelastic": {
        "TORCHELASTIC_RUN_ID": "none", "RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "GROUP_RANK": "0",
        "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "nowhere.invalid", "MASTER_PORT": "1",
    },
    "kubeflow": {
        "KUBERNETES_PORT": "tcp://127.0.0.1:443", "MASTER_ADDR": "nowhere.invalid", "MASTER_PORT": "23456",
        "WORLD_SIZE": "2", "RANK": "1",
    },
    "by_hand": {"NODE_RANK": "1", "LOCAL_RANK": "one", "WORLD_SIZE": "2"},
    "lightnings_own": {"PL_TRAINER_MAX_STEPS": "1", "PL_TRAINER_LIMIT_TRAIN_BATCHES": "1", "PL_TRAINER_NUM_NODES": "2"},
}  # fmt: skip


@pytest.fixture(scope="module")
def outside() -> list[dict[str, float]]:
    return metrics()


def metrics() -> list[dict[str, float]]:
    results = StackTrainer(config(max_epochs=2), TABLE).train(data_of([0, 1]))
    return [{name: value for name, value in found.metrics.items() if name != "seconds"} for found in results]


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_fit_is_the_same_under_a_launchers_variables(
    launcher: str, outside: list[dict[str, float]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user's ``lightning_logs`` and what Lightning takes for a checkpoint of this job lie in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lightning_logs").mkdir()
    (tmp_path / "hpc_ckpt_1.ckpt").write_text("not a checkpoint: loading it would fail")
    for name, value in LAUNCHERS[launcher].items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert metrics() == outside
    assert dict(os.environ) == before
    assert {path.name for path in tmp_path.iterdir()} == {"lightning_logs", "hpc_ckpt_1.ckpt"}
    assert (tmp_path / "hpc_ckpt_1.ckpt").read_text().startswith("not a checkpoint")
    assert not list((tmp_path / "lightning_logs").iterdir())


class Regression(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(2, 1)

    def training_step(self, batch: torch.Tensor, _: int) -> torch.Tensor:
        loss: torch.Tensor = self.layer(batch).square().sum()
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def test_a_checkpoint_of_slurms_kind_in_the_current_folder_is_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sound one, which Lightning's own Trainer does load: the module ends with its weights."""
    monkeypatch.chdir(tmp_path)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    rows = DataLoader(torch.ones(4, 2), batch_size=2)  # type: ignore[arg-type]
    planted = Regression()
    with one_process_trainer(**quiet, enable_checkpointing=False, max_epochs=1) as trainer:
        trainer.fit(planted, rows)
        trainer.save_checkpoint("hpc_ckpt_1.ckpt")
    for name, value in LAUNCHERS["slurm_one_task"].items():
        monkeypatch.setenv(name, value)
    ours, theirs = Regression(), Regression()
    start = ours.layer.weight.detach().clone()
    with one_process_trainer(**quiet, enable_checkpointing=False, max_epochs=1, limit_train_batches=0) as trainer:
        trainer.fit(ours, rows)
    assert torch.equal(ours.layer.weight, start)
    assert trainer._checkpoint_connector._hpc_resume_path is None
    usual = pl.Trainer(**quiet, enable_checkpointing=False, max_epochs=1)  # type: ignore[arg-type]
    usual.fit(theirs, rows)
    assert torch.equal(theirs.layer.weight, planted.layer.weight), "this test plants what Lightning would load"


def test_a_trainer_is_the_only_process_of_rank_zero_in_a_folder_that_is_removed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SLURM_NTASKS", "4")
    monkeypatch.setattr(rank_zero_only, "rank", 3)  # as read from SLURM_PROCID when Lightning was imported
    with one_process_trainer(accelerator="cpu", devices=1, logger=False) as trainer:
        assert isinstance(trainer._accelerator_connector.cluster_environment, LightningEnvironment)
        assert (trainer.world_size, trainer.global_rank, trainer.local_rank, trainer.node_rank) == (1, 0, 0, 0)
        assert trainer.is_global_zero
        assert rank_zero_only.rank == 0
        folder = Path(trainer.default_root_dir)
        assert folder.is_dir()
        assert folder != Path.cwd()
    assert not folder.exists()
    assert rank_zero_only.rank == 3


def test_every_argument_of_lightnings_trainer_is_taken_or_said_not_to_be() -> None:
    assert set(inspect.signature(pl.Trainer).parameters) == {*LIGHTNING_ARGUMENTS, *INSTEAD, *OF_EACH_SEED}
    assert not set(INSTEAD) & {*LIGHTNING_ARGUMENTS, *OWN_SETTINGS}


def test_installed_packages_are_read_once_and_not_at_every_trainer(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(**_: str) -> None:
        raise AssertionError("read again")

    with one_process_trainer(logger=False):
        pass
    monkeypatch.setattr(registry, "entry_points", read)
    with one_process_trainer(logger=False):
        assert registry.entry_points is read  # a Trainer of a user's own does as ever

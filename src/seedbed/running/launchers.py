"""Hydra's launchers: which extra installs each, and which of them let jobs share this machine's cores.

A launcher that is not in the table works as well, once its package is installed; its jobs take all cores each.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

from seedbed.cores import available_cores
from seedbed.errors import ConfigError

BASIC = "BasicLauncher"
"""The class of Hydra's own launcher, which runs one job after another in this process."""


def _jobs_of_joblib(hydra: DictConfig) -> int:
    wanted = hydra.launcher.n_jobs or 1
    return int(wanted) if wanted > 0 else max(1, available_cores() + 1 + wanted)


def _batch_of_submitit(hydra: DictConfig) -> int:
    return int(hydra.sweeper.get("max_batch_size") or available_cores())


@dataclass(frozen=True)
class Launcher:
    """One of Hydra's launchers, as a package brings it."""

    choice: str
    """The choice of ``hydra/launcher``."""
    class_name: str
    extra: str
    """The extra of seedbed that installs its package, hydra-EXTRA-launcher."""
    jobs_at_once: Callable[[DictConfig], int] | None = None
    """How many of its jobs share this machine's cores; None: each has cores of its own, by SLURM or Ray."""
    starts_all: bool = False
    """Whether it starts all jobs of a batch at once, so that no batch is larger than there are cores."""


LAUNCHERS = (
    Launcher("joblib", "JoblibLauncher", "joblib", _jobs_of_joblib),
    Launcher("submitit_local", "LocalLauncher", "submitit", _batch_of_submitit, starts_all=True),
    Launcher("submitit_slurm", "SlurmLauncher", "submitit"),
    Launcher("ray", "RayLauncher", "ray"),
    Launcher("ray_aws", "RayAWSLauncher", "ray"),
)


def class_name(node: Any) -> str:
    """The name of the class that a node of a config names in ``_target_``."""
    return str(node._target_).rsplit(".", maxsplit=1)[-1]


def launcher_name(hydra: Any) -> str:
    """The class of the launcher."""
    return class_name(hydra.launcher)


def threads_of_a_job(hydra: DictConfig, jobs: int) -> int | None:
    """PyTorch's threads in each job, where several share this machine's cores; None: what a job finds for itself.

    One job after another has the whole machine.
    """
    launcher = _launcher(hydra)
    if launcher is None or launcher.jobs_at_once is None:
        return None
    share = max(1, available_cores() // min(launcher.jobs_at_once(hydra), jobs))
    return min(share, torch.get_num_threads())  # fewer where the user said so by OMP_NUM_THREADS


def batch_overrides(hydra: DictConfig) -> list[str]:
    """What keeps a launcher that starts a batch of jobs at once to as many as there are cores."""
    launcher = _launcher(hydra)
    if launcher is not None and launcher.starts_all and hydra.sweeper.get("max_batch_size") is None:
        return [f"hydra.sweeper.max_batch_size={available_cores()}"]
    return []


def check_installed(overrides: Sequence[Override]) -> None:
    """Raise ``ConfigError`` where an override chooses a launcher that is not installed."""
    for item in overrides:
        if item.key_or_group != "hydra/launcher":
            continue
        for launcher in LAUNCHERS:
            if str(item.value()) == launcher.choice and not _is_installed(f"hydra-{launcher.extra}-launcher"):
                raise _not_installed(str(item.input_line), launcher)


def not_installed_in(error: ConfigError, experiment: str) -> ConfigError | None:
    """What to say of an experiment's file whose launcher Hydra did not find; None where ``error`` is another one."""
    for launcher in LAUNCHERS:
        if re.search(rf"hydra/launcher/{launcher.choice}\b", str(error)):
            return _not_installed(f"experiments/{experiment}.yaml: hydra/launcher: {launcher.choice}", launcher)
    return None


def _launcher(hydra: DictConfig) -> Launcher | None:
    return next((launcher for launcher in LAUNCHERS if launcher.class_name == launcher_name(hydra)), None)


def _not_installed(place: str, launcher: Launcher) -> ConfigError:
    return ConfigError(
        f"{place}: that launcher is not installed. Install it with: pip install 'seedbed[{launcher.extra}]'"
    )


def _is_installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True

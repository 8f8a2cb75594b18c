"""Hydra multirun: one job for each combination of values, through Hydra's own sweepers and launchers."""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from os import PathLike
from pathlib import Path

import click
import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

from seedbed.errors import SeedbedError
from seedbed.experiment import as_list, hydra_arguments, load_experiment, parse
from seedbed.paths import project_folder, resources
from seedbed.progress import Display
from seedbed.report import table_text
from seedbed.runner import SWEEP, run

_log = logging.getLogger(__name__)


def run_jobs(name: str, overrides: Sequence[str], config_dir: str | PathLike[str] | None) -> int:
    """Run the jobs and return the exit code: 0 when all of them finished, 1 when one failed (the others go on)."""
    overrides = [as_list(text) for text in overrides]
    _check_jobs(name, overrides, config_dir)
    project = project_folder(config_dir)
    # Jobs may run in other processes and other folders: what they need of this one goes by the environment.
    os.environ["SEEDBED_PROJECT"] = str(project)
    os.environ["SEEDBED_LAUNCH_FOLDER"] = str(Path.cwd())
    if config_dir is not None:
        os.environ["SEEDBED_CONFIG_DIR"] = str(Path(config_dir).resolve())
    folder = _own_folder(project / "multirun" / name)
    os.environ[SWEEP] = json.dumps({"id": folder.name, "keys": _swept_keys(overrides)})
    before = sys.argv
    sys.argv = ["seedbed", "--multirun", *hydra_arguments(name, config_dir), f"hydra.sweep.dir='{folder}'", *overrides]
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        _job()
    except Exception:
        return 1
    finally:
        sys.argv = before
        del os.environ[SWEEP]
    return 0


def _swept_keys(overrides: Sequence[str]) -> list[str]:
    """The keys that are given several values."""
    return [item.get_key_element() for item in _settings(overrides) if item.is_sweep_override()]


def _settings(overrides: Sequence[str]) -> list[Override]:
    """The overrides that are not for Hydra itself."""
    return [item for item in parse(overrides) if not item.key_or_group.startswith("hydra")]


def _own_folder(parent: Path) -> Path:
    """A new folder named by the time; launches of one second, on this or another machine, get one each."""
    now = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    for suffix in itertools.count(1):
        folder = parent / (now if suffix == 1 else f"{now}_{suffix}")
        with contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True)
            return folder
    raise AssertionError("counting does not end")


def _check_jobs(name: str, overrides: Sequence[str], config_dir: str | PathLike[str] | None) -> None:
    """Find bad input in any job before the first one starts."""
    choices = [
        [f"{item.get_key_element()}={value}" for value in item.sweep_string_iterator()]
        if item.is_sweep_override()
        else [item.input_line or ""]
        for item in _settings(overrides)
    ]
    for job in itertools.product(*choices):
        load_experiment(name, job, config_dir)


@hydra.main(version_base="1.3", config_path=str(resources() / "conf"), config_name="config")
def _job(_: DictConfig) -> None:
    """One job: an ordinary run with this job's overrides, from the folder in which the command was typed."""
    os.chdir(os.environ["SEEDBED_LAUNCH_FOLDER"])
    config = HydraConfig.get()
    name = config.runtime.choices["experiments"]
    overrides = [text for text in config.overrides.task if not text.startswith("experiments=")]
    try:
        outcome = run(name, overrides, os.environ.get("SEEDBED_CONFIG_DIR"), display=Display(), curves=False)
        click.echo(f"\n{' '.join(overrides)}\n{table_text(outcome.results)}\n")
        if outcome.failures:
            raise FailedJob("; ".join(f"{where}: {why}" for where, why in outcome.failures.items()))
    except SeedbedError as error:
        _log.error("Job %s failed (%s): %s", config.job.num, " ".join(overrides), error)
        raise
    except Exception:
        # Hydra shows the first failing job only, and leaves nothing in the job's own log.
        _log.exception("Job %s failed: %s", config.job.num, " ".join(overrides))
        raise


class FailedJob(Exception):
    """Variants or seeds of a job failed; what they left is in MLflow, the rest of the job is recorded."""

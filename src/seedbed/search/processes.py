"""A search by several processes that one of Hydra's launchers starts: they share the trials of one study."""

from __future__ import annotations

import json
import os
import time
import traceback
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import click
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from seedbed.config.keys import refuse_names_of_optuna_sweeper
from seedbed.config.override_grammar import in_grammar, parse
from seedbed.errors import ConfigError
from seedbed.paths import project_folder
from seedbed.running.hydra_jobs import (
    enter_job,
    is_for_hydra,
    launch,
    launcher_settings,
    no_second_log,
    own_folder,
)
from seedbed.running.job_logs import add_failures, log_name, logged
from seedbed.running.launchers import BASIC, launcher_name, threads_of_a_job
from seedbed.search.runner import NOT_REPEATABLE, SearchOutcome, make_study, search
from seedbed.tracking.databases import without_password
from seedbed.training.progress import Display

WORK = "SEEDBED_SEARCH"
"""What a process is to do: the overrides of the search, and how many threads it has."""


def search_by_processes(
    name: str, overrides: Sequence[str] = (), config_dir: str | PathLike[str] | None = None
) -> SearchOutcome:
    """Search as ``search`` does, with trials in ``hydra.sweeper.n_jobs`` processes of ``hydra/launcher``.

    What is wrong is found before any process starts; what they leave undone, this one does.
    """
    overrides = in_grammar(overrides, config_dir, sweeps=True)
    hydra = launcher_settings(name, overrides, config_dir)
    refuse_names_of_optuna_sweeper(map(str, hydra.sweeper))
    of_search = [*_from_sweeper(hydra), *(str(item.input_line) for item in parse(overrides) if not is_for_hydra(item))]
    if any(text != without_password(text) for text in of_search):
        raise ConfigError(
            "search.storage: Hydra writes a job's settings into its folder, where a password has no place. Leave it out of "
            "the address, and give it in PGPASSWORD or ~/.pgpass."
        )
    settings, store = make_study(name, of_search, config_dir)
    began = time.time()
    processes = 1 if launcher_name(hydra) == BASIC else hydra.sweeper.n_jobs
    if not isinstance(processes, int) or processes < 1:
        raise ConfigError(f"hydra.sweeper.n_jobs={processes}: give a number of processes, from 1 on.")
    folder = own_folder(project_folder(config_dir) / "multirun" / name)
    click.echo(f"{processes} process{'es' if processes > 1 else ''} for one study. Logs: {folder}", err=True)
    if processes > 1 and settings.sampler.learns:
        click.echo(NOT_REPEATABLE.format(sampler=settings.sampler.name), err=True)
    work = {"overrides": of_search, "threads": threads_of_a_job(hydra, processes), "began": began}
    given = [*no_second_log(hydra), *overrides, f"hydra.sweeper.n_jobs={processes}"]
    if stopped := launch(_work, name, given, config_dir, folder, lambda: store, {WORK: json.dumps(work)}):
        click.echo(stopped, err=True)
    return search(name, of_search, config_dir, display=Display(), began=began)


def _from_sweeper(hydra: DictConfig) -> list[str]:
    """What is given under the names of Hydra's own Optuna sweeper; the command line comes after it, and counts."""
    trials = hydra.sweeper.n_trials
    params = [f"{key}={value}" for key, value in (hydra.sweeper.params or {}).items()]
    return [*([f"search.trials={trials}"] if trials is not None else []), *params]


def _work(_: DictConfig) -> None:
    """One process: take trials until there are none left."""
    config_dir = enter_job()
    config, work = HydraConfig.get(), json.loads(os.environ[WORK])
    if work["threads"]:
        torch.set_num_threads(work["threads"])
    name = config.runtime.choices["experiments"]
    path = Path(config.runtime.output_dir) / log_name(config.job.num)
    display = Display(log=path)
    try:
        with logged(path):
            search(name, work["overrides"], config_dir, display=display, only_trials=True, began=work["began"])
    except Exception as error:  # the other processes, and at last the one above, go on
        said = f"{type(error).__name__}: {error}"
        add_failures(path, {said: traceback.format_exc()})
        click.echo(f"Process {config.job.num} of the search ended: {said}. See {path}", err=True)

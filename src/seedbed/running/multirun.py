"""Hydra multirun: one job for each combination of values, through Hydra's own sweepers and launchers."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import traceback
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import click
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

from seedbed.config.compose import BaseConfig, adding
from seedbed.config.experiment import Experiment, load_experiments
from seedbed.config.misplaced import DATA_SET
from seedbed.config.override_grammar import by_group, in_grammar, parse
from seedbed.errors import ConfigError, SeedbedError
from seedbed.paths import project_folder
from seedbed.running.benchmark import run_experiments
from seedbed.running.hydra_jobs import (
    SEARCHES,
    Stopped,
    enter_job,
    from_hydra,
    is_for_hydra,
    launch,
    launcher_settings,
    no_second_log,
    own_folder,
)
from seedbed.running.job_logs import add_failures, log_name, logged, why_failed
from seedbed.running.launchers import BASIC, batch_overrides, class_name, launcher_name, threads_of_a_job
from seedbed.running.runner import open_store
from seedbed.running.sweep import SweepJob
from seedbed.tracking.store import NothingTracked, Store
from seedbed.training.failures import grouped
from seedbed.training.progress import Display, add_to

SWEEP = "SEEDBED_SWEEP"
"""What each job is told by the environment of its process: the sweep, as JSON."""
STOPPED = "stopped-by-a-failure"
"""The file that the first job which fails writes into a multirun's folder, where it is to stop the others."""


def run_jobs(
    name: str, overrides: Sequence[str], config_dir: str | PathLike[str] | None, *, fail_fast: bool = False
) -> int:
    """Run the jobs and return the exit code: 0 when all of them finished, 1 when one failed.

    A failing job does not stop the others, unless ``fail_fast``: then no job is started after it. An interrupt or
    SIGTERM ends all jobs; in any case what is finished is kept, and no run of theirs stays RUNNING.
    """
    planned = jobs_of(name, overrides, config_dir)
    hydra, overrides, jobs = planned.hydra, planned.overrides, planned.jobs
    experiments = [experiments[0] for experiments in planned.experiments]

    def store_of() -> Store | None:
        """None as long as no job has made it: none got as far as that."""
        try:
            return open_store(experiments[0], create=False)
        except NothingTracked:
            return None

    threads = threads_of_a_job(hydra, len(jobs))
    folder = own_folder(project_folder(config_dir) / "multirun" / name)
    composed = [text for text in jobs[0] if not text.startswith(f"{DATA_SET.key}=")]
    added = BaseConfig.of_experiment(name, config_dir).added_keys(composed)
    sweep = {
        "id": f"{folder.name}_{uuid.uuid4().hex[:6]}",  # a server may hold the sweeps of several projects
        "keys": _swept_keys(overrides),
        "added": sorted(added),
        "jobs": len(jobs),
        "threads": threads,
        "fail_fast": fail_fast,
    }
    click.echo(f"{_counted(len(jobs), 'job')}. Folders and logs: {folder}", err=True)
    stopped = ""
    try:
        environment = {SWEEP: json.dumps(sweep)}
        stopped = launch(
            _job,
            name,
            [*batch_overrides(hydra), *no_second_log(hydra), *adding(overrides, added)],
            config_dir,
            folder,
            store_of,
            environment,
        )
    finally:
        states = _states(store_of(), str(sweep["id"]), len(jobs), folder)
        click.echo(_summary(states, planned.values, folder, stopped), err=True)
    return 0 if set(states) == {"done"} else 1


@dataclass(frozen=True)
class SweepJobs:
    """The jobs of a multirun, read before the first is run."""

    hydra: DictConfig
    """Hydra's own settings."""
    overrides: list[str]
    """As typed, several values of a key among them."""
    jobs: list[tuple[str, ...]]
    """The overrides of each, in the order in which Hydra numbers them."""
    experiments: list[tuple[Experiment, ...]]
    """Of each job, on each data set."""

    @property
    def values(self) -> list[str]:
        """What each job sets for itself, as typed."""
        return _values(self.jobs, self.overrides)


def jobs_of(name: str, overrides: Sequence[str], config_dir: str | PathLike[str] | None) -> SweepJobs:
    """The jobs that a command asks for; raises ``ConfigError`` for what is wrong in any of them."""
    groups = BaseConfig.of_experiment(name, config_dir).groups
    overrides = by_group(in_grammar(overrides, config_dir, sweeps=True), groups)
    _refuse_nodes(name, overrides, config_dir)
    hydra = launcher_settings(name, overrides, config_dir)
    jobs = _jobs(hydra, overrides)
    return SweepJobs(hydra, list(overrides), jobs, [load_experiments(name, job, config_dir) for job in jobs])


def _refuse_nodes(name: str, overrides: Sequence[str], config_dir: str | PathLike[str] | None) -> None:
    """Raise ``ConfigError`` for a whole node in place of a choice, which Hydra, as it composes the jobs, would merge into one."""
    groups = BaseConfig.of_experiment(name, config_dir).groups
    for item in parse(overrides):
        group = item.key_or_group
        if group in groups and "_target_" in str(item.input_line):
            raise ConfigError(
                f"Override {item.input_line!r}: with -m, a config group takes choices. Write the node into {group}/NAME.yaml, "
                f"beside experiments/, and {group}=NAME; or make a variant of it."
            )


def is_search(name: str, overrides: Sequence[str], config_dir: str | PathLike[str] | None) -> bool:
    """Whether what is typed, or the experiment's file, chooses the sweeper that searches; raises ``ConfigError``."""
    hydra = launcher_settings(name, in_grammar(overrides, config_dir, sweeps=True), config_dir)
    return class_name(hydra.sweeper) == SEARCHES


def _settings(overrides: Sequence[str]) -> list[Override]:
    """The overrides that are not for Hydra itself."""
    return [item for item in parse(overrides) if not is_for_hydra(item)]


def _swept_keys(overrides: Sequence[str]) -> list[str]:
    """The keys that are given several values."""
    return [item.get_key_element() for item in _settings(overrides) if item.is_sweep_override()]


def _jobs(hydra: DictConfig, overrides: Sequence[str]) -> list[tuple[str, ...]]:
    """The overrides of each job, in the order in which Hydra numbers them."""
    choices = [
        [f"{item.get_key_element()}={value}" for value in item.sweep_string_iterator()]
        if item.is_sweep_override()
        else [item.input_line or ""]
        for item in _settings(overrides)
    ]
    return list(itertools.product(*choices))


def _values(jobs: Sequence[Sequence[str]], overrides: Sequence[str]) -> list[str]:
    """What each job sets for itself, as typed."""
    swept = [item.is_sweep_override() for item in _settings(overrides)]
    return [" ".join(itertools.compress(job, swept)) for job in jobs]


# ---- one job ---------------------------------------------------------------------------------------------------------


def _job(_: DictConfig) -> None:
    """An ordinary run with this job's overrides, from the folder in which the command was typed.

    It lets no exception out: Hydra would show the first one only, and drop the batches that come later.
    """
    config_dir = enter_job()
    config, sweep = HydraConfig.get(), json.loads(os.environ[SWEEP])
    if (mark := Path(config.sweep.dir) / STOPPED).exists():
        return
    if sweep["threads"]:
        torch.set_num_threads(sweep["threads"])
    name = config.runtime.choices["experiments"]
    added = adding(sweep["added"], sweep["added"])
    overrides = [
        from_hydra(text.removeprefix("++") if text.partition("=")[0] in added else text)
        for text in config.overrides.task
        if not text.startswith("experiments=")
    ]
    path = Path(config.runtime.output_dir) / log_name(config.job.num)
    sweep_job = SweepJob(sweep["id"], tuple(sweep["keys"]), sweep["jobs"], config.job.num)
    with logged(path):
        add_to(path, f"seedbed run {shlex.join([name, *overrides])}")
        failures = _run(name, overrides, config_dir, path, sweep_job, fail_fast=sweep["fail_fast"])
    if not failures:
        return
    add_failures(path, failures)
    if sweep["fail_fast"]:
        mark.touch()
        if launcher_name(config) == BASIC:
            raise Stopped


def _run(
    name: str, overrides: Sequence[str], config_dir: str | None, log: Path, sweep: SweepJob, *, fail_fast: bool
) -> dict[str, str]:
    """Run the job and say what came of it; returns the traceback of each failure, by what failed."""
    display = Display(log=log)
    try:
        experiments = load_experiments(name, overrides, config_dir)
        outcome = run_experiments(experiments, display, for_report=False, fail_fast=fail_fast, sweep=sweep)
    except SeedbedError as error:
        return {" ".join(str(error).split()): traceback.format_exc()}
    except Exception as error:
        return {f"{type(error).__name__}: {error}": traceback.format_exc()}
    if outcome.launch:  # a trial run records nothing
        table = outcome.text()
        click.echo(f"\n{' '.join(overrides)}\n{table}\n")
        add_to(log, f"\n{table}")
    return {f"{where}: {failure.located}": failure.traceback for where, failure in grouped(outcome.failed)}


# ---- after the last job ----------------------------------------------------------------------------------------------


def _states(store: Store | None, sweep: str, jobs: int, folder: Path) -> list[str]:
    """What became of each job: done, failed, killed, running, or not started."""
    launches = store.launches_of_sweep(sweep) if store else {}
    states = []
    for number in range(jobs):
        failed = any(map(why_failed, folder.rglob(log_name(number))))  # also where it failed before there was a launch
        launch = launches.get(number)
        states.append("failed" if failed else launch.state if launch else "not started")
    return states


def _summary(states: Sequence[str], values: Sequence[str], folder: Path, stopped: str) -> str:
    """How many jobs did what, and where the logs of those that failed lie."""
    counts = [f"{states.count(state)} {state}" for state in dict.fromkeys(["done", *states])]
    lines = [stopped] if stopped else []
    lines.append(f"{_counted(len(states), 'job')}: {', '.join(counts)}. Folders and logs: {folder}")
    for number, state in enumerate(states):
        if state != "done":
            log = next(folder.rglob(log_name(number)), None)
            why = why_failed(log) if log else ""
            lines.append(
                f"  job {number}  {values[number]}: {state}{f': {why}' if why else ''}{f' See {log}' if log else ''}"
            )
    return "\n".join(lines)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"

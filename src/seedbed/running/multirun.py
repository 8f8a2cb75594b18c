"""Hydra multirun: one job for each combination of values, through Hydra's own sweepers and launchers."""

from __future__ import annotations

import contextlib
import importlib.metadata
import itertools
import json
import logging
import os
import re
import shlex
import sys
import traceback
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import psutil
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from seedbed.config.compose import check_name, hydra_arguments, hydra_settings
from seedbed.config.experiment import load_experiment
from seedbed.config.overrides import in_grammar, parse
from seedbed.config.own_hydra import own_hydra
from seedbed.cores import available_cores
from seedbed.errors import ConfigError, SeedbedError
from seedbed.paths import expanded, project_folder
from seedbed.quoting import quoted
from seedbed.report.printed import table_text
from seedbed.running.runner import JOB, SWEEP, open_store, run
from seedbed.signals import ending_signals_interrupt
from seedbed.tracking.store import NothingTracked, Store
from seedbed.training.progress import Display, add_to

# Extra of seedbed that brings a launcher; the name of the package is made from it.
LAUNCHERS = {"joblib": "joblib", "submitit_local": "submitit", "submitit_slurm": "submitit", "ray": "ray", "ray_aws": "ray"}  # fmt: skip
FAILED = "FAILED:"
"""What the last line of a job's log begins with where something failed."""
SEARCHES = "SharedStudySweeper"
"""The class of the sweeper that searches."""
HYDRAS_FOLDER = "multirun/${now:"
"""What the folder of a multirun begins with to Hydra where nothing is set."""
# Written into a multirun's folder by the first job that fails, where it is to stop the others.
STOPPED = "stopped-by-a-failure"
SECONDS_TO_END = 10.0
# What jobs elsewhere need of this process' environment to find the same things.
HANDED_OVER = ("MLFLOW_TRACKING_URI", "SEEDBED_DATA", "SEEDBED_CACHE")


def run_jobs(
    name: str, overrides: Sequence[str], config_dir: str | PathLike[str] | None, *, fail_fast: bool = False
) -> int:
    """Run the jobs and return the exit code: 0 when all of them finished, 1 when one failed.

    A failing job does not stop the others, unless ``fail_fast``: then no job is started after it. An interrupt or
    SIGTERM ends all jobs; in any case what is finished is kept, and no run of theirs stays RUNNING.
    """
    overrides = in_grammar(overrides, config_dir, sweeps=True)
    hydra = launcher_settings(name, overrides, config_dir)
    jobs = _jobs(hydra, overrides)
    experiments = [load_experiment(name, job, config_dir) for job in jobs]  # finds bad input in any, before the first

    def store_of() -> Store | None:
        """None as long as no job has made it: none got as far as that."""
        try:
            return open_store(experiments[0], create=False)
        except NothingTracked:
            return None

    threads = threads_of_a_job(hydra, len(jobs))
    folder = own_folder(project_folder(config_dir) / "multirun" / name)
    sweep = {
        "id": f"{folder.name}_{uuid.uuid4().hex[:6]}",  # a server may hold the sweeps of several projects
        "keys": _swept_keys(overrides),
        "jobs": len(jobs),
        "threads": threads,
        "fail_fast": fail_fast,
    }
    click.echo(f"{_counted(len(jobs), 'job')}. Folders and logs: {folder}", err=True)
    stopped = ""
    try:
        environment = {SWEEP: json.dumps(sweep)}
        stopped = launch(
            _job, name, [*_batches(hydra), *no_second_log(hydra), *overrides], config_dir, folder, store_of, environment
        )
    finally:
        states = _states(store_of(), str(sweep["id"]), len(jobs), folder)
        click.echo(_summary(states, _values(jobs, overrides), folder, stopped), err=True)
    return 0 if set(states) == {"done"} else 1


def launch(
    job: Callable[[DictConfig], None],
    name: str,
    overrides: Sequence[str],
    config_dir: str | PathLike[str] | None,
    folder: Path,
    store_of: Callable[[], Store | None],
    environment: Mapping[str, str],
) -> str:
    """Let Hydra's sweeper and launcher run the jobs; returns why the launcher gave up, "" where it did not.

    ``environment`` is set in the process of each job.
    """
    handed_over = {**environment, **_environment(config_dir)}
    arguments = [
        *hydra_arguments(name, config_dir),
        f"hydra.sweep.dir={quoted(str(folder))}",
        *(f"+hydra.job.env_set.{key}={quoted(value)}" for key, value in handed_over.items()),
        f"+hydra.job.env_set.{JOB}='${{hydra:job.num}}'",
        *overrides,
    ]
    try:
        with (
            ending_signals_interrupt(),
            _nothing_left_running(store_of),
            own_hydra("seedbed") as hydra,
        ):
            hydra.hydra.multirun("config", job, arguments)  # type: ignore[union-attr]
    except Stopped:
        pass
    except Exception as error:  # of the launcher: jobs let none out
        if os.environ.get("SEEDBED_DEBUG"):
            raise
        return f"The launcher gave up, and ended what was running: {type(error).__name__}: {error}"
    return ""


class Stopped(BaseException):
    """The first failure is to stop the jobs that this process would run next; Hydra lets it pass."""


# ---- before the first job --------------------------------------------------------------------------------------------


def launcher_settings(name: str, overrides: Sequence[str], config_dir: str | PathLike[str] | None) -> DictConfig:
    """Hydra's own settings under these overrides and those of the experiment's file.

    Raises ``ConfigError``, also where the launcher is not installed, and for what Hydra would do otherwise than seedbed.
    """
    check_name(name, config_dir)
    for_hydra = [str(item.input_line) for item in parse(overrides) if is_for_hydra(item)]
    _check_launcher(for_hydra)
    try:
        hydra = hydra_settings(name, for_hydra, config_dir)
    except ConfigError as error:
        for launcher, extra in LAUNCHERS.items():
            if re.search(rf"hydra/launcher/{launcher}\b", str(error)):
                raise ConfigError(
                    _not_installed(f"experiments/{name}.yaml: hydra/launcher: {launcher}", extra)
                ) from error
        raise
    _check_settings(hydra, name)
    return hydra


def is_search(name: str, overrides: Sequence[str], config_dir: str | PathLike[str] | None) -> bool:
    """Whether what is typed, or the experiment's file, chooses the sweeper that searches; raises ``ConfigError``."""
    hydra = launcher_settings(name, in_grammar(overrides, config_dir, sweeps=True), config_dir)
    return _class_name(hydra.sweeper) == SEARCHES


def _check_settings(hydra: DictConfig, name: str) -> None:
    """Of what the experiment's file may set for Hydra too: sweeper, its values and the folder."""
    sweeper, place = _class_name(hydra.sweeper), f"hydra/sweeper={hydra.runtime.choices.get('hydra/sweeper')}"
    if sweeper not in (SEARCHES, "BasicSweeper"):
        raise ConfigError(
            f"{place}: seedbed runs one job for each combination of values (hydra/sweeper=basic), or searches "
            "(hydra/sweeper=optuna). Choose one of the two."
        )
    if sweeper == "BasicSweeper" and hydra.sweeper.get("params"):
        values = " ".join(f"{key}={value}" for key, value in hydra.sweeper.params.items())
        raise ConfigError(
            f"hydra.sweeper.params: jobs are those of the values that are typed. Take it out of experiments/{name}.yaml or "
            f"the command, and type: seedbed run {name} -m {values}"
        )
    folder = OmegaConf.to_container(hydra.sweep, resolve=False)["dir"]  # type: ignore[call-overload,index]
    if not str(folder).startswith(HYDRAS_FOLDER):
        raise ConfigError(
            f"hydra.sweep.dir={folder}: seedbed makes a new folder for each multirun, multirun/NAME/TIME in the project folder. "
            f"Take it out of experiments/{name}.yaml; hydra.sweep.subdir is the name of a job's folder in it."
        )


def is_for_hydra(override: Override) -> bool:
    """Whether an override is about Hydra itself, and not about a run."""
    return override.key_or_group.split(".")[0].split("/")[0] == "hydra"


def _check_launcher(for_hydra: Sequence[str]) -> None:
    for item in parse(for_hydra):
        if item.key_or_group == "hydra.sweep.dir":
            raise ConfigError(
                f"{item.input_line}: seedbed makes a new folder for each multirun, multirun/NAME/TIME in the project "
                "folder, so that none is overwritten. Give hydra.sweep.subdir for the name of a job's folder in it."
            )
        extra = LAUNCHERS.get(str(item.value())) if item.key_or_group == "hydra/launcher" else None
        if extra and not _is_installed(f"hydra-{extra}-launcher"):
            raise ConfigError(_not_installed(str(item.input_line), extra))


def _not_installed(place: str, extra: str) -> str:
    return f"{place}: that launcher is not installed. Install it with: pip install 'seedbed[{extra}]'"


def _is_installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


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


def own_folder(parent: Path) -> Path:
    """A new folder named by the time; launches of one second, on this or another machine, get one each."""
    if "${" in str(parent):
        raise ConfigError(
            f"-m: {parent} has '${{' in its name, which Hydra takes for the name of a setting when it writes the jobs' logs. "
            "Rename the folder; one run at a time, without -m, works in it."
        )
    now = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    for suffix in itertools.count(1):
        folder = parent / (now if suffix == 1 else f"{now}_{suffix}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            if not parent.is_dir():
                raise ConfigError(f"-m: {parent}, where the jobs' logs go, is no folder. Move what is there.") from None
        except OSError as error:
            raise ConfigError(
                f"-m: {folder}, where the jobs' logs go, cannot be made: {error.strerror}. Make it possible to write there, or "
                "work on a copy of the project in a folder that can be written (--config-dir names it)."
            ) from error
    raise AssertionError("counting does not end")


def threads_of_a_job(hydra: DictConfig, jobs: int) -> int | None:
    """PyTorch's threads in each job, where several share this machine's cores; None: what a job finds for itself.

    One job after another has the whole machine, and SLURM and Ray give each job cores of its own.
    """
    cores, launcher = available_cores(), launcher_name(hydra)
    if launcher == "JoblibLauncher":
        at_once = hydra.launcher.n_jobs or 1
        at_once = at_once if at_once > 0 else max(1, cores + 1 + at_once)
    elif launcher == "LocalLauncher":
        at_once = hydra.sweeper.get("max_batch_size") or cores
    else:
        return None
    share = max(1, cores // min(at_once, jobs))
    return min(share, torch.get_num_threads())  # fewer where the user said so by OMP_NUM_THREADS


def _batches(hydra: DictConfig) -> list[str]:
    """submitit's local executor starts a batch of jobs at once, and would start all: no more than there are cores."""
    if launcher_name(hydra) == "LocalLauncher" and hydra.sweeper.get("max_batch_size") is None:
        return [f"hydra.sweeper.max_batch_size={available_cores()}"]
    return []


def no_second_log(hydra: DictConfig) -> list[str]:
    """Hydra would write a log file of its own for each job, which holds little; where another is chosen, it does."""
    return ["hydra/job_logging=stdout"] if hydra.runtime.choices.get("hydra/job_logging") == "default" else []


def launcher_name(hydra: Any) -> str:
    """The class of the launcher."""
    return _class_name(hydra.launcher)


def _class_name(node: Any) -> str:
    return str(node._target_).rsplit(".", maxsplit=1)[-1]


def _environment(config_dir: str | PathLike[str] | None) -> dict[str, str]:
    """What jobs need of this process, as Hydra sets it for each: they may run in other processes, folders, machines."""
    found = {
        "SEEDBED_PROJECT": str(project_folder(config_dir)),
        "SEEDBED_LAUNCH_FOLDER": str(Path.cwd()),
    }
    if config_dir is not None:
        found["SEEDBED_CONFIG_DIR"] = str(expanded(config_dir).resolve())
    for key in HANDED_OVER:
        # Hydra writes what it sets into the job's folder, where a password has no place.
        if (value := os.environ.get(key)) and not urlsplit(value).password:
            found[key] = value
    return found


# ---- one job ---------------------------------------------------------------------------------------------------------


def _job(_: DictConfig) -> None:
    """An ordinary run with this job's overrides, from the folder in which the command was typed.

    It lets no exception out: Hydra would show the first one only, and drop the batches that come later.
    """
    os.chdir(os.environ["SEEDBED_LAUNCH_FOLDER"])
    config, sweep = HydraConfig.get(), json.loads(os.environ[SWEEP])
    if (mark := Path(config.sweep.dir) / STOPPED).exists():
        return
    if sweep["threads"]:
        torch.set_num_threads(sweep["threads"])
    name = config.runtime.choices["experiments"]
    overrides = [text for text in config.overrides.task if not text.startswith("experiments=")]
    path = Path(config.runtime.output_dir) / log_name(config.job.num)
    with logged(path):
        add_to(path, f"seedbed run {shlex.join([name, *overrides])}")
        failures = _run(name, overrides, path, fail_fast=sweep["fail_fast"])
    if not failures:
        return
    add_failures(path, failures)
    if sweep["fail_fast"]:
        mark.touch()
        if launcher_name(config) == "BasicLauncher":
            raise Stopped


@contextlib.contextmanager
def logged(path: Path) -> Iterator[None]:
    """What libraries log in between goes to the file too."""
    handler = logging.FileHandler(path, "a", "utf-8")
    handler.setFormatter(logging.Formatter("[%(asctime)s][%(name)s][%(levelname)s] %(message)s"))
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


def add_failures(path: Path, failures: Mapping[str, str]) -> None:
    """End a job's log with what failed and the tracebacks; the last line says that it failed."""
    add_to(path, "\n".join(f"\n{where}\n{found}" for where, found in failures.items()))
    add_to(path, f"{FAILED} {', '.join(' '.join(where.split()) for where in failures)}")


def _why_failed(log: Path) -> str:
    """What failed in a job, as the last line of its log has it; "" where nothing did."""
    last = log.read_text("utf-8", errors="replace").rstrip().rpartition("\n")[2]
    return f"{last.removeprefix(FAILED).strip(' .')}." if last.startswith(FAILED) else ""


def _run(name: str, overrides: Sequence[str], log: Path, *, fail_fast: bool) -> dict[str, str]:
    """What failed, and its traceback."""
    config_dir = os.environ.get("SEEDBED_CONFIG_DIR")
    try:
        outcome = run(name, overrides, config_dir, display=Display(log=log), curves=False, fail_fast=fail_fast)
    except SeedbedError as error:
        return {" ".join(str(error).split()): traceback.format_exc()}
    except Exception as error:
        return {f"{type(error).__name__}: {error}": traceback.format_exc()}
    table = table_text(outcome.results)
    click.echo(f"\n{' '.join(overrides)}\n{table}\n")
    add_to(log, f"\n{table}")
    return {f"{where}: {why}": outcome.tracebacks[where] for where, why in outcome.failures.items()}


def log_name(number: int) -> str:
    """Of the file with what a job has said, and what went wrong in it."""
    return f"job-{number}.log"


# ---- after the last job ----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _nothing_left_running(store_of: Callable[[], Store | None]) -> Iterator[None]:
    """However the jobs end early, their processes end too, and none of their runs stays RUNNING."""
    others = set(psutil.Process().children(recursive=True))
    try:
        yield
    except BaseException:
        if "ray" in sys.modules:
            sys.modules["ray"].shutdown()
        _end([child for child in psutil.Process().children(recursive=True) if child not in others])
        if store := store_of():
            store.repair()
        raise


def _end(processes: Sequence[psutil.Process]) -> None:
    """Ask them to end, so that they record what they have, and kill what does not."""
    asked = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if "resource_tracker" not in " ".join(
                process.cmdline()
            ):  # ends with this process, and listens to no signal
                process.terminate()
                asked.append(process)
    for process in psutil.wait_procs(asked, SECONDS_TO_END)[1]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(asked, SECONDS_TO_END)


def _states(store: Store | None, sweep: str, jobs: int, folder: Path) -> list[str]:
    """What became of each job: done, failed, killed, running, or not started."""
    launches = store.launches_of_sweep(sweep) if store else {}
    states = []
    for number in range(jobs):
        failed = any(map(_why_failed, folder.rglob(log_name(number))))  # also where it failed before there was a launch
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
            why = _why_failed(log) if log else ""
            lines.append(
                f"  job {number}  {values[number]}: {state}{f': {why}' if why else ''}{f' See {log}' if log else ''}"
            )
    return "\n".join(lines)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"

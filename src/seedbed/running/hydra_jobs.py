"""Jobs that Hydra's sweeper and launcher run: what is checked before, where their logs go, and how they end.

Those of a multirun train one combination of values each; those of a search share the trials of one study.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import count
from os import PathLike
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from seedbed.config.compose import hydra_arguments, hydra_settings
from seedbed.config.folders import check_name
from seedbed.config.misplaced import DATA_SET
from seedbed.config.override_grammar import parse
from seedbed.config.own_hydra import own_hydra
from seedbed.errors import ConfigError
from seedbed.paths import expanded, project_folder
from seedbed.quoting import quoted
from seedbed.running.launchers import check_installed, class_name, not_installed_in
from seedbed.signals import ending_signals_interrupt
from seedbed.tracking.store import Store

SEARCHES = "SharedStudySweeper"
"""The class of the sweeper that searches."""
HYDRAS_FOLDER = "multirun/${now:"
"""What the folder of a multirun begins with to Hydra where nothing is set."""
SECONDS_TO_END = 10.0
# What jobs elsewhere need of this process' environment to find the same things.
HANDED_OVER = ("MLFLOW_TRACKING_URI", "SEEDBED_DATA", "SEEDBED_CACHE")
FOLDER, CONFIG_DIR = "SEEDBED_LAUNCH_FOLDER", "SEEDBED_CONFIG_DIR"


# ---- before the first job --------------------------------------------------------------------------------------------


def launcher_settings(name: str, overrides: Sequence[str], config_dir: str | PathLike[str] | None) -> DictConfig:
    """Hydra's own settings under these overrides and those of the experiment's file.

    Raises ``ConfigError``, also where the launcher is not installed, and for what Hydra would do otherwise than seedbed.
    """
    check_name(name, config_dir)
    for_hydra = [item for item in parse(overrides) if is_for_hydra(item)]
    _refuse_folder(for_hydra)
    check_installed(for_hydra)
    try:
        hydra = hydra_settings(name, [str(item.input_line) for item in for_hydra], config_dir)
    except ConfigError as error:
        if said := not_installed_in(error, name):
            raise said from error
        raise
    _check_settings(hydra, name)
    return hydra


def is_for_hydra(override: Override) -> bool:
    """Whether an override is about Hydra itself, and not about a run."""
    return override.key_or_group.split(".")[0].split("/")[0] == "hydra"


def _refuse_folder(for_hydra: Sequence[Override]) -> None:
    for item in for_hydra:
        if item.key_or_group == "hydra.sweep.dir":
            raise ConfigError(
                f"{item.input_line}: seedbed makes a new folder for each multirun, multirun/NAME/TIME in the project "
                "folder, so that none is overwritten. Give hydra.sweep.subdir for the name of a job's folder in it."
            )


def _check_settings(hydra: DictConfig, name: str) -> None:
    """Check what the experiment's file may set for Hydra too: sweeper, its values and the folder."""
    sweeper, place = class_name(hydra.sweeper), f"hydra/sweeper={hydra.runtime.choices.get('hydra/sweeper')}"
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


def own_folder(parent: Path) -> Path:
    """A new folder named by the time; launches of one second, on this or another machine, get one each."""
    if "${" in str(parent):
        raise ConfigError(
            f"-m: {parent} has '${{' in its name, which Hydra takes for the name of a setting when it writes the jobs' logs. "
            "Rename the folder; one run at a time, without -m, works in it."
        )
    now = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    for suffix in count(1):
        folder = parent / (now if suffix == 1 else f"{now}_{suffix}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            if not parent.is_dir():
                raise ConfigError(
                    f"-m: {parent}, where the jobs' logs go, is not a folder. Move what is there."
                ) from None
        except OSError as error:
            raise ConfigError(
                f"-m: {folder}, where the jobs' logs go, cannot be made: {error.strerror}. Make it possible to write there, or "
                "work on a copy of the project in a folder that can be written (--config-dir names it)."
            ) from error
    raise AssertionError("counting does not end")


def no_second_log(hydra: DictConfig) -> list[str]:
    """Hydra would write a log file of its own for each job, which holds little; where another is chosen, it does."""
    return ["hydra/job_logging=stdout"] if hydra.runtime.choices.get("hydra/job_logging") == "default" else []


# ---- the jobs ---------------------------------------------------------------------------------------------------------


class Stopped(BaseException):
    """Raised by a job that is to stop those that this process would run next; Hydra lets it pass."""


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

    ``environment`` is set in the process of each job, which may be another process, on another machine.
    """
    handed_over = {**environment, **_environment(config_dir)}
    arguments = [
        *hydra_arguments(name, config_dir),
        f"hydra.sweep.dir={quoted(str(folder))}",
        *(f"+hydra.job.env_set.{key}={quoted(value)}" for key, value in handed_over.items()),
        *map(for_hydra, overrides),
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


def for_hydra(override: str) -> str:
    """An override as Hydra can compose it: a list of data sets as a text, since it takes no list in place of a mapping."""
    (item,) = parse([override])
    if item.key_or_group != DATA_SET.key:
        return override
    texts = item.sweep_string_iterator() if item.is_sweep_override() else [item.get_value_element_as_str()]
    return f"{DATA_SET.key}={','.join(map(quoted, texts))}"


def from_hydra(override: str) -> str:
    """The override that ``for_hydra`` was given, or a job's part of it."""
    key, _, _ = override.partition("=")
    return f"{key}={parse([override])[0].value()}" if key == DATA_SET.key else override


def _environment(config_dir: str | PathLike[str] | None) -> dict[str, str]:
    """What jobs need of this process, as Hydra sets it for each: they may run in other processes, folders, machines."""
    environment = {
        "SEEDBED_PROJECT": str(project_folder(config_dir)),
        FOLDER: str(Path.cwd()),
    }
    if config_dir is not None:
        environment[CONFIG_DIR] = str(expanded(config_dir).resolve())
    for key in HANDED_OVER:
        # Hydra writes what it sets into the job's folder, where a password has no place.
        if (value := os.environ.get(key)) and not urlsplit(value).password:
            environment[key] = value
    return environment


def enter_job() -> str | None:
    """Go to the folder in which the command was typed, in a job's process; returns its ``--config-dir``."""
    os.chdir(os.environ[FOLDER])
    return os.environ.get(CONFIG_DIR)


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
    """Tell processes to end, so that they record what they have, and kill those that do not."""
    told = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if "resource_tracker" in " ".join(process.cmdline()):  # ends with this process, and listens to no signal
                continue
            process.terminate()
            told.append(process)
    for process in psutil.wait_procs(told, SECONDS_TO_END)[1]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(told, SECONDS_TO_END)

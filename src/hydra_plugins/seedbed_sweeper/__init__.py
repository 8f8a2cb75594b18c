"""Hydra's side of a search: ``hydra/sweeper=optuna`` starts processes that share the trials of one study.

Hydra takes sweepers from the package ``hydra_plugins`` only. What a process does is seedbed's: see ``seedbed.search.processes``.
"""

from __future__ import annotations

from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class SharedStudySweeper(Sweeper):
    """Launches ``n_jobs`` jobs that are all alike: each takes trials from the study until there are none left."""

    def __init__(self, *, n_jobs: int, n_trials: int | None = None, params: DictConfig | None = None) -> None:
        """``n_trials`` and ``params`` are those of ``search``, under the names of Hydra's own Optuna sweeper."""
        self.n_jobs = n_jobs
        self.launcher: Launcher | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Launch the jobs; what is searched is no override of theirs, they read it from the study's command."""
        assert self.launcher is not None
        assert self.hydra_context is not None
        parsed = OverridesParser.create(config_loader=self.hydra_context.config_loader).parse_overrides(arguments)
        fixed = [item.input_line or "" for item in parsed if not item.is_sweep_override()]
        return self.launcher.launch([fixed] * self.n_jobs, initial_job_idx=0)

"""What a search is asked for: read and checked, before any data are loaded."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike

from seedbed.config.experiment import Experiment, Template, Variant, load_experiment
from seedbed.config.override_grammar import in_grammar, parse
from seedbed.errors import ConfigError
from seedbed.search.settings import SearchSettings
from seedbed.search.space import WAYS, Space, read_space
from seedbed.tracking.databases import without_password


@dataclass(frozen=True)
class SearchPlan:
    """A search, read and checked."""

    experiment: Experiment
    variant: Variant
    template: Template
    space: Space
    settings: SearchSettings
    command: str


def read_plan(name: str, overrides: Sequence[str], config_dir: str | PathLike[str] | None) -> SearchPlan:
    """Read the experiment, the space and the settings of a search; raises ``ConfigError``."""
    given = in_grammar(overrides, config_dir, sweeps=True)
    swept = [item.input_line or "" for item in parse(given) if item.is_sweep_override()]
    plain = [text for text in given if text not in swept]
    experiment = load_experiment(name, plain, config_dir)
    params = experiment.config["search"]["params"] or {}
    one_value = [text for text in plain if text.split("=", 1)[0] in params]  # typed, so it is not searched
    space, fixed = read_space(params, [*swept, *one_value])
    if fixed:
        experiment = load_experiment(name, [*plain, *fixed], config_dir)
    variant = _one_variant(experiment)
    if not space.distributions:
        raise ConfigError(
            f"Nothing is searched: give a key several values, such as 'optimizer.lr=tag(log, interval(1e-4, 1e-1))', or "
            f"fill search.params in experiments/{name}.yaml. Ways to give them: {WAYS}."
        )
    folder = ["--config-dir", str(config_dir)] if config_dir else []
    command = shlex.join(["seedbed", "search", name, *overrides, *folder])
    return SearchPlan(
        experiment=experiment,
        variant=variant,
        template=Template(experiment, variant),
        space=space,
        settings=SearchSettings.of(experiment, variant.name, space),
        command=without_password(command),
    )


def _one_variant(experiment: Experiment) -> Variant:
    if len(experiment.variants) > 1:
        names = ", ".join(variant.name for variant in experiment.variants)
        raise ConfigError(
            f"A search tunes the settings of one variant, and {experiment.name} has {names}. Pick one: variant=NAME."
        )
    return experiment.variants[0]

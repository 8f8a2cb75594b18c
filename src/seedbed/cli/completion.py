"""What the shell offers at a press of the tab key, found in file names and YAML alone: no heavy package is imported."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import yaml
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    add_completion_class,
    get_completion_class,
)

from seedbed.data.published.keel_sets import SETS
from seedbed.errors import ConfigError
from seedbed.paths import config_groups, expanded, project_folder, resources

SHELLS = ("bash", "zsh", "fish")


def script(shell: str, program: click.Command) -> str:
    """The code that makes ``shell``, one of ``SHELLS``, complete the command ``seedbed``."""
    kind = get_completion_class(shell)
    assert kind is not None
    return kind(program, {}, "seedbed", "_SEEDBED_COMPLETE").source()


class Bash(BashComplete):
    """Completion for bash, which takes ``key``, ``=`` and ``value`` for three words and replaces the last one only."""

    typed_before = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the cursor and the one under it, as the shell passes them to a program."""
        before, last = super().get_completion_args()
        words: list[str] = []
        for word in [*before, last] if last else before:
            if words and (word == "=" or words[-1].endswith("=")):
                words[-1] += word
            else:
                words.append(word)
        if not last:
            return words, ""
        self.typed_before = words[-1][: len(words[-1]) - len(last.lstrip("="))]
        return words[:-1], words[-1]

    def format_completion(self, item: CompletionItem[Any]) -> str:
        item.value = item.value.removeprefix(self.typed_before)
        return super().format_completion(item)


class Fish(FishComplete):
    """Completion for fish, where click's script would cut ``variant=none,smote`` at its comma."""

    source_template = FishComplete.source_template.replace('string split ","', 'string split --max 1 ","')


add_completion_class(Bash)
add_completion_class(Fish)


# ---- what each argument can be ---------------------------------------------------------------------------------------


def folders(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Folders, by the shell's own means."""
    return [CompletionItem(incomplete, type="dir")]


def experiments(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Experiments of the user's folder and seedbed's own."""
    names = {path.stem for folder in [*_own_folder(ctx), resources()] for path in folder.glob("experiments/*.yaml")}
    return sorted(name for name in names if name.startswith(incomplete))


def tracked_experiments(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """These, and imported ones, which have no file: as the folders of the project's artifacts are called."""
    try:
        folders = (project_folder(ctx.params.get("config_dir")) / "mlartifacts").glob("*/")
        names = {folder.name for folder in folders if not folder.name.endswith(".search")}
    except (ConfigError, OSError):
        names = set()
    return sorted({*experiments(ctx, parameter, incomplete), *(name for name in names if name.startswith(incomplete))})


def overrides(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str] | list[CompletionItem[str]]:
    """``group=choice`` for each config group that variants and data sets leave alone, ``seeds=`` as it stands, ``variant=``, ``data_sets=``.

    The value of a dotted key may be a file, as in ``data.path=``; those are found by the shell's own means. ``data.name=``
    is one of KEEL's data sets.
    """
    key, equals, value = incomplete.partition("=")
    if key == "data.name" and equals:
        return [f"{key}={name}" for name in SETS if name.startswith(value)]
    if equals and "." in key:
        return [CompletionItem(value, type="file")]
    experiment = _experiment(ctx)
    variants = experiment.get("variants")
    own = variants if isinstance(variants, dict) else {}
    listed = _listed(experiment)
    given = {text.partition("=")[0] for text in ctx.params.get("overrides") or ()}
    their_own = {str(text).partition("=")[0] for texts in [*own.values(), *listed.values()] for text in texts or ()}
    groups = config_groups(_own_folder(ctx))
    choices = {
        **{group: sorted(groups[group]) for group in sorted(groups) if group not in {*their_own, "experiments"}},
        "seeds": [str(experiment.get("seeds", 10)).replace(" ", "")],
        "variant": _next_in_list([str(name) for name in own], incomplete.removeprefix("variant=")),
        "data_sets": _next_in_list(list(listed), incomplete.removeprefix("data_sets=")),
    }
    offered = [f"{name}={choice}" for name, known in choices.items() if name not in given for choice in known]
    return [text for text in offered if text.startswith(incomplete)]


def listed_data_sets(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The data sets that the experiment's file lists; of two launches, those of the first one's experiment."""
    named = next(iter(ctx.args), "")  # click has given nothing to the arguments, as an option has no value yet
    return [name for name in _listed(_experiment(ctx, named.partition("~")[0])) if name.startswith(incomplete)]


def schedules(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Schedules of the user's folder and seedbed's own."""
    return sorted(name for name in config_groups(_own_folder(ctx))["schedule"] if name.startswith(incomplete))


def groups(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Config groups, and ``experiments``."""
    known = {*config_groups(_own_folder(ctx)), "experiments"}
    return sorted(name for name in known if name.startswith(incomplete))


def data_sets(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The data sets that can be fetched: their configs have a ``root``, the folder in which they are looked for."""
    known = sorted(path.stem for path in (resources() / "conf" / "data").glob("*.yaml") if "root" in _mapping(path))
    return [name for name in known if name.startswith(incomplete)]


def sets_of_data(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The sets of a data set that has many, but those that were named."""
    named = ctx.params.get("sets") or ()
    sets = SETS if ctx.params.get("name") == "keel" else ()
    return [name for name in sets if name.startswith(incomplete) and name not in named]


def _next_in_list(names: list[str], typed: str) -> list[str]:
    """``none,sm`` goes on as ``none,smote``: the names that the list lacks, each behind what it holds already."""
    so_far, comma, _ = typed.rpartition(",")
    return [f"{so_far}{comma}{name}" for name in names if name not in so_far.split(",")]


def _listed(experiment: Mapping[str, Any]) -> dict[str, list[str]]:
    """The overrides of each data set that a file lists."""
    listed = experiment.get("data_sets")
    if not isinstance(listed, dict):
        return {}
    if listed.get("collection") == "keel":
        return {name: ["data=keel"] for name in SETS}
    return {str(name): own for name, own in listed.items() if isinstance(own, list)}


def _experiment(ctx: click.Context, name: str | None = None) -> Mapping[str, Any]:
    file = f"experiments/{name or ctx.params.get('experiment')}.yaml"
    paths = [folder / file for folder in [*_own_folder(ctx), resources()]]
    return next((_mapping(path) for path in paths if path.is_file()), {})


def _own_folder(ctx: click.Context) -> list[Path]:
    """The folder of ``--config-dir``, where one is given."""
    chosen = ctx.params.get("config_dir")
    return [expanded(chosen)] if chosen else []


def _mapping(path: Path) -> Mapping[str, Any]:
    """A YAML file's keys; none where it cannot be read, which the command itself will say."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}

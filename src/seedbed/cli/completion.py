"""What the shell offers at a press of the tab key, found in file names and YAML alone: no heavy package is imported."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ZshComplete,
    add_completion_class,
    get_completion_class,
)

from seedbed.cli.composed import Composed, mapping
from seedbed.data.published.keel_sets import SETS
from seedbed.errors import ConfigError
from seedbed.paths import config_groups, expanded, project_folder, resources

SHELLS = ("bash", "zsh", "fish")
_NAME_FILES = ("path", "targets", "root", "model", "storage", "save_dir")
"""Last parts of keys whose values are files or folders."""


def script(shell: str, program: click.Command) -> str:
    """The code that makes ``shell``, one of ``SHELLS``, complete the command ``seedbed``."""
    kind = get_completion_class(shell)
    assert kind is not None
    return kind(program, {}, "seedbed", "_SEEDBED_COMPLETE").source()


class Bash(BashComplete):
    """Completion for bash, which takes ``key``, ``=`` and ``value`` for three words and replaces the last one only."""

    source_template = BashComplete.source_template.replace(
        "COMPREPLY+=($value)", "COMPREPLY+=($value)\n            [[ $value == *= ]] && compopt -o nospace 2>/dev/null"
    )
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


class Zsh(ZshComplete):
    """Completion for zsh, where click's script would put a blank behind ``trainer.max_epochs=``."""

    source_template = (
        ZshComplete.source_template.replace(
            'completions_with_descriptions+=("$key":"$descr")',
            'if [[ "$key" == *= ]]; then keys+=("$key":"$descr"); else completions_with_descriptions+=("$key":"$descr"); fi',
        )
        .replace(
            '    if [ -n "$completions" ]; then',
            '    if [ -n "$keys" ]; then\n        _describe -V keys keys -U -S \'\'\n    fi\n\n    if [ -n "$completions" ]; then',
        )
        .replace("    local -a completions\n", "    local -a completions keys\n")
    )


add_completion_class(Bash)
add_completion_class(Zsh)
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


def overrides(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """``group=choice`` for each config group that variants and data sets leave alone, ``seeds=`` as it stands, ``variant=``, ``data_sets=``.

    Of what has been begun, ``trainer.``, also the keys of all settings, each with its value as help, and then the values
    that there are. Otherwise the value of a dotted key may be a file, as in ``data.path=``; those are found by the shell's
    own means. ``data.name=`` is one of KEEL's data sets.
    """
    key, equals, value = incomplete.partition("=")
    if key == "data.name" and equals:
        return _plain(f"{key}={name}" for name in SETS if name.startswith(value))
    experiment = _experiment(ctx)
    listed = _listed(experiment)
    own = _variants(experiment)
    given = {text.partition("=")[0] for text in ctx.params.get("overrides") or ()}
    their_own = {str(text).partition("=")[0] for texts in [*own.values(), *listed.values()] for text in texts or ()}
    groups = config_groups(_own_folder(ctx))
    if equals and key not in (*groups, "seeds", "variant", "data_sets"):
        return _values(_composed(ctx), key, value)
    choices = {
        **{group: sorted(groups[group]) for group in sorted(groups) if group not in {*their_own, "experiments"}},
        "seeds": [str(experiment.get("seeds", 10)).replace(" ", "")],
        "variant": _next_in_list([str(name) for name in own], incomplete.removeprefix("variant=")),
        "data_sets": _next_in_list(list(listed), incomplete.removeprefix("data_sets=")),
    }
    offered = [f"{name}={choice}" for name, known in choices.items() if name not in given for choice in known]
    settings = _composed(ctx).settings if incomplete and not equals else {}
    return [
        *_plain(text for text in offered if text.startswith(incomplete)),
        *(
            CompletionItem(f"{name}=", help=_on_one_line(has))
            for name, has in settings.items()
            if name.startswith(incomplete) and name not in {*given, *their_own}
        ),
    ]


def _values(composed: Composed, key: str, typed: str) -> list[CompletionItem[str]]:
    """The values of a key of which there are few, or files."""
    if "." in key and (key not in composed.settings or key.rpartition(".")[2] in _NAME_FILES):
        return [CompletionItem(typed, type="file")]
    return _plain(f"{key}={each}" for each in composed.offered(key) if each.startswith(typed))


def metrics(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The metrics of the experiment's task."""
    return [name for name in _composed(ctx).metrics() if name.startswith(incomplete)]


def variants(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The variants of the experiment's file."""
    return [name for name in map(str, _variants(_experiment(ctx, _named(ctx)))) if name.startswith(incomplete)]


def listed_data_sets(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The data sets that the experiment's file lists; of two launches, those of the first one's experiment."""
    return [name for name in _listed(_experiment(ctx, _named(ctx))) if name.startswith(incomplete)]


def schedules(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Schedules of the user's folder and seedbed's own."""
    return sorted(name for name in config_groups(_own_folder(ctx))["schedule"] if name.startswith(incomplete))


def groups(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Config groups, and ``experiments``."""
    known = {*config_groups(_own_folder(ctx)), "experiments"}
    return sorted(name for name in known if name.startswith(incomplete))


def data_sets(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The data sets that can be fetched: their configs have a ``root``, the folder in which they are looked for."""
    known = sorted(path.stem for path in (resources() / "conf" / "data").glob("*.yaml") if "root" in mapping(path))
    return [name for name in known if name.startswith(incomplete)]


def sets_of_data(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The sets of a data set that has many, but those that were named."""
    named = ctx.params.get("sets") or ()
    sets = SETS if ctx.params.get("name") == "keel" else ()
    return [name for name in sets if name.startswith(incomplete) and name not in named]


def _on_one_line(value: Any) -> str:
    return " ".join((value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)).split())


def _plain(texts: Iterable[str]) -> list[CompletionItem[str]]:
    return [CompletionItem(text) for text in texts]


def _named(ctx: click.Context) -> str:
    """The experiment that is typed before an option: click has given nothing to the arguments, as the option has no value yet."""
    return str(ctx.params.get("experiment") or next(iter(ctx.args), "")).partition("~")[0]


def _composed(ctx: click.Context) -> Composed:
    groups = config_groups(_own_folder(ctx))
    typed = (text.partition("=") for text in ctx.params.get("overrides") or ())
    choices = {
        group: choice
        for key, _, choice in typed
        if (group := key if key in groups else key.replace(".", "/")) in groups
    }
    return Composed(_named(ctx), _own_folder(ctx), choices)


def _variants(experiment: Mapping[str, Any]) -> dict[str, Any]:
    """The variants of a file, each with its overrides."""
    variants = experiment.get("variants")
    return variants if isinstance(variants, dict) else {}


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
    return next((mapping(path) for path in paths if path.is_file()), {})


def _own_folder(ctx: click.Context) -> list[Path]:
    """The folder of ``--config-dir``, where one is given."""
    chosen = ctx.params.get("config_dir")
    return [expanded(chosen)] if chosen else []

"""Optuna's own pages about the studies of a project, where optuna-dashboard is installed."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import click

from seedbed import signals
from seedbed.config.override_grammar import in_grammar, parse
from seedbed.errors import ConfigError, TrackingError
from seedbed.paths import project_folder
from seedbed.search.settings import storage_of
from seedbed.tracking.databases import file_of


def serve(overrides: Sequence[str], port: int, config_dir: str | PathLike[str] | None = None) -> int:
    """Run optuna-dashboard on 127.0.0.1 until it is interrupted; returns its exit code.

    Of the ``overrides``, ``search.storage`` says which storage it is.
    """
    if importlib.util.find_spec("optuna_dashboard") is None:
        raise ConfigError("--dashboard: optuna-dashboard is not installed. pip install optuna-dashboard")
    given = [item.value() for item in parse(in_grammar(overrides, config_dir)) if item.key_or_group == "search.storage"]
    where = storage_of({"storage": given[-1] if given else None}, project_folder(config_dir))
    file = file_of(where)
    if file is not None and not file.is_file():
        raise TrackingError(f"There are no studies in {where} yet: 'seedbed search NAME' makes the first one.")
    click.echo(f"Studies: http://127.0.0.1:{port}    (Ctrl-C ends it)")
    program = str(Path(sys.executable).with_name("optuna-dashboard"))
    return signals.serve([program, where, "--host", "127.0.0.1", "--port", str(port)])

"""Where things lie: the packaged configs, and the project folder that holds the store and the reports."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def resources() -> Path:
    """The folder that holds ``conf/`` and ``experiments/``: the package when installed, the repository when not."""
    return PACKAGE if (PACKAGE / "conf").is_dir() else PACKAGE.parent.parent


def project_folder(config_dir: str | os.PathLike[str] | None = None) -> Path:
    """The absolute folder where store and reports go.

    ``config_dir`` if given, else ``SEEDBED_PROJECT``, else the nearest folder upwards that holds ``mlflow.db`` or
    ``experiments/``, so that a command works from anywhere inside a project; else the current folder.
    """
    chosen = config_dir or os.environ.get("SEEDBED_PROJECT")
    if chosen:
        return Path(chosen).expanduser().resolve()
    here = Path.cwd().resolve()
    for folder in (here, *here.parents):
        if (folder / "mlflow.db").is_file() or any(folder.glob("experiments/*.yaml")):
            return folder
    return here

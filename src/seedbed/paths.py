"""Folders: that of the packaged configs, and the project folder that holds the store and the reports."""

from __future__ import annotations

import getpass
import logging
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from seedbed.errors import ConfigError, check_storable

PACKAGE = Path(__file__).resolve().parent


def resources() -> Path:
    """The folder that holds ``conf/`` and ``experiments/``: the package when installed, the repository when not."""
    return PACKAGE if (PACKAGE / "conf").is_dir() else PACKAGE.parent.parent


def config_groups(folders: Iterable[Path]) -> dict[str, set[str]]:
    """Hydra's config groups and their choices: seedbed's own and, of the same groups, those in ``folders``."""
    own = resources() / "conf"
    # Not the whole of a user's folder: runs and environments lie there too.
    patterns = [f"{path.name}/**/*.yaml" for path in own.iterdir() if path.is_dir()]
    patterns.append("experiments/*.yaml")  # below it lie reports, and what was found
    groups: dict[str, set[str]] = {}
    for folder in [own, *folders]:
        for path in (path for pattern in patterns for path in folder.glob(pattern)):
            groups.setdefault(path.parent.relative_to(folder).as_posix(), set()).add(path.stem)
    return groups


def expanded(path: str | os.PathLike[str]) -> Path:
    """The path with ``~`` replaced by the home folder; unchanged where there is none, or a folder has that name."""
    given = Path(path)
    if given.exists():
        return given
    try:
        return given.expanduser()
    except RuntimeError:  # "~x", and no user x; or nobody says where the home folder is
        return given


def current_folder() -> Path:
    """The folder in which the command is typed; raises ``ConfigError`` where it was deleted meanwhile."""
    try:
        return Path.cwd().resolve()
    except FileNotFoundError as error:
        raise ConfigError("The folder in which you are was deleted. Change to another one: cd ~") from error


def home_folder() -> Path | None:
    """The user's home folder; None for a number without an account and without HOME, as containers have."""
    try:
        home = Path.home()
    except RuntimeError:
        return None
    return home if home.is_absolute() else None


def ensure_home() -> None:
    """Give a user whom the system does not know a home folder below the temporary one, and a name: packages ask for both.

    Containers run under numbers without an account; MLflow, Matplotlib and PyTorch fail there.
    """
    if home_folder() is None:
        folder = Path(tempfile.gettempdir()) / f"seedbed-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_uid != os.getuid():  # somebody else's, in a folder that all may write
            folder = Path(tempfile.mkdtemp(prefix="seedbed-"))
        os.environ["HOME"] = str(folder)
        logging.getLogger("seedbed").warning(
            "The user %s has no home folder: caches go to %s. HOME names another folder, SEEDBED_CACHE one for seedbed's.",
            os.getuid(),
            folder,
        )
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["USER"] = str(os.getuid())


def make_importable(folder: Path) -> None:
    """Code beside a user's configs is named by their ``_target_``."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def project_folder(config_dir: str | os.PathLike[str] | None = None) -> Path:
    """The absolute folder where store and reports go.

    ``config_dir`` if given, else ``SEEDBED_PROJECT``, else the nearest folder upwards that holds ``mlflow.db`` or
    ``experiments/``, so that a command works from anywhere inside a project; else the current folder.
    """
    folder = _project_folder(config_dir)
    check_storable(f"The project folder {folder}", str(folder))
    return folder


def _project_folder(config_dir: str | os.PathLike[str] | None) -> Path:
    chosen = config_dir or os.environ.get("SEEDBED_PROJECT")
    if chosen:
        return expanded(chosen).resolve()
    here = current_folder()
    for folder in (here, *here.parents):
        if (folder / "mlflow.db").is_file() or any(folder.glob("experiments/*.yaml")):
            return folder
    return here

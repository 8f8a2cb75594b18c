"""Fitted estimators in files of skops, read with an allow-list of our own: no file says what may be made of it.

skops takes a second to import, so only what writes or reads such a file imports it.
"""

from __future__ import annotations

import importlib
import inspect
import warnings
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

CLASSES_OF = ("sklearn", "imblearn", "scipy.interpolate", "scipy.sparse", "numpy.dtype")
"""Modules of classes, or classes by their whole name, that a fitted estimator may hold, beside what skops takes by itself:
scikit-learn's estimators, and arrays, numbers and ufuncs of NumPy and SciPy. Distributions of scipy.stats are none of
them: they run a text of their state when they are read."""
FUNCTIONS_OF = (
    "sklearn.feature_selection", "sklearn.metrics", "scipy._lib.array_api_compat.numpy._aliases.asarray",
)  # fmt: skip
"""Modules, or functions by their whole name, that it may refer to."""
NEVER = {
    "callback",
    "datasets",
    "externals",
    "experimental",
    "tests",
    "_testing",
    "testing",
    "io",
    "_joblib",
    "parallel",
    "show_versions",
}
"""Parts of names of modules that read files, connect to processes or start them, or test."""


class NotKept(Exception):
    """An estimator, or a file of one, that holds what is on no allow-list; its text names that."""


def written(estimator: Any) -> bytes:
    """The file of a fitted estimator; raises ``NotKept`` for one that could not be read again."""
    import skops.io

    try:
        content: bytes = skops.io.dumps(estimator)
        _allowed(skops.io.get_untrusted_types(data=content))
    except NotKept:
        raise
    except Exception as error:  # skops and the methods of a user's classes may raise anything
        raise NotKept(f"skops cannot write {type(estimator).__name__}: {' '.join(str(error).split())}") from error
    return content


def read(path: Path) -> Any:
    """The estimator of a file.

    Raises ``NotKept`` where it holds what is on no allow-list, and ``ValueError`` where it is damaged or of another version
    of scikit-learn, under which it may give other values.
    """
    import skops.io
    from sklearn.exceptions import InconsistentVersionWarning

    content = path.read_bytes()
    try:
        trusted = _allowed(skops.io.get_untrusted_types(data=content))
        with warnings.catch_warnings():
            warnings.simplefilter("error", InconsistentVersionWarning)
            return skops.io.loads(content, trusted=trusted)
    except NotKept:
        raise
    except InconsistentVersionWarning as other:
        raise ValueError(
            f"{path} was made by scikit-learn {other.original_sklearn_version}, and here is {other.current_sklearn_version}"
        ) from other
    except (BadZipFile, KeyError, TypeError, AttributeError, ImportError, ValueError, EOFError) as error:
        raise ValueError(f"{path} is not a file of an estimator: {type(error).__name__}: {error}") from error


def _allowed(names: list[str]) -> list[str]:
    if refused := [name for name in names if not is_allowed(name)]:
        raise NotKept(
            f"it holds {', '.join(refused)}, and only classes of scikit-learn, imbalanced-learn, NumPy and SciPy are kept"
        )
    return names


def is_allowed(name: str) -> bool:
    """Whether a dotted name is that of a class that a fitted estimator may hold, or of a function that it may refer to."""
    module, _, last = name.rpartition(".")
    if NEVER & set(name.split(".")) or not (_is_of(name, CLASSES_OF) or _is_of(name, FUNCTIONS_OF)):
        return False
    try:
        found = getattr(importlib.import_module(module), last)
    except (ImportError, AttributeError):
        return False
    if getattr(found, "__module__", None) != module:  # what is defined elsewhere has another name
        return False
    if inspect.isclass(found):
        return _is_of(name, CLASSES_OF) and not issubclass(found, BaseException)
    return inspect.isfunction(found) and _is_of(name, FUNCTIONS_OF)


def _is_of(name: str, modules: tuple[str, ...]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)

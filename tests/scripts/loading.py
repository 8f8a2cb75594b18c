"""The scripts as modules."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest

from tests.conftest import REPOSITORY

SCRIPTS = REPOSITORY / "scripts"


def load_script(name: str) -> ModuleType:
    """A script, with those beside it that it imports: they find each other as when one of them is run."""
    with pytest.MonkeyPatch.context() as path:
        path.syspath_prepend(SCRIPTS)
        return importlib.import_module(name)

"""Logs of the jobs that Hydra launches: what each has said, and in the last line whether it failed."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

from seedbed.training.progress import add_to

FAILED = "FAILED:"
"""What the last line of a job's log begins with where something failed."""


def log_name(number: int) -> str:
    """The name of a job's log in the job's folder."""
    return f"job-{number}.log"


@contextlib.contextmanager
def logged(path: Path) -> Iterator[None]:
    """Let what libraries log in between go to the file too."""
    handler = logging.FileHandler(path, "a", "utf-8")
    handler.setFormatter(logging.Formatter("[%(asctime)s][%(name)s][%(levelname)s] %(message)s"))
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


def add_failures(path: Path, failures: Mapping[str, str]) -> None:
    """End a job's log with what failed, and each failure's traceback; the last line says that it failed."""
    add_to(path, "\n".join(f"\n{where}\n{trace}" for where, trace in failures.items()))
    add_to(path, f"{FAILED} {', '.join(' '.join(where.split()) for where in failures)}")


def why_failed(log: Path) -> str:
    """What failed in a job, as the last line of its log has it; "" where nothing did."""
    last = log.read_text("utf-8", errors="replace").rstrip().rpartition("\n")[2]
    return f"{last.removeprefix(FAILED).strip(' .')}." if last.startswith(FAILED) else ""

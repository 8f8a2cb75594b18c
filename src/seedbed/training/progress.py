"""One progress display: bars for people at a terminal or in a notebook, a line now and then where the output is a file."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

Done = Callable[[int, int], None]
"""Takes how much is done, and of how much."""
SECONDS_UNSAID = 2.0
"""What takes no longer gets no line."""
SECONDS_OF_SILENCE = 10.0
"""After so long without any line, one says how far all is; after a tenth of the time so far where that is longer."""


class Display:
    """Shows what a command does. All of it goes to standard error, so that standard output holds results only."""

    def __init__(self, quiet: bool = False, log: Path | None = None) -> None:
        """Lines that stay are also added to the file ``log``."""
        self.quiet, self.log = quiet, log
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        # In a notebook, rich draws by ipywidgets.
        draws = sys.stderr.isatty() or (self.console.is_jupyter and find_spec("ipywidgets") is not None)
        self.live = draws and not quiet
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            TaskProgressColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not self.live,
        )
        self._lines = None if self.live or (quiet and log is None) else _Lines(self)
        self._whole: list[TaskID] = []
        """The one that counts epochs, once it has begun: also for those that are ``about`` something."""
        self._announced: set[str] = set()
        self._about = ""
        self._entered: list[Display] = []
        """Once for each ``with`` that it is in."""

    def about(self, name: str) -> Display:
        """The same display, on which all that is said and shown is about ``name``."""
        other = copy(self)
        other._about = f"{name}: "
        return other

    def __enter__(self) -> Display:
        if not self._entered:
            self._progress.start()
            if self._lines is not None:
                self._lines.start()
        self._entered.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._entered.pop()
        if not self._entered:
            self._progress.stop()
            if self._lines is not None:
                self._lines.stop()

    def say(self, text: str) -> None:
        """A line that stays."""
        if self._about:
            text = "\n".join(f"{self._about}{line}" for line in text.splitlines())
        if self._lines is not None:
            self._lines.heard()
        if self.log is not None:
            add_to(self.log, text)
        if not self.quiet:
            self.console.print(text, markup=False)

    def say_once(self, text: str) -> None:
        """A line that stays, unless it was said before."""
        if (said := self._about + text) not in self._announced:
            self._announced.add(said)
            self.say(text)

    @contextmanager
    def doing(self, what: str) -> Iterator[Done]:
        """Show what is done, such as "Reading the data", until the context ends; gives what is to be told how far it is, if anything."""
        task = self._progress.add_task(f"{self._about}{what}", total=None)

        def tell(done: int, total: int) -> None:
            self._progress.update(task, completed=done, total=total)
            self._look()

        try:
            yield tell
        finally:
            self._progress.remove_task(task)

    def begin(self, total: int) -> None:
        """Start counting ``total`` epochs (or steps) of seeds over all variants."""
        self._whole[:] = [self._progress.add_task("Training", total=total)]

    def at(self, variant: str, epoch: int, epochs: int, seeds: int, advance: int, unit: str = "epoch") -> None:
        """Show where training is: ``advance`` epochs (or what ``unit`` says) of seeds are done since the last call."""
        for whole in self._whole:
            text = f"{self._about}{variant}  {unit} {epoch}/{epochs}  {seeds} seed{'s' if seeds != 1 else ''}"
            self._progress.update(whole, description=text, advance=advance)
        self._look()

    def _look(self) -> None:
        if self._lines is not None:
            self._lines.look()


class _Lines:
    """Says how far the bars of a display are, where they cannot be drawn."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._heard = self._began = monotonic()
        self._said: set[TaskID] = set()
        self._looking = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Look by itself from now on, as what takes long may tell nothing."""
        self._ended.clear()
        self._began = self._heard = monotonic()
        self._thread = threading.Thread(target=self._run, name="lines of progress", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def heard(self) -> None:
        """Take note that something is said."""
        self._heard = monotonic()

    def look(self) -> None:
        """Say of each bar how far it is, if that is due."""
        if not self._looking.acquire(blocking=False):  # held by whoever says it
            return
        try:
            for line in self._due(monotonic()):
                self._display.say(line)
        finally:
            self._looking.release()

    def _run(self) -> None:
        while not self._ended.wait(SECONDS_UNSAID / 4):
            self.look()

    def _due(self, now: float) -> list[str]:
        tasks = self._display._progress.tasks
        silent = now - self._heard >= max(SECONDS_OF_SILENCE, (now - self._began) / 10)
        unsaid = {task.id for task in tasks if self._is_unsaid(task)}
        self._said |= unsaid
        return [_line(task) for task in tasks if silent or task.id in unsaid]

    def _is_unsaid(self, task: Task) -> bool:
        """Whether it is time to say for the first time what is done beside the training."""
        known = task.id in self._said or task.id in self._display._whole
        return not known and (task.elapsed or 0.0) >= SECONDS_UNSAID


def _line(task: Task) -> str:
    if not task.total:
        return f"{task.description} ... ({_clock(task.elapsed)})"
    left = f", about {_clock(task.time_remaining)} left" if task.time_remaining is not None else ""
    return f"{task.description}: {task.percentage:.0f} % in {_clock(task.elapsed)}{left}"


def _clock(seconds: float | None) -> str:
    minutes, rest = divmod(int(seconds or 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def add_to(log: Path, text: str) -> None:
    """Add lines to a log file."""
    with log.open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f"{text}\n")

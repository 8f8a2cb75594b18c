"""One progress display: a live one for people at a terminal, one line per variant where the output is a file."""

from __future__ import annotations

import sys
from copy import copy
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class Display:
    """Shows what a run does. All of it goes to standard error, so that standard output holds results only."""

    def __init__(self, quiet: bool = False, log: Path | None = None) -> None:
        """Lines that stay are also added to the file ``log``."""
        self.quiet, self.log = quiet, log
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self.live = sys.stderr.isatty() and not quiet
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not self.live,
        )
        self._whole: list[TaskID] = []
        """The one that counts epochs, once it has begun: also for those that are ``about`` something."""
        self._preparing: TaskID | None = None
        self._announced: set[str] = set()
        self._about = ""

    def about(self, name: str) -> Display:
        """The same display, on which all that is said and shown is about ``name``."""
        other = copy(self)
        other._about = f"{name}: "
        return other

    def __enter__(self) -> Display:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        """A line that stays."""
        if self._about:
            text = "\n".join(f"{self._about}{line}" for line in text.splitlines())
        if self.log is not None:
            add_to(self.log, text)
        if not self.quiet:
            self.console.print(text, markup=False)

    def say_once(self, text: str) -> None:
        """A line that stays, unless it was said before."""
        if (said := self._about + text) not in self._announced:
            self._announced.add(said)
            self.say(text)

    def preparing(self, what: str, done: int, total: int) -> None:
        """Data preparation: a bar of its own that goes when it is full."""
        if self._preparing is None:
            if not self.live:
                self.say_once(f"Preparing {what} ...")
            self._preparing = self._progress.add_task(what, total=total)
        self._progress.update(self._preparing, description=what, completed=done, total=total)
        if done >= total:
            self._progress.remove_task(self._preparing)
            self._preparing = None

    def begin(self, total: int) -> None:
        """Start counting ``total`` epochs (or steps) of seeds over all variants."""
        self._whole[:] = [self._progress.add_task("", total=total)]

    def at(self, variant: str, epoch: int, epochs: int, seeds: int, advance: int, unit: str = "epoch") -> None:
        """Show where training is: ``advance`` epochs (or what ``unit`` says) of seeds are done since the last call."""
        for whole in self._whole:
            text = f"{self._about}{variant}  {unit} {epoch}/{epochs}  {seeds} seed{'s' if seeds != 1 else ''}"
            self._progress.update(whole, description=text, advance=advance)


def add_to(log: Path, text: str) -> None:
    """Add lines to a log file."""
    with log.open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f"{text}\n")

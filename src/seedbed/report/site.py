"""The reports of a project as a folder of HTML pages: an index of what each experiment asks and found, and the reports themselves."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from seedbed.errors import ConfigError
from seedbed.report.blocks import InlineCode
from seedbed.report.files import remove, write_files
from seedbed.report.json_values import json_text
from seedbed.report.record import About, about
from seedbed.report.render.html import html
from seedbed.report.render.markdown import escaped, inline

INDEX, WRITTEN = "index.html", "site.json"
"""The page that one opens, and the list of all files of a site, by which it is known as one."""
PAGE = "report.html"
QUESTION = re.compile(r"^\*\*.+\*\*$", re.MULTILINE)
ANSWER = re.compile(r"^- (.+)$", re.MULTILINE)
PICTURE = re.compile(r"^!\[(.*)\]\(([\w.-]+)\.png\)$", re.MULTILINE)


@dataclass(frozen=True)
class Site:
    """What was written."""

    files: list[Path]
    """The index first."""
    left_out: list[str]
    """Why reports are not in it, in sentences."""


@dataclass(frozen=True)
class _Report:
    """A report that is found."""

    folder: Path
    place: PurePosixPath
    """Its folder, relative to ``experiments/``."""
    about: About
    text: str
    """Its page in Markdown."""

    @property
    def below(self) -> str:
        """What it is beside the experiment's own report: "search", "launches/3f2a91c0", a data set; "" where it is that one."""
        return "/".join(self.place.parts[len(PurePosixPath(self.about.experiment).parts) :])

    @property
    def page(self) -> str:
        return str(self.place / PAGE)


def write_site(experiments: Path, folder: Path, title: str) -> Site:
    """Write the reports below the folder ``experiments`` into ``folder``, with an index called ``title``.

    The pages need no other files and no network. What an earlier site had and this one lacks is removed; raises ``ConfigError``
    for a folder that holds something else, and where there is no report.
    """
    reports, left_out = _found(experiments)
    if not reports:
        raise ConfigError(
            f"{experiments} holds no report of which there are pages in Markdown and HTML, and a record. 'seedbed report NAME' writes one."
        )
    contents: dict[str, bytes | str] = {each.page: (each.folder / PAGE).read_bytes() for each in reports}
    pictures: dict[str, bytes] = {}
    page = _index(reports, title, pictures)
    contents = {INDEX: html(page, pictures, title, [quote(each.page) for each in reports]), **contents}
    earlier = _earlier(folder)
    if others := [name for name in contents if (folder / name).exists() and name not in earlier]:
        raise ConfigError(
            f"{folder / others[0]} is of no site that seedbed has written. Name another folder with --output."
        )
    listed: dict[str, bytes | str] = {WRITTEN: json_text({"files": sorted(contents)})}
    write_files(folder, listed | contents, "--output")
    _remove(folder, sorted(earlier - set(contents)))
    return Site([folder / name for name in contents], left_out)


def _found(experiments: Path) -> tuple[list[_Report], list[str]]:
    """The reports by experiment, each experiment's own first; and why others are left out."""
    reports, left_out = [], []
    for page in sorted(experiments.rglob("report.md")):
        folder, said = page.parent, about(page.parent)
        lacking = [name for name, there in ((PAGE, (folder / PAGE).is_file()), ("record.json", said)) if not there]
        if lacking or said is None:
            left_out.append(
                f"{folder} is left out: it has no {' and no '.join(lacking)}. 'seedbed report' writes it, unless --format leaves out "
                "html (the page) or csv (the record)."
            )
            continue
        place = PurePosixPath(folder.relative_to(experiments).as_posix())
        reports.append(_Report(folder, place, said, page.read_text("utf-8")))
    return sorted(reports, key=lambda each: (each.about.experiment, bool(each.below), each.below)), left_out


# ---- the index -------------------------------------------------------------------------------------------------------


def _index(reports: Sequence[_Report], title: str, pictures: dict[str, bytes]) -> str:
    """The page in Markdown; the ``pictures`` that it shows are added by their names."""
    of: dict[str, list[_Report]] = {}
    for report in reports:
        of.setdefault(report.about.experiment, []).append(report)
    lines = [f"# {escaped(title)}", f"{_count(len(reports), 'report')} of {_count(len(of), 'experiment')}."]
    for experiment, own in of.items():
        lines.append(f"## {escaped(experiment)}")
        for report in own:
            lines += _entry(report, pictures)
    return "\n\n".join(lines) + "\n"


def _entry(report: _Report, pictures: dict[str, bytes]) -> list[str]:
    lines = []
    if report.below:
        lines.append(f"### {escaped(report.below)}")
        lines.append(inline(InlineCode(report.about.command)))
    elif question := QUESTION.search(report.text):
        lines.append(question[0])
    if answer := ANSWER.search(report.text):
        lines.append(answer[1])
    if not report.below and (picture := _picture(report, pictures)):
        lines.append(picture)
    sizes = [_count(report.about.variants, "variant"), _count(report.about.seeds, "seed")]
    if report.about.data_sets:
        sizes.append(_count(report.about.data_sets, "data set"))
    lines.append(f"{', '.join(sizes)}; {report.about.date}. [Report]({quote(report.page)})")
    return lines


def _picture(report: _Report, pictures: dict[str, bytes]) -> str:
    """The first picture of a report, which is added to ``pictures``; "" where there is none as SVG."""
    for alt, name in PICTURE.findall(report.text):
        with contextlib.suppress(OSError):
            key = f"picture_{len(pictures)}"
            pictures[f"{key}.svg"] = (report.folder / f"{name}.svg").read_bytes()
            return f"![{alt}]({key}.png)"
    return ""


def _count(number: int, of: str) -> str:
    return f"{number} {of}{'' if number == 1 else 's'}"


# ---- the folder ------------------------------------------------------------------------------------------------------


def _earlier(folder: Path) -> set[str]:
    """The files of the site that is in the folder; raises ``ConfigError`` where there is something else."""
    try:
        listed: Mapping[str, list[str]] = json.loads((folder / WRITTEN).read_text("utf-8"))
        return {name for name in listed["files"] if _is_inside(PurePosixPath(name))}
    except FileNotFoundError:
        if folder.is_dir() and any(folder.iterdir()):
            raise ConfigError(
                f"{folder} holds something else than a site that seedbed has written. Name another folder with --output."
            ) from None
        return set()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{folder / WRITTEN}, which lists the files of the site there, cannot be read: {error}. Name another folder with --output."
        ) from error


def _is_inside(path: PurePosixPath) -> bool:
    return not path.is_absolute() and ".." not in path.parts


def _remove(folder: Path, names: Iterable[str]) -> None:
    """Remove files of an earlier site, and the folders that they leave empty."""
    for name in names:
        remove([folder / name])
        for parent in (folder / name).relative_to(folder).parents:
            with contextlib.suppress(OSError):
                if parent.parts:
                    (folder / parent).rmdir()

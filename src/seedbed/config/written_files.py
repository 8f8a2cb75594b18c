"""Mistakes in the YAML of an experiment's file, in the words of YAML and not of what is read from it: lines, quotes, its first line, its defaults."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from seedbed.checks import shown
from seedbed.errors import ConfigError, near_misses

HEADER = "# @package _global_"
"""By its first line Hydra takes the keys of an experiment's file for those of the whole config."""
_CLOSING = {"[": "]", "{": "}", "(": ")"}
_NEEDS_QUOTES = re.compile(r"[\[\]{},]|: | #|:$|^[*&!|>%@`]")
_QUOTED = re.compile(r"""\s*(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')\s*""")
_CUT_OFF = re.compile(r"\s*- ([+~]{0,2}[\w./@]+=[^'\"#]*?)\s+#\S.*")
"""An override that a comment without a blank behind its # cuts off: hardly meant as one."""
_HOW_TO_QUOTE = (
    "In a list in brackets, an override that itself holds brackets, braces, a comma, ': ' or ' #' stands in double quotes, as in "
    '[data=feature_csv, "data.path=a[1].csv"].'
)


# ---- what YAML cannot read -------------------------------------------------------------------------------------------


def explained(error: yaml.YAMLError, text: str) -> str:
    """What is wrong in a YAML text that cannot be read, where, and how it is written right."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return " ".join(str(error).split())
    return next(_explanations(error, text.splitlines()))


def _explanations(error: yaml.MarkedYAMLError, lines: Sequence[str]) -> Iterator[str]:
    """What may be said of it, the most precise first."""
    problem, context = error.problem or "", error.context or ""
    at = error.problem_mark.line if error.problem_mark else 0
    begun = error.context_mark.line if error.context_mark else at
    line, first = ((lines[number] if number < len(lines) else "") for number in (at, begun))
    place, place_of_first = f"line {at + 1} ({line.strip()})", f"line {begun + 1} ({first.strip()})"
    if "'\\t'" in problem:
        yield f"line {at + 1} begins with a tab, and YAML takes blanks only. Put blanks in its place."
    if "duplicate key" in problem:
        yield f"{place}: {problem.removeprefix('found duplicate key ')} appears twice. Rename one of the two, or remove it."
    before = lines[at - 1] if 0 < at <= len(lines) else ""
    if "mapping values are not allowed" in problem and ":" not in before and _indent(before) == _indent(line):
        place_of_first, problem = f"line {at} ({before.strip()})", "could not find expected ':'"
    if "could not find expected ':'" in problem:
        yield f"{place_of_first} has no ': ' between a key and its value. Write it as 'key: value', with a blank behind the colon."
    if right := quoted_line(first):
        yield f"{place_of_first} needs quotes. Write {right.strip()}"
    if right := quoted_line(line):
        yield f"{place} needs quotes. Write {right.strip()}"
    if "mapping values are not allowed" in problem:
        yield f"{place}: a value that holds ': ' stands in quotes, and the keys of a mapping begin in the same column."
    if "undefined alias" in problem or "anchor" in context:
        yield f"{place}: a value that begins with * or & stands in quotes."
    if "expected <block end>" in problem:
        yield f"{place} begins in another column than the lines that it goes on from. Move it there."
    if "while parsing a flow" in context:
        yield f"{place_of_first}: a bracket or brace is not closed. {_HOW_TO_QUOTE}"
    yield f"{place}: {' '.join(str(error).split())}"


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def quoted_line(line: str) -> str:
    """A line whose list in brackets, or mapping in braces, YAML can read: with quotes where they lack; "" where that is no help."""
    start = re.search(r"(?:^\s*(?:- )?|: )(?=[\[{])", line)
    end = None if start is None else _parts(line, start.end())[1]
    if start is None or end is None:
        return ""
    right = f"{line[: start.end()]}{_requoted(line[start.end() : end])}{line[end:]}"
    try:
        yaml.safe_load(right)
    except yaml.YAMLError:
        return ""
    return "" if right.split() == line.split() else right


def _requoted(part: str) -> str:
    """A list, a mapping or a text, with all texts in it in quotes that need them."""
    text = part.strip()
    parts, end = _parts(text, 0) if text[:1] in ("[", "{") else ([], None)
    if end is not None and end == len(text):
        entries = [_requoted(each) if text[0] == "[" else _requoted_entry(each) for each in parts]
        return f"{text[0]}{', '.join(entries)}{text[-1]}"
    return json.dumps(text, ensure_ascii=False) if not _QUOTED.fullmatch(text) and _NEEDS_QUOTES.search(text) else text


def _requoted_entry(part: str) -> str:
    key, colon, value = part.strip().partition(": ")
    return f"{key}{colon}{_requoted(value) if colon else ''}"


def _parts(line: str, start: int) -> tuple[list[str], int | None]:
    """What stands between the commas of a list in brackets, and where it ends; None where it does not."""
    depth: list[str] = []
    parts: list[str] = []
    begun, at = start + 1, start
    while at < len(line):
        quoted = _QUOTED.match(line, at) if line[at] in "\"'" and line[begun:at].strip() == "" else None
        if quoted:
            at = quoted.end()
            continue
        if line[at] in _CLOSING:
            depth.append(_CLOSING[line[at]])
        elif depth and line[at] == depth[-1]:
            depth.pop()
            if not depth:
                return [*parts, *([line[begun:at]] if line[begun:at].strip() else [])], at + 1
        elif line[at] == "," and len(depth) == 1:
            parts.append(line[begun:at])
            begun = at + 1
        at += 1
    return parts, None


# ---- what Hydra would misread ----------------------------------------------------------------------------------------


def refuse_misread(path: Path, place: str, groups: Mapping[str, Collection[str]]) -> None:
    """Raise ``ConfigError`` where an experiment's file lacks the line by which its keys count, or its defaults cannot be.

    What YAML cannot read is left to whoever composes it.
    """
    text = path.read_text("utf-8", errors="replace")
    _refuse_other_header(text.lstrip("\ufeff"), place)
    try:
        content = OmegaConf.to_container(OmegaConf.create(text), resolve=False)
    except (OmegaConfBaseException, yaml.YAMLError, ValueError):
        return
    defaults = content.get("defaults", []) if isinstance(content, dict) else []
    if not isinstance(defaults, list):
        raise ConfigError(
            f"{place}: defaults is not a list. Write each choice on a line of its own with '- ' before it, as in "
            "'- override /model: mlp'."
        )
    for number, line in enumerate(text.splitlines(), start=1):
        if cut := _CUT_OFF.fullmatch(line):
            raise ConfigError(
                f"{place}: line {number} ({line.strip()}): to YAML ' #' begins a comment, so that the override is {cut[1]}. Write "
                f"- {json.dumps(line.strip()[2:], ensure_ascii=False)}, or, where it is a comment, a blank behind the #."
            )
    for why in _mistakes(defaults, groups):
        raise ConfigError(f"{place}: its defaults list has {why}")
    for key, example in _MAPPINGS.items():
        value = _at(content, key)
        if isinstance(value, list | str | int | float):
            raise ConfigError(f"{place}: {key}={shown(value)}: give a mapping, such as {example}.")
    for key, value in (_at(content, "search.params") or {}).items():
        if isinstance(value, str) and value.count("(") != value.count(")"):
            line = next((line for line in text.splitlines() if value in line), "")
            raise ConfigError(
                f"{place}: search.params.{key}={value}: YAML takes the comma for the end of the value, which stands in quotes. "
                f"Write {quoted_line(line).strip() or 'it in double quotes.'}"
            )


_MAPPINGS = {
    "trainer": "trainer: {max_epochs: 10}",
    "report": "report: {metric: test/accuracy}",
    "tracking": "tracking: {checkpoints: false}",
    "lr_finder": "lr_finder: {steps: 100}",
    "search": "search: {params: {model.hidden: 'choice([64],[128])'}}",
    "search.params": "search: {params: {model.hidden: 'choice([64],[128])'}}",
}


def _at(content: Any, key: str) -> Any:
    for part in key.split("."):
        content = content.get(part) if isinstance(content, dict) else None
    return None if content == "???" or (isinstance(content, str) and "${" in content) else content


def _refuse_other_header(text: str, place: str) -> None:
    headers = []
    for line in filter(str.strip, text.splitlines()):
        if not re.match(r"\s*#\s*@", line):
            break
        headers.append(line.strip())
    if any(line.lstrip("#").split() == ["@package", "_global_"] for line in headers):
        return
    first = text.partition("\n")[0].strip()
    raise ConfigError(
        f"{place}: its first line must be {HEADER!r}, and is {first!r}: without it none of its keys would count."
    )


def _mistakes(defaults: list[Any], groups: Mapping[str, Collection[str]]) -> Iterator[str]:
    for entry in defaults:
        if isinstance(entry, str) and entry != "_self_":
            yield from _mistakes_of_text(entry, groups)
        for key, choice in entry.items() if isinstance(entry, dict) else ():
            yield from _mistakes_of_choice(str(key), choice, groups)


def _mistakes_of_text(entry: str, groups: Mapping[str, Collection[str]]) -> Iterator[str]:
    words = entry.removeprefix("override ").replace("=", " ").split()
    group = words[0].lstrip("/") if words else ""
    if group in groups and len(words) == 2:
        yield f"'{entry}', which is not a choice. Write 'override /{group}: {words[1]}'."


def _mistakes_of_choice(key: str, choice: Any, groups: Mapping[str, Collection[str]]) -> Iterator[str]:
    words = key.removeprefix("optional ").partition("@")[0].split()
    overrides, named = words[0] == "override", words[-1]
    group, entry = named.lstrip("/"), f"'{key}: {shown(choice)}'"
    if group.startswith("hydra/") or key.startswith("optional ") or isinstance(choice, list):
        return
    if group not in groups:
        if overrides:
            yield f"{entry}: there is no config group {group!r}, {near_misses(group, [name for name in groups if name != 'experiments'])}"
        return
    right = f"'override /{group}: {shown(choice)}'"
    if group == "experiments" or "@" in key:
        return
    if not overrides:
        yield f"{entry}, and what is usual for {group} is chosen before it. Write {right}."
    if not named.startswith("/"):
        yield f"{entry}: a group is named from its slash on. Write {right}."
    if isinstance(choice, str) and choice not in groups[group] and "${" not in choice and choice != "???":
        yield f"{entry}: group {group!r} has no choice {choice!r}, {near_misses(choice, groups[group])}"


# ---- lists of overrides ----------------------------------------------------------------------------------------------


def are_lists(named: Any) -> bool:
    """Whether it is a mapping from names to lists of overrides."""
    return isinstance(named, dict) and all(not _why_no_list(name, own) for name, own in named.items())


def why_no_lists(named: Any, example: str) -> str:
    """Which of the named lists of overrides is none, and how it is written right; what is no mapping by an ``example``."""
    if not isinstance(named, dict):
        return f"{shown(named)} is not a mapping of names to lists of overrides. Write {example}."
    return next(why for name, own in named.items() if (why := _why_no_list(name, own)))


def _why_no_list(name: Any, own: Any) -> str:
    if own is None:
        return f"{name} has no list of overrides. Write '{name}: []' where nothing is to be changed."
    if isinstance(own, dict):
        return f"{name} is a mapping, and no list of overrides. Write '{name}: [{', '.join(_override(item) for item in own.items())}]'."
    if not isinstance(own, list):
        return f"{name} is {shown(own)!r}, and no list of overrides. Write '{name}: [{_requoted(shown(own))}]'."
    for item in own:
        if isinstance(item, dict):
            (pair,) = list(item.items())[:1] or [("", None)]
            return f"{name}: to YAML {_as_written(pair)!r} is a mapping, and no override. Write {_override(pair)}"
        if not isinstance(item, str):
            return (
                f"{name}: {shown(item)} is not an override. Write key=value, in quotes where that is a number to YAML."
            )
    return ""


def _as_written(pair: tuple[Any, Any]) -> str:
    key, value = pair
    return str(key) if value is None else f"{key}: {shown(value)}"


def _override(pair: tuple[Any, Any]) -> str:
    """What was to be an override: of ``a=b: c`` the text in quotes, of ``a: b`` that with an equals sign."""
    key, value = pair
    if "=" in str(key):
        return _requoted(_as_written(pair))
    return _requoted(f"{key}={shown(value)}")

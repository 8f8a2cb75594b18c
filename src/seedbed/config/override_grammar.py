"""Overrides as they are typed, brought into Hydra's grammar: names of columns and files may hold any character.

To Hydra ``data.label=Class (0/1)`` is an error, ``data.text=1e5`` a number and ``data.text=${msg}`` another key's value.
Where a key can only be given a name, what is typed is that name; what stands in quotes is read as Hydra reads it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, QuotedString
from hydra.errors import OverrideParseException
from omegaconf import OmegaConf

from seedbed.errors import ConfigError, check_storable
from seedbed.paths import project_folder
from seedbed.quoting import quoted

REQUIRED = ("data.text", "data.label", "data.user", "data.item", "data.rating")
"""Columns: to such a key null is the column of that name, as it is not set anyway where nothing is typed."""
NAMES = (
    *REQUIRED,
    "data.target",
    "data.file",
    "data.timestamp",
    "data.positive",
    "data.delimiter",
    "report.user",
    "report.similar_to",
    "question",
)
FILES = ("data.path", "data.targets", "data.root", "data.encoder.model", "search.storage", "search.study")
LISTS = ("data.features", "data.exclude", "data.drop_classes")
PAIRS = "data.labels"
"""Names of classes, each with that of another one."""
# What Hydra takes a backslash before for the character itself.
_ESCAPED = re.compile(r"\\[\\(){}\[\]:=, \t]|\\\$\{")
_ENTRY = re.compile(r"\s*(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")\s*(?=,|$)|[^,]+")
_IN_QUOTES = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_PAIR = re.compile(rf"\s*({_IN_QUOTES}|[^,]+?)\s*:\s*({_IN_QUOTES}|[^,]*?)\s*(?:,|$)")
_OVERRIDE = re.compile(r"(\+{0,2})([\w.]+)=(.*)", re.DOTALL)
_RESOLVER = re.compile(r"\$\{\s*([\w.]+)\s*:")


def in_grammar(
    overrides: Sequence[str], config_dir: str | PathLike[str] | None = None, *, sweeps: bool = False
) -> list[str]:
    """The overrides of a command as Hydra is to read them; reading them again changes nothing.

    ``sweeps``: several values of a key are one job each, or are searched. Raises ``ConfigError`` for what is no list of
    texts, and for several files where one is wanted.
    """
    _refuse_no_list(overrides)
    return [_in_grammar(as_list(text), config_dir, sweeps) for text in overrides]


def as_list(override: str) -> str:
    """``variant=a,b`` picks variants, as ``data_sets=a,b`` does data sets: to Hydra it is a list, not a sweep."""
    match = re.fullmatch(r"(variant|data_sets)=([^\[\]'\"]+)", override)
    return f"{match[1]}=[{match[2]}]" if match and match[2].lower() != "null" else override


def by_group(overrides: Sequence[str], groups: Mapping[str, Collection[str]]) -> list[str]:
    """``imbalance.after=threshold``, a group inside another by its key, as Hydra is to read it: ``imbalance/after=threshold``.

    null is the choice ``none``, where there is one.
    """
    return [_by_group(text, groups) for text in overrides]


def _by_group(override: str, groups: Mapping[str, Collection[str]]) -> str:
    match = _OVERRIDE.fullmatch(override)
    if match is None or "." not in match[2] or (group := match[2].replace(".", "/")) not in groups:
        return override
    item = _read(match[3])
    if item is None:
        return override
    if item.is_sweep_override():
        several = all(name.strip() in groups[group] for name in match[3].split(","))
        return f"{group}={match[3]}" if several else override
    if item.value() is None and "none" in groups[group]:
        return f"{group}=none"
    return f"{group}={match[3]}" if isinstance(item.value(), str) else override


def parse(overrides: Sequence[str]) -> list[Override]:
    """Read overrides in Hydra's grammar, sweeps included; raises ``ConfigError``."""
    parsed = []
    for text in overrides:
        try:
            parsed += OverridesParser.create().parse_overrides([text])
        except (OverrideParseException, ValueError) as error:
            raise ConfigError(f"Override {text!r} is not in Hydra's grammar: {_mended(text, error)}") from error
    return parsed


def _mended(text: str, error: Exception) -> str:
    """How an override is written that Hydra cannot read."""
    key, equals, value = (part.strip() for part in text.partition("="))
    plain = key.lstrip("-")
    if equals and re.fullmatch(r"[+~]{0,2}[\w.@/]+", plain) and f"{plain}={value}" != text and _read(value) is not None:
        return f"write it without blanks and dashes, {plain}={value}."
    if not equals and (match := re.fullmatch(r"([\w.@/]+)(?:[: ]+(.+))?", text)):
        return f"it has no equals sign. Write {match[1]}={match[2] or 'VALUE'}."
    if opened := next((each for each in ("[]", "{}", "()") if value.count(each[0]) != value.count(each[1])), ""):
        return f"a {opened[0]} lacks its {opened[1]}. Close it, or quote the value twice where it is text: \"{key}='{value}'\"."
    reason = str(error).splitlines()[0].removeprefix("LexerNoViableAltException: ")
    return f"{reason}. Write key=value, and quote a value with special characters twice: \"key='a=b#c'\"."


def parse_single(overrides: Sequence[str]) -> list[Override]:
    """Read overrides that give one value each; raises ``ConfigError``, also for a sweep."""
    parsed = parse(overrides)
    for override in parsed:
        if override.is_sweep_override():
            raise ConfigError(
                f"Override {override.input_line!r} gives several values. Add -m to run one job for each, "
                f"or write a list: {override.get_key_element()}=[...]."
            )
    return parsed


def same_or_inside(key: str, node: str) -> bool:
    """Whether a key or config group is ``node`` or lies below it."""
    return key == node or key.startswith((f"{node}.", f"{node}/"))


def is_node(item: Override, groups: Collection[str]) -> bool:
    """Whether it gives a config group a node of its own, ``model={_target_: ...}``, in place of a choice."""
    if item.key_or_group not in groups or item.is_delete() or item.is_add() or item.is_sweep_override():
        return False
    value = item.value()
    return isinstance(value, dict) and "_target_" in value


def _refuse_no_list(overrides: Any) -> None:
    if isinstance(overrides, str | bytes):
        raise ConfigError(f'overrides={overrides!r}: give a list of overrides, such as ["{_text(overrides)}"].')
    if isinstance(overrides, dict):
        example = ", ".join(f'"{key}={value}"' for key, value in overrides.items())
        raise ConfigError(f"overrides={overrides!r}: give a list of overrides, such as [{example}].")
    for text in overrides:
        if not isinstance(text, str):
            raise ConfigError(f'overrides: {text!r} is not text. Each one is text, such as "seeds=30".')
        check_storable(f"Override '{text}'", text)


def _text(overrides: str | bytes) -> str:
    return overrides if isinstance(overrides, str) else overrides.decode(errors="replace")


def _in_grammar(override: str, config_dir: str | PathLike[str] | None, sweeps: bool) -> str:
    match = _OVERRIDE.fullmatch(override)
    if match is None:
        return override
    added, key, typed = match.groups()
    if key in NAMES or key in FILES:
        return f"{added}{key}={_name(key, typed, config_dir, sweeps)}"
    if key == PAIRS:
        return f"{added}{key}={_pairs(typed)}"
    return f"{added}{key}={_names(typed)}" if key in LISTS else override


def _name(key: str, typed: str, config_dir: str | PathLike[str] | None, sweeps: bool) -> str:
    item = _read(typed)
    if item is None:
        return quoted(typed)
    if item.is_sweep_override():
        if key in FILES:
            return _one_file(key, typed, config_dir, sweeps)
        return typed if sweeps else quoted(typed)
    if item.value() is None:
        return quoted(typed) if key in REQUIRED else typed
    if key == "data.root" and not isinstance(item.value(), str | list | dict):
        return typed  # a folder is hardly called 3 or true: the check of its kind says so
    return _one(item, typed, refers=key in FILES, number=key not in FILES)


def _one_file(key: str, typed: str, config_dir: str | PathLike[str] | None, sweeps: bool) -> str:
    """Several files to Hydra, or one whose name has a comma."""
    places = [folder / Path(typed).expanduser() for folder in (Path.cwd(), project_folder(config_dir))]
    if any(map(_exists, places)):
        return quoted(typed)
    if sweeps:
        return typed
    raise ConfigError(
        f"Override '{key}={typed}' gives several values, and there is nothing of that name. Name one; where the name has a "
        f"comma or brackets in it, type it as it is, and check the folder; to run one job for each, add -m."
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _names(typed: str) -> str:
    """A list of columns; the names of those that hold a comma stand in quotes."""
    whole = _read(typed)
    if whole is not None and (whole.is_sweep_override() or whole.value() is None or _are_plain(whole.value(), typed)):
        return typed
    if not (typed.startswith("[") and typed.endswith("]")):
        return quoted(typed) if whole is None else typed
    return f"[{','.join(_entry(part.strip()) for part in _parts(typed[1:-1]))}]"


def _pairs(typed: str) -> str:
    """A mapping of names, as a list of pairs where Hydra takes it for none or has names in it that are numbers or the like."""
    inner = typed.strip()[1:-1]
    read = _read(typed)
    if (
        (read is not None and _as_written(read))
        or not re.fullmatch(r"\s*\{.*\}\s*", typed)
        or not re.fullmatch(f"(?:{_PAIR.pattern})+", inner)
    ):
        return typed
    return f"[{','.join(f'[{_named(one)},{_named(other)}]' for one, other in _PAIR.findall(inner))}]"


def _as_written(item: Override) -> bool:
    """Whether it is no mapping, or one of texts and whole numbers as they are typed."""
    value = item.value()
    if not isinstance(value, dict) or None in value.values():
        return True
    parts = [part for pair in value.items() for part in pair]
    typed = set(re.findall(r"[^\s{}:,]+", item.input_line or ""))
    return all(isinstance(part, str) or (type(part) is int and str(part) in typed) for part in parts)


def _named(typed: str) -> str:
    return typed if re.fullmatch(_IN_QUOTES, typed) else quoted(typed)


def _are_plain(values: Any, typed: str) -> bool:
    return isinstance(values, list) and all(isinstance(value, str | int) for value in values) and "${" not in typed and not any(isinstance(value, bool) for value in values)  # fmt: skip


def _parts(text: str) -> list[str]:
    """Parted at the commas that stand outside quotes."""
    return [match[0] for match in _ENTRY.finditer(text)]


def _entry(typed: str) -> str:
    item = _read(typed)
    return quoted(typed) if item is None or item.is_sweep_override() or item.value() is None else _one(item, typed)


def _one(item: Override, typed: str, *, refers: bool = False, number: bool = True) -> str:
    """One name; ``refers``: it may take another key's value or an environment variable in; ``number``: a whole one may stay."""
    value = item.value()
    if isinstance(value, str) and not (_refers(typed) if refers else _RESOLVER.search(typed) and _resolves(typed)):
        if isinstance(item._value, QuotedString):
            return quoted(value) if "${" in value and r"\${" not in value else typed
        if _ESCAPED.search(typed) or (value == typed and "${" not in typed):
            return typed
    elif isinstance(value, str) or (number and type(value) is int and str(value) == typed):
        return typed
    return quoted(typed)


def _refers(typed: str) -> bool:
    """Whether a path has an interpolation in it that OmegaConf can follow."""
    return bool(re.search(r"\$\{[\w]+(\.[\w]+)+\}", typed)) or _resolves(typed)


def _resolves(typed: str) -> bool:
    return any(OmegaConf.has_resolver(name) for name in _RESOLVER.findall(typed))


def _read(typed: str) -> Override | None:
    """A value as Hydra reads it; None where that is an error."""
    try:
        return OverridesParser.create().parse_overrides([f"key={typed}"])[0]
    except Exception:  # also of Hydra's own parser's, which lets some of its library out
        return None

"""Values as JSON that reads back as the same values: dataclasses, arrays, floats to the last bit, keys of any kind."""

from __future__ import annotations

import dataclasses
import json
import math
import types
from collections.abc import Iterable, Sequence
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

WIDTH = 120
# JSON has neither keys that are no text nor numbers that are not finite: a mapping of one such key stands for them.
PAIRS, FLOAT = "$pairs", "$float"


def plain(value: Any) -> Any:
    """What JSON has for ``value``; a dataclass is a mapping of those of its fields that differ from their defaults.

    Raises TypeError for a value of another kind.
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict) or dataclasses.is_dataclass(value):
        return _plain_mapping(value)
    if isinstance(value, float) and not math.isfinite(value):
        return {FLOAT: repr(value)}
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"{type(value).__name__} {value!r} has no form in JSON")


def _plain_mapping(value: Any) -> dict[str, Any]:
    if dataclasses.is_dataclass(value):
        values = {field: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {field.name: plain(of) for field, of in values.items() if of is None or _differs(of, _default(field))}
    if all(isinstance(key, str) for key in value):
        return {key: plain(of_key) for key, of_key in value.items()}
    return {PAIRS: [[plain(key), plain(of_key)] for key, of_key in value.items()]}


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _differs(value: Any, default: Any) -> bool:
    return isinstance(value, np.ndarray) or type(value) is not type(default) or bool(value != default)


def restored(value: Any, kind: Any = Any) -> Any:
    """The reverse of ``plain``; ``kind`` is a type with its arguments, such as ``list[Summary]``, or ``Any``.

    Raises KeyError, TypeError or ValueError where the value is of another kind.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (types.UnionType, Union):
        wanted = [argument for argument in arguments if argument is not type(None)]
        kind = Any if value is None or len(wanted) > 1 else wanted[0]
        return restored(value, kind)
    if dataclasses.is_dataclass(kind):
        return _dataclass(value, kind)
    if isinstance(value, dict):
        return _mapping(value, *(arguments if origin is dict else (Any, Any)))
    if isinstance(value, list):
        return np.asarray(value) if np.ndarray in (kind, origin) else _sequence(value, origin, arguments)
    return value


def _mapping(value: dict[str, Any], of_key: Any, of_value: Any) -> Any:
    if value.keys() == {FLOAT}:
        return float(value[FLOAT])
    if value.keys() == {PAIRS}:
        return {restored(key, of_key): restored(item, of_value) for key, item in value[PAIRS]}
    return {key: restored(item, of_value) for key, item in value.items()}


def _dataclass(value: Any, kind: Any) -> Any:
    if not isinstance(value, dict):
        raise TypeError(f"{kind.__name__}: {value!r} is not a mapping")
    hints = get_type_hints(kind)
    known = [field.name for field in dataclasses.fields(kind) if field.name in value]
    return kind(**{name: restored(value[name], hints[name]) for name in known})


def _sequence(value: Sequence[Any], origin: Any, arguments: Sequence[Any]) -> Any:
    if origin is not tuple:
        return [restored(item, arguments[0] if arguments else Any) for item in value]
    kinds: Iterable[Any] = [arguments[0]] * len(value) if arguments[-1] is ... else arguments
    return tuple(restored(item, kind) for item, kind in zip(value, kinds, strict=True))


def json_text(value: Any) -> str:
    """JSON in lines: what fits into one, and every list of single values, stands in one line. Keys keep their order."""
    return _text(value, 0) + "\n"


def _text(value: Any, indent: int) -> str:
    line = json.dumps(value, ensure_ascii=False, allow_nan=False)
    single = not isinstance(value, dict) and not any(isinstance(item, dict | list) for item in _items(value))
    if len(line) + indent <= WIDTH or single:
        return line
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    inner = " " * (indent + 2)
    keys = [f"{json.dumps(key, ensure_ascii=False)}: " for key in value] if isinstance(value, dict) else None
    lines = [
        f"{inner}{keys[place] if keys else ''}{_text(item, indent + 2)}" for place, item in enumerate(_items(value))
    ]
    return f"{opening}\n" + ",\n".join(lines) + f"\n{' ' * indent}{closing}"


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()

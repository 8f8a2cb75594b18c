"""JSON Schema of the values that keys take, from annotations and from the rules that classes of scikit-learn's kind have in their place."""

from __future__ import annotations

import numbers
import re
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Union

from seedbed.config.values import LISTS, MAPPINGS, PLAIN, is_object, members_of, wanted_of

Schema = dict[str, Any]
DRAFT = "http://json-schema.org/draft-07/schema#"
REFERENCE = r"\$\{|^\?\?\?$"
"""What may stand in the place of any value: one taken from elsewhere, ``${trainer.max_epochs}``, or one that is to be given."""
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}


def of_annotation(annotation: Any, *, strict: bool = True) -> Schema:
    """The values that ``values.fits`` takes for the annotation, and references; {}: any value.

    In one schema rather than in alternatives, of which an editor would say of a wrong value that it fits none.
    """
    # typing gives for a union one that is equal to it, if there was one before: of the same members in any order.
    members = sorted(members_of(annotation), key=_place)
    if not strict and not set(members) <= set(PLAIN):
        return {}
    types: list[str] = [] if strict else ["number", "boolean", "null"]
    words: list[str] = []
    schema: Schema = {}
    for member in members:
        origin, arguments = typing.get_origin(member), typing.get_args(member)
        if member in _TYPES:
            types.append(_TYPES[member])
        elif origin is Literal:
            words += [choice for choice in arguments if isinstance(choice, str)]
            types += [_TYPES[type(choice)] for choice in arguments if not isinstance(choice, str)]
        elif (origin or member) in LISTS:
            types.append("array")
            schema |= _entries(origin, arguments)
        elif (origin or member) in MAPPINGS or (origin or member) is Callable or is_object(member):
            types.append("object")
        else:
            return {}
    schema["type"] = list(dict.fromkeys([*types, "string"]))
    if "string" not in types:
        schema |= matching(one_of(words) if words else "", f"Give {wanted_of({}, members)}.")
    if words:
        schema["examples"] = words
    return schema


def _place(member: Any) -> int:
    kinds = list(_TYPES)
    return kinds.index(member) if member in kinds[:-1] else len(kinds) + (member is type(None))


def _entries(origin: Any, arguments: Sequence[Any]) -> Schema:
    if not arguments:
        return {}
    if origin is tuple and Ellipsis not in arguments:
        return {
            "items": [of_annotation(each) for each in arguments],
            "minItems": len(arguments),
            "maxItems": len(arguments),
        }
    return {"items": of_annotation(arguments[0])}


def of_rules(rules: Iterable[Any]) -> Schema:
    """The values that the rules for an argument of scikit-learn's take, in kind: not between which bounds numbers lie."""
    kinds = [_kind(rule) for rule in rules]
    return {} if Any in kinds else of_annotation(Union[tuple(kinds)])  # noqa: UP007 - of kinds that are known here only


def _kind(rule: Any) -> Any:
    """The annotation that says what a rule says; ``Any`` for one that is not known."""
    name = type(rule).__name__
    if name == "StrOptions":
        return Literal[tuple(sorted(rule.options - rule.deprecated))]
    kind = getattr(rule, "type", rule) if name in ("Interval", "Options") else rule
    if name == "Options":
        return {numbers.Real: float, numbers.Integral: int}.get(kind, kind if kind in _TYPES else Any)
    named = {"boolean": bool, "random_state": int | None, "verbose": bool | int, None: None, callable: Callable}
    if isinstance(kind, str | None) or kind is callable:
        return named.get(kind, Any)
    if not isinstance(kind, type):
        return Any
    if kind.__name__ == "RealNotInt" or issubclass(kind, float) or kind is numbers.Real:
        return float
    known: dict[Any, Any] = {numbers.Integral: int, dict: Mapping, Mapping: Mapping, list: list, tuple: list, str: str}
    return known.get(kind, Any)


def one_of(words: Iterable[str]) -> str:
    """The pattern of a text that is one of these, for Python and JavaScript."""
    escaped = [re.sub(r"[\\^$.|?*+(){}\[\]]", r"\\\g<0>", word) for word in words]
    return f"^(?:{'|'.join(escaped)})$"


def matching(pattern: str, otherwise: str) -> Schema:
    """A text of this pattern, or a reference; ``otherwise`` is said of another one, by editors that know how."""
    return {"pattern": f"{pattern}|{REFERENCE}" if pattern else REFERENCE, "patternErrorMessage": otherwise}


def offered(values: Mapping[str, str]) -> Schema:
    """Values that editors complete, each with what it means; examples, which all would stand wherever the mouse rests, are for few."""
    snippets = [
        {"label": value, "body": value} | ({"description": said} if said else {}) for value, said in values.items()
    ]
    return {"defaultSnippets": snippets}

"""Which variants a typed setting is meant for: not those whose own choice of the group has no such setting."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from hydra.core.override_parser.types import Override

from seedbed.config.choice_settings import config_of
from seedbed.config.override_grammar import parse_single
from seedbed.config.signatures import arguments_of, look_up


def meant_for(
    own: Mapping[str, Sequence[str]], typed: Sequence[Override], groups: Collection[str], folders: Sequence[Path]
) -> dict[str, list[Override]]:
    """The typed overrides for each variant, with its ``own`` ones: ``model.hidden`` of a network is none of a forest's.

    What no variant has is meant for all: it is a mistake, which is said where it is found.
    """
    without = {
        position: [variant for variant, overrides in own.items() if _lacks(overrides, item, groups, folders)]
        for position, item in enumerate(typed)
    }
    return {
        variant: [
            item
            for position, item in enumerate(typed)
            if variant not in without[position] or len(without[position]) == len(own)
        ]
        for variant in own
    }


def notes_on_others(meant: Mapping[str, Sequence[Override]], typed: Sequence[Override]) -> list[str]:
    """A sentence on each typed override that is not meant for some variants."""
    notes = []
    for item in typed:
        others = [variant for variant, items in meant.items() if all(item is not each for each in items)]
        if others:
            notes.append(
                f"{item.input_line} is not set for {', '.join(others)}, which {'has' if len(others) == 1 else 'have'} no such setting."
            )
    return notes


def _lacks(own: Sequence[str], item: Override, groups: Collection[str], folders: Sequence[Path]) -> bool:
    """Whether a variant chooses something of its own that has no setting as this override sets one."""
    for choice in parse_single(own):
        place = choice.key_or_group.replace("/", ".")
        if choice.key_or_group not in groups or not item.key_or_group.startswith(f"{place}.") or choice.is_delete():
            continue
        value = choice.value()
        node = value if isinstance(value, dict) else config_of(choice.key_or_group, str(value), folders)
        name = item.key_or_group.removeprefix(f"{place}.").split(".")[0]
        arguments = arguments_of(look_up(node.get("_target_"))) if "_target_" in node else None
        if arguments is not None and name not in node and not name.startswith("_"):
            return not arguments.takes_any and name not in arguments.parameters
    return False

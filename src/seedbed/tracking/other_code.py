"""Cells of a recipe that were made by other code than today's: which they are, and what is said of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from seedbed.config.code import Code, imports_not_found, named_in, not_found
from seedbed.config.code import code_of as code_today
from seedbed.errors import ConfigError
from seedbed.tracking.runs import SeedRun

NAMED = 5
"""Modules and packages in a sentence, at most."""


def beside(plan: Mapping[str, Mapping[str, str]], code: Mapping[str, Code], cells: Iterable[SeedRun]) -> list[str]:
    """Sentences about the ``cells`` that stand beside those of a plan, made by the same recipes and other code.

    ``plan`` has the fingerprint of each cell by the one without code, by variant; ``code`` is that of each variant.
    """
    variant_of = {recipe: variant for variant, of_variant in plan.items() for recipe in of_variant}
    planned = {fingerprint for of_variant in plan.values() for fingerprint in of_variant.values()}
    others = [cell for cell in cells if cell.recipe in variant_of and cell.fingerprint not in planned]
    reasons = [(variant_of[cell.recipe], _why(cell.code, code[variant_of[cell.recipe]])) for cell in others]
    return _sentences(reasons, list(plan))


def outdated(cells: Iterable[SeedRun], variants: Iterable[str]) -> list[str]:
    """Sentences about those of ``cells`` that the same recipe would train anew, as the code is now."""
    now: dict[tuple[object, ...], _Today | str] = {}
    reasons, unknown = [], dict[str, None]()
    for cell in cells:
        names = tuple(named_in(cell.params))
        if names not in now:
            now[names] = _today(cell.params)
        today = now[names]
        if isinstance(today, str):
            unknown[today] = None
        elif lost := today.lost(cell.code):
            why = _why(cell.code and cell.code.within(today.code), today.code)
            reasons.append((cell.variant, why))
            unknown |= {} if why else {_UNKNOWN_IMPORT.format(modules=shortened(lost)): None}
        else:
            reasons.append((cell.variant, _why(cell.code, today.code)))
    return [*_sentences(reasons, list(variants)), *unknown]


@dataclass(frozen=True)
class _Today:
    code: Code
    not_found: set[str]
    """Top-level modules that the user's modules import and that are not to be found."""

    def lost(self, recorded: Code | None) -> list[str]:
        """The recorded modules that there may still be, where code that is run finds more than code that is read."""
        return [
            path
            for path in (recorded.modules if recorded else ())
            if path not in self.code.modules and re.split(r"[./]", path)[0] in self.not_found
        ]


_UNKNOWN_IMPORT = (
    "Whether {modules} has changed since is not known, as it is imported from a folder that cannot be found here: a module "
    "adds it to sys.path when it is run. 'seedbed run' finds it, and trains anew what has changed."
)


def _today(recipe: Mapping[str, str]) -> _Today | str:
    """The code that a recipe names as it is now, or why that is not known."""
    if absent := not_found(recipe):
        return (
            f"Whether {', '.join(absent)} has changed since is not known, as no such module is found here: name its folder by "
            "--config-dir."
        )
    try:
        return _Today(code_today(recipe), imports_not_found(recipe))
    except ConfigError as error:
        return str(error)


def _why(recorded: Code | None, now: Code) -> str:
    """Why the code ``now`` would train a cell anew, with gaps for how many there are; "" where it would not."""
    if recorded is not None:
        changed = recorded.changed(now)
        has, one = ("has", "one") if len(changed) == 1 else ("have", "code")
        said = f"{shortened(changed)} {has} changed since; {{count}} of the old {one} {{stand}}"
        return f"{said}, and {{are}} never averaged with those of the new {one}." if changed else ""
    modules, packages = (list(now.beyond_shipped.get(key, ())) for key in ("modules", "packages"))
    what = [f"the code of {shortened(modules)}"] if modules else []
    what += [f"the version of {shortened(packages)}"] if packages else []
    said = f"{{count}} {{were}} made before seedbed recorded {' and '.join(what)}; {{they}} {{stand}}"
    return f"{said}, and {{are}} never averaged with new ones." if what else ""


def shortened(names: Iterable[str]) -> str:
    names = list(names)
    more = [f"{len(names) - NAMED} more"] if len(names) > NAMED else []
    return ", ".join([*names[:NAMED], *more])


def _sentences(reasons: Iterable[tuple[str, str]], variants: list[str]) -> list[str]:
    """A sentence for each reason, with the variants that it holds for where it does not for all."""
    by_reason: dict[str, list[str]] = {}
    for variant, why in reasons:
        if why:
            by_reason.setdefault(why, []).append(variant)
    sentences = []
    for why, of_reason in by_reason.items():
        one = len(of_reason) == 1
        concerned = dict.fromkeys(of_reason)
        where = "" if all(variant in concerned for variant in variants) else f" ({', '.join(concerned)})"
        count = f"{len(of_reason)} cell{'' if one else 's'}{where}"
        verbs = {"stand": "stands", "are": "is", "were": "was", "they": "it"}
        sentences.append(why.format(count=count, **(verbs if one else {verb: verb for verb in verbs})))
    return sentences

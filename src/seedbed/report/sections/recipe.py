"""The recipe: the source, and the config of the first variant."""

from __future__ import annotations

from typing import Any

import yaml

from seedbed.config.recipe import FILES_OF_DATA, used
from seedbed.lr_finder import AUTO
from seedbed.report.blocks import Block, Bullets, Heading, Listing, Paragraph, Plain
from seedbed.report.evidence import Evidence
from seedbed.results import Results

# What the other sections say already, and what does not belong to a recipe.
_NO_RECIPE = {
    "question",
    "seeds",
    "data_sets",
    "variants",
    "variant",
    "report",
    "published",
    "tracking",
    "loggers",
    "experiments",
    "hydra",
}


def section(evidence: Evidence) -> list[Block]:
    """The source with what it leaves unstated, and the config as YAML; [] where nothing of either was recorded."""
    blocks = [*_source(evidence.results), *_config(evidence.results)]
    return [Heading("Recipe"), *blocks] if blocks else []


def _source(results: Results) -> list[Block]:
    published = results.config.get("published") or {}
    titles = (("source", "Source"), ("recipe", "Its recipe"), ("unstated", "Not stated there"))
    said = [(f"{title}: ", Plain(str(published[key]))) for key, title in titles if published.get(key)]
    return [Bullets(said)] if said else []


def _config(results: Results) -> list[Block]:
    shared = _shared(results)
    if not shared:
        return []
    listing = Listing(yaml.safe_dump(shared, sort_keys=False, allow_unicode=True).rstrip(), "yaml")
    if len(results.variants) == 1:
        return [listing]
    return [Paragraph(f"The config of `{results.variants[0]}`, the first variant:"), listing]


def _shared(results: Results) -> dict[str, Any]:
    """The keys of the config that make up the recipe; of imported results none is known."""
    if results.imported is not None:
        return {}
    left_out = _NO_RECIPE | unused_parts(results) | (set() if results.config.get("callbacks") else {"callbacks"})
    shared = {key: value for key, value in results.config.items() if key not in left_out}
    if isinstance(shared.get("data"), dict):
        shared["data"] = {key: value for key, value in shared["data"].items() if key not in ("root", *FILES_OF_DATA)}
    return shared


def unused_parts(results: Results) -> set[str]:
    """Parts of the config that say how rates are found and settings searched, where nothing is."""
    config = results.config
    stated = config.get("variants")
    own = [str(text) for texts in (stated.values() if isinstance(stated, dict) else ()) for text in texts or ()]
    finds = "lr_finder" in used(config) or any(text.lstrip("+") == f"optimizer.lr={AUTO}" for text in own)
    return {*(() if finds else ("lr_finder",)), *(() if results.search is not None else ("search",))}

"""Which variants never find the class that precision, recall and F1 are about, of two: their recall is 0 under every seed."""

from __future__ import annotations

from seedbed.report.analysis import Analysis
from seedbed.report.formatting import count_word, listed
from seedbed.results import Results


def never_finding(results: Results, metric: str) -> list[str]:
    """These variants, by the recall on the rows of ``metric``, of the seeds that have one; [] unless there are two classes."""
    if len(results.data.get("classes") or ()) != 2:
        return []
    recall = f"{metric.rpartition('/')[0]}/recall"
    values = {variant: results.values(variant, recall).dropna() for variant in results.variants}
    return [variant for variant, of_seeds in values.items() if len(of_seeds) and (of_seeds == 0).all()]


def never_found_sentences(analysis: Analysis) -> list[str]:
    """What these variants do instead; [] without any."""
    results = analysis.results
    variants = never_finding(results, analysis.metric)
    if not variants:
        return []
    positive = str(results.data["minority"])
    (other,) = (str(name) for name in results.data["classes"] if name != positive)
    seeds = max(len(results.sound_seeds(variant)) for variant in variants)
    under = "the one seed" if seeds == 1 else f"all {count_word(seeds)} seeds"
    one = len(variants) == 1
    return [
        f"{listed(analysis.quoted[variant] for variant in variants)} never {'finds' if one else 'find'} class {positive}: under "
        f"{under} {'it labels' if one else 'they label'} every row of that class as {other}, so recall and F1 are 0."
    ]

"""The report as one Markdown page, the answer first."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence

import yaml

from seedbed.config.recipe import used
from seedbed.lr_finder import AUTO
from seedbed.report.analysis import LEVEL, Analysis, Difference, absences, difference_text
from seedbed.report.claims import Claim
from seedbed.report.findings import Finding
from seedbed.report.footnotes import marked, note_lines
from seedbed.report.formatting import (
    PLUS_MINUS,
    count_word,
    interval_text,
    listed,
    markdown,
    markdown_table,
    mean_text,
    number,
    p_text,
    places,
    prose,
    single_places,
)
from seedbed.report.known import metrics_by_known
from seedbed.report.pictures import CURVES, DIFFERENCES, LOSS, MEANS, PUBLISHED, RANKS, SEEDS, Picture
from seedbed.report.pictures.curves import TRAINING_LOSS, VALIDATION_LOSS
from seedbed.report.published import Published, our_values
from seedbed.report.rounding import rounding_text
from seedbed.report.source import claims_section, findings_section, published_section
from seedbed.report.words import summary_sentences
from seedbed.results import SECONDS, Results
from seedbed.statistics import (
    LEAST_BOOTSTRAPPED,
    POPULATION,
    RESPLITS,
    Summary,
    bootstrap_interval,
    interquartile_mean,
    least_wilcoxon_p,
    median,
    summary,
)

# MLflow takes 8000 characters of a tag at most.
LONGEST_DESCRIPTION = 8000

# What the other sections say already, and what does not belong to a recipe.
_NO_RECIPE = {
    "question",
    "seeds",
    "variants",
    "variant",
    "report",
    "published",
    "tracking",
    "experiments",
    "hydra",
}


def markdown_report(
    analysis: Analysis,
    claims: list[Claim],
    numbers: list[Published],
    drawn: Sequence[Picture],
    further: Sequence[str] = (),
    findings: Sequence[Finding] = (),
) -> str:
    """The whole page; ``drawn`` are the pictures beside it that its own sections show, ``further`` are sections."""
    images = {picture.role: f"![{markdown(picture.caption)}]({picture.name}.png)" for picture in drawn}
    sections = [
        _opening(analysis, claims, images),
        main_table(analysis),
        _every_seed(analysis, images),
        _other_metrics(analysis),
        _comparisons(analysis, images),
        _ranks(analysis, images),
        claims_section(claims, analysis.results),
        published_section(numbers, analysis.results, images.get(PUBLISHED, "")),
        findings_section(findings),
        _curves(analysis, images),
        _losses(analysis.results, images),
        *further,
        _left_out(analysis),
        _data(analysis),
        _variant_notes(analysis),
        _recipe(analysis),
        _launches(analysis),
        _environment(analysis),
        _command(analysis),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def description(analysis: Analysis, claims: list[Claim]) -> str:
    """The answer and the table, short enough for MLflow's description of a launch."""
    question = str(analysis.results.config.get("question") or "").strip()
    sentences = "\n".join(f"- {prose(sentence)}" for sentence in summary_sentences(analysis, claims))
    parts = [*([f"**{markdown(question)}**"] if question else []), sentences, main_table(analysis)]
    text = "\n\n".join(parts)
    if len(text) <= LONGEST_DESCRIPTION:
        return text
    below = [
        *map(markdown, note_lines(analysis.results)),
        "The rest is left out here: see table.txt among the artifacts.",
    ]
    note = "".join(f"\n\n{line}" for line in below)
    return "\n\n".join(parts[:-1])[: LONGEST_DESCRIPTION - len(note)] + note


def _opening(analysis: Analysis, claims: list[Claim], images: Mapping[str, str]) -> str:
    question = str(analysis.results.config.get("question") or "").strip()
    sentences = summary_sentences(analysis, claims)
    lines = [f"# {markdown(analysis.results.experiment)}"]
    lines += [f"**{markdown(question)}**"] if question else []
    lines += ["\n".join(f"- {prose(sentence)}" for sentence in sentences)]
    lines += [images[MEANS]]
    return "\n\n".join(lines)


def main_table(analysis: Analysis) -> str:
    """The section that says how each variant did."""
    best = analysis.best()
    names, notes = marked(analysis.results), note_lines(analysis.results)
    rows = []
    for variant, found in analysis.summaries.items():
        rows.append(
            [
                markdown(names[variant]),
                _bold(mean_text(found, analysis.decimals), variant in best),
                analysis.count(variant),
                interval_text(found, analysis.decimals),
            ]
        )
    header = ["variant", markdown(analysis.label()), "n", "95 % interval of the mean"]
    below = "".join(f"\n\n{markdown(note)}" for note in notes)
    return (
        f"## Result\n\nMean {PLUS_MINUS} sample std (ddof 1) over n seeds; {analysis.bold_rule}. "
        f"The interval is about {analysis.runs}.{_about_classes(analysis)}\n\n{markdown_table(header, rows)}{below}"
    )


def _every_seed(analysis: Analysis, images: Mapping[str, str]) -> str:
    """Every seed as a dot, and what else describes them."""
    decimals, names = analysis.decimals, marked(analysis.results)
    resampled = analysis.design == "resampled"
    rows = []
    for variant, found in analysis.summaries.items():
        values = analysis.results.values(variant, analysis.metric)
        single = decimals if found.n != 1 or found.mean is None else single_places(found.mean)
        of_middle = [number(median(values), single), number(interquartile_mean(values), single)]
        intervals = [bootstrap_interval(values), *([analysis.population(variant)] if resampled else [])]
        row = [markdown(names[variant]), str(found.n), *of_middle, number(found.std, decimals)]
        rows.append([*row, *(interval_text(interval, decimals) for interval in intervals)])
    header = ["variant", "n", "median", "interquartile mean", "sample std", f"95 % BCa, {analysis.runs}"]
    header += [f"95 %, {analysis.population_name}"] if resampled else []
    about = (
        f"Intervals of the mean: by the bootstrap (expanded BCa, seeded; from {LEAST_BOOTSTRAPPED} seeds on), which does "
        f"not take the values for normal, about {analysis.runs}"
    )
    if resampled:
        about += (
            "; and corrected for the overlap of training sets (Nadeau and Bengio 2003), about "
            f"{analysis.population_name}{_about_population(analysis)}."
        )
    else:
        about += f". All seeds {analysis.shared}, so nothing is said about {POPULATION}."
    return _section(
        "Every seed", [images[SEEDS], about, markdown_table(header, rows)], filter(None, [rounding_text(analysis)])
    )


def _about_population(analysis: Analysis) -> str:
    """What an interval about the population holds; of ratings, what it says nothing of."""
    if analysis.population_name == RESPLITS:
        return ": ratings of one user are no independent draws, so nothing is said about other users or items"
    if analysis.population_name != POPULATION:
        return ""
    shares = ", with the same shares of the classes" if analysis.results.data.get("classes") else ""
    return f": where the expected value over other data sets like this one lies{shares}"


def _about_classes(analysis: Analysis) -> str:
    """Which class or classes precision, recall and the like are about."""
    data = analysis.results.data
    if not data.get("classes"):
        return ""
    rows = [(data.get("counts") or {}).get(f"rows_{name}") for name in data["classes"]]
    which = "the first of two equally frequent ones" if rows[0] is not None and rows[0] == rows[-1] else "the rarer one"
    if (analysis.results.config.get("data") or {}).get("positive") is not None:
        which = "as data.positive says"
    what = f"those of class {markdown(data['minority'])}, {which}"
    if len(data["classes"]) > 2:
        what = f"the means over the {count_word(len(data['classes']))} classes, each against the rest"
    return f" Precision, recall, F1, AUROC and average precision are {what}."


def _comparisons(analysis: Analysis, images: Mapping[str, str]) -> str:
    if not analysis.family:
        return ""
    fixed, names = analysis.design == "fixed", marked(analysis.results)
    rows = []
    for row in analysis.shown:
        comparison = row.comparison
        tested = [p_text(comparison.p), p_text(row.p)] + ([p_text(comparison.wilcoxon_p)] if fixed else [])
        sizes = [number(comparison.effect_size, 2), number(analysis.improvement(row), 2)]
        rows.append(
            [
                f"{markdown(names[row.variant])} − {markdown(names[row.other])}",
                difference_text(analysis, row),
                analysis.step_text(row),
                str(comparison.n),
                *tested,
                number(analysis.detectable(row), analysis.decimals),
                *sizes,
                *_chances(analysis, row),
                analysis.said(row),
            ]
        )
    header = ["difference", "mean [95 % interval]", "interval at Holm's level", "pairs", "p", "p (Holm)"]
    header += [*(["Wilcoxon p"] if fixed else []), "detectable (80 %)", "effect size", "P(improvement)"]
    header += ["P(worse)", "P(equivalent)", "P(better)"] if analysis.rope is not None else []
    title = f"with `{analysis.baseline}`" if analysis.baseline else "of all pairs"
    picture = f"{images[DIFFERENCES]}\n\n" if DIFFERENCES in images else ""
    table = markdown_table([*header, "verdict"], rows)
    exploratory = f"{prose(analysis.exploratory)}\n\n" if analysis.exploratory else ""
    folded = f"\n\n{analysis.left_out} All rows stand in comparisons.csv." if analysis.left_out else ""
    return f"## Comparisons {title}\n\n{exploratory}{picture}{_about_test(analysis)}\n\n{table}{folded}"


def _chances(analysis: Analysis, row: Difference) -> list[str]:
    """Of being worse, of no difference that matters, and of being better."""
    if analysis.rope is None:
        return []
    return [number(chance, 3) for chance in analysis.chances(row) or (None, None, None)]


def _about_test(analysis: Analysis) -> str:
    if analysis.design == "fixed":
        most = max(row.comparison.n for row in analysis.family)
        test = (
            f"Paired t-test with the exact Wilcoxon signed-rank test beside it: all seeds {analysis.shared}. With "
            f"{most} pair{'' if most == 1 else 's'} Wilcoxon's p cannot be smaller than {least_wilcoxon_p(most):.2g}"
            f"{'' if least_wilcoxon_p(most) < LEVEL else ', so that it can tell nothing apart'}; differences of zero do not "
            "count as pairs there, and the p given is not adjusted."
        )
    else:
        test = (
            "Corrected resampled t-test (Nadeau and Bengio 2003): every seed draws its own split, so "
            f"training sets overlap, and the variance of the mean is s² (1/n + {analysis.test_to_train:.3f})."
        )
    return (
        f"{test} Seeds are paired. The intervals are about {analysis.family[0].comparison.about}, each by itself. "
        f"Holm's method adjusts p over {_family_size(analysis)}; better or worse is said only below {LEVEL}. "
        f"{_about_steps(analysis)}{_about_lost(analysis)}"
        "The effect size is the mean over the sample std of the differences; P(improvement) is the share of the seeds "
        f"in which the variant is ahead, ties half.{_about_chances(analysis)}"
    )


def _about_steps(analysis: Analysis) -> str:
    """What the interval and the difference at the level of a row's own test are."""
    count = analysis.tests_made(analysis.family)
    if not count:
        return ""
    found = (
        "The detectable difference is the true difference that the row's test would find with a power of 80 %, if the "
        "spread seen is the true one. "
    )
    if count == 1:
        return found
    where = ", where no run was lost" if any(row.test.lost for row in analysis.family) else ""
    return (
        f"The interval at Holm's level has the confidence 1 − {LEVEL}/({count} − i + 1) in the row of the i-th smallest p; "
        "from the first p that is not below its level on, all rows keep the confidence of that step. Unlike the 95 % "
        f"interval, it excludes 0 exactly where the verdict tells the two apart{where}. It covers its own row, not all rows "
        f"jointly. {found}"
    )


def _about_lost(analysis: Analysis) -> str:
    """How runs that diverged or failed enter a verdict."""
    if not any(row.test.lost for row in analysis.family):
        return ""
    worst = analysis.declared.worst
    how = f"with the value {worst:g}, the worst of the metric" if worst is not None else "ranked last"
    test = "the same test" if worst is not None else "the same test on ranks (Conover and Iman 1981)"
    return (
        "Where runs diverged, failed or have no finite value, all numbers of a row but p (Holm) are of the other seeds. A "
        f"verdict is given there only if {test} says the same with these runs {how}: the larger of the two p enters "
        "Holm's method. "
    )


def _about_chances(analysis: Analysis) -> str:
    if analysis.rope is None:
        return ""
    return (
        " P(worse), P(equivalent) and P(better) are the chances that the true difference lies below, within and above "
        f"± {analysis.rope:g}, by the Bayesian correlated t-test (Corani and Benavoli 2015) with a flat prior."
    )


def _family_size(analysis: Analysis) -> str:
    count = analysis.tests_made(analysis.family)
    if not count:
        return "no comparison, as none could be tested"
    return "the one comparison tested" if count == 1 else f"the {count_word(count)} comparisons tested"


def _ranks(analysis: Analysis, images: Mapping[str, str]) -> str:
    """Friedman's test; the diagram where there are ranks to show."""
    found = analysis.ranking
    if len(analysis.results.variants) < 3:
        return ""
    if found.p is None or RANKS not in images:
        return f"## Ranks\n\nThere is no test of ranks: {found.words}."
    sign = "" if found.p < 0.001 else "= "
    lost = any(not analysis.is_complete(name, analysis.summaries[name]) for name in analysis.distinct)
    last = " A run that diverged or failed is last in its seed." if lost else ""
    return (
        f"## Ranks\n\n{images[RANKS]}\n\nMean ranks of the {count_word(len(found.ranks))} variants over {found.n} "
        f"seeds, 1 the {_first(analysis)}.{last} Friedman's test of the hypothesis that no variant tends "
        f"to rank ahead of another: p {sign}{p_text(found.p)}. A bar "
        "joins variants whose ranks are no further apart than the critical difference of Nemenyi's test at "
        f"{LEVEL}. The seeds are the blocks of both tests, and all of one data set: they are about {analysis.runs}, and say nothing of "
        "other data sets. Better and worse are said by the comparisons above alone: a bar does not withdraw a verdict."
    )


def _first(analysis: Analysis) -> str:
    """What has rank 1."""
    return "best" if analysis.declared.is_ranked else "highest"


def _curves(analysis: Analysis, images: Mapping[str, str]) -> str:
    return f"## Curves\n\n{images[CURVES]}" if CURVES in images else ""


def _losses(results: Results, images: Mapping[str, str]) -> str:
    """The losses at some epochs: the first, second, fifth, tenth ... and the last."""
    if LOSS not in images:
        return ""
    epochs = int(results.curves["epoch"].max()) + 1
    shown = [first * 10**power for power in range(len(str(epochs))) for first in (1, 2, 5)]
    shown = [*(epoch for epoch in shown if epoch < epochs), epochs]
    both = (results.config.get("report") or {}).get("loss") == "both"
    table = _training_and_validation(results, shown) if both else _training(results, shown)
    steps = (results.config.get("task") or {}).get("steps")
    per_epoch = f" An epoch is {steps} steps." if steps else ""
    validation = ", and on the validation rows after it" if both else ""
    return (
        f"## {'Training and validation' if both else 'Training'} loss\n\n{images[LOSS]}\n\n{table}\n\nMean over the "
        f"steps of the epoch{validation}, {PLUS_MINUS} sample std over seeds.{per_epoch} Each variant's own loss: two that "
        "are over different cells or rows are not comparable. All epochs stand in curves.csv."
    )


def _training(results: Results, epochs: Sequence[int]) -> str:
    """The training loss, a row an epoch."""
    texts = [_losses_at(results, variant, TRAINING_LOSS, epochs) for variant in results.variants]
    body = [[str(epoch), *of_epoch] for epoch, *of_epoch in zip(epochs, *texts, strict=True)]
    return markdown_table(["epoch", *map(markdown, results.variants)], body)


def _training_and_validation(results: Results, epochs: Sequence[int]) -> str:
    """Both losses, two rows a variant."""
    losses = (("training", TRAINING_LOSS), ("validation", VALIDATION_LOSS))
    body = [
        [markdown(variant) if metric == TRAINING_LOSS else "", name, *_losses_at(results, variant, metric, epochs)]
        for variant in results.variants
        for name, metric in losses
    ]
    return markdown_table(["variant", "loss", *(f"epoch {epoch}" for epoch in epochs)], body)


def _losses_at(results: Results, variant: str, metric: str, epochs: Sequence[int]) -> list[str]:
    """Mean and spread after each of these epochs, counted from 1."""
    found = [summary(our_values(results, variant, metric, epoch - 1)) for epoch in epochs]
    decimals = places(found)
    return [mean_text(of_epoch, decimals) for of_epoch in found]


def _left_out(analysis: Analysis) -> str:
    """What does not enter the tables, and why."""
    results = analysis.results
    lines = [
        f"- `{variant}`: {', '.join(reasons)}. Enters no mean and no interval{_of_lost(reasons)}."
        for variant in results.variants
        if (reasons := absences(results, variant, analysis.metric))
    ]
    unasked = [name for name in results.config.get("variants") or () if name not in results.variants]
    if unasked:
        lines.append(f"- {listed(f'`{name}`' for name in unasked)}: not asked for in this launch.")
    return _section(
        "What was left out",
        ["\n".join(lines) or "Nothing: every cell that was asked for finished, and enters the tables."],
    )


def _of_lost(reasons: Sequence[str]) -> str:
    """What becomes of cells without a value in the tests."""
    if all(reason.endswith("not run") for reason in reasons):
        return " and no test"
    return "; a verdict counts a run that diverged or failed as the worst"


def _other_metrics(analysis: Analysis) -> str:
    prefix, by_known = analysis.metric.rpartition("/")[0], metrics_by_known(analysis).values()
    others = [
        name
        for name in analysis.results.metrics
        if name not in (analysis.metric, SECONDS, *by_known) and (name.rpartition("/")[0] == prefix or "/" not in name)
    ]
    if not others:
        return ""
    other_losses = [name for name in others if name.rpartition("/")[2] == "loss" and _tasks_differ(analysis.results)]
    columns = {
        name: (analysis.summaries_of(name), set() if name in other_losses else analysis.best(name)) for name in others
    }
    decimals = {name: places(summaries.values()) for name, (summaries, _) in columns.items()}

    def fewer(variant: str, summaries: dict[str, Summary]) -> str:
        n = summaries[variant].n
        return f" (n={n})" if n > 1 and n != analysis.summaries[variant].n else ""

    names = marked(analysis.results)
    rows = [
        [markdown(names[variant])]
        + [
            _bold(mean_text(summaries[variant], decimals[name]) + fewer(variant, summaries), variant in best)
            for name, (summaries, best) in columns.items()
        ]
        for variant in analysis.results.variants
    ]
    header = ["variant", *(markdown(analysis.label(name)) for name in others)]
    about = (
        f"Mean {PLUS_MINUS} sample std over the same seeds; not tested. The best is bold where a metric has a better end, of "
        "the variants that lack no seed."
    )
    if other_losses:
        about += (
            " No loss is bold: variants set `task` differently, so that their losses may be of different quantities."
        )
    return f"## Other metrics\n\n{about}\n\n{markdown_table(header, rows)}"


def _tasks_differ(results: Results) -> bool:
    """Whether variants override the task in different ways, so that their losses may be of different quantities."""
    stated = results.config.get("variants")
    overrides = [(stated.get(variant) or []) if isinstance(stated, dict) else [] for variant in results.variants]
    of_task = {tuple(sorted(text for text in own if re.match(r"[+~]*task\b", str(text)))) for own in overrides}
    return len(of_task) > 1


def _data(analysis: Analysis) -> str:
    data = analysis.results.data
    items = [("data set", markdown(data["name"]))] if data.get("name") else []
    items += [("SHA-256", f"`{data['digest']}`")] if data.get("digest") else []
    items += [(markdown(str(what).replace("_", " ")), str(count)) for what, count in (data.get("counts") or {}).items()]
    items += [(markdown(str(what)), markdown(str(value))) for what, value in (data.get("made_with") or {}).items()]
    if isinstance(data.get("split"), dict):
        items.append(("split", ", ".join(f"{part} {rows}" for part, rows in data["split"].items())))
    of_split = data.get("split_counts") or {}
    items += [(f"{what.replace('_', ' ')} (of the first seed)", str(count)) for what, count in of_split.items()]
    notes = [f"- {markdown(note)}" for note in data.get("notes") or ()]
    return _section("Data", [markdown_table(["", ""], items)] if items else [], ["\n".join(notes)] if notes else [])


def _variant_notes(analysis: Analysis) -> str:
    stated = analysis.results.config.get("variants") or {}
    lines = []
    for variant in analysis.results.variants:
        overrides = stated.get(variant) if isinstance(stated, dict) else None
        shown = ", ".join(f"`{override}`" for override in overrides) if isinstance(overrides, list) else ""
        notes = " ".join(markdown(note) for note in analysis.results.notes.get(variant, ()))
        shown = shown or ("the experiment's recipe as it stands" if overrides == [] else "")
        if shown or notes:
            lines.append(f"- **{markdown(variant)}**: {'. '.join(part for part in (shown, notes) if part)}")
    return _section("What each variant did", ["\n".join(lines)] if lines else [])


def _recipe(analysis: Analysis) -> str:
    """The config of the first variant, as YAML, with what the source leaves unstated."""
    config = analysis.results.config
    left_out = _NO_RECIPE | unused_parts(analysis.results)
    shared = {key: value for key, value in config.items() if key not in left_out}
    if isinstance(shared.get("data"), dict):
        shared["data"] = {key: value for key, value in shared["data"].items() if key not in ("root", "path")}
    published = config.get("published") or {}
    said = [
        f"- {title}: {markdown(published[key])}"
        for key, title in (("source", "Source"), ("recipe", "Its recipe"), ("unstated", "Not stated there"))
        if published.get(key)
    ]
    block = [f"```yaml\n{yaml.safe_dump(shared, sort_keys=False, allow_unicode=True).rstrip()}\n```"] if shared else []
    results = analysis.results
    if block and len(results.variants) > 1:
        block = [f"The config of `{results.variants[0]}`, the first variant:", *block]
    return _section("Recipe", ["\n".join(said)] if said else [], block)


def unused_parts(results: Results) -> set[str]:
    """Parts of the config that say how rates are found and settings searched, where nothing is."""
    config = results.config
    stated = config.get("variants")
    own = [str(text) for texts in (stated.values() if isinstance(stated, dict) else ()) for text in texts or ()]
    finds = "lr_finder" in used(config) or any(text.lstrip("+") == f"optimizer.lr={AUTO}" for text in own)
    return {*(() if finds else ("lr_finder",)), *(() if results.search is not None else ("search",))}


def _launches(analysis: Analysis) -> str:
    """Which launch trained how many seeds of each variant."""
    results = analysis.results
    finished = results.cells[results.cells["status"] == "FINISHED"]
    known = {launch["id"]: launch for launch in results.launches}
    used = [*known, *sorted(set(finished["launch"]) - set(known))]
    lines = []
    for launch in used:
        trained = finished[finished["launch"] == launch]["variant"].value_counts()
        counts = [f"{markdown(variant)} {trained[variant]}" for variant in results.variants if variant in trained.index]
        told = known.get(launch, {})
        about = ", ".join(
            part for part in (told.get("started", ""), f"`{told['command']}`" if told.get("command") else "") if part
        )
        lines.append(
            f"- `{launch}`"
            + (f" ({about})" if about else "")
            + f": {', '.join(counts) or 'trained none of these cells'}"
        )
    return _section("Seeds trained by launch", ["\n".join(lines)] if lines else [], _training_time(analysis))


def _training_time(analysis: Analysis) -> list[str]:
    """Seconds a seed; seeds that were stacked share the time of their stack, so there is no spread to show."""
    if SECONDS not in analysis.results.metrics:
        return []
    means = {variant: found.mean for variant, found in analysis.summaries_of(SECONDS).items()}
    shown = [f"{markdown(variant)} {mean:.2f}" for variant, mean in means.items() if mean is not None]
    return [f"Seconds of training a seed (the stack's time over its seeds): {', '.join(shown)}."] if shown else []


def _environment(analysis: Analysis) -> str:
    items = [(markdown(key), markdown(value)) for key, value in analysis.results.environment.items()]
    return _section("Environment", [markdown_table(["", ""], items)] if items else [])


def _command(analysis: Analysis) -> str:
    results = analysis.results
    own = [launch for launch in results.launches if launch["id"] == results.launch] or results.launches[-1:]
    command = own[0].get("command") if own else ""
    run = command or f"seedbed run {results.experiment}"
    return f"## Repeat\n\n```\n{run}\n{_report_command(analysis)}\n```"


def _report_command(analysis: Analysis) -> str:
    """What makes this page from the tracked runs: options where they are not the experiment's own."""
    section = analysis.results.config.get("report") or {}
    options = [
        *(["--metric", analysis.metric] if analysis.metric != section.get("metric") else []),
        *(["--baseline", analysis.baseline] if analysis.baseline not in (None, section.get("baseline")) else []),
        *(["--rope", f"{analysis.rope:g}"] if analysis.rope not in (None, section.get("rope")) else []),
    ]
    return shlex.join(["seedbed", "report", analysis.results.experiment, *options])


def _section(title: str, *parts: Iterable[str]) -> str:
    """Heading and parts; nothing at all where there are no parts."""
    body = [piece for part in parts for piece in part]
    return "\n\n".join([f"## {title}", *body]) if body else ""


def _bold(text: str, is_best: bool) -> str:
    return f"**{text}**" if is_best else text

"""Builds the documentation: the pages of docs/, and reference pages that are made from the code; see ``docs``."""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import shutil
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import yaml
from sphinx.cmd.build import main as sphinx

import seedbed
from seedbed.cli.main import main as program

REPOSITORY = Path(__file__).resolve().parent.parent
CONF, REFERENCE, BUILD = (REPOSITORY / folder for folder in ("conf", "docs/reference", "docs/_build"))
RETURNED = (
    "running.runner.Outcome", "running.benchmark.BenchmarkOutcome", "running.runner.Ran", "results.Results", "results.Benchmark",
    "running.lr_find.FoundRates",
)  # fmt: skip
"""What the functions of seedbed return, and the base of the first two."""
NO_WORDS = ("# @package", "# yaml-language-server:")
"""How comments begin that are for programs."""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--open", action="store_true")
    asked = parser.parse_args()
    shutil.rmtree(REFERENCE, ignore_errors=True)  # of a group or command that is no more
    for path, text in reference_pages().items():
        page = REFERENCE / path
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text)
    # Everything is read again: of a page that has not changed, Sphinx would not repeat the warnings.
    where = ["-c", str(REPOSITORY / "docs"), "-d", str(BUILD / "doctrees"), str(REPOSITORY), str(BUILD / "html")]
    failed = sphinx(["--fail-on-warning", "--keep-going", "--fresh-env", "--quiet", "--builder", "html", *where])
    if not failed:
        front = BUILD / "html" / "index.html"
        print(front)
        if asked.open:
            click.launch(front.as_uri())
    return failed


def reference_pages() -> dict[str, str]:
    """Markdown of the reference, by the path of its page below docs/reference/."""
    return {
        **{f"commands/{path}.md": text for path, text in command_pages()},
        **{f"config/{path}.md": text for path, text in config_pages()},
        "python.md": python_page(),
    }


# ---- commands --------------------------------------------------------------------------------------------------------


def command_pages() -> Iterator[tuple[str, str]]:
    context = click.Context(program, info_name="seedbed", **program.context_settings)
    commands = {name: program.commands[name] for name in program.list_commands(context)}
    rows = [f"| [seedbed {name}]({name}.md) | {each.get_short_help_str(200)} |" for name, each in commands.items()]
    yield (
        "index",
        page("Commands", "\n".join(["| command | what it does |", "| --- | --- |", *rows]), toctree(commands)),
    )
    for name, command in commands.items():
        yield name, page(f"seedbed {name}", *helps(command, context, name))


def helps(command: click.Command, parent: click.Context, name: str) -> Iterator[str]:
    """What ``--help`` prints, of a command and those below it."""
    context = click.Context(command, parent, info_name=name, terminal_width=90)
    yield fenced(context.get_help(), "text")
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            yield f"## seedbed {name} {below}"
            yield from helps(command.commands[below], context, below)


# ---- config groups ---------------------------------------------------------------------------------------------------


def config_pages() -> Iterator[tuple[str, str]]:
    groups: dict[str, list[Path]] = {}
    for path in sorted(CONF.rglob("*.yaml")):
        groups.setdefault(path.parent.relative_to(CONF).as_posix(), []).append(path)
    (whole,) = groups.pop(".")
    names = {group: group.replace("/", "-") for group in groups}
    rows = [
        f"| [{group}]({names[group]}.md) | {', '.join(f'`{path.stem}`' for path in paths)} |"
        for group, paths in groups.items()
    ]
    yield (
        "index",
        page(
            "Config groups",
            "`seedbed run NAME group=choice key=value` sets any of these, and so does a variant; [Configuration](../../configuration.md)"
            " says what each group is for.",
            "\n".join(["| group | choices |", "| --- | --- |", *rows]),
            "## What an experiment may set",
            fenced(whole.read_text(), "yaml"),
            toctree(names.values()),
        ),
    )
    for group, paths in groups.items():
        met: dict[str, str] = {}
        verb = {"search": "search NAME", "hydra": "run NAME -m"}.get(group.partition("/")[0], "run NAME")
        command = fenced(f"seedbed {verb} {group}={paths[0].stem}", "text")
        yield names[group], page(group, command, *(part for path in paths for part in choice(path, met)))


def choice(path: Path, met: dict[str, str]) -> Iterator[str]:
    """One file of a config group: what its first comment says, its settings, and the docstrings of what it names.

    ``met`` says which choice on the page has named a class first, where its docstring stands.
    """
    lines = path.read_text().splitlines()
    first = next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
    comment = [line.strip("# ") for line in lines[:first] if not line.startswith(NO_WORDS)]
    settings = "\n".join(lines[first:]).strip()
    yield f"## {path.stem}"
    # It begins with what is typed for this choice: the heading of the page and that of the section.
    said = re.sub(r"^[\w/]+=\w+: ([a-z]+(?= |-))?", lambda match: (match[1] or "").capitalize(), " ".join(comment))
    yield as_markdown(said)
    if settings:
        yield fenced(settings, "yaml")
    for target in targets(yaml.safe_load(settings)):
        if words := docstring(target):
            where = met.setdefault(target, path.stem)
            yield f"`{target}`: {as_markdown(words) if where == path.stem else f'see [{where}](#{where})'}"


def targets(value: object) -> Iterator[str]:
    """Every ``_target_`` in a config, from the outside in."""
    if isinstance(value, dict):
        if isinstance(target := value.get("_target_"), str):
            yield target
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from targets(each)


def docstring(target: str) -> str:
    """Of a class or function of seedbed's, by its source: to import it would take PyTorch's seconds; "" of any other."""
    return (ast.get_docstring(defined(target)) or "") if target.startswith("seedbed.") else ""


def defined(target: str) -> ast.ClassDef | ast.FunctionDef:
    module, _, name = target.rpartition(".")
    path = REPOSITORY / "src" / module.replace(".", "/")
    for node in tree(path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return node
    raise LookupError(f"{target}: {module} defines no {name}")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


# ---- Python ----------------------------------------------------------------------------------------------------------


def python_page() -> str:
    functions = [name for name in seedbed.__all__ if inspect.isfunction(getattr(seedbed, name))]
    errors = [name for name in seedbed.__all__ if name not in functions]
    return page(
        "Python",
        fenced("import seedbed", "python"),
        "[From Python](../python.md) shows how these go together.",
        *(part for name in functions for part in function(name)),
        "## What they return",
        *(part for target in RETURNED for part in returned(f"seedbed.{target}")),
        "## Errors",
        *(f"`seedbed.{name}`: {as_markdown(docstring(f'seedbed.errors.{name}'))}" for name in errors),
    )


def function(name: str) -> Iterator[str]:
    node = defined(f"seedbed.{name}")
    yield f"## seedbed.{name}"
    yield fenced(signature(node), "python")
    yield as_markdown(ast.get_docstring(node) or "")


def signature(node: ast.stmt) -> str:
    """The head of a function, as it is written."""
    assert isinstance(node, ast.FunctionDef)
    arguments = [*node.args.posonlyargs, *node.args.args]
    defaults = [None] * (len(arguments) - len(node.args.defaults)) + node.args.defaults
    lines = [argument(each, default) for each, default in zip(arguments, defaults, strict=True)]
    if node.args.kwonlyargs:
        lines += ["*", *map(argument, node.args.kwonlyargs, node.args.kw_defaults)]
    returns = ast.unparse(node.returns) if node.returns else "None"
    return "\n".join([f"def {node.name}(", *(f"    {line}," for line in lines), f") -> {returns}"])


def argument(argument: ast.arg, default: ast.expr | None) -> str:
    kind = f": {ast.unparse(argument.annotation)}" if argument.annotation else ""
    return f"{argument.arg}{kind}" + (f" = {ast.unparse(default)}" if default else "")


def returned(target: str) -> Iterator[str]:
    """A class: its fields, with the strings below them, its properties and its methods."""
    node = defined(target)
    assert isinstance(node, ast.ClassDef)
    bases = f"({', '.join(map(ast.unparse, node.bases))})" if node.bases else ""
    yield f"### {node.name}{bases}"
    yield as_markdown(ast.get_docstring(node) or "")
    said = {name: words for name, words in members(node) if not name.startswith("_")}
    yield "\n".join(
        f"- `{name}`: {as_markdown(words)}".replace("\n", "\n  ") if words else f"- `{name}`"
        for name, words in said.items()
    )


def members(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for one, following in zip(node.body, [*node.body[1:], None], strict=True):
        match one, following:
            case ast.AnnAssign(target=ast.Name(name)), ast.Expr(value=ast.Constant(value=str(words))):
                yield name, inspect.cleandoc(words)
            case ast.AnnAssign(target=ast.Name(name)), _:
                yield name, ""
            case ast.FunctionDef(name=name), _:
                is_property = any("property" in ast.unparse(each) for each in one.decorator_list)
                arguments = ", ".join(each.arg for each in one.args.args[1:])
                yield name if is_property else f"{name}({arguments})", ast.get_docstring(one) or ""


# ---- Markdown --------------------------------------------------------------------------------------------------------


def page(title: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", *parts]) + "\n"


def fenced(text: str, language: str) -> str:
    return f"```{language}\n{text.rstrip()}\n```"


def toctree(names: object) -> str:
    return fenced(":hidden:\n\n" + "\n".join(names), "{toctree}")  # type: ignore[arg-type]


def as_markdown(words: str) -> str:
    """A comment, or a docstring, whose code stands between double backticks: what is no code holds no markup."""
    parts = words.replace("``", "`").split("`")
    parts[::2] = [re.sub(r"([*_\[\]<>])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


if __name__ == "__main__":
    sys.exit(main())

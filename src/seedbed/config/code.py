"""The code that a recipe names: digests of a user's modules and versions of packages, read without running anything."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.metadata
import json
import re
import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec, PathFinder
from importlib.util import find_spec, resolve_name, spec_from_file_location
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from seedbed.config.folders import add_config_dir
from seedbed.errors import ConfigError, near_misses
from seedbed.paths import project_folder

# What a cell runs on, as the processor is: their versions stand in the environment that is recorded with every launch.
# Were they part of what a cell is, no cell would outlive an update of PyTorch. They are never followed as a user's code
# either, where they were built from a folder.
CIRCUMSTANCES = {"torch", "pytorch_lightning", "lightning", "numpy", "hydra", "omegaconf"}
OWN = {"seedbed", "hydra_plugins"}
# Of packages that configs of seedbed's own name: the versions that the cells were made by whose fingerprints say nothing
# of a version. Only another one is part of a fingerprint; see also RECIPE_VERSION.
REFERENCE = {"imbalanced-learn": "0.14.2", "scikit-learn": "1.9.1", "implicit": "0.7.3"}
# What seedbed's own classes hand the work to, by the start of their names.
WRAPPED = {
    "seedbed.imbalance.resample.": ("imbalanced-learn", "scikit-learn"),
    "seedbed.imbalance.after.Recalibrate": ("scikit-learn",),
    "seedbed.data.feature_csv.": ("scikit-learn",),
    "seedbed.data.keel.": ("scikit-learn",),
    "seedbed.tasks.cold_start.": ("scikit-learn",),
    "seedbed.models.baselines.ItemKNN": ("implicit",),
    "seedbed.models.baselines.ALS": ("implicit",),
    "seedbed.models.baselines.BPR": ("implicit",),
}
# imbalanced-learn's samplers find neighbours and clusters by scikit-learn.
BESIDE = {"imbalanced-learn": ("scikit-learn",)}
# These say the version of their package in Strategy.describe(), which is part of the fingerprint.
SAY_THEIR_VERSION = {"seedbed.imbalance.augmenters.NlpAug", "seedbed.imbalance.augmenters.TextAttack"}
LOOKUPS = {f"hydra.utils.get_{what}" for what in ("class", "method", "static_method", "object")}
SITES = {"site-packages", "dist-packages"}
DIGITS = 16
"""Hexadecimal digits of a digest."""


@dataclass(frozen=True)
class Code:
    """What a recipe's names lead to; empty mappings where these are seedbed's own."""

    modules: Mapping[str, str] = field(default_factory=dict)
    """Digest of each of the user's modules, by its path below the folder that it is imported from."""
    packages: Mapping[str, str] = field(default_factory=dict)
    """Version of each installed package that part of the recipe is made by."""

    @property
    def beyond_shipped(self) -> dict[str, dict[str, str]]:
        """What a fingerprint takes in: {} where all is made by seedbed's own code and reference versions."""
        packages = {name: version for name, version in self.packages.items() if REFERENCE.get(name) != version}
        return {key: dict(of) for key, of in (("modules", self.modules), ("packages", packages)) if of}

    def changed(self, now: Code) -> list[str]:
        """Modules and packages that are others ``now``, with the versions of the latter; those that came or went too."""
        before, after = self.beyond_shipped, now.beyond_shipped
        modules = _differing(before.get("modules", {}), after.get("modules", {}))
        packages = _differing(before.get("packages", {}), after.get("packages", {}))
        versions = [(name, self.packages.get(name), now.packages.get(name)) for name in packages]
        return [*modules, *(f"{name} ({then or 'none'}, now {today or 'none'})" for name, then, today in versions)]

    def within(self, other: Code) -> Code:
        """Those of its modules and packages that the other one has too."""
        return Code(
            {name: digest for name, digest in self.modules.items() if name in other.modules},
            {name: version for name, version in self.packages.items() if name in other.packages},
        )

    def __or__(self, other: Code) -> Code:
        return Code({**self.modules, **other.modules}, {**self.packages, **other.packages})

    def as_dict(self) -> dict[str, dict[str, str]]:
        return {"modules": dict(self.modules), "packages": dict(self.packages)}


def _differing(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return [name for name in sorted({**before, **after}) if before.get(name) != after.get(name)]


def code_of(recipe: Mapping[str, Any]) -> Code:
    """The code that a flat recipe names (``recipe.recipe_of``, or the params of a run), with all that it imports.

    Comments, docstrings and layout do not count. Raises ``ConfigError`` for a module that is no Python.
    """
    names = list(named_in(recipe))
    reached = _reached(name for _, name, _ in names)
    # What a user's module imports may be what it wraps: a network of a package is seldom named by a _target_ itself.
    names_imported = {name for module in reached for name in module.imports}
    # Of seedbed's, each class says what it wraps.
    imported = {name if name.startswith("seedbed.") else name.partition(".")[0] for name in names_imported}
    packages: dict[str, str] = {}
    for name in [*(name for _, name, says_version in names if not says_version), *imported]:
        packages |= _versions(name)
    modules = {module.path: module.digest for module in reached}
    return Code(dict(sorted(modules.items())), dict(sorted(packages.items())))


def check_code(recipe: Mapping[str, Any]) -> None:
    """Raise ``ConfigError`` where a name leads to no module, or a module that it leads to imports one that is not there."""
    for top, place in not_found(recipe).items():
        if top == "__main__":
            raise ConfigError(
                f"{place}: the code of __main__, here that of a notebook, a shell or a command, is not in a file that "
                "could be read, so a change to it would not be noticed. Put what it names into a module, such as mynet.py in the "
                "folder that --config-dir names, and write mynet in place of __main__."
            )
        if any((project_folder() / name).exists() for name in (f"{top}.py", top)):
            raise ConfigError(
                f"{place}: there is no module {top!r} where Python looks for it, but one in {project_folder()}: "
                f"{add_config_dir(project_folder())}."
            )
        known = _users_modules()
        misses = f", {near_misses(top, known)}" if known else "."
        raise ConfigError(
            f"{place}: there is no module {top!r}{misses} Put {top}.py into the folder that "
            "--config-dir names, install the package that has it, or correct the name."
        )
    for module in _reached((name for _, name, _ in named_in(recipe)), only_required=True):
        for wanted, line in module.required:
            if not _is_there(wanted):
                raise ConfigError(
                    f"{module.file}, line {line}: it imports {wanted}, and there is no such module. Put it beside the file, "
                    "install the package that has it, or take the import out."
                )


def read_code(name: str) -> None:
    """Take notice of the user's modules that a dotted name leads to as they are now; raises ``ConfigError``."""
    _reached([name])


def is_users(name: str) -> bool:
    """Whether a dotted name leads to a module of the user's."""
    return any(_is_users(spec) for _, spec in _on_the_way(name))


def not_found(recipe: Mapping[str, Any]) -> dict[str, str]:
    """Top-level modules that a recipe names and that are not to be found, and where they stand in it."""
    return {
        top: f"{key}={name}"
        for key, name, says_version in named_in(recipe)
        if (top := name.partition(".")[0]) != name
        and not says_version
        and (top not in sys.modules or top == "__main__")
        and _found(top) is None
    }


def imports_not_found(recipe: Mapping[str, Any]) -> set[str]:
    """Top-level modules that the user's modules of a flat recipe import and that are not to be found.

    Whoever runs such a module may find them: it may change ``sys.path`` first.
    """
    names = {name for module in _reached(name for _, name, _ in named_in(recipe)) for name in module.imports}
    return {top for name in names if (top := name.partition(".")[0]) not in sys.modules and _found(top) is None}


def reread() -> None:
    """Take notice of files that were changed since this process read them.

    Raises ``ConfigError`` where it has imported what the file held before: that is what it would go on to run.
    """
    importlib.invalidate_caches()
    for file, before in list(_read_before.items()):
        if _stamp(file) == before.stamp:
            continue
        if getattr(sys.modules.get(before.name), "__file__", None) != str(file) or not file.is_file():
            del _read_before[file]
            continue
        now = _read_anew(file, before.name)
        if now.digest != before.digest:
            raise ConfigError(_CHANGED.format(file=file))
        _read_before[file] = now


# ---- what a recipe names ---------------------------------------------------------------------------------------------


def named_in(recipe: Mapping[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """Key and dotted name of all that a flat recipe has made, and whether its package's version is said elsewhere."""
    targets = {key: value for key, value in recipe.items() if _last(key) == "_target_" and isinstance(value, str)}
    for key, target in targets.items():
        node = key.removesuffix("_target_")
        says_version = any(
            node.startswith(above.removesuffix("_target_")) and name in SAY_THEIR_VERSION
            for above, name in targets.items()
        )
        yield key, target, says_version
        looked_up = recipe.get(f"{node}path") or next(iter(_list(recipe.get(f"{node}_args_"))), None)
        if target in LOOKUPS and isinstance(looked_up, str):
            yield f"{node}path", looked_up, says_version
    for key, value in recipe.items():
        for position, item in enumerate(_list(value)):
            if isinstance(item, dict):
                yield from named_in(dict(_flat(item, f"{key}.{position}.")))
            elif isinstance(item, list):  # as in the steps of a pipeline, each a name and a part
                yield from named_in({f"{key}.{position}": item})


def _last(key: str) -> str:
    return key.rpartition(".")[2]


def _list(value: Any) -> list[Any]:
    """The list that a value is; params of a run have it as JSON."""
    if isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:  # cut, or a text
            return []
    return value if isinstance(value, list) else []


def _flat(config: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


# ---- installed packages ----------------------------------------------------------------------------------------------


def _versions(name: str) -> dict[str, str]:
    """Packages and their versions that what a dotted name means is made by."""
    # A whole module that is imported stands for all that is in it.
    below = [of for start, of in WRAPPED.items() if name.startswith(start) or start.rpartition(".")[0] == name]
    wrapped = dict.fromkeys(package for packages in below for package in packages)
    top = name.partition(".")[0]
    own = () if top in OWN | CIRCUMSTANCES or top in sys.stdlib_module_names else _packages_with(top)
    packages = [*own, *wrapped]
    packages += [beside for package in packages for beside in BESIDE.get(package, ())]
    return {package: version for package in packages if (version := _version(package))}


def _packages_with(top: str) -> list[str]:
    """The installed package that has a top-level module, by its usual name; none where it is the user's own code."""
    spec = _found(top)
    if spec is None or _is_users(spec):
        return []
    return [_package_with(top, tuple(sys.path))]


@cache
def _package_with(top: str, _: tuple[str, ...]) -> str:
    """Not by ``importlib.metadata.packages_distributions``, which takes a second where there are many packages."""
    for name, package in ((top, top), ("sklearn", "scikit-learn"), ("imblearn", "imbalanced-learn")):
        if name == top and _version(package):
            return package
    for file in ("top_level.txt", "RECORD"):
        line = re.compile(rf"^{re.escape(top)}([/.]|$)", re.MULTILINE)
        for distribution in importlib.metadata.distributions():
            if line.search(distribution.read_text(file) or ""):
                return distribution.name
    return top


def _version(package: str) -> str:
    """Installed version, with the commit or digest if it came from a repository or a file; "" if not installed."""
    try:
        distribution = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
    origin = _origin(distribution)
    exact = origin.get("vcs_info", {}).get("commit_id") or origin.get("archive_info", {}).get("hash", "")
    return f"{distribution.version} ({exact})" if exact else str(distribution.version)


def _origin(package: importlib.metadata.Distribution) -> dict[str, Any]:
    """PEP 610: where a package was installed from, if not by its name; {} where that is not said, or by conda.

    Conda writes down the folder in which a package was built, on another machine.
    """
    text = package.read_text("direct_url.json")
    if not text or (package.read_text("INSTALLER") or "").strip() == "conda":
        return {}
    try:
        origin: dict[str, Any] = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return origin


@dataclass(frozen=True)
class _Folders:
    """What was installed from folders: its version says nothing of what is in it."""

    copied: frozenset[str]
    """Top-level modules that lie among those of other packages."""
    editable: tuple[Path, ...]
    """Folders that are used as they are."""


@cache
def _origins_in_folders(_: tuple[str, ...]) -> _Folders:
    copied, editable = set(), []
    for package in importlib.metadata.distributions():
        origin = _origin(package)
        url, about = urlsplit(str(origin.get("url", ""))), origin.get("dir_info")
        if url.scheme != "file" or about is None or package.name in REFERENCE:
            continue
        if about.get("editable"):
            editable.append(Path(url2pathname(url.path)).resolve())
        else:
            copied |= set(_top_level(package))
    return _Folders(frozenset(copied), tuple(editable))


def _is_code(name: str) -> bool:
    return name.endswith((".py", *EXTENSION_SUFFIXES))


# ---- modules ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Module:
    """One of the user's modules."""

    name: str
    file: Path
    stamp: tuple[int, int]
    """Time of the last change, and size."""
    digest: str
    imports: tuple[str, ...]
    """Dotted names, absolute; the last part may be no module."""
    required: tuple[tuple[str, int], ...]
    """Modules without which it cannot be imported, and the lines that say so."""

    @property
    def path(self) -> str:
        """Below the folder that it is imported from."""
        is_package = self.file.stem == "__init__"
        return "/".join([*self.name.split("."), *(["__init__"] if is_package else [])]) + self.file.suffix


# What this process has read, and therefore what it has imported: within a command, a file that is changed meanwhile
# changes neither. ``reread`` is for the next command.
_read_before: dict[Path, _Module] = {}
_STARTED = time.time_ns()
_CHANGED = (
    "{file} has changed since this Python process imported it, and the process would go on to run what it held then. Start "
    "a new one (in a notebook: restart the kernel)."
)


def _reached(names: Iterable[str], *, only_required: bool = False) -> list[_Module]:
    """The user's modules that dotted names lead to, those that these import, and so on."""
    modules: dict[str, _Module] = {}
    left, seen = list(names), set()
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        for dotted, spec in _on_the_way(name):
            if dotted in modules or not _is_users(spec):
                continue
            module = modules[dotted] = _read(Path(str(spec.origin)), dotted)
            left += [wanted for wanted, _ in module.required] if only_required else module.imports
    return list(modules.values())


def _on_the_way(name: str) -> Iterator[tuple[str, ModuleSpec]]:
    """The modules that an import of a dotted name runs, from its top-level one; the rest of the name is no module."""
    top, *parts = name.split(".")
    if top in OWN | CIRCUMSTANCES or top in sys.stdlib_module_names:
        return
    dotted, spec = top, _found(top)
    while spec is not None:
        yield dotted, spec
        if not parts or spec.submodule_search_locations is None:
            return
        dotted = f"{dotted}.{parts.pop(0)}"
        spec = PathFinder.find_spec(dotted, list(spec.submodule_search_locations))


def _found(top: str) -> ModuleSpec | None:
    """Spec from which Python would import, or has imported, a top-level module; None if there is none."""
    if top == "__main__":
        return _script()
    try:
        return find_spec(top)
    except (ValueError, ImportError):  # a module of this process without a file
        return None


def _script() -> ModuleSpec | None:
    """The user's file that this process runs; None in a notebook or a shell, and for a command that is installed."""
    main = sys.modules["__main__"]
    file, spec = getattr(main, "__file__", None), getattr(main, "__spec__", None)
    if not file or not str(file).endswith(".py") or SITES & set(Path(file).parts):
        return None
    if spec is not None and str(spec.name).partition(".")[0] in OWN:
        return None
    return spec_from_file_location("__main__", file)


def _is_users(spec: ModuleSpec) -> bool:
    """Whether a module is the user's: of a folder, and not of an installed package, unless that was installed from one."""
    if not spec.has_location or spec.origin is None or not _is_code(spec.origin) or not Path(spec.origin).is_file():
        return False  # built in, frozen, in an archive, or a folder without a file of its own
    file, levels = Path(spec.origin), spec.name.count(".") + (spec.submodule_search_locations is not None)
    top = spec.name.partition(".")[0]
    if not _is_installed(top, file.parents[levels]):
        return True
    origins = _origins_in_folders(tuple(sys.path))
    return top in origins.copied or any(_lies_in(file, folder) for folder in origins.editable)


def _is_installed(top: str, folder: Path) -> bool:
    """Whether a top-level module in a folder is of an installed package: in an environment, or by ``pip --target``."""
    return bool(SITES & set(folder.parts)) or top in _listed_in(folder)


@cache
def _listed_in(folder: Path) -> frozenset[str]:
    """Top-level modules of the packages whose records lie in a folder."""
    packages = importlib.metadata.distributions(path=[str(folder)])
    return frozenset(top for package in packages for top in _top_level(package))


def _top_level(package: importlib.metadata.Distribution) -> Iterator[str]:
    """Top-level modules by the record of an installation; none for an ``egg-info`` beside sources, which installs nothing."""
    if package.read_text("RECORD") is None:
        return iter(())
    return (file.parts[0].partition(".")[0] for file in package.files or () if _is_code(file.name))


def _lies_in(file: Path, folder: Path) -> bool:
    """Whether a file is of the project in a folder, and not of an environment in it."""
    return file.is_relative_to(folder) and not SITES & set(file.relative_to(folder).parts)


def _is_there(name: str) -> bool:
    """Whether a module can be found; of others than the user's, whether the top-level one can."""
    top = name.partition(".")[0]
    way = list(_on_the_way(name))
    if not way:
        return top in sys.modules or _found(top) is not None
    last, spec = way[-1]
    return last == name or not _is_users(spec)


def _users_modules() -> list[str]:
    """Names of the modules at the top of the folders where a user's code lies."""
    folders = [Path(folder) for folder in sys.path if folder and not folder.startswith((sys.prefix, sys.base_prefix))]
    return [file.stem for folder in folders for file in folder.glob("*.py") if not _is_installed(file.stem, folder)]


def _read(file: Path, name: str) -> _Module:
    if file not in _read_before:
        if _was_loaded_before(file, sys.modules.get(name)):
            raise ConfigError(_CHANGED.format(file=file))
        _read_before[file] = _read_anew(file, name)
    return _read_before[file]


def _was_loaded_before(file: Path, module: Any) -> bool:
    """Whether the process has a module that it imported before its file got what it holds now.

    By the time and size of the source that the compiled file beside it names, which the import wrote; where there is none,
    by whether the file has changed since seedbed was imported.
    """
    if getattr(module, "__file__", None) != str(file) or file.suffix != ".py":
        return False
    changed, size = _stamp(file) or (0, 0)
    compiled = getattr(module, "__cached__", None)
    try:
        head = Path(compiled).read_bytes()[:16] if compiled and not sys.dont_write_bytecode else b""
    except OSError:
        head = b""
    if len(head) < 16 or head[4:8] != bytes(4):  # no file, or one that is named by a digest of the source
        return changed > _STARTED
    source = (int.from_bytes(head[8:12], "little"), int.from_bytes(head[12:16], "little"))
    return source != (changed // 10**9 & 0xFFFFFFFF, size & 0xFFFFFFFF)


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _read_anew(file: Path, name: str) -> _Module:
    stamp = _stamp(file) or (0, 0)
    content = file.read_bytes()
    if file.suffix != ".py":  # compiled
        return _Module(name, file, stamp, hashlib.sha256(content).hexdigest()[:DIGITS], (), ())
    tree = _parsed(file, content)
    package = name if file.stem == "__init__" else name.rpartition(".")[0]
    # Who changes the path finds modules that are not found here.
    required = () if b"sys.path" in content else tuple(_required(tree, package))
    return _Module(name, file, stamp, digest_of(tree), tuple(dict.fromkeys(_imports(tree, package))), required)


def _parsed(file: Path, content: bytes) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the import says them
            return ast.parse(content)
    except (SyntaxError, ValueError, RecursionError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise ConfigError(
            f"{file}{line}: this is not valid Python: {' '.join(reason.split())}. Fix the file; it must be "
            "UTF-8, or name its encoding in its first line."
        ) from error


# ---- syntax trees ----------------------------------------------------------------------------------------------------


def digest_of(tree: ast.AST) -> str:
    """A digest of what a tree does: without positions and docstrings, and the same in every version of Python.

    ``ast.dump`` is not: it shows fields that only some versions have. Here an empty field is none.
    """
    said: list[str] = []
    left: list[Any] = [tree]
    while left:  # a loop, since a long sum is a deep tree
        part = left.pop()
        if isinstance(part, ast.AST):
            said.append(f"({type(part).__name__}")
            left.append(_END)
            for name in part._fields:
                value = _value(part, name)
                if value is not None and value != []:
                    left += [value, (name,)]
        elif part is _END:
            said.append(")")
        elif type(part) is tuple:
            said.append(f" {part[0]}=")
        elif type(part) is list:
            said.append("[")
            left += [_END, *reversed(part)]
        else:
            said.append(hex(part) if type(part) is int else ascii(part))
    return hashlib.sha256(" ".join(said).encode()).hexdigest()[:DIGITS]


_END = object()


def _value(node: ast.AST, name: str) -> Any:
    """Value of a field, None if it has no effect; without docstrings and the empty text that 3.12 adds to f-strings."""
    if name in ("kind", "type_comment", "type_ignores"):
        return None
    value = getattr(node, name, None)
    if type(value) is not list:
        return value
    if isinstance(node, ast.JoinedStr):
        return [part for part in value if not _is_text(part) or part.value]
    return [part for part in value if not (isinstance(part, ast.Expr) and _is_text(part.value))]


def _is_text(node: Any) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Dotted names that a module imports anywhere in it, with those that it asks ``import_module`` for by a literal."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            yield from (base if alias.name == "*" else f"{base}.{alias.name}" for alias in node.names if base)
        elif isinstance(node, ast.Call) and (name := _asked_for(node)):
            try:
                yield resolve_name(name, package)
            except ImportError:
                continue


def _required(tree: ast.Module, package: str) -> Iterator[tuple[str, int]]:
    """Modules that a module imports whatever happens, at its outermost level."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (base := _absolute(node, package)):
            yield base, node.lineno


def _absolute(node: ast.ImportFrom, package: str) -> str:
    """The module from which is imported; "" where a relative import leads out of its package."""
    try:
        return resolve_name("." * node.level + (node.module or ""), package)
    except ImportError:
        return ""


def _asked_for(call: ast.Call) -> str:
    """The literal in ``importlib.import_module("...")``; "" for any other call."""
    function = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    first = call.args[0] if call.args else None
    if function not in ("import_module", "__import__") or not isinstance(first, ast.Constant):
        return ""
    return first.value if isinstance(first.value, str) else ""

"""Finding a config package and importing what it registers."""

from __future__ import annotations

import ast
import hashlib
import importlib
import inspect
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ade_engine.extensions.invoke import FAILURES
from ade_engine.extensions.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

PREFERRED_PACKAGE = "ade_config"
PLUGIN_FOLDERS = ("columns", "row_detectors", "hooks")
SKIPPED_FOLDERS = {"__pycache__", "tests"}


class PluginNotFoundError(ModuleNotFoundError):
    """No config package, or nothing in it that registers anything."""


@dataclass(frozen=True)
class ConfigPackage:
    """Where a config package is."""

    root: Path
    """The directory that was given: the project, whose ``settings.toml`` counts."""
    import_root: Path
    """What goes on ``sys.path``."""
    name: str
    """The package's import name."""

    @property
    def directory(self) -> Path:
        """The package itself."""
        return self.import_root / self.name

    def digest(self) -> str:
        """SHA-256 over the names and contents of the package's Python files and its settings."""
        digest = hashlib.sha256()
        files = [*self.directory.rglob("*.py"), *self.root.glob("settings.toml")]
        for path in sorted(files, key=lambda path: path.relative_to(self.root).as_posix()):
            digest.update(path.relative_to(self.root).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return f"sha256:{digest.hexdigest()}"

    def project(self) -> tuple[str, str | None]:
        """Name and version: the project's when it says them, else the package's."""
        pyproject = self.root / "pyproject.toml"
        if pyproject.is_file():
            import tomllib

            try:
                project = tomllib.loads(pyproject.read_text("utf-8")).get("project")
            except (tomllib.TOMLDecodeError, UnicodeDecodeError):
                project = None
            project = project if isinstance(project, dict) else {}
            version = project.get("version")
            return str(project.get("name", self.name)), None if version is None else str(version)
        return self.name, None


def locate(path: Path) -> ConfigPackage:
    """The config package at ``path``: the package itself, ``src/<package>`` or ``ade_config`` inside it."""
    path = path.expanduser().resolve()
    if _is_package(path):
        return ConfigPackage(root=path, import_root=path.parent, name=path.name)
    src = path / "src"
    if src.is_dir():
        packages = sorted(child.name for child in src.iterdir() if _is_package(child))
        if packages:
            name = PREFERRED_PACKAGE if PREFERRED_PACKAGE in packages else packages[0]
            return ConfigPackage(root=path, import_root=src, name=name)
    if _is_package(path / PREFERRED_PACKAGE):
        return ConfigPackage(root=path, import_root=path, name=PREFERRED_PACKAGE)
    raise PluginNotFoundError(
        f"No config package in {path}: expected __init__.py, src/<package> or {PREFERRED_PACKAGE}"
    )


def _is_package(path: Path) -> bool:
    return path.name.isidentifier() and (path / "__init__.py").is_file()


def plugin_modules(package: ConfigPackage) -> list[str]:
    """Modules that define ``register`` at their top level, sorted by name."""
    found = []
    for folder in PLUGIN_FOLDERS:
        for path in (package.directory / folder).rglob("*.py"):
            parts = path.relative_to(package.directory).with_suffix("").parts
            if not _is_skipped(parts) and _defines_register(path):
                names = parts[:-1] if parts[-1] == "__init__" else parts
                found.append(".".join((package.name, *names)))
    return sorted(found)


def _is_skipped(parts: tuple[str, ...]) -> bool:
    *folders, module = parts
    if any(folder in SKIPPED_FOLDERS or folder.startswith("_") for folder in folders):
        return True
    return module.startswith("_") and module != "__init__"


def _defines_register(path: Path) -> bool:
    source = path.read_bytes()
    if b"register" not in source:
        return False
    tree = ast.parse(source, filename=str(path))
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == "register" for node in tree.body
    )


def unregistered_files(package: ConfigPackage) -> list[Path]:
    """Files in the places of rules that define no ``register`` and are not marked as helpers by an underscore."""
    return [
        path
        for folder in PLUGIN_FOLDERS
        for path in sorted((package.directory / folder).rglob("*.py"))
        if path.name != "__init__.py"
        and not _is_skipped(path.relative_to(package.directory).with_suffix("").parts)
        and not _defines_register(path)
    ]


def load(package: ConfigPackage, on_error: Callable[[BaseException], None] | None = None) -> tuple[Registry, list[str]]:
    """Imports the package and lets its modules register; also the names of those modules.

    With ``on_error`` the failure of a module does not end the loading: it is handed over, and the next one follows.
    """
    registry = Registry()
    importlib.invalidate_caches()
    for name in [name for name in sys.modules if name == package.name or name.startswith(f"{package.name}.")]:
        del sys.modules[name]
    sys.path.insert(0, str(package.import_root))
    try:
        importlib.import_module(package.name)
        modules = plugin_modules(package)
        if not modules:
            raise PluginNotFoundError(
                f"Nothing registers in {package.directory}: no module in {', '.join(PLUGIN_FOLDERS)} defines register()"
            )
        for name in modules:
            try:
                _register(name, registry)
            except FAILURES as error:
                if on_error is None:
                    raise
                on_error(error)
    finally:
        sys.path.remove(str(package.import_root))
    registry.finalize()
    return registry, modules


def _register(module: str, registry: Registry) -> None:
    outcome = importlib.import_module(module).register(registry)
    if inspect.iscoroutine(outcome):
        import asyncio

        asyncio.run(outcome)

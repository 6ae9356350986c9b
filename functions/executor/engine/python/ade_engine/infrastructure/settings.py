"""The engine's settings.

Lowest to highest: ``./settings.toml``, ``settings.toml`` of the config's project, ``./.env``, environment variables
``ADE_ENGINE_<KEY>``, and what code says explicitly. Unknown keys are ignored.
"""

from __future__ import annotations

import difflib
import json
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any

SETTINGS_FILE = "settings.toml"
ENV_PREFIX = "ADE_ENGINE_"
LEGACY_LOG_LEVEL = "ADE_LOG_LEVEL"


READABLE_EXTENSIONS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".csv", ".tsv")


class SettingsError(ValueError):
    """A setting has a value that it can't have, or what should hold settings can't be read."""

    def __init__(self, reason: str, *, file: Path | None = None, line: int | None = None) -> None:
        place = "" if file is None else f"{file}: " if line is None else f"{file}:{line}: "
        super().__init__(f"{place}{reason}")
        self.reason = reason
        self.file = file
        self.line = line


@dataclass(frozen=True)
class _Layer:
    """Settings of one place."""

    values: Mapping[str, Any]
    file: Path | None = None
    text: str = ""
    """What the file says."""
    prefix: str = ""
    """What stands before the names of settings there."""

    def refused(self, name: str, reason: str) -> SettingsError:
        """The error for a setting of this place."""
        name = f"{self.prefix}{name}"
        if self.file is not None:
            return SettingsError(reason, file=self.file, line=_line_of(name, self.text))
        return SettingsError(f"{name.upper()}: {reason}" if self.prefix else reason)


@dataclass(init=False)
class Settings:
    """Every setting, with its default."""

    config_package: str | None = None
    """Config package to use when none is given."""
    engine: int = 1
    """Generation of behaviour: 1 keeps engine 1.9's, 2 has everything that came after."""
    remove_unmapped_columns: bool = False
    """Drop columns that are not fields from the output."""
    write_diagnostics_columns: bool = False
    """Keep ``__ade_*`` columns in the output."""
    write_formulas: bool = False
    """Let texts that transforms make and that start with "=" be formulas."""
    mapping_tie_resolution: str = "leftmost"
    """When several columns want a field: ``leftmost`` or ``leave_unmapped``."""
    sort_tables_by_mapping_ratio: bool = False
    """Order the tables of a sheet by how many of their columns are mapped."""
    merge_tables_in_sheet: bool = False
    """Union the tables of a sheet into one."""
    merge_stacked_headers: bool = True
    """Join header rows that follow each other into one header."""
    detector_column_sample_size: int = 100
    """How many values of a column detectors get as a sample."""
    max_empty_rows_run: int | None = 1000
    """Stop reading a sheet after this many empty rows in a row."""
    max_empty_cols_run: int | None = 500
    """Cut a row at a gap of this many empty cells."""
    max_file_bytes: int = 1 << 30
    """Largest input file."""
    max_expanded_bytes: int = 4 << 30
    """Largest size of a workbook's parts, decompressed."""
    max_cells: int = 50_000_000
    """Most cells of a sheet."""
    max_tables: int = 10_000
    """Most tables of a sheet."""
    max_shared_strings: int = 20_000_000
    """Most strings that the sheets of a workbook share."""
    supported_file_extensions: tuple[str, ...] = (".xlsx", ".xlsm", ".xls", ".csv")
    """What ``process batch`` looks for; with ``engine = 2`` everything that can be read, unless this is set."""
    log_format: str = "text"
    """``text`` or ``ndjson``."""
    log_level: int = logging.INFO
    """Least severe level that is logged."""

    def __init__(self, **explicit: Any) -> None:
        self._assign(_layers(None), explicit)

    @classmethod
    def load(cls, config_root: Path | None, **explicit: Any) -> Settings:
        """Settings as they hold for a config package (the directory that was given, not the package in it)."""
        settings = cls.__new__(cls)
        settings._assign(_layers(config_root), explicit)
        return settings

    @classmethod
    def defaults(cls, **explicit: Any) -> Settings:
        """Settings that no file and no environment has touched."""
        settings = cls.__new__(cls)
        settings._assign([], explicit)
        return settings

    def _assign(self, layers: list[_Layer], explicit: Mapping[str, Any]) -> None:
        layers = [*layers, _Layer(explicit)]
        for setting in fields(self):
            value = setting.default
            assert value is not MISSING
            for layer in layers:
                if setting.name in layer.values:
                    try:
                        value = _checked(setting.name, layer.values[setting.name])
                    except SettingsError as error:
                        raise layer.refused(setting.name, error.reason) from None
            setattr(self, setting.name, value)
        if self.engine >= 2 and not any("supported_file_extensions" in layer.values for layer in layers):
            self.supported_file_extensions = READABLE_EXTENSIONS

    def to_dict(self) -> dict[str, Any]:
        """All settings as plain values."""
        values = asdict(self)
        values["supported_file_extensions"] = list(self.supported_file_extensions)
        return values

    model_dump = to_dict


def _layers(config_root: Path | None) -> list[_Layer]:
    layers = [_toml(Path(SETTINGS_FILE))]
    if config_root is not None:
        layers.append(_toml(config_root / SETTINGS_FILE))
    dotenv = Path(".env")
    text = _read(dotenv)
    layers.append(_environment(_dotenv(text), dotenv, text))
    layers.append(_environment(os.environ))
    return layers


def _read(path: Path) -> str:
    """A file's text; nothing when there is none."""
    try:
        return path.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"can't be read: {error}", file=path) from error


def _toml(path: Path) -> _Layer:
    text = _read(path)
    if not text:
        return _Layer({})
    import tomllib

    try:
        return _Layer(tomllib.loads(text), path, text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line (\d+)", str(error))
        line = int(place[1]) if place else len(text.splitlines())
        raise SettingsError(f"not valid TOML: {error}", file=path, line=line) from error


def unknown_keys(config_root: Path) -> list[SettingsError]:
    """Keys of a config's settings that are no settings, which the engine ignores."""
    layer = _toml(config_root / SETTINGS_FILE)
    known = [setting.name for setting in fields(Settings)]
    found = []
    for key in layer.values:
        if key not in known:
            close = difflib.get_close_matches(key, known, 1, 0.75)
            hint = f"; did you mean '{close[0]}'?" if close else ""
            found.append(layer.refused(key, f"'{key}' is no setting and is ignored{hint}"))
    return found


def _line_of(name: str, text: str) -> int | None:
    """The first line, from 1, that sets a name or starts a table of that name."""
    start = re.compile(rf"\s*(export\s+|\[+\s*)?[\"']?{re.escape(name)}[\"']?\s*[=.\]]", re.IGNORECASE)
    return next((number for number, line in enumerate(text.splitlines(), 1) if start.match(line)), None)


def _dotenv(text: str) -> dict[str, str]:
    found = {}
    for line in text.splitlines():
        name, separator, value = line.strip().removeprefix("export ").partition("=")
        if separator and not name.startswith("#"):
            found[name.strip()] = _unquoted(value.strip())
    return found


def _unquoted(value: str) -> str:
    """What stands in quotes, or before a comment."""
    quoted = re.match(r"""(["'])(.*?)\1""", value)
    return quoted[2] if quoted else re.split(r"(?:^|\s)#", value, maxsplit=1)[0].rstrip()


def _environment(variables: Mapping[str, str], file: Path | None = None, text: str = "") -> _Layer:
    names = {name.upper(): value for name, value in variables.items() if name.upper().startswith("ADE_")}
    values: dict[str, Any] = {}
    layer = _Layer(values, file, text, ENV_PREFIX)
    for setting in fields(Settings):
        value = names.get(ENV_PREFIX + setting.name.upper())
        if value is not None:
            try:
                values[setting.name] = _parsed(setting.name, value)
            except ValueError as error:
                raise layer.refused(setting.name, str(error)) from error
    if LEGACY_LOG_LEVEL in names:
        values.setdefault("log_level", names[LEGACY_LOG_LEVEL])
    return layer


def _parsed(name: str, text: str) -> Any:
    """An environment variable's text as the value that TOML would have given."""
    if name == "supported_file_extensions":
        if text.lstrip().startswith("["):
            try:
                return json.loads(text)
            except ValueError as error:
                raise ValueError(f"not a JSON array: {error}") from error
        return [part.strip() for part in text.split(",") if part.strip()]
    lowered = text.strip().lower()
    if lowered in {"", "none", "null"} and name in _OPTIONAL:
        return None
    if name in _BOOLEANS and lowered in _TRUE | _FALSE:
        return lowered in _TRUE
    if name in _MINIMA:
        try:
            return int(lowered)
        except ValueError:
            return text
    return text


_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}
_OPTIONAL = {"config_package", "max_empty_rows_run", "max_empty_cols_run"}
_BOOLEANS = {setting.name for setting in fields(Settings) if setting.type == "bool"}
_MINIMA = {setting.name: 1 for setting in fields(Settings) if str(setting.type).startswith("int")} | {"log_level": 0}
_CHOICES: dict[str, tuple[Any, ...]] = {
    "engine": (1, 2),
    "mapping_tie_resolution": ("leftmost", "leave_unmapped"),
    "log_format": ("text", "ndjson"),
}


def level_number(value: Any) -> int:
    """A log level from its number or name."""
    if isinstance(value, str):
        number = logging.getLevelNamesMapping().get(value.strip().upper())
        if number is None and value.strip().isdecimal():
            number = int(value)
    else:
        number = value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
    if number is None:
        raise SettingsError(f"log_level must be a level's name or number, not {value!r}")
    return number


def _checked(name: str, value: Any) -> Any:
    if name == "log_level":
        return level_number(value)
    if name == "supported_file_extensions":
        return _extensions(value)
    if value is None and name in _OPTIONAL:
        return None
    if name in _BOOLEANS and not isinstance(value, bool):
        raise SettingsError(f"{name} must be true or false, not {value!r}")
    if name in _MINIMA and (isinstance(value, bool) or not isinstance(value, int) or value < _MINIMA[name]):
        raise SettingsError(f"{name} must be a whole number of at least {_MINIMA[name]}, not {value!r}")
    if name in _CHOICES and value not in _CHOICES[name]:
        allowed = ", ".join(str(choice) for choice in _CHOICES[name])
        raise SettingsError(f"{name} must be one of {allowed}, not {value!r}")
    return str(value) if name == "config_package" else value


def _extensions(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(part, str) for part in value):
        raise SettingsError(f"supported_file_extensions must be a list of texts, not {value!r}")
    return tuple(part.lower() if part.startswith(".") else f".{part.lower()}" for part in value)

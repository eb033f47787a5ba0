"""Options from a TOML file: the names of the command line, for all commands or for one of them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from .errors import nearest

__all__ = ["read_config"]


def read_config(context: click.Context, _: click.Parameter, path: Path | None) -> Path | None:
    """Make the options in a file the defaults of this call.

    Top-level keys are for every command that has the option; those in a table named after a
    command, such as ``[report]``, for it alone. ``table`` is the table to read.
    """
    if path is None:
        return None
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{path}: not a TOML file: {error}") from None
    group = context.find_root().command
    commands = dict(group.commands) if isinstance(group, click.Group) else {}
    known = {name: _names(command) for name, command in commands.items()}
    common = {k: v for k, v in content.items() if not isinstance(v, Mapping)}
    everywhere = {name: option for names in known.values() for name, option in names.items()}
    here = _names(context.command)
    defaults = {}
    for name, value in common.items():
        if _known(path, name, everywhere) and name in here:
            defaults[here[name].name] = _as_given(value, here[name])
    for section, part in content.items():
        if not isinstance(part, Mapping):
            continue
        if section not in commands:
            raise click.BadParameter(
                f"{path}: [{section}] is no command; the commands are {', '.join(commands)}"
                + nearest(section, list(commands))
            )
        for name, value in part.items():
            _known(path, f"{section}.{name}", known[section], name)
            if section == context.info_name or commands[section] is context.command:
                defaults[here[name].name] = _as_given(value, here[name])
    context.default_map = {**(context.default_map or {}), **defaults}
    return path


def _names(command: click.Command) -> dict[str, click.Parameter]:
    """Return a command's options under their names as typed, without dashes."""
    found = {}
    for parameter in command.params:
        if parameter.name is None or parameter.name in ("config", "debug", "help"):
            continue
        for typed in parameter.opts:
            found[typed.lstrip("-")] = parameter
            if typed == "tables":  # one of them may be called by the name it has elsewhere
                found["table"] = parameter
    return found


def _known(
    path: Path, shown: str, names: Mapping[str, click.Parameter], name: str | None = None
) -> bool:
    if (name or shown) not in names:
        raise click.BadParameter(
            f"{path}: no option {shown!r}; the options are {', '.join(sorted(names))}"
            + nearest(name or shown, list(names))
        )
    return True


def _as_given(value: Any, option: click.Parameter) -> Any:
    """Return a value as it would be typed: as texts if it may repeat, bounds as "0,1"."""
    if isinstance(value, bool) and getattr(option, "is_flag", False):
        return value
    items = [str(item) for item in (value if isinstance(value, list) else [value])]
    repeats = option.multiple or option.nargs != 1
    return items if repeats else ",".join(items)

"""Putting a report on disk: whole or not at all, and never over someone else's file."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from ..errors import FitError, nearest
from ..storage import write_whole
from .browser import PDF_END, need_browser
from .html import MARK
from .machine import SCHEMA
from .markdown import MARKER

__all__ = ["FORMATS", "check_target", "pictures_folder", "put"]

_OFFERED = (".html", ".md", ".json", ".pdf")
FORMATS = (*_OFFERED, ".htm")
_OURS = re.compile(
    rf"\s*(?:{re.escape(MARKER)}|<!DOCTYPE html>.{{,80}}{re.escape(MARK)}|"
    rf'\{{\s*"schema": "{re.escape(SCHEMA)}")',
    re.DOTALL,
)
_PICTURE = re.compile(r"figure_\w+\.png")


def check_target(target: Path, force: bool = False) -> None:
    """Raise FitError if a report cannot or should not be written to ``target``.

    Parameters
    ----------
    target : Path
        A file in a folder that exists.
    force : bool
        Whether a file that is not a report may be replaced.
    """
    if target.is_dir():
        raise FitError(f"{target}: is a folder; name a file in it, such as report.html")
    suffix = target.suffix.lower()
    if suffix not in FORMATS:
        raise FitError(
            f"{target.name}: the name decides the format; use "
            f"{', '.join(_OFFERED[:-1])} or {_OFFERED[-1]}" + nearest(suffix, _OFFERED)
        )
    if not target.parent.is_dir():
        raise FitError(f"{target}: there is no such folder; make it first")
    if target.exists() and not force and not _is_ours(target):
        raise FitError(
            f"{target}: exists and is not a report of scalefit; name another file, or pass "
            "force=True to replace it"
        )
    if suffix == ".pdf":
        need_browser()
    folder = pictures_folder(target)
    if suffix == ".md" and folder.exists():
        others = [] if folder.is_dir() else [folder.name]
        others = others or [f.name for f in folder.iterdir() if not _PICTURE.fullmatch(f.name)]
        if others:
            raise FitError(
                f"{folder}: holds {others[0]!r}, which is not a figure of a report; move it away "
                "or name another report"
            )


def pictures_folder(target: Path) -> Path:
    """Return the folder for the figures of a report."""
    return target.with_name(f"{target.stem}_files")


def put(target: Path, text: str | bytes, pictures: Mapping[str, bytes]) -> None:
    """Write a page and its folder of pictures; if either fails, both stay as they were."""
    folder = pictures_folder(target)
    part, old = (folder.with_name(f".{folder.name}.{os.getpid()}.{end}") for end in ("part", "old"))
    if not pictures:
        write_whole(target, text)
        return
    try:
        part.mkdir()
        for name, content in pictures.items():
            (part / name).write_bytes(content)
        if folder.exists():
            folder.replace(old)
        part.replace(folder)
        write_whole(target, text)
    except BaseException as error:
        if old.exists():
            shutil.rmtree(folder, ignore_errors=True)
            old.replace(folder)
        elif not part.exists():
            shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise FitError(f"{folder}: cannot be written ({error.strerror})") from None
        raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _is_ours(target: Path) -> bool:
    try:
        with target.open("rb") as file:
            if _OURS.match(file.read(400).decode("utf-8", errors="replace")):
                return True
            file.seek(-min(len(PDF_END), target.stat().st_size), os.SEEK_END)
            return file.read() == PDF_END
    except OSError:
        return False

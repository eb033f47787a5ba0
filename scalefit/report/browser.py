"""A browser on this machine, to print a page as PDF; nothing here is needed to write a report."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from ..errors import FitError

__all__ = ["PDF_END", "find_browser", "headless", "need_browser", "print_pdf"]

_NAMES = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
    "microsoft-edge",
)  # fmt: skip
#: Last line of every PDF report: the sign that a file is ours and may be written again.
PDF_END = b"\n% scalefit report 1\n"
_PATIENCE = 120.0


def find_browser() -> str | None:
    """Return the path of a browser of the Chromium family, or None."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


def need_browser() -> str:
    """Return the path of a browser; FitError if there is none."""
    browser = find_browser()
    if browser is None:
        raise FitError(
            f"a PDF is printed by a browser, and none of {', '.join(_NAMES)} is installed; write "
            "an .html report and print it from your browser"
        )
    return browser


def headless(*options: str) -> subprocess.CompletedProcess[bytes]:
    """Run the browser without a window, with a profile of its own that is thrown away.

    Raises
    ------
    FitError
        There is no browser, or it does not come to an end.
    """
    browser = need_browser()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [
            browser, "--headless", "--disable-gpu", "--no-first-run", "--disable-extensions",
            *_sandbox(), f"--user-data-dir={profile}", *options,
        ]  # fmt: skip
        try:
            return subprocess.run(command, capture_output=True, check=False, timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            raise FitError(f"{browser} did not answer within {_PATIENCE:g} s") from None


def _sandbox() -> list[str]:
    """Return the option without which the browser refuses to run as root."""
    return ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []


def print_pdf(page: str) -> bytes:
    """Return an HTML page as PDF.

    Raises
    ------
    FitError
        There is no browser, or it cannot print the page.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "report.html"), Path(folder, "report.pdf")
        source.write_text(page, encoding="utf-8")
        done = headless(
            "--no-pdf-header-footer", f"--print-to-pdf={target}", source.absolute().as_uri()
        )
        if not target.is_file():
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise FitError(
                f"the browser printed nothing: {said[-1] if said else 'no reason given'}"
            )
        return target.read_bytes() + PDF_END

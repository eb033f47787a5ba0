"""Tables of the documentation that scripts make, each between two comments of its page."""

from __future__ import annotations

import re

import pandas as pd


def as_markdown(table: pd.DataFrame) -> str:
    """Return a table whose cells are text as Markdown."""
    rows = [list(table.columns), ["---"] * table.shape[1], *table.astype(str).to_numpy().tolist()]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def filled(text: str, tables: dict[str, str]) -> str:
    """Return a page with its tables, each between its own two comments."""
    for name, table in tables.items():
        pattern = rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)"
        text, times = re.subn(
            pattern, lambda found, new=table: f"{found[1]}\n{new}\n\n{found[2]}", text, flags=re.S
        )
        if times != 1:
            raise ValueError(f"the page has no place for the table {name!r}")
    return text

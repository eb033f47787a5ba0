"""How Sphinx builds this site: python -m sphinx -W --keep-going docs build/docs."""

from __future__ import annotations

from collections import Counter
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

import scalefit

project = "scalefit"
author = "The scalefit developers"
project_copyright = author
version = release = scalefit.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
]
exclude_patterns = ["**/README.md"]
templates_path = ["_templates"]

# The same Markdown is read in a checkout and here: formulas between dollars, links to headings.
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
html_math_renderer = "mathml"

# One page a name. The methods of a class stand on its page, in the order of its source; fields are
# told by its docstring. Names that differ in case alone need files that do not.
autosummary_generate = True
_lower = Counter(name.lower() for name in scalefit.__all__)
autosummary_filename_map = {
    f"scalefit.{name}": f"scalefit.{name}-function"
    for name in scalefit.__all__
    if name.islower() and _lower[name] > 1
}
autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

html_theme = "pydata_sphinx_theme"
html_title = "scalefit"
html_static_path = ["_static"]
html_css_files = ["scalefit.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options: dict[str, Any] = {
    "show_prev_next": True,
    "navigation_depth": 2,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "navbar_end": ["theme-switcher"],
    "pygments_light_style": "default",
}


def trim(_app: Any, _page: str, source: list[str]) -> None:
    """Take away the empty line with which an example ends, so that doctest knows."""
    source[0] = source[0].replace("\n\n```\n", "\n```\n")


def setup(app: Any) -> None:
    """Write formulas as MathML, which browsers draw without a script from elsewhere."""
    app.connect("source-read", trim)

    def inline(writer: Any, node: nodes.math) -> None:
        writer.body.append(tex2mathml(node.astext()))
        raise nodes.SkipNode

    def block(writer: Any, node: nodes.math_block) -> None:
        writer.body.append(f'<div class="formula">{tex2mathml(node.astext(), as_block=True)}</div>')
        raise nodes.SkipNode

    app.add_html_math_renderer("mathml", (inline, None), (block, None))

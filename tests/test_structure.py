"""The house rules: imports point downwards, a light import, documented names, no global state."""

from __future__ import annotations

import ast
import importlib
import os
import pickle
import re
import shlex
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple
from unittest.mock import Mock

import joblib
import pytest

import scalefit as sf

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "scalefit"

#: Room: level and modules. A module imports from its own room and from lower levels only, so that
#: two rooms on one level never see each other. A package counts with all that is inside it.
ROOMS = {
    "ground": (
        0,
        "bisection errors findings _format _numbers _seeds kernel levels scoring stacked work",
    ),
    "table": (
        1,
        "metrics reading _columns _grouping _copies _draft _faults _pooled near _checks table "
        "published alignment",
    ),
    "laws": (1, "laws"),
    "data": (2, "sample cuts noise"),
    "papers": (2, "literature datasets"),
    "solvers": (2, "solvers"),
    "estimands": (2, "estimands"),
    "estimate": (3, "estimate settle draws recount slope_error curves rows scatter"),
    "inference": (4, "inference"),
    "questions": (
        5,
        "gate selection saturation verdict certificate results diagnostics plateau permutation "
        "breakpoint secant claims hypotheses measurement refusals influence dependence outliers "
        "sensitivity confidence adjustment contrasts meta one_stage ranks share convergence "
        "surface runs_needed reasons pool hull",
    ),
    "bayes": (5, "bayes"),
    "telling": (
        6,
        "words surface_words storage _drawing plots evidence_plots backtest_plot compare_plot "
        "shrinkage_plot isoflop_plot surface_plots plan_plot plan_words",
    ),
    "face": (7, "fit checked predicted several_drivers settings"),
    "studies": (
        8,
        "backtest holdout groups shared_seeds compare comparison reproduce optimum isoflop "
        "planning outcomes study truths stated proposals next_size seeds_needed power",
    ),
    "report": (9, "report"),
    "package": (10, ""),
    "command line": (
        11,
        "cli _options _config _filters _terminal _printed _compare_command "
        "_optimum_command _plan_command __main__",
    ),
}
#: Upward imports that are allowed because they happen inside a function or for type checkers only.
ALLOWED = {
    ("_drawing", "fit"),
    ("evidence_plots", "fit"),
    ("plots", "fit"),
    ("backtest_plot", "backtest"),
    ("compare_plot", "comparison"),
    ("isoflop_plot", "isoflop"),
    ("surface_plots", "fit"),
    ("surface_words", "fit"),
    ("plan_plot", "planning"),
    ("plan_words", "planning"),
    ("words", "fit"),
    ("storage", "fit"),
    ("storage", ""),
    ("work", ""),
}
#: What ``import scalefit`` must not load: it would cost more than numpy, scipy.optimize and pandas.
HEAVY = [
    "pymc", "pytensor", "arviz", "nutpie", "statsmodels", "matplotlib", "jinja2", "click", "rich",
    "scipy.stats", "narwhals", "joblib",
]  # fmt: skip
#: Modules of more than 500 lines, with the reason stated in docs/architecture.md.
LONG: set[str] = set()

_ROOM_OF = {name: room for room, (_, names) in ROOMS.items() for name in names.split(" ")}


class Import(NamedTuple):
    importer: str
    imported: str
    deferred: bool  # inside a function, or under TYPE_CHECKING


def module_name(path: Path) -> str:
    """Return a file's dotted name below the package; empty for the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str | None:
    return _ROOM_OF.get(module.split(".")[0])


def target(name: str) -> str:
    """Return the module that holds ``name``, which may be a module or something inside one."""
    while name and not (PACKAGE / name.replace(".", "/")).is_dir():
        if (PACKAGE / name.replace(".", "/")).with_suffix(".py").is_file():
            return name
        name = name.rpartition(".")[0]
    return name


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imports_of(path: Path) -> list[Import]:
    module = module_name(path)
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    found: list[Import] = []

    def visit(node: ast.AST, deferred: bool) -> None:
        for child in ast.iter_child_nodes(node):
            later = deferred or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))
            later |= isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)
            if isinstance(child, ast.Import):
                names = [alias.name for alias in child.names]
                inside = [n.partition(".")[2] for n in names if n.split(".")[0] == "scalefit"]
                found.extend(Import(module, target(n), deferred) for n in inside)
            elif isinstance(child, ast.ImportFrom):
                base = [part for part in (child.module or "").split(".") if part]
                if child.level:
                    base = [p for p in package if p][: len(package) - child.level + 1] + base
                elif base[:1] == ["scalefit"]:
                    base = base[1:]
                else:
                    continue
                for alias in child.names:
                    name = target(".".join([*base, alias.name]))
                    found.append(Import(module, name, deferred))
            visit(child, later)

    visit(tree_of(path), False)
    return found


def all_imports() -> list[Import]:
    return [found for path in sources() for found in imports_of(path)]


def goes_up(found: Import) -> bool:
    here, there = room_of(found.importer), room_of(found.imported)
    if here is None or there is None:
        return False  # test_every_module_has_a_room says so
    return here != there and ROOMS[there][0] >= ROOMS[here][0]


def test_every_module_has_a_room():
    homeless = [m for m in map(module_name, sources()) if room_of(m) is None]
    assert not homeless, f"add {homeless} to ROOMS in this file and to docs/architecture.md"
    assert len(_ROOM_OF) == sum(len(names.split(" ")) for _, names in ROOMS.values())


def test_imports_point_downwards():
    upward = [found for found in all_imports() if goes_up(found)]
    now = {(f.importer, f.imported) for f in upward if not f.deferred}
    assert not now, "imports that point up or sideways"
    later = {(f.importer, f.imported) for f in upward if f.deferred}
    assert later - ALLOWED == set(), "deferred upward imports that are not listed"
    assert ALLOWED - later == set(), "listed upward imports that no longer exist"


def test_the_direction_test_can_fail():
    assert goes_up(Import("laws.hill", "fit", False))
    assert goes_up(Import("laws", "table", False))
    assert not goes_up(Import("fit", "laws", False))
    found = imports_of(PACKAGE / "storage.py")
    assert Import("storage", "table", False) in found
    assert Import("storage", "fit", True) in found


def test_no_import_cycles():
    graph: dict[str, set[str]] = {module_name(path): set() for path in sources()}
    for found in all_imports():
        inside_out = found.importer.startswith(found.imported + ".")  # a part and its package
        if not found.deferred and found.imported != found.importer and not inside_out:
            graph[found.importer].add(found.imported)
    while leaves := [name for name, needs in graph.items() if not needs]:
        for name in leaves:
            del graph[name]
        for needs in graph.values():
            needs.difference_update(leaves)
    assert not graph, f"modules that import each other: {sorted(graph)}"


def run_python(code: str) -> str:
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_light_import():
    """Not even every public name together loads what is heavy; the package alone loads nothing."""
    code = (
        "import sys, scalefit\n"
        "print([m for m in ('numpy', 'pandas', 'scipy') if m in sys.modules])\n"
        "assert all(getattr(scalefit, name) is not None for name in scalefit.__all__)\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    assert run_python(code).split("\n")[:2] == ["[]", "[]"]


def public_homes() -> dict[str, str]:
    """Return the module of each public name that a type checker reads."""
    (checked,) = (
        node
        for node in tree_of(PACKAGE / "__init__.py").body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    return {
        alias.name: f"scalefit.{node.module or alias.name}"
        for node in checked.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


HOMES = public_homes()


def test_public_names_are_declared_alike():
    """What a type checker reads, what ``*`` brings, and what is loaded when asked for."""
    assert sorted(HOMES) == list(sf.__all__)
    for name, home in HOMES.items():
        module = importlib.import_module(home)
        assert getattr(sf, name) is getattr(module, name, module)
    assert {*sf.__all__, "plots", "noise", "__version__"} <= set(dir(sf))
    assert not {"sys", "import_module"} & set(dir(sf))


def test_functions_that_use_the_package_are_sent_to_other_processes():
    def told(runs):
        return str(sf.fit(runs))

    runs = {"cells": [1e4, 1e5, 1e6, 1e7, 1e8], "f1": [0.1, 0.3, 0.4, 0.45, 0.47]}
    assert pickle.loads(pickle.dumps(sf)) is sf
    many = joblib.Parallel(n_jobs=2)(joblib.delayed(told)(runs) for _ in range(2))
    assert many == [told(runs)] * 2


@pytest.mark.parametrize("name", sorted(n for n, home in HOMES.items() if home == f"scalefit.{n}"))
def test_a_function_is_found_before_its_module(name):
    """A module and its function of the same name: whichever is imported first, by whatever way."""
    code = (
        f"import importlib, scalefit\n"
        f"module = importlib.import_module('scalefit.{name}')\n"
        f"assert scalefit.{name} is getattr(module, '{name}', module)\n"
        f"print(scalefit.{name})"
    )
    kind = "module" if name == "datasets" else "function"
    assert run_python(code).startswith(f"<{kind} ")


def test_a_public_name_can_be_replaced(monkeypatch):
    stand_in = Mock()
    monkeypatch.setattr(sf, "fit", stand_in)
    assert sf.fit is stand_in


def test_no_other_names():
    with pytest.raises(AttributeError, match="module 'scalefit' has no attribute 'fitt'"):
        assert sf.fitt
    assert not hasattr(sf, "_repr_html_")


def test_modules_are_found_without_an_import_of_their_own():
    made = run_python("import scalefit; print(scalefit.plots.__name__, scalefit.noise.Gaussian())")
    assert made.startswith("scalefit.plots Gaussian(")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_every_public_module_imports_alone():
    """The rest cannot fail to: no modules import each other, as the test above says."""
    names = sorted({*HOMES.values(), "scalefit.cli"})
    code = (
        "import importlib, os\n"
        "import pandas, scipy.optimize, scipy.special\n"
        f"for name in {names!r}:\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        importlib.import_module(name)\n"
        "        os._exit(0)\n"
        "    assert os.waitpid(child, 0)[1] == 0, name\n"
        "print('all')"
    )
    assert run_python(code).strip() == "all"


def test_public_names_are_sorted():
    assert list(sf.__all__) == sorted(sf.__all__)
    assert len(set(sf.__all__)) == len(sf.__all__)


@pytest.mark.parametrize("name", sf.__all__)
def test_public_names_are_documented(name):
    assert (getattr(sf, name).__doc__ or "").strip(), f"scalefit.{name} has no docstring"
    pages = (ROOT / "docs").rglob("*.md")
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    # In a sentence, or in a list of the API page, which tests/test_docs.py holds complete.
    assert re.search(rf"`(sf\.|scalefit\.)?{name}\b|\bsf\.{name}\b|^   {name}$", text, re.M), (
        f"no page in docs/ mentions {name}"
    )


@pytest.mark.parametrize("path", sources(), ids=lambda path: module_name(path) or "scalefit")
def test_no_long_module(path):
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= 500 or module_name(path) in LONG, f"{lines} lines: split it, or say why not"


def test_long_modules_have_a_reason():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in LONG)


def bad_calls(tree: ast.Module, *, may_print: bool) -> list[str]:
    """Return prints and uses of a global random state."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id == "print" and not may_print:
                found.append(f"line {node.lineno}: print")
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith(".random"):
            if node.attr not in ("default_rng", "Generator", "SeedSequence", "BitGenerator"):
                found.append(f"line {node.lineno}: {ast.unparse(node)}")
        elif isinstance(node, ast.Import) and "random" in [alias.name for alias in node.names]:
            found.append(f"line {node.lineno}: import random")
    return found


def test_no_print_and_no_global_random_state():
    for path in sources():
        may_print = room_of(module_name(path)) == "command line"
        assert not bad_calls(tree_of(path), may_print=may_print), path.name


def test_the_call_test_can_fail():
    tree = ast.parse("import random\nnp.random.seed(1)\nprint(numpy.random.normal())")
    assert len(bad_calls(tree, may_print=False)) == 4
    assert len(bad_calls(tree, may_print=True)) == 3


def test_one_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == sf.__version__


PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    # Pages of single names are generated with the site, which checks the links to them.
    links = [link for link in links if "://" not in link and "generated/" not in link]
    missing = [link for link in links if not (page.parent / link).exists()]
    assert not missing


def documented_commands() -> list[list[str]]:
    """Return the words of every ``scalefit ...`` command shown in a console block."""
    commands = []
    for page in PAGES:
        for block in re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.S):
            for line in block.splitlines():
                for part in re.split(r"&&|\|", line):
                    words = shlex.split(part, comments=True)
                    if words and Path(words[0]).name == "scalefit":
                        commands.append(words[1:])
    return commands


def test_documented_commands_are_understood():
    from scalefit.cli import cli

    commands = documented_commands()
    assert {words[0] for words in commands} == set(cli.commands)
    for name, *words in commands:
        cli.commands[name].make_context(name, words)


def test_the_readme_installs_from_the_checkout_only():
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"pip install (-\S+ )*[\"']?scalefit\b", text), page.name


def test_the_continuous_check_runs_what_the_readme_says():
    """The script takes its test command from README by a pattern, which must find one line."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    pattern = "^python3 -m venv .* -m pytest "
    assert f"grep -m 1 -E '{pattern}' README.md" in script
    found = re.findall(pattern + ".*$", readme, flags=re.MULTILINE)
    assert len(found) == 1
    assert 'pip install -e ".[test]"' in found[0]


def test_the_validation_page_names_tests_that_exist():
    page = (ROOT / "docs" / "validation.md").read_text(encoding="utf-8")
    named = re.findall(r"`(test_\w+\.py)::(\w+)`", page)
    assert named
    for file, name in named:
        text = (ROOT / "tests" / "validation" / file).read_text(encoding="utf-8")
        assert f"def {name}(" in text, f"{file}::{name}"

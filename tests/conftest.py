"""What all tests share: Hypothesis without a deadline, which a busy machine would miss, and
the fixture ``measured``.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from .measured import Kept, Measured

settings.register_profile("scalefit", deadline=None)
settings.load_profile("scalefit")


def pytest_addoption(parser):
    told = "write what the tests of docs/validation.md measure to DIR/<row>.csv"
    parser.addoption("--measured", metavar="DIR", help=told)


def pytest_configure(config):
    folder = config.getoption("measured")
    if folder and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Kept(Path(folder)))


@pytest.fixture
def measured(request):
    return Measured(request.node)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    """Fail a test for what it measured after it has told all of it."""
    done = yield
    if "measured" in pyfuncitem.funcargs:
        pyfuncitem.funcargs["measured"].judge()
    return done

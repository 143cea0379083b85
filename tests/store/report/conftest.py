"""One browser for all tests of pages, where there is one."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_spec = importlib.util.spec_from_file_location("melgrid_test_browser", Path(__file__).with_name("browser.py"))
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    program = _module.find()
    if program is None:
        pytest.skip("no Chromium here to open the page with: apt-get install chromium")
    with _module.Browser(program, tmp_path_factory.mktemp("chromium")) as opened:
        yield opened

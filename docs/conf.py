"""Sphinx: the pages of this folder and the reference made of the docstrings. ``make docs``; needs no network."""

from __future__ import annotations

import contextlib
import inspect
from typing import Any

from sphinx.ext.autodoc.mock import mock

from melgrid import __version__
from melgrid.datasets.quiet import quiet_stderr

with contextlib.suppress(ImportError), quiet_stderr():  # adapters need it, and it tells of GPUs that are not there
    import tensorflow  # noqa: F401
with mock(["jax", "torch"]):
    import melgrid.loaders.jax_device
    import melgrid.loaders.torch_loader  # noqa: F401

project = "melgrid"
author = "The melgrid authors"
project_copyright = "2026, the melgrid authors; MIT licence"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
smartquotes = False  # two hyphens begin an option
nitpicky = True  # a reference to a name of ours that is not there is an error; types of others are not linked
nitpick_ignore = [("py:class", "melgrid.transforms.bank.Bank")]  # public as melgrid.transforms.Bank
nitpick_ignore_regex = [("py:.*", r"(?!melgrid\.).*")]

# Markdown
myst_enable_extensions = ["attrs_block", "colon_fence"]
myst_heading_anchors = 4  # as GitHub makes them
suppress_warnings = ["ref.python"]  # a word of ours that several classes have

# Reference
default_role = "code"  # numpydoc's single backticks
autodoc_member_order = "bysource"  # the order of __all__
autodoc_typehints = "none"  # the docstrings say more
autodoc_default_options = {"members": True}
autodoc_inherit_docstrings = False  # those of Keras are not ours
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

# Pages
html_theme = "furo"
html_title = f"melgrid {version}"
html_static_path = ["images"]
html_css_files = ["melgrid.css"]
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "native"
man_pages = [("cli", "melgrid", "one decode, a whole grid of spectrograms", author, 1)]


def _signature(
    app: Any, what: str, name: str, thing: Any, options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None] | None:
    """Show features as they are written; their parameters have a page of their own."""
    from melgrid.params import Feature

    if inspect.isclass(thing) and issubclass(thing, Feature):
        return "(**parameters)", None
    return None


def _skip(app: Any, what: str, name: str, thing: Any, skip: bool, options: Any) -> bool | None:
    """Leave out what pydantic adds to every model."""
    module = getattr(thing, "__module__", None) or ""
    return True if name.startswith("model_") or module.startswith("pydantic") else None


def setup(app: Any) -> None:
    app.connect("autodoc-process-signature", _signature)
    app.connect("autodoc-skip-member", _skip)

"""One HTML file that shows a store to a person."""

from melgrid.store.report.page import write_report

__all__ = ["write_report"]

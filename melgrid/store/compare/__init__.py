"""Which setting won, and what it costs."""

from melgrid.store.compare.comparison import Comparison, Outcome, compare

__all__ = ["Comparison", "Outcome", "compare"]

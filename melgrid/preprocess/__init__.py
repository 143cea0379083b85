"""Audio to shards: decode once, compute a whole grid, publish whole files."""

from melgrid.preprocess.forecast import Forecast
from melgrid.preprocess.plan import Plan, compile_plan, compute
from melgrid.preprocess.run import RunSummary, prepare, run
from melgrid.preprocess.supervisor import Limits

__all__ = [
    # the run
    "Limits",
    "RunSummary",
    "run",
    # before the run
    "Forecast",
    "Plan",
    "compile_plan",
    "prepare",
    # one signal
    "compute",
]

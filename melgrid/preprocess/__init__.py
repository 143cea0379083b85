"""Audio to shards: decode once, compute a whole grid, publish whole files."""

from melgrid.preprocess.audio.audition import audition
from melgrid.preprocess.audio.augment import augmented
from melgrid.preprocess.engine.supervisor import Limits
from melgrid.preprocess.extend import add_clips
from melgrid.preprocess.forecast import Forecast
from melgrid.preprocess.outlook import prepare
from melgrid.preprocess.plan import Plan, compile_plan, compute
from melgrid.preprocess.run import RunSummary, run

__all__ = [
    # the run
    "Limits",
    "RunSummary",
    "add_clips",
    "run",
    # before the run
    "Forecast",
    "Plan",
    "audition",
    "augmented",
    "compile_plan",
    "prepare",
    # one signal
    "compute",
]

"""``melgrid derive``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from melgrid.cli.options import Quiet
from melgrid.cli.output import Json, StorePath, show
from melgrid.errors import MelgridError, ParameterError

__all__ = ["derive"]


def derive(
    store: StorePath,
    feature: Annotated[str, typer.Argument(metavar="FEATURE", help="Id of a feature set, or the beginning of it.")],
    model: Annotated[Path, typer.Argument(metavar="MODEL.keras", help="A saved Keras model of one input.")],
    layer: Annotated[str | None, typer.Option(metavar="NAME", help="Take its output, not the model's.")] = None,
    crop_frames: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Frames of an example; default: what the model takes.")
    ] = None,
    crop_seconds: Annotated[float | None, typer.Option(metavar="S", help="The same in seconds.")] = None,
    step_frames: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="From one example to the next; default: its length.")
    ] = None,
    axes: Annotated[str, typer.Option(metavar="TFC|FTC|...", help="Order of the axes that the model takes.")] = "TFC",
    batch_size: Annotated[int, typer.Option(metavar="N", min=1, help="Examples at once.")] = 32,
    dtype: Annotated[str, typer.Option(metavar="float32|float16", help="Stored type.")] = "float32",
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Store what a Keras model makes of a feature set.

    The activations of each clip become a new feature set of the same store.
    """
    from melgrid.store import open_store
    from melgrid.store.naming import named

    opened = open_store(store)
    features = opened[named(opened.ids, feature, str(store))]
    if not model.is_file():
        raise ParameterError(f"{model}: there is no such file; name a model that Keras saved")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from melgrid.datasets.quiet import quiet_stderr

    try:
        with quiet_stderr():  # TensorFlow tells of every GPU that is not there
            import keras
    except ImportError:
        raise MelgridError("derive needs Keras: pip install 'melgrid[tensorflow]'") from None

    from melgrid import loaders

    try:
        loaded = keras.saving.load_model(model, compile=False)
    except (ValueError, OSError, TypeError, KeyError) as error:
        raise ParameterError(f"{model}: is no model that Keras {keras.__version__} can load: {error}") from None
    options: dict[str, Any] = {
        "layer": layer, "crop_frames": crop_frames, "crop_seconds": crop_seconds, "step_frames": step_frames,
        "axes": axes, "batch_size": batch_size, "dtype": dtype,
    }  # fmt: skip
    derived = loaders.derive(features, loaded, **options, progress=not quiet)
    facts = {
        "id": derived.id,
        "parent": features.id,
        "clips": len(derived),
        "frames": int(derived.lengths.sum()),
        "units": derived.feature.bins,
    }
    show(facts, json, lambda facts: "\n".join(f"{name:8}{value}" for name, value in facts.items()))

"""What a model makes of another feature set."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from melgrid.params.features import Count, Feature, Positive

__all__ = ["Derived"]


class Derived(Feature):
    """Activations of a model over another feature set; `melgrid.loaders.derive` makes it, no grid can ask for it.

    Attributes
    ----------
    parent : str
        Id of the feature set that the model was run over; `sr` is its rate.
    model : str
        SHA-256 of the model's configuration and weights.
    runtime : str
        Keras, its backend and their versions: other ones round otherwise.
    layer : str or None
        The layer whose activations these are; None for the model's output.
    axes : str
        Order in which the model took time, frequency and channel.
    crop_frames, step_frames : int or None
        Frames of the parent in one example, and from the beginning of one to that of the next; None: the whole clip is
        one example.
    units : int
        Values in a frame.
    frame_seconds : float > 0
        From one frame to the next.
    """

    UNSTORED: ClassVar[frozenset[str]] = Feature.UNSTORED | {"mono", "res_type"}  # the parent's

    kind: Literal["derived"] = "derived"
    parent: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
    model: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    runtime: str
    layer: str | None = None
    axes: Literal["TF", "FT", "TFC", "FTC", "CTF", "CFT"] = "TFC"
    crop_frames: Count | None = None
    step_frames: Count | None = None
    units: Count
    frame_seconds: Positive

    @model_validator(mode="after")
    def _check_derivation(self) -> Self:
        for name in ("channels", "peak", "excerpt", "segments"):
            if getattr(self, name) is not None:
                raise ValueError(f"{name}={getattr(self, name)!r}: is the parent's; leave it out")
        if (self.crop_frames is None) != (self.step_frames is None):
            raise ValueError(
                f"crop_frames={self.crop_frames}, step_frames={self.step_frames}: both, or neither for whole clips"
            )
        return self

    @property
    def bins(self) -> int:
        return self.units

    @property
    def hop_seconds(self) -> float:
        return self.frame_seconds

    @property
    def hop_samples(self) -> int:
        return max(1, round(self.frame_seconds * self.sr))

    def _slug(self) -> list[str]:
        return [self.parent.split("-")[0], f"units{self.units}"]

"""The vocabulary: features, grids, ids. Light to import; knows nothing of audio, files or processes."""

from melgrid.params.constant_q import Cqt, Vqt
from melgrid.params.derived import Derived
from melgrid.params.excerpt import Excerpt, Segments
from melgrid.params.features import Feature, Waveform, canonical_json
from melgrid.params.grid import Grid, grid_schema
from melgrid.params.recipes import Recipe, recipe, recipe_names
from melgrid.params.spectral import Chroma, LogMel, Mel, Mfcc, Stft

__all__ = [
    # features
    "Chroma",
    "Cqt",
    "Derived",
    "Excerpt",
    "Feature",
    "LogMel",
    "Mel",
    "Mfcc",
    "Segments",
    "Stft",
    "Vqt",
    "Waveform",
    # grids
    "Grid",
    "Recipe",
    "grid_schema",
    "recipe",
    "recipe_names",
    # identity
    "KINDS",
    "canonical_json",
]

KINDS: dict[str, type[Feature]] = {
    kind.model_fields["kind"].default: kind for kind in (LogMel, Mel, Stft, Cqt, Vqt, Mfcc, Chroma, Waveform)
}

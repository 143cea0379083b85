"""Look-alikes of the supported corpora, made from nothing: for tests, demonstrations and the CI of users.

Each function writes the complete form of one corpus - tree, metadata tables, codecs, known faults - at any size,
with synthetic sound whose classes can be told apart, and returns the folder to give to `melgrid.datasets.load`. The
same arguments give the same bytes (for equal versions of NumPy and libsndfile). ``faults=False`` leaves the traps
out.
"""

from __future__ import annotations

from melgrid.datasets.miniature.fma import fma
from melgrid.datasets.miniature.folder import folder
from melgrid.datasets.miniature.gtzan import gtzan, gtzan_music_speech
from melgrid.datasets.miniature.jamendo import jamendo
from melgrid.datasets.miniature.magnatagatune import magnatagatune
from melgrid.datasets.miniature.urbansound8k import urbansound8k

__all__ = ["fma", "folder", "gtzan", "gtzan_music_speech", "jamendo", "magnatagatune", "urbansound8k"]

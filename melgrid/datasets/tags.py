"""The tag vocabulary of MagnaTagATune, and choosing from it.

Plain lists: the columns of ``annotations_final.csv`` in order (misspellings are genuine), the fifty most used tags
in the published order (K. Choi, J. Pons and M. Won agree on it), and K. Choi's groups of synonyms.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from melgrid.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy as np
    import numpy.typing as npt

    Marks = npt.NDArray[np.bool_]

__all__ = ["SYNONYMS", "TAGS", "TOP50", "choose", "normal"]


def _names(text: str) -> tuple[str, ...]:
    return tuple(" ".join(name.split()) for name in text.split(";"))


TAGS = _names(
    """
    no voice; singer; duet; plucking; hard rock; world; bongos; harpsichord; female singing; clasical;
    sitar; chorus; female opera; male vocal; vocals; clarinet; heavy; silence; beats; men; woodwind;
    funky; no strings; chimes; foreign; no piano; horns; classical; female; no voices; soft rock; eerie;
    spacey; jazz; guitar; quiet; no beat; banjo; electric; solo; violins; folk; female voice; wind; happy;
    ambient; new age; synth; funk; no singing; middle eastern; trumpet; percussion; drum; airy; voice;
    repetitive; birds; space; strings; bass; harpsicord; medieval; male voice; girl; keyboard; acoustic;
    loud; classic; string; drums; electronic; not classical; chanting; no violin; not rock; no guitar;
    organ; no vocal; talking; choral; weird; opera; soprano; fast; acoustic guitar; electric guitar; male
    singer; man singing; classical guitar; country; violin; electro; reggae; tribal; dark; male opera; no
    vocals; irish; electronica; horn; operatic; arabic; lol; low; instrumental; trance; chant; strange;
    drone; synthesizer; heavy metal; modern; disco; bells; man; deep; fast beat; industrial; hard; harp;
    no flute; jungle; pop; lute; female vocal; oboe; mellow; orchestral; viola; light; echo; piano;
    celtic; male vocals; orchestra; eastern; old; flutes; punk; spanish; sad; sax; slow; male; blues;
    vocal; indian; no singer; scary; india; woman; woman singing; rock; dance; piano solo; guitars; no
    drums; jazzy; singing; cello; calm; female vocals; voices; different; techno; clapping; house; monks;
    flute; not opera; not english; oriental; beat; upbeat; soft; noise; choir; female singer; rap; metal;
    hip hop; quick; water; baroque; women; fiddle; english
    """
)

TOP50 = _names(
    """
    guitar; classical; slow; techno; strings; drums; electronic; rock; fast; piano; ambient; beat; violin;
    vocal; synth; female; indian; opera; male; singing; vocals; no vocals; harpsichord; loud; quiet;
    flute; woman; male vocal; no vocal; pop; soft; sitar; solo; man; classic; choir; voice; new age;
    dance; male voice; female vocal; beats; harp; cello; no voice; weird; country; metal; female voice;
    choral
    """
)

# kept tag <- tags that mean the same; https://github.com/keunwoochoi/magnatagatune-list
SYNONYMS = {
    "beat": _names("beats"),
    "chant": _names("chanting"),
    "choir": _names("choral"),
    "classical": _names("clasical; classic"),
    "drum": _names("drums"),
    "electro": _names("electronic; electronica; electric"),
    "fast": _names("fast beat; quick"),
    "female": _names("female singer; female singing; female vocals; female voice; woman; woman singing; women"),
    "flute": _names("flutes"),
    "guitar": _names("guitars"),
    "hard": _names("hard rock"),
    "harpsichord": _names("harpsicord"),
    "heavy": _names("heavy metal; metal"),
    "horn": _names("horns"),
    "india": _names("indian"),
    "jazz": _names("jazzy"),
    "male": _names("male singer; male vocal; male vocals; male voice; man; man singing; men"),
    "no beat": _names("no drums"),
    "no singer": _names("no singing; no vocal; no vocals; no voice; no voices; instrumental"),
    "opera": _names("operatic"),
    "orchestra": _names("orchestral"),
    "quiet": _names("silence"),
    "singer": _names("singing"),
    "space": _names("spacey"),
    "string": _names("strings"),
    "synth": _names("synthesizer"),
    "violin": _names("violins"),
    "vocal": _names("vocals; voice; voices"),
    "strange": _names("weird"),
}


def normal(name: str) -> str:
    """Lower case letters only: the form in which the lists of different authors agree (``noVocals``, ``no vocals``)."""
    return re.sub(r"[^a-z]", "", name.lower())


def choose(marks: Marks, tags: str, merge: str) -> tuple[Marks, tuple[str, ...]]:
    """Choose tags, after merging synonyms.

    Parameters
    ----------
    marks : ndarray of bool, shape (clips, 188)
        One column per tag of `TAGS`.
    tags : str
        ``top50``, ``all``, or names separated by commas.
    merge : {"none", "published", "completed"}

    Returns
    -------
    marks : ndarray of bool, shape (clips, chosen)
    names : tuple of str

    Raises
    ------
    DatasetError
        If a name is unknown.
    """
    import numpy as np

    columns = dict(zip(TAGS, marks.T, strict=True))
    if merge != "none":
        forgotten = {"female": ("female vocal",)} if merge == "completed" else {}
        for kept, others in SYNONYMS.items():
            for other in (*others, *forgotten.get(kept, ())):
                columns[kept] = columns[kept] | columns.pop(other)
    if tags == "all":
        names = tuple(columns)
    elif tags == "top50" and merge == "none":
        names = TOP50
    elif tags == "top50":
        by_count = sorted(columns, key=lambda tag: -int(columns[tag].sum()))  # stable: ties in header order
        names = tuple(by_count[:50])
    else:
        names = tuple(dict.fromkeys(_find(name, columns) for name in tags.split(",")))
    return np.column_stack([columns[name] for name in names]), names


def _find(name: str, tags: Collection[str]) -> str:
    known = {normal(tag): tag for tag in tags}
    if normal(name) not in known:
        near = difflib.get_close_matches(normal(name), known, n=1)
        hint = f". Did you mean {known[near[0]]!r}?" if near else ""
        raise DatasetError(f"magnatagatune: unknown tag {name.strip()!r}{hint}")
    return known[normal(name)]

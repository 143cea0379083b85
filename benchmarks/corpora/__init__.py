"""Look-alikes of public corpora, made from real audio that Debian ships; for benchmarks and full-size runs.

The trees, tables and codecs are those of the originals; the sound is game music, telephone prompts and desktop sounds,
and the labels are arbitrary. Everything follows from a clip's number, so a build can be broken off, resumed and
enlarged. The corpora are never committed.

    python -m benchmarks.corpora KIND ROOT --clips N [--jobs 2]
"""

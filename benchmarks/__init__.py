"""Measurements of melgrid and the corpora they run on. Not part of the installed package."""

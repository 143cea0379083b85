"""One HDF5 file of a feature set: how it is laid out, written and read."""

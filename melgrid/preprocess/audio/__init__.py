"""From the bytes of a file to the signals that features are computed from."""

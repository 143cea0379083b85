"""Where shard tasks are done: threads with a child process each, dask's workers, shares of a job array."""

"""What holds for all tests."""

from hypothesis import settings

# The same examples in every run, so that a red test is the change's doing; `make soak` looks for new ones.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")

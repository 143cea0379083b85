"""Is a store whole, and how it becomes whole again."""

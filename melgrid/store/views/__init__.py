"""What a store holds, for terminals and notebooks."""

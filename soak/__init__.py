"""Long tests: what must hold after hundreds of kills and tens of thousands of damaged files."""

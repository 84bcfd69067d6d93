"""What ranks models: benchmarks and their scores."""

"""Speech with known lips to learn from: synthesised, or measured on video."""

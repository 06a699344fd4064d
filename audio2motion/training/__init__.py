"""Training a checkpoint on corpora, and going on from one. Needs the extra `train`."""

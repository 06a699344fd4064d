"""The network: encoder, motion transformer, heads, and what follows them. Needs PyTorch."""

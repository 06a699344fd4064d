"""W and G for an NVIDIA GPU in half precision: cuDNN's convolutions, and between them one Triton kernel a step.

The same arithmetic as `fast`, which is the reference, in fewer passes over memory: biases, norms, modulation,
activations and joins are not rounded on the way. Needs Triton, which PyTorch's CUDA builds for Linux bring along.
"""

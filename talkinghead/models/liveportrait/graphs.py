"""Work on a GPU recorded once as a CUDA graph and replayed: the same kernels, launched at once.

Frame by frame, launching some hundred kernels takes longer than running them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Work = Callable[..., tuple[Tensor, ...]]
# What `torch.cuda.graph_pool_handle` gives.
Pool = Any

# Recording begins with waiting for the whole GPU, which another thread that records would not survive.
_RECORDING = threading.Lock()


class Graph:
    """A function of tensors, recorded for one set of sizes. For one thread at a time, on the stream it was made on.

    Args:
        work: of tensors on the GPU, to tensors there; it must neither wait for the GPU nor read values back. It has
            been called with these sizes: libraries set themselves up then, and may not while a graph is recorded.
        examples: inputs of the sizes to record; they may be anywhere, and numbers in them do not matter.
        device: the GPU.
        pool: memory that several graphs share, of which only one runs at a time and whose answers are used before the
            next one runs (`torch.cuda.graph_pool_handle`).

    Raises:
        RuntimeError: the work cannot be recorded, for one of PyTorch's reasons.
    """

    def __init__(self, work: Work, examples: Sequence[Tensor], device: torch.device, pool: Pool | None = None) -> None:
        # Fresh memory, because an example may be expanded, or change while the graph lives.
        self._inputs = [torch.empty(e.shape, dtype=e.dtype, device=device).copy_(e) for e in examples]
        self._seen: list[Tensor | None] = [None] * len(self._inputs)
        self._graph = torch.cuda.CUDAGraph()
        # Other threads may go on allocating meanwhile: only this thread's calls are checked.
        stream = torch.cuda.current_stream(device)
        recording = torch.cuda.graph(self._graph, pool, stream, capture_error_mode="thread_local")
        with _RECORDING, recording:
            self._outputs = work(*self._inputs)

    def __call__(self, inputs: Sequence[Tensor], lasting: int = 0) -> tuple[Tensor, ...]:
        """What the work makes of `inputs`, valid until the next call.

        The first `lasting` of them are known by identity and must not change: they are copied when they are new.
        """
        for i, (own, given) in enumerate(zip(self._inputs, inputs, strict=True)):
            if i >= lasting or self._seen[i] is not given:
                own.copy_(given, non_blocking=True)
                self._seen[i] = given if i < lasting else None
        self._graph.replay()
        return self._outputs


class Graphs:
    """Graphs of one function, one for each set of its inputs' sizes.

    What is asked for once is done as it is; the second time that sizes are met, a graph is recorded for them.
    """

    def __init__(self, work: Work, device: torch.device, pool: Pool | None = None) -> None:
        self._work, self._device, self._pool = work, device, pool
        self._met: set[tuple[torch.Size, ...]] = set()
        self._graphs: dict[tuple[torch.Size, ...], Graph] = {}

    def __call__(self, inputs: Sequence[Tensor], lasting: int = 0) -> tuple[Tensor, ...]:
        """See `Graph`."""
        sizes = tuple(tensor.shape for tensor in inputs)
        if sizes not in self._met:
            out = self._work(*[tensor.to(self._device).contiguous() for tensor in inputs])
            self._met.add(sizes)
            return out
        if sizes not in self._graphs:
            # What the first call needed is a graph's own now: the two together would be twice as much.
            torch.cuda.empty_cache()
            self._graphs[sizes] = Graph(self._work, inputs, self._device, self._pool)
        return self._graphs[sizes](inputs, lasting)

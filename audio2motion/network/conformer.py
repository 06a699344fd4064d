"""The parameters of a conformer layer (arXiv 2005.08100), named as those of transformers' `Wav2Vec2BertEncoderLayer`.

`network.encoder` runs these layers step by step with carried state, so of transformers' own modules only the
parameters would be in use; importing them takes two seconds, which a short clip waits for. A test holds these layers
to transformers': the same state dict, the same results.
"""

from __future__ import annotations

import torch
from torch import nn

from audio2motion.config import EncoderConfig
from audio2motion.network.dropout import Dropout


class FeedForward(nn.Module):
    """(B, T, C) to the same."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.intermediate_dense = nn.Linear(config.hidden_size, config.feed_forward)
        self.output_dense = nn.Linear(config.feed_forward, config.hidden_size)
        self.output_dropout = Dropout(config.dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.output_dropout(self.output_dense(nn.functional.silu(self.intermediate_dense(x))))
        return out


class SelfAttention(nn.Module):
    """The projections of attention with an embedding of the distance back."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.num_heads, self.head_size = config.heads, config.hidden_size // config.heads
        self.linear_q = nn.Linear(config.hidden_size, config.hidden_size)
        self.linear_k = nn.Linear(config.hidden_size, config.hidden_size)
        self.linear_v = nn.Linear(config.hidden_size, config.hidden_size)
        self.linear_out = nn.Linear(config.hidden_size, config.hidden_size)
        self.distance_embedding = nn.Embedding(config.window, self.head_size)


class Convolution(nn.Module):
    """The parts of the causal convolution module."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.layer_norm = nn.LayerNorm(size)
        self.pointwise_conv1 = nn.Conv1d(size, 2 * size, 1, bias=False)
        self.depthwise_conv = nn.Conv1d(size, size, config.conv_kernel, groups=size, bias=False)
        self.depthwise_layer_norm = nn.LayerNorm(size)
        self.activation = nn.SiLU()
        self.pointwise_conv2 = nn.Conv1d(size, size, 1, bias=False)
        self.dropout = Dropout(config.dropout)


class ConformerLayer(nn.Module):
    """One layer's parts; `audio2motion.network.encoder` runs them."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.ffn1_layer_norm = nn.LayerNorm(size)
        self.ffn1 = FeedForward(config)
        self.self_attn_layer_norm = nn.LayerNorm(size)
        self.self_attn_dropout = Dropout(config.dropout)
        self.self_attn = SelfAttention(config)
        self.conv_module = Convolution(config)
        self.ffn2_layer_norm = nn.LayerNorm(size)
        self.ffn2 = FeedForward(config)
        self.final_layer_norm = nn.LayerNorm(size)

"""What stands between the convolutions of W and G on a GPU, as Triton kernels: one pass over memory each.

Maps are dense and channels last: P pixels (of all planes of a batch) x C channels, half precision in memory, single
precision in registers. Triton has neither types nor names for shapes, so each kernel says what its arguments are; the
functions of `launch` are the only callers.
"""

import triton
import triton.language as tl

# The kinds of phases of an upsampled map along one axis, as in `fast.upsampled`: pixels that also see the one before
# them, the one after, or their own alone. A map that is not upsampled has the last kind only.
_FIRST: tl.constexpr = tl.constexpr(0)
_LAST: tl.constexpr = tl.constexpr(1)
_MIDDLE: tl.constexpr = tl.constexpr(2)


@triton.jit
def partial_stats(x, means, squares, pixels, channels, rows: tl.constexpr, block: tl.constexpr):
    """Of x (B, P, C), `rows` pixels a chunk: each chunk's mean and sum of squared distances from it, (B, chunks, C)."""
    chunk, at, sample = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    row, column = chunk * rows + tl.arange(0, rows), at * block + tl.arange(0, block)
    inside = (row < pixels)[:, None] & (column < channels)[None, :]
    value = tl.load(x + (sample * pixels + row)[:, None] * channels + column[None, :], inside, 0.0).to(tl.float32)
    count = tl.minimum(rows, pixels - chunk * rows)
    mean = tl.sum(value, 0) / count
    away = tl.where(inside, value - mean[None, :], 0.0)
    place = (sample * tl.num_programs(0) + chunk) * channels + column
    tl.store(means + place, mean, column < channels)
    tl.store(squares + place, tl.sum(away * away, 0), column < channels)


@triton.jit
def final_stats(means, squares, mean_to, scale_to, pixels, channels, chunks, size, epsilon,
                chunk_block: tl.constexpr, block: tl.constexpr):  # fmt: skip
    """Chunks of `size` pixels joined (Chan et al. 1979): mean and 1 / sqrt(variance + epsilon), (B, C) each."""
    at, sample = tl.program_id(0), tl.program_id(1)
    column, chunk = at * block + tl.arange(0, block), tl.arange(0, chunk_block)
    inside = (chunk < chunks)[:, None] & (column < channels)[None, :]
    place = (sample * chunks + chunk)[:, None] * channels + column[None, :]
    mean = tl.load(means + place, inside, 0.0)
    count = tl.where(chunk < chunks, tl.minimum(size, pixels - chunk * size), 0).to(tl.float32)[:, None]
    whole = tl.sum(mean * count, 0) / pixels
    away = tl.where(inside, mean - whole[None, :], 0.0)
    total = tl.sum(tl.load(squares + place, inside, 0.0) + count * away * away, 0)
    tl.store(mean_to + sample * channels + column, whole, column < channels)
    tl.store(scale_to + sample * channels + column, tl.rsqrt(total / pixels + epsilon), column < channels)


@triton.jit
def modulate(x, mean, scale, guide, guide_bias, out, pixels, width, channels, leak,
             factor: tl.constexpr, rows: tl.constexpr, block: tl.constexpr):  # fmt: skip
    """leaky((x - mean) * scale * (g + bias) + (h + bias)): x (B, P / factor^2, C), guide (B, P, 2 C) holds g, then h.

    `x` is repeated `factor` times along both axes. `guide_bias` (2 C,) float32; `leak` 1 leaves the sign alone.
    """
    row = tl.program_id(0) * rows + tl.arange(0, rows)
    column, sample = tl.program_id(1) * block + tl.arange(0, block), tl.program_id(2)
    known = column < channels
    inside = (row < pixels)[:, None] & known[None, :]
    y, left = row // width, row % width
    small = (y // factor) * (width // factor) + left // factor
    source = (sample * (pixels // (factor * factor)) + small)[:, None] * channels + column[None, :]
    value = tl.load(x + source, inside, 0.0).to(tl.float32)
    middle = tl.load(mean + sample * channels + column, known, 0.0)
    spread = tl.load(scale + sample * channels + column, known, 0.0)
    place = (sample * pixels + row)[:, None] * (2 * channels) + column[None, :]
    gain = tl.load(guide + place, inside, 0.0).to(tl.float32) + tl.load(guide_bias + column, known, 0.0)[None, :]
    shift = tl.load(guide + place + channels, inside, 0.0).to(tl.float32)
    shift += tl.load(guide_bias + channels + column, known, 0.0)[None, :]
    value = (value - middle[None, :]) * spread[None, :] * gain + shift
    value = tl.where(value > 0, value, value * leak)
    target = (sample * pixels + row)[:, None] * channels + column[None, :]
    tl.store(out + target, value.to(out.dtype.element_ty), inside)


@triton.jit
def add(x, y, bias, out, total, channels, leak, block: tl.constexpr):
    """leaky(x + y + bias) of `total` = P * C values; `bias` (C,) float32."""
    at = tl.program_id(0) * block + tl.arange(0, block)
    inside = at < total
    value = tl.load(x + at, inside, 0.0).to(tl.float32) + tl.load(y + at, inside, 0.0).to(tl.float32)
    value += tl.load(bias + at % channels, inside, 0.0)
    tl.store(out + at, tl.where(value > 0, value, value * leak).to(out.dtype.element_ty), inside)


@triton.jit
def add_bias(x, bias, out, total, channels, leak, block: tl.constexpr):
    """leaky(x + bias) of `total` = P * C values; `bias` (C,) float32; `out` may be `x`."""
    at = tl.program_id(0) * block + tl.arange(0, block)
    inside = at < total
    value = tl.load(x + at, inside, 0.0).to(tl.float32) + tl.load(bias + at % channels, inside, 0.0)
    tl.store(out + at, tl.where(value > 0, value, value * leak).to(out.dtype.element_ty), inside)


@triton.jit
def interleave(p00, p01, p02, p10, p11, p12, p20, p21, p22, bias, out, height, width, channels, part, part_stride,
               out_channels, first, factor: tl.constexpr, relu: tl.constexpr, rows: tl.constexpr,
               block: tl.constexpr):  # fmt: skip
    """Phases of planes (height, width, C) into planes (factor * height, factor * width, out_channels) from `first` on.

    p<row kind><column kind>: that phase's map; those of the first and last kind are one longer, as their padding made
    them. Every `part` channels go to a map of their own, `part_stride` values further on. With `relu`, `bias` (C,)
    float32 is added first and what is negative becomes 0; without, values are copied.
    """
    blocks = tl.cdiv(height * width, rows)
    plane, low = tl.program_id(0) // blocks, tl.program_id(0) % blocks * rows + tl.arange(0, rows)
    i, j = tl.program_id(1) // factor, tl.program_id(1) % factor
    start = tl.program_id(2) * block
    column = start + tl.arange(0, block)
    inside = (low < height * width)[:, None] & (column < channels)[None, :]
    y, left = low // width, low % width
    row_kind = tl.where(i == 0, _FIRST, tl.where(i == factor - 1, _LAST, _MIDDLE))
    column_kind = tl.where(j == 0, _FIRST, tl.where(j == factor - 1, _LAST, _MIDDLE))
    if factor == 1:
        row_kind, column_kind = row_kind * 0 + _MIDDLE, column_kind * 0 + _MIDDLE
    tall = height + (row_kind != _MIDDLE).to(tl.int32)
    wide = width + (column_kind != _MIDDLE).to(tl.int32)
    source_y, source_left = y + (row_kind == _LAST).to(tl.int32), left + (column_kind == _LAST).to(tl.int32)
    source = ((plane * tall + source_y) * wide + source_left)[:, None] * channels + column[None, :]
    kind = row_kind * 3 + column_kind
    value = tl.load(p22 + source, inside & (kind == 8), 0.0)
    if factor > 1:
        value += tl.load(p00 + source, inside & (kind == 0), 0.0)
        value += tl.load(p01 + source, inside & (kind == 1), 0.0)
        value += tl.load(p10 + source, inside & (kind == 3), 0.0)
        value += tl.load(p11 + source, inside & (kind == 4), 0.0)
    if factor > 2:
        value += tl.load(p02 + source, inside & (kind == 2), 0.0)
        value += tl.load(p12 + source, inside & (kind == 5), 0.0)
        value += tl.load(p20 + source, inside & (kind == 6), 0.0)
        value += tl.load(p21 + source, inside & (kind == 7), 0.0)
    if relu:
        shift = tl.load(bias + column, column < channels, 0.0)
        value = tl.maximum(value.to(tl.float32) + shift[None, :], 0.0).to(out.dtype.element_ty)
    pixel = (plane * height * factor + y * factor + i) * (width * factor) + left * factor + j
    number = start // part
    place = number * part_stride + pixel[:, None] * out_channels + first + (column - number * part)[None, :]
    tl.store(out + place, value, inside)


@triton.jit
def pool(x, bias, out, height, width, channels, rows: tl.constexpr, block: tl.constexpr):
    """relu(x + bias) of planes (height, width, C), then the mean of every 2 x 2 pixels; `bias` (C,) float32."""
    half_height, half_width = height // 2, width // 2
    row = tl.program_id(0) * rows + tl.arange(0, rows)
    column, plane = tl.program_id(1) * block + tl.arange(0, block), tl.program_id(2)
    inside = (row < half_height * half_width)[:, None] & (column < channels)[None, :]
    y, left = row // half_width, row % half_width
    source = ((plane * height + 2 * y) * width + 2 * left)[:, None] * channels + column[None, :]
    shift = tl.load(bias + column, column < channels, 0.0)[None, :]
    value = tl.maximum(tl.load(x + source, inside, 0.0).to(tl.float32) + shift, 0.0)
    value += tl.maximum(tl.load(x + source + channels, inside, 0.0).to(tl.float32) + shift, 0.0)
    below = source + width * channels
    value += tl.maximum(tl.load(x + below, inside, 0.0).to(tl.float32) + shift, 0.0)
    value += tl.maximum(tl.load(x + below + channels, inside, 0.0).to(tl.float32) + shift, 0.0)
    target = (plane * half_height * half_width + row)[:, None] * channels + column[None, :]
    tl.store(out + target, (value * 0.25).to(out.dtype.element_ty), inside)


@triton.jit
def picture(x, bias, out, total, height, width, channels, block: tl.constexpr):
    """x (B, H, W, channels) to pictures (B, 2 H, 2 W, 3) uint8: pixel shuffle, sigmoid, truncated; bias (12,) float32.

    `total`: values of `out`.
    """
    at = tl.program_id(0) * block + tl.arange(0, block)
    inside = at < total
    colour, pixel = at % 3, at // 3
    left, y = pixel % (2 * width), pixel // (2 * width)
    sample, y = y // (2 * height), y % (2 * height)
    channel = colour * 4 + (y % 2) * 2 + left % 2
    place = ((sample * height + y // 2) * width + left // 2) * channels + channel
    value = tl.load(x + place, inside, 0.0).to(tl.float32) + tl.load(bias + channel, inside, 0.0)
    tl.store(out + at, (255.0 / (1.0 + tl.exp(-value))).to(tl.uint8), inside)

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
def grid_at(index, size):
    """The identity grid's coordinate of voxel `index`: -1 for the first, 1 for the last."""
    return index * (2.0 / (size - 1)) - 1.0


@triton.jit
def voxel_at(coordinate, size):
    """Coordinates whose -1 and 1 are the outer edges of the first and last voxel, as voxel indices, fractional."""
    return ((coordinate + 1.0) * size - 1.0) * 0.5


@triton.jit
def shift_of(driving, source, sample, candidate, axis, keypoints, known):
    """What candidate motion `candidate` moves along an axis: 0 is the background, the others a keypoint each."""
    place = (sample * keypoints + candidate - 1) * 3 + axis
    there = known & (candidate > 0)
    return tl.load(source + place, there, 0.0) - tl.load(driving + place, there, 0.0)


@triton.jit
def gaussian_at(x, y, z, points, sample, candidate, keypoints, variance):
    """The heat (W,) that a keypoint (B, K, 3) spreads to a row of voxels; 0 for the background."""
    place, there = (sample * keypoints + candidate - 1) * 3, candidate > 0
    dx = x - tl.load(points + place, there, 0.0)
    dy = y - tl.load(points + place + 1, there, 0.0)
    dz = z - tl.load(points + place + 2, there, 0.0)
    return tl.where(there, tl.exp(-0.5 * (dx * dx + dy * dy + dz * dz) / variance), 0.0)


@triton.jit
def candidates(compact, driving, source, out, depth, height, width, variance, keypoints: tl.constexpr,
               out_channels: tl.constexpr, of_each: tl.constexpr, features: tl.constexpr,
               block: tl.constexpr):  # fmt: skip
    """Per candidate motion a heatmap and `features` samples of compact (S, features, D, H, W) float32, moved by it.

    Into out (B, D, H, W, out_channels), the rest of whose channels is 0. `driving`, `source` (B, K, 3) float32; with
    `of_each` there is one `compact` a sample. A program does one row of one candidate; the last one fills up.
    """
    row, candidate, sample = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    zi, yi, xi = row // height, row % height, tl.arange(0, block)
    inside = xi < width
    target = out + ((sample * depth + zi) * height + yi) * width * out_channels + xi * out_channels
    if candidate > keypoints:
        for channel in tl.static_range((keypoints + 1) * (features + 1), out_channels):
            tl.store(target + channel, tl.zeros((block,), out.dtype.element_ty), inside)
    else:
        target += candidate * (features + 1)
        x, y, z = grid_at(xi, width), grid_at(yi + 0 * xi, height), grid_at(zi + 0 * xi, depth)
        heat = gaussian_at(x, y, z, driving, sample, candidate, keypoints, variance)
        heat -= gaussian_at(x, y, z, source, sample, candidate, keypoints, variance)
        tl.store(target, heat.to(out.dtype.element_ty), inside)
        px = voxel_at(x + shift_of(driving, source, sample, candidate, 0, keypoints, True), width)
        py = voxel_at(y + shift_of(driving, source, sample, candidate, 1, keypoints, True), height)
        pz = voxel_at(z + shift_of(driving, source, sample, candidate, 2, keypoints, True), depth)
        lx, ly, lz = tl.floor(px), tl.floor(py), tl.floor(pz)
        plane = depth * height * width
        base = compact + (sample * features * plane if of_each else 0)
        for feature in tl.static_range(features):
            value = tl.zeros((block,), tl.float32)
            for corner in tl.static_range(8):
                cx, cy, cz = lx + corner % 2, ly + corner // 2 % 2, lz + corner // 4
                weight = (1 - tl.abs(px - cx)) * (1 - tl.abs(py - cy)) * (1 - tl.abs(pz - cz))
                there = inside & (cx >= 0) & (cx < width) & (cy >= 0) & (cy < height) & (cz >= 0) & (cz < depth)
                at = (cz.to(tl.int32) * height + cy.to(tl.int32)) * width + cx.to(tl.int32)
                value += weight * tl.load(base + feature * plane + at, there, 0.0)
            tl.store(target + 1 + feature, value.to(out.dtype.element_ty), inside)


@triton.jit
def warp(parts, mask_bias, driving, source, table, out, depth, height, width, keypoints, part_channels, channels,
         of_each: tl.constexpr, taps: tl.constexpr, several: tl.constexpr, block: tl.constexpr,
         channel_block: tl.constexpr):  # fmt: skip
    """Mask parts to a deformation, and the feature volume sampled by it.

    parts (B * D, H, W, part_channels) hold, tap by tap, K + 1 logits' parts (see `fast.warping.SliceHeads`);
    mask_bias (K + 1,) float32; table (S * D * H * W, C). Into out (B, H, W, D * C), zeros from outside the volume.
    """
    row, sample = tl.program_id(0), tl.program_id(1)
    zi, yi, xi = row // height, row % height, tl.arange(0, block)
    inside = xi < width
    candidate = tl.arange(0, several)
    known = candidate <= keypoints
    logits = tl.zeros((block, several), tl.float32) + tl.load(mask_bias + candidate, known, float("-inf"))[None, :]
    for tap in tl.static_range(taps):
        z = zi + tap - taps // 2
        there = (inside[:, None] & known[None, :]) & ((z >= 0) & (z < depth))
        place = (((sample * depth + z) * height + yi) * width + xi)[:, None] * part_channels
        place += tap * (keypoints + 1) + candidate[None, :]
        logits += tl.load(parts + place, there, 0.0).to(tl.float32)
    weight = tl.exp(logits - tl.max(logits, 1)[:, None])
    weight = weight / tl.sum(weight, 1)[:, None]
    sx = shift_of(driving, source, sample, candidate, 0, keypoints, known)
    sy = shift_of(driving, source, sample, candidate, 1, keypoints, known)
    sz = shift_of(driving, source, sample, candidate, 2, keypoints, known)
    px = voxel_at(grid_at(xi, width) + tl.sum(weight * sx[None, :], 1), width)
    py = voxel_at(grid_at(yi, height) + tl.sum(weight * sy[None, :], 1), height)
    pz = voxel_at(grid_at(zi, depth) + tl.sum(weight * sz[None, :], 1), depth)
    lx, ly, lz = tl.floor(px), tl.floor(py), tl.floor(pz)
    channel = tl.arange(0, channel_block)
    base = table + (sample * depth * height * width * channels if of_each else 0)
    value = tl.zeros((block, channel_block), tl.float32)
    for corner in tl.static_range(8):
        cx, cy, cz = lx + corner % 2, ly + corner // 2 % 2, lz + corner // 4
        share = (1 - tl.abs(px - cx)) * (1 - tl.abs(py - cy)) * (1 - tl.abs(pz - cz))
        there = inside & (cx >= 0) & (cx < width) & (cy >= 0) & (cy < height) & (cz >= 0) & (cz < depth)
        at = (cz.to(tl.int32) * height + cy.to(tl.int32)) * width + cx.to(tl.int32)
        place = at[:, None] * channels + channel[None, :]
        read = tl.load(base + place, there[:, None] & (channel < channels)[None, :], 0.0)
        value += share[:, None] * read.to(tl.float32)
    target = ((sample * height + yi) * width + xi)[:, None] * (depth * channels) + zi * channels + channel[None, :]
    tl.store(out + target, value.to(out.dtype.element_ty), inside[:, None] & (channel < channels)[None, :])


@triton.jit
def dim(x, bias, parts, hidden_bias, out, pixels, channels, part_channels, first, depth: tl.constexpr,
        rows: tl.constexpr, block: tl.constexpr):  # fmt: skip
    """(x + bias) * sigmoid(occlusion): x (B, P, C); parts (B * D, P, part_channels) hold slice z's part at first + z.

    `bias` (C,) and `hidden_bias` (1,) float32.
    """
    row, sample = tl.program_id(0) * rows + tl.arange(0, rows), tl.program_id(1)
    column = tl.arange(0, block)
    hidden = tl.zeros((rows,), tl.float32) + tl.load(hidden_bias)
    for z in tl.static_range(depth):
        place = ((sample * depth + z) * pixels + row) * part_channels + first + z
        hidden += tl.load(parts + place, row < pixels, 0.0).to(tl.float32)
    shown = 1.0 / (1.0 + tl.exp(-hidden))
    inside = (row < pixels)[:, None] & (column < channels)[None, :]
    place = (sample * pixels + row)[:, None] * channels + column[None, :]
    value = tl.load(x + place, inside, 0.0).to(tl.float32) + tl.load(bias + column, column < channels, 0.0)[None, :]
    tl.store(out + place, (value * shown[:, None]).to(out.dtype.element_ty), inside)


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

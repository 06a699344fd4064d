"""What is W's alone, as Triton kernels: candidate motions, the deformation with what it samples, and the occlusion."""

import triton
import triton.language as tl


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

"""Proportions of a face that drawing and tracking share: what one moves by a weight of 1, the other reads as 1.

Lengths are in pupil distances D unless said otherwise. How far jaw and lips move stands in
`audio2motion.MOUTH_AMPLITUDES`, which the speech model's targets share. The upper lip's share comes from the
feasibility study of the warp renderer, `HALF_SIDE` from LivePortrait's crop; the others were chosen by eye.
"""

from __future__ import annotations

# How far the iris moves at a gaze weight of 1: sideways, and up or down.
GAZE_X, GAZE_Y = 0.105, 0.060

# Of the gap between parted lips, the share that the upper lip closes; the lower lip closes the rest.
UPPER_LIP_SHARE = 0.3
# Of the lower lip's way, the share by which the chin goes along.
CHIN_SHARE = 0.8

# The neck, about which a head turns: under the chin, and behind the face's rim.
NECK_DOWN, NECK_BACK = 0.25, 0.2

# Half the side of LivePortrait's crop, in longer sides of the box around the face: one unit of a Motion's translation.
HALF_SIDE = 1.15

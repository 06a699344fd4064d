"""What speech does not determine but a living face has: blinks, gaze, brows and head motion, drawn from a seed.

    behaviour = Behaviour(seed=7)
    for block in blocks:                  # mono float32 at 16 kHz, blocks of any size
        frames = behaviour.push(block)    # BehaviourFrames at 50 Hz, or None while there are none yet
    frames = behaviour.finish()

Each frame depends on the sound up to `look_ahead_s` after it and on the seed, never on how the sound was cut into
blocks. Movements are drawn as events (minimum-jerk strokes) and filtered noise; nothing repeats.
"""

from audio2motion.behaviour.stream import BEHAVIOUR_BLENDSHAPES, BEHAVIOUR_INDICES, Behaviour, BehaviourFrames

__all__ = ["BEHAVIOUR_BLENDSHAPES", "BEHAVIOUR_INDICES", "Behaviour", "BehaviourFrames"]

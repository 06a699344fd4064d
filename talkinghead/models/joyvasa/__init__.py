"""JoyVASA's published motion generator (arXiv 2411.09209): speech to LivePortrait's motion.

A HuBERT encoder hears windows of four seconds; a diffusion transformer turns noise into 100 frames of motion for each,
given the last 10 frames before it.

    encoder   sound -> one feature per frame
    denoiser  noisy motion, features, step -> motion
    sampling  the diffusion's schedule and its way back
    generator all of it, window by window, over a stream of sound
    weights   the published files
"""

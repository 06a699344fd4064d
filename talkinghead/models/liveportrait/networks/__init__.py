"""LivePortrait's networks (arXiv 2407.03168) as published: names and shapes match its state dicts.

    picture -- AppearanceExtractor (F) --> feature volume -+
    picture -- MotionExtractor (M) ------> keypoints ------+-- WarpingModule (W) --> Generator (G) --> frame

Letters in shapes: B batch, C channels, D x H x W depth, height, width, K = 21 keypoints.
"""

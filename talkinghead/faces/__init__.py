"""Faces: found in pictures, followed through videos, cropped, pasted back, measured.

MediaPipe is loaded when the first face is looked for.
"""

from talkinghead.faces.detect import find_face, find_faces, fitted_face
from talkinghead.faces.mesh import canonical_mesh
from talkinghead.faces.tracker import FaceTracker

__all__ = ["FaceTracker", "canonical_mesh", "find_face", "find_faces", "fitted_face"]

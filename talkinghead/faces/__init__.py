"""Faces: found in pictures, followed through videos, cropped, pasted back, measured.

The networks (`talkinghead.models.face_mesh`) are loaded when the first face is looked for.
"""

from talkinghead.faces.detect import doubtful, find_face, find_faces, fitted_face
from talkinghead.faces.mesh import canonical_mesh
from talkinghead.faces.tracker import FaceTracker, Sight, StreamTracker

__all__ = [
    "FaceTracker",
    "Sight",
    "StreamTracker",
    "canonical_mesh",
    "doubtful",
    "find_face",
    "find_faces",
    "fitted_face",
]

"""MediaPipe's face detector and face mesh on ONNX Runtime: where faces are, and 478 points on each.

    detections = FaceDetector().detect(pixels)
    meshes = FaceMesh().measure(pixels, [found.region for found in detections])

Crops are taken as MediaPipe takes them, so that points are the same. All may be used from several threads at once, and
after a fork: networks are loaded once a process, when they are first needed, and run on the thread that calls.
"""

from talkinghead.models.face_mesh.detector import Detection, FaceDetector
from talkinghead.models.face_mesh.mesh import FaceMesh, Mesh
from talkinghead.models.face_mesh.region import Region, region_of_points

__all__ = ["Detection", "FaceDetector", "FaceMesh", "Mesh", "Region", "region_of_points"]

"""The adapters, each with its home."""

from .got10k_tracker import as_got10k as as_got10k
from .opencv_tracker import as_opencv as as_opencv
from .optunahub_problem import as_optunahub as as_optunahub
from .supervision_detections import as_detections as as_detections
from .trax_server import serve_trax as serve_trax

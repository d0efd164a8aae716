"""Programs that run a network: torch, ONNX Runtime, OpenCV, OpenVINO and ncnn behind one small interface.

`graphs` says what a network's template and track graphs are, each runtime's module writes a graph as files and opens
them again. Opening and running imports no torch, but for torch's own programs.
"""

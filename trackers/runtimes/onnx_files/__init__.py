"""ONNX files: written in one way, run by ONNX Runtime and by OpenCV."""

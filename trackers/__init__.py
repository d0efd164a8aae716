"""Build and run: the Siamese tracker package, useful without any search.

Frames are BGR uint8 arrays ``(height, width, 3)`` as OpenCV reads them. Boxes are ``x, y, width, height`` in pixels,
float, 0-based, top-left. The running half (readers, boxes, crops, tracker, baselines) imports no torch.
"""

"""Blocks beyond LightTrack's, one file a family.

Each is a module of ``(inputs, outputs, stride, *, ...)`` that maps ``(batch, inputs, h, w)`` to ``(batch, outputs,
h / stride, w / stride)``, sizes rounded up, for strides 1 and 2 and odd kernels.
"""

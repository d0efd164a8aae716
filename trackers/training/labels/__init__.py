"""Annotation files of the sets that people train on: COCO, ImageNet VID and DET, YouTube-BB, pysot's crops."""

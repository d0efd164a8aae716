"""A procedural generator of videos: textured, deforming objects over moving backgrounds."""

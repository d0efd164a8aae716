"""Learning to tell classes of images apart: how backbones begin, before they track."""

"""What the choices of a space are called, in architectures, in NNI's samples and in Optuna's trials."""

OUTPUT = "output"
"""The output layer: behind which block the features leave."""
CORRELATION = "correlation"
"""The way in which template and search features are compared."""
TOWERS = "towers"
"""Whether both branches of the head have a tower of their own."""
TEMPLATE_SIZE = "template-size"
"""Side of the template crop; the search crop keeps its proportion."""


def stage_width_label(stage: str) -> str:
    """Channels of a stage."""
    return f"{stage}-width"


def depth_label(stage: str) -> str:
    """Blocks of a stage."""
    return f"{stage}-depth"


def expansion_label(block: str) -> str:
    """Expansion of a block, where it is a choice of its own."""
    return f"{block}-expansion"


def width_label(branch: str) -> str:
    """Channels of a tower."""
    return f"{branch}-width"


def layer_label(branch: str, layer: int) -> str:
    """Operation of a tower's layer, from 0."""
    return f"{branch}-layer{layer}"


def layer_width_label(branch: str, layer: int) -> str:
    """Channels of a tower's layer, from 0, where each layer has its own."""
    return f"{branch}-layer{layer}-width"

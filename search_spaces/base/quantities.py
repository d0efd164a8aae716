"""What the numbers and names of a description may be.

Descriptions also come in the headers of other people's model files: the limits keep a hostile one from exhausting the
machine, far above what a tracker needs.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field


def _number(value: object) -> object:
    # YAML reads yes as true, which equals 1.
    if isinstance(value, bool):
        raise ValueError(f"expected a number, got {str(value).lower()}")
    return value


Channels = Annotated[int, Field(strict=True, gt=0, le=2048)]
Count = Annotated[int, Field(strict=True, gt=0, le=32)]
Pixels = Annotated[int, Field(strict=True, ge=16, le=2048)]
Stride = Annotated[Literal[1, 2], BeforeValidator(_number)]
StemKernel = Annotated[Literal[1, 3, 5, 7, 9, 11], BeforeValidator(_number)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*$")]
"""Letters, digits, dots and hyphens: names become parts of NNI labels, which allow neither '/' nor '_'."""
CandidateName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$")]
"""Without dots besides, which torch does not allow in the name of a module."""

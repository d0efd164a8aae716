"""The part of a configuration that says on what candidates are compared, and what their frames may take."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from lighttrack_nas.config.config_data import Memory, Videos


class Validation(Videos):
    """Sequences that candidates track.

    Attributes:
        copies: None tracks on the frames themselves. A number, 1 or more, tracks large targets on reduced copies of
            their frames, that many pixels of a copy for each of a network's crop along a side; 2 is near to the frames,
            1 cheaper. Decoding costs a fraction then, but figures are others, and are recorded as such: AO by some
            thousandths. Copies are made once, and kept in the run's folder `copies`.
        disk: Of the copies that are kept: text such as "8G", or a number of MiB. Copies that find no room are made anew
            for each candidate.
        memory: For decoded frames in each process that tracks, as `disk`; 0 keeps none. Frames that find no room are
            decoded again for each candidate.
        readers: Threads in each process that decode frames while a network tracks; they change no figure. None takes
            the cores that torch leaves, one at least; 0 decodes between the network's steps.
    """

    copies: float | None = Field(default=None, ge=1, le=16, allow_inf_nan=False)
    # The others change no figure, and so belong to no record of a run.
    disk: Memory = Field(default="8G", exclude=True)
    memory: Memory = Field(default="2G", exclude=True)
    readers: int | None = Field(default=None, ge=0, le=256, exclude=True)

    LATER: ClassVar[frozenset[str]] = Videos.LATER | {"copies"}

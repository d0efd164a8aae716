"""How long something takes, in words."""


def duration(seconds: float) -> str:
    """Write seconds as seconds, minutes or hours, whichever reads best: "90 s", "12 min", "3.5 h"."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"

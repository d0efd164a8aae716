"""Published figures of trackers, to stand apart from a search's own.

They were measured by others, on real data sets, with networks trained in full: no figure here is comparable with the
scores of a search, and none belongs on the axes of its plots.
"""

from __future__ import annotations

from typing import NamedTuple

CAUTION = "published trackers: measured by others, on other data and with full training; not comparable with the above"


class PublishedTracker(NamedTuple):
    """What was published of one tracker; None where nothing reliable is known.

    Attributes:
        name: The tracker and, where it matters, its backbone.
        macs: Multiply-adds of one tracked frame, as its authors count them (they write FLOPs).
        params: Parameters.
        got10k_ao: Average overlap on GOT-10k's test set, a fraction.
        trackingnet_auc: Area under the success curve on TrackingNet's test set, a fraction.
        vot2019_eao: Expected average overlap on VOT2019.
        source: Who says so.
    """

    name: str
    macs: float | None
    params: float | None
    got10k_ao: float | None
    trackingnet_auc: float | None
    vot2019_eao: float | None
    source: str


_LIGHTTRACK = "LightTrack (CVPR 2021)"
_LATER = "tables of later papers"

PUBLISHED = (
    PublishedTracker("LightTrack-Mobile", 530e6, 1.97e6, 0.611, 0.725, 0.333, f"{_LIGHTTRACK}; AO, AUC: {_LATER}"),
    PublishedTracker(
        "LightTrack-LargeA", None, None, None, 0.736, None, f"{_LATER}; for at most 800 M MACs, 3 M parameters"
    ),
    PublishedTracker(
        "LightTrack-LargeB", None, 3.1e6, 0.623, None, None, f"{_LIGHTTRACK}; for at most 800 M MACs, 4 M parameters"
    ),
    PublishedTracker("LightTrack of 790 M", 790e6, None, None, None, 0.357, f"{_LIGHTTRACK}, figure 1, unnamed there"),
    PublishedTracker("Ocean (offline)", 20.3e9, 25.9e6, None, None, None, _LIGHTTRACK),
    PublishedTracker("SiamRPN++ (ResNet-50)", 48.9e9, None, None, None, None, _LIGHTTRACK),
    PublishedTracker("SiamRPN++ (MobileNetV2)", 7.1e9, 11.2e6, None, None, None, _LIGHTTRACK),
    PublishedTracker("SiamRPN++", None, None, None, None, 0.292, f"{_LIGHTTRACK}; of which backbone is unclear"),
    PublishedTracker("SiamMask", 15.0e9, 16.0e6, None, None, 0.28, "slides of LightTrack's authors"),
    PublishedTracker("DaSiamRPN", 21.0e9, 19.6e6, 0.417, None, None, "slides of LightTrack's authors"),
    PublishedTracker("DiMP-50", None, None, 0.611, None, None, _LIGHTTRACK),
    PublishedTracker("RT-MDNet", None, None, None, 0.584, None, "slides of LightTrack's authors"),
)
"""The trackers that LightTrack was compared with, as its authors and later papers print them."""

HEADER = ("tracker", "MACs (M)", "params (M)", "GOT-10k AO", "TrackingNet AUC", "VOT2019 EAO", "source")


def published_rows() -> list[tuple[str, ...]]:
    """`PUBLISHED` as text, a cell a column of `HEADER`; empty where nothing is known."""

    def millions(value: float | None, digits: int) -> str:
        return "" if value is None else f"{value / 1e6:,.{digits}f}"

    def score(value: float | None) -> str:
        return "" if value is None else f"{value:.3f}"

    return [
        (
            tracker.name,
            millions(tracker.macs, 0),
            millions(tracker.params, 2),
            score(tracker.got10k_ao),
            score(tracker.trackingnet_auc),
            score(tracker.vot2019_eao),
            tracker.source,
        )
        for tracker in PUBLISHED
    ]

"""A space whose networks convert quickly: what converting costs grows with the blocks."""

from functools import cache

from lighttrack_nas.search_spaces.loading.loading import parse_space
from lighttrack_nas.search_spaces.space import Space

CONTENT = {
    "name": "small",
    "template_size": 64,
    "search_sizes": [128],
    "stem": {"channels": 16, "kernel": 3, "stride": 2},
    "stages": [
        {"channels": 16, "blocks": 1, "operations": {"separable": {"kernel": 3}}},
        {"channels": 32, "blocks": 1, "stride": 2, "operations": {"mbconv": {"kernel": [3, 5], "expansion": 2}}},
        {"channels": 96, "blocks": 1, "stride": 2, "operations": {"mbconv": {"kernel": [5, 7], "expansion": 2}}},
        {"channels": 128, "blocks": 1, "stride": 1, "operations": {"mbconv": {"kernel": [3, 5], "expansion": 4}}},
    ],
    "outputs": ["stage2", "stage3"],
    "fused_channels": 64,
    "towers": {
        "cls": {"widths": [32, 64], "layers": 2, "operations": {"dsconv": {"kernel": [3, 5]}}, "skip": True},
        "reg": {"widths": [32, 64], "layers": 1, "operations": {"dsconv": {"kernel": [3, 5]}}},
    },
    "predictions": {"score_scale": 0.1, "box_activation": "exp", "box_scale": 8},
}


@cache
def small_space() -> Space:
    """Four blocks, three layers of towers; outputs behind the last two blocks."""
    return parse_space(CONTENT, where="small")

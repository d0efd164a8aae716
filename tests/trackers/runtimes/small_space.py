"""A space whose networks convert quickly: what converting costs grows with the blocks."""

from functools import cache

from lighttrack_nas.search_spaces.loading.loading import load_space, parse_space
from lighttrack_nas.search_spaces.space import Space


@cache
def small_space() -> Space:
    """The smallest preset, with a template of 64 pixels and a search crop of 128."""
    content = load_space("lighttrack-table").description.model_dump(mode="json", exclude_none=True)
    return parse_space(content | {"name": "small", "template_size": 64, "search_sizes": [128]}, where="small")

"""Random space files that are right: they load."""

from hypothesis import given, settings

from lighttrack_nas.search_spaces.loading.loading import parse_space

from .spaces import Content, descriptions


@settings(max_examples=60, deadline=None)
@given(descriptions())
def test_random_descriptions_load(content: Content) -> None:
    space = parse_space(content, "drawn")
    assert space.name == content["name"]

"""The declarative description of a space: what a YAML file says, checked.

A description is data alone: `search_spaces.declared_space.DeclaredSpace` gives it its verbs,
`search_spaces.building.builder` makes its networks.
"""

from __future__ import annotations

from pydantic import model_validator

from lighttrack_nas.search_spaces.base.mistakes import MistakesError
from lighttrack_nas.search_spaces.description.space_checks import mistakes_in
from lighttrack_nas.search_spaces.description.space_parts import SpaceParts


class SpaceDescription(SpaceParts):
    """A space of Siamese trackers: backbone, output layer, two towers."""

    @model_validator(mode="after")
    def _consistent(self) -> SpaceDescription:
        mistakes = mistakes_in(self)
        if mistakes:
            raise MistakesError(mistakes)
        return self

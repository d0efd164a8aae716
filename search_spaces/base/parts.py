"""What descriptions, operations and configurations are made of: records of checked values."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_serializer


class WithLaterKeys(BaseModel):
    """A record that is written without the defaults of keys that came after others like it had been written."""

    LATER: ClassVar[frozenset[str]] = frozenset()
    """Such keys: what was hashed or recorded before they came stays the same."""

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, handler: Any) -> dict[str, Any]:
        content: dict[str, Any] = handler(self)
        fields = type(self).model_fields
        usual = {name for name in self.LATER if getattr(self, name) == fields[name].default}
        return {name: value for name, value in content.items() if name not in usual}


class Part(WithLaterKeys):
    """A frozen record that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)

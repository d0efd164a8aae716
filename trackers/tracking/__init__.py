"""The tracker: `init` with a box, `update` with every frame; without torch."""

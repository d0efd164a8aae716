"""The spaces that ship with the package, a YAML file each."""

from importlib import resources


def preset_names() -> tuple[str, ...]:
    """Their names."""
    folder = resources.files(__name__)
    return tuple(sorted(path.name[: -len(".yaml")] for path in folder.iterdir() if path.name.endswith(".yaml")))


def preset_text(name: str) -> str:
    """What the file of one says."""
    return resources.files(__name__).joinpath(f"{name}.yaml").read_text("utf-8")

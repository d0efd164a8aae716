"""The tabular benchmark: what every architecture of a space measures, as plain data that answers in microseconds."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lighttrack_nas.search_spaces.enumeration import count_paths
from lighttrack_nas.search_spaces.loading.loading import parse_space
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import write_atomically
from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.base.parsing import parse_json

SECONDS = "seconds"
"""Column: what measuring took, so that a search on a table knows what time it would have needed."""
COSTS = ("macs", "params", "latency_ms")
"""Measurements that are looked up before anything is evaluated; the others are scores."""

_ABOUT, _ROWS = "about.json", "table.csv"
_FORMAT = 1
# A table of ten thousand rows has about a megabyte; a file that claims more is not read.
_LARGEST = 256 * 2**20


class BenchmarkTable:
    """Measurements of architectures of one space, by path.

    Args:
        space: The space.
        architectures: One for every row, each a `path()`.
        columns: Measurement -> a finite value for every row; "seconds" may be among them.
        provenance: How the values came about, JSON-able: supernet, data, seeds, device, versions.

    Attributes:
        space: As given.
        architectures: As given.
        columns: Name -> ``(rows,)`` float.
        provenance: As given.
        complete: Whether every path of the space has a row.

    Raises:
        InputError: No rows, two of one path, an architecture that is no path of the space, or a value that is no finite
            number.
    """

    def __init__(
        self,
        space: Space,
        architectures: Sequence[Architecture],
        columns: Mapping[str, Iterable[float]],
        provenance: Mapping[str, Any],
    ) -> None:
        self.space = space
        self.architectures = tuple(architectures)
        self.columns = {name: np.asarray(values, float) for name, values in columns.items()}
        self.provenance = dict(provenance)
        self._rows = {architecture.values: row for row, architecture in enumerate(self.architectures)}
        self._check()
        self.complete = len(self.architectures) == count_paths(space)

    def _check(self) -> None:
        if not self.architectures or not self.measurements:
            raise InputError("a table needs rows and measurements: there are none")
        for architecture in self.architectures:
            self.space.require(architecture)
            if architecture.path() != architecture:
                raise InputError(
                    f"a table has paths for rows, and {architecture} is none: genes behind its output differ"
                )
        if len(self._rows) < len(self.architectures):
            raise InputError("two rows of the table are of one path")
        for name, values in self.columns.items():
            if values.shape != (len(self.architectures),) or not np.isfinite(values).all():
                raise InputError(f"table, column '{name}': expected {len(self.architectures)} finite numbers")

    def __len__(self) -> int:
        return len(self.architectures)

    def __repr__(self) -> str:
        kind = "all" if self.complete else "a sample of the"
        return f"BenchmarkTable({self.space.name}: {kind} paths, {len(self)} rows, {', '.join(self.measurements)})"

    @property
    def measurements(self) -> tuple[str, ...]:
        """What the table knows of an architecture, but for the seconds that measuring it took."""
        return tuple(name for name in self.columns if name != SECONDS)

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits of the space's hash and all values."""
        return sha256((self.space.hash + self._csv()).encode()).hexdigest()[:16]

    def row(self, architecture: Architecture) -> int:
        """The number of an architecture's row.

        Raises:
            InputError: The architecture is of another space, or a sample lacks its path.
        """
        self.space.require(architecture)
        row = self._rows.get(architecture.path().values)
        if row is None:
            raise InputError(
                f"the table of '{self.space.name}' is a sample of {len(self)} paths, without {architecture}"
            )
        return row

    def values(self, architecture: Architecture) -> dict[str, float]:
        """All measurements of an architecture.

        Raises:
            InputError: See `row`.
        """
        row = self.row(architecture)
        return {name: float(self.columns[name][row]) for name in self.measurements}

    def frame(self) -> pd.DataFrame:
        """A row a path: a column for every label, then the measurements."""
        labels = pd.DataFrame(
            [architecture.values for architecture in self.architectures], columns=[*self.space.labels]
        )
        return pd.concat([labels, pd.DataFrame(self.columns)], axis=1)

    def save(self, path: str | Path) -> None:
        """Write a ZIP file of ``table.csv`` and ``about.json``, which any tool reads; the same table, the same bytes.

        Raises:
            OSError: The file cannot be written.
        """
        rows = self._csv()
        about = {
            "format": _FORMAT,
            "space": self.space.record(),
            "space_hash": self.space.hash,
            "rows": len(self),
            "complete": self.complete,
            "sha256": sha256(rows.encode()).hexdigest(),
            "provenance": self.provenance,
        }
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name, text in ((_ABOUT, json.dumps(about, indent=1)), (_ROWS, rows)):
                archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
        write_atomically(Path(path), buffer.getvalue())

    def _csv(self) -> str:
        return self.frame().to_csv(index=False, lineterminator="\n", float_format="%.9g")

    @classmethod
    def load(cls, path: str | Path, space: Space | None = None) -> BenchmarkTable:
        """Read a table.

        Args:
            path: What `save` wrote.
            space: The space that it must be of; None takes the table's own.

        Raises:
            InputError: The file cannot be read, is torn or was changed, or is of another space or format.
        """
        about, rows = _read(Path(path))
        where = f"table '{path}'"
        if about.get("format") != _FORMAT:
            raise InputError(
                f"{where}: format {about.get('format')} is not known to this version, which reads {_FORMAT}"
            )
        if about.get("sha256") != sha256(rows.encode()).hexdigest():
            raise InputError(f"{where}: its rows were changed after it was written, or the file is damaged")
        own = parse_space(about.get("space"), where=f"{where}, space")
        if own.hash != about.get("space_hash"):
            raise InputError(f"{where}: was made by a version that reads its space otherwise; build it again")
        if space is not None and own != space:
            raise InputError(f"{where} is of space '{own.name}' ({own.hash}), not of '{space.name}' ({space.hash})")
        try:
            frame = pd.read_csv(io.StringIO(rows), dtype=dict.fromkeys(own.labels, str), keep_default_na=False)
            choices = frame[[*own.labels]].to_dict("records")
            columns = frame.drop(columns=[*own.labels]).astype(float)
        except (ValueError, KeyError) as error:
            raise InputError(f"{where}: {_ROWS} does not fit its space: {error}") from None
        architectures = [own.architecture({str(label): value for label, value in row.items()}) for row in choices]
        provenance = about.get("provenance")
        return cls(
            own,
            architectures,
            {str(name): columns[name] for name in columns},
            provenance if isinstance(provenance, dict) else {},
        )


def _read(path: Path) -> tuple[dict[str, Any], str]:
    try:
        with zipfile.ZipFile(path) as archive:
            parts = {info.filename: info for info in archive.infolist()}
            if parts.keys() != {_ABOUT, _ROWS} or sum(info.file_size for info in parts.values()) > _LARGEST:
                raise InputError(f"'{path}' is no benchmark table: expected a ZIP file of {_ABOUT} and {_ROWS}")
            about, rows = archive.read(_ABOUT).decode(), archive.read(_ROWS).decode()
    except OSError as error:
        raise InputError(f"table '{path}' cannot be read: {error.strerror or error}") from None
    except InputError:
        raise
    except Exception as error:
        # Broken bytes end the reader and its decompressors in any of a dozen exceptions, none more than a broken file.
        raise InputError(f"table '{path}' is damaged, or no ZIP file: {error}") from None
    content = parse_json(about, f"table '{path}', {_ABOUT}")
    if not isinstance(content, dict):
        raise InputError(f"table '{path}', {_ABOUT}: expected an object")
    return content, rows


class TableEvaluator:
    """Answers from a table, as `SupernetEvaluator` answers by measuring.

    Args:
        table: What to answer from.

    Raises:
        InputError: It is no table.

    Attributes:
        table: As given.
        space: The table's.
        measurements: The table's.
        inherits_weights: True: rows are paths.
    """

    inherits_weights = True

    def __init__(self, table: BenchmarkTable) -> None:
        if not isinstance(table, BenchmarkTable):
            raise InputError(f"table: expected a table, such as load_table('lighttrack-table') gives, got {table!r}")
        self.table = table
        self.space = table.space
        self.measurements = table.measurements

    def costs(self, architecture: Architecture) -> dict[str, float]:
        """Look up those of "macs", "params" and "latency_ms" that the table has.

        Raises:
            InputError: See `BenchmarkTable.row`.
        """
        row = self.table.row(architecture)
        return {name: float(self.table.columns[name][row]) for name in COSTS if name in self.table.columns}

    def measure(self, architecture: Architecture, names: Collection[str]) -> dict[str, float]:
        """Look up measurements.

        Raises:
            InputError: The table lacks one of the names, or see `BenchmarkTable.row`.
        """
        values = self.table.values(architecture)
        return {checked_name(name, values, "measurement of this table"): values[name] for name in names}

    def seconds(self, architecture: Architecture) -> float:
        """What measuring the architecture took when the table was made; 0.0 where the table does not say.

        Raises:
            InputError: See `BenchmarkTable.row`.
        """
        row = self.table.row(architecture)
        return float(self.table.columns[SECONDS][row]) if SECONDS in self.table.columns else 0.0

    def record(self) -> dict[str, Any]:
        """What the answers come from, JSON-able."""
        return {
            "evaluator": "table",
            "space": self.space.name,
            "space_hash": self.space.hash,
            "table": self.table.digest,
            "rows": len(self.table),
        }

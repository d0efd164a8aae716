"""Changes to valid inputs that know what the inputs are made of. Each is a function of the input and of a generator."""

from __future__ import annotations

import io
import json
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing, suppress
from hashlib import sha256
from random import Random
from typing import Any

import yaml

_NO_STRUCTURE = (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError)
Change = Callable[[bytes, Random], bytes]

NUMBERS = ("0", "-1", "1e300", "-1e300", "nan", "inf", "1_0", str(2**63), str(2**64), "0x10", "1e-320", "1.5", "", "٣")
WORDS = ("", "x", "true", "null", "../../etc/passwd", "/", "\0", "\ud800", "é" * 300, "a" * 20_000, "%s%n", "{}", "'")
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 1.5, 1e308, -1e308, float("nan"), float("inf"), 2**31, 2**63, 2**64, 10**400,
    [], {}, [[]], {"": 1}, [None], {"name": "x"}, *WORDS,
)  # fmt: skip


def mutate(content: bytes, kind: str, rng: Random) -> bytes:
    """Change an input once to three times.

    Args:
        content: A valid one.
        kind: One of `KINDS`; one change in six goes for the bytes, whatever they are.
        rng: Decides all.
    """
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        change = _raw if rng.random() < 1 / 6 else KINDS[kind]
        try:
            content = change(content, rng)
        except Exception:  # an earlier change has left nothing of its structure
            content = _raw(content, rng)
    return content


def _raw(content: bytes, rng: Random) -> bytes:
    """Bits, cuts, insertions, repetitions."""
    if not content:
        return rng.randbytes(rng.randrange(1, 64))
    place = rng.randrange(len(content))
    end = min(len(content), place + rng.choice((1, 4, 16, 256, 4096)))
    which = rng.randrange(8)
    if which < 3:
        flipped = content[place] ^ (1 << rng.randrange(8))
        return content[:place] + bytes([flipped]) + content[place + 1 :]
    middles = (b"", rng.randbytes(end - place), bytes(end - place), content[place:end] * 2)
    return content[:place] if which == 3 else content[:place] + middles[which - 4] + content[end:]


def _text(content: bytes, rng: Random) -> bytes:
    """Lines, numbers, encodings."""
    text = content.decode("utf-8", "surrogatepass")
    lines = text.splitlines(keepends=True) or [""]
    place, which = rng.randrange(len(lines)), rng.randrange(9)
    if which < 4:
        lines[place] = _replaced_token(lines[place], rng)
    elif which == 4:
        del lines[place]
    elif which == 5:
        lines.insert(place, lines[rng.randrange(len(lines))])
    elif which == 6:
        lines[place] = lines[place].replace(rng.choice(",\t :="), rng.choice((";", ",,", " ", "")), 1)
    elif which == 7:
        lines[place] = lines[place].rstrip() + rng.choice(WORDS) + "\n"
    else:
        return text.encode(rng.choice(("utf-16", "utf-8-sig", "utf-32")), "surrogatepass")
    return "".join(lines).encode("utf-8", "surrogatepass")


def _replaced_token(line: str, rng: Random) -> str:
    for separator in rng.sample(",\t :=<>/\"'", 10):
        parts = line.split(separator)
        if len(parts) > 1:
            parts[rng.randrange(len(parts))] = rng.choice(NUMBERS + WORDS)
            return separator.join(parts)
    return rng.choice(NUMBERS + WORDS) + "\n"


def _json(content: bytes, rng: Random) -> bytes:
    return _written(tree(json.loads(content), rng))


def _yaml(content: bytes, rng: Random) -> bytes:
    if rng.random() < 0.2:
        return _text(content, rng)
    changed = tree(yaml.safe_load(content), rng)
    try:
        return yaml.safe_dump(changed, sort_keys=False).encode("utf-8", "surrogatepass")
    except (yaml.YAMLError, ValueError):
        return _written(changed)


def _written(value: Any) -> bytes:
    text = json.dumps(value)
    return text.encode("utf-8", "surrogatepass")


def tree(value: Any, rng: Random) -> Any:
    """Change one node of nested mappings and lists: another value, another key, gone, twice, or too deep."""
    holders = [(None, None)]
    waiting = [value]
    while waiting:
        inside = waiting.pop()
        items = inside.items() if isinstance(inside, dict) else enumerate(inside) if isinstance(inside, list) else ()
        for key, each in list(items):
            holders.append((inside, key))
            waiting.append(each)
    # The first levels matter most, and are few.
    holder, key = rng.choice(holders[: rng.choice((8, 40, len(holders)))])
    if holder is None:
        return rng.choice(VALUES)
    old, which = holder[key], rng.randrange(10)
    if which < 5:
        holder[key] = _like(old, rng) if rng.random() < 0.5 else rng.choice(VALUES)
    elif which == 5:
        del holder[key]
    elif which == 6 and isinstance(holder, dict):
        holder[rng.choice(WORDS)] = holder.pop(key)
    elif which == 7:
        other, name = rng.choice(holders[1:])
        if name in other if isinstance(other, dict) else name < len(other):
            holder[key] = json.loads(json.dumps(other[name]))
    elif which == 8:
        holder[key] = [old] * rng.choice((2, 3, 300)) if rng.random() < 0.5 else {str(key): old}
    else:
        for _ in range(rng.choice((3, 900))):
            old = [old]
        holder[key] = old
    return value


def _like(old: Any, rng: Random) -> Any:
    """Another value of the same kind."""
    if isinstance(old, bool):
        return not old
    if isinstance(old, int):
        return old + rng.choice((-1, 1, 10**6, -old, -2 * old, old * 1000))
    if isinstance(old, float):
        return old * rng.choice((0.0, -1.0, 1e30, 1e-30, 2.0))
    if isinstance(old, str) and old:
        place = rng.randrange(len(old))
        return old[:place] + rng.choice(("", "x", "-", ".", "0", "/", old)) + old[place + 1 :]
    return rng.choice(VALUES)


def _journal(content: bytes, rng: Random) -> bytes:
    """An entry of a journal; or entries gone, twice, in another order."""
    lines = content.splitlines(keepends=True)
    place, which = rng.randrange(len(lines)), rng.randrange(8)
    if which < 5:
        lines[place] = _json(lines[place], rng) + b"\n"
    elif which == 5:
        del lines[place]
    elif which == 6:
        lines.insert(rng.randrange(len(lines)), lines[place])
    else:
        lines[place] = _raw(lines[place].rstrip(b"\n"), rng).replace(b"\n", b" ") + b"\n"
    return b"".join(lines)


def _members(content: bytes, rng: Random, change: Callable[[str, bytes], bytes]) -> bytes:
    """A ZIP file one of whose members is other, with all that the format itself checks made anew."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    name = rng.choice(list(members))
    members[name] = change(name, members[name])
    if "about.json" in members and "table.csv" in members and rng.random() < 0.8:
        with suppress(*_NO_STRUCTURE):
            about = json.loads(members["about.json"])
            about["sha256"] = sha256(members["table.csv"]).hexdigest()
            members["about.json"] = _written(about)
    if rng.random() < 0.05:
        members[rng.choice(WORDS[1:7]) or "x"] = b"x"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for each, inside in members.items():
            archive.writestr(each, inside)
    return buffer.getvalue()


def _table(content: bytes, rng: Random) -> bytes:
    return _members(content, rng, lambda name, inside: (_json if name.endswith(".json") else _text)(inside, rng))


def _database(content: bytes, rng: Random) -> bytes:
    """An SQLite file with another value in a cell, or without a row."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.deserialize(content)
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        filled = [name for name in tables if database.execute(f"SELECT rowid FROM {name}").fetchone()]
        table = rng.choice(filled)
        row = rng.choice(database.execute(f"SELECT rowid, * FROM {table}").fetchall())
        column = rng.choice([about[1] for about in database.execute(f"PRAGMA table_info({table})")])
        (old,) = database.execute(f"SELECT {column} FROM {table} WHERE rowid = ?", row[:1]).fetchone()
        if rng.random() < 0.1:
            database.execute(f"DELETE FROM {table} WHERE rowid = ?", row[:1])
        else:
            is_json = isinstance(old, str) and old[:1] in '{["'
            new = _json(old.encode(), rng).decode() if is_json and rng.random() < 0.8 else rng.choice(VALUES)
            new = json.dumps(new) if isinstance(new, list | dict) else new
            database.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (new, row[0]))
        database.commit()
        return database.serialize()


def _checkpoint(content: bytes, rng: Random) -> bytes:
    """A PyTorch file: a ZIP file, of which one member is a pickle."""
    return _members(content, rng, lambda name, inside: _raw(inside, rng))


def _model(content: bytes, rng: Random) -> bytes:
    """A safetensors file, whose header says of the tensors where they are, and in JSON inside what they are of."""
    end = 8 + int.from_bytes(content[:8], "little")
    header, body = json.loads(content[8:end]), content[end:]
    about = header.get("__metadata__", {}).get("lighttrack_nas")
    which = rng.randrange(10)
    if which < 6 and isinstance(about, str):
        header["__metadata__"]["lighttrack_nas"] = json.dumps(tree(json.loads(about), rng))
    elif which < 9:
        header = tree(header, rng)
    else:
        body = _raw(body, rng)
    text = _written(header)
    return len(text).to_bytes(8, "little") + text + body


def _sealed(content: bytes, rng: Random) -> bytes:
    """JSON with a hash of itself, or of a part, that mostly fits, as anybody can make it."""
    before, changed = json.loads(content), tree(json.loads(content), rng)
    if isinstance(changed, dict) and rng.random() < 0.9:
        with suppress(*_NO_STRUCTURE):
            seal_anew(changed, before)
    return _written(changed)


def seal_anew(content: dict[str, Any], before: dict[str, Any]) -> None:
    """Make the hash anew that a manifest, a table of latencies or of places, or a count has of itself.

    Args:
        content: That was changed.
        before: As it was; says which it is.
    """
    if "sha256" in before:
        covered = json.dumps({key: content.get(key) for key in ("places", "towers")})
        content["sha256"] = sha256(covered.encode()).hexdigest()
        return
    (name,) = {"seal", "digest"} & before.keys()
    content.pop(name, None)
    covered = content["parts"] if "parts" in before else content
    content[name] = sha256(json.dumps(covered, sort_keys=True).encode()).hexdigest()


KINDS: dict[str, Change] = {
    "raw": _raw,
    "text": _text,
    "json": _json,
    "yaml": _yaml,
    "journal": _journal,
    "table": _table,
    "checkpoint": _checkpoint,
    "database": _database,
    "model": _model,
    "sealed": _sealed,
}
"""How inputs are made, by name."""

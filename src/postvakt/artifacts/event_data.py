"""The `EventData` of Exchange's activity logs: `S:CMD=Get-Mailbox;S:EX=;I32:ADS.C[DC01]=2`.

Each item is a type, a colon, a name, an equals sign and a value; semicolons set them apart. A value that holds quotes
is wrapped in single quotes, with its own doubled. A semicolon that no item follows belongs to the value before it.
"""

import re
from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from postvakt.artifacts.fitting import TEXT, Fitted
from postvakt.artifacts.log_lines import Array

ITEM = r"[A-Za-z][A-Za-z0-9]{0,7}:[^=;]*="
NAME = re.compile(r"([A-Za-z][A-Za-z0-9]{0,7}:[^=;]*)=")
QUOTED = re.compile(r"'((?>[^']+|'')*+)'(?=;|\Z)")
VALUE = re.compile(rf"(?s).*?(?=;{ITEM}|;?\Z)")

Pairs = tuple[Array, pa.Array, pa.Array]
"""Loose pairs: the row of each (ascending), their names, their values."""


def take_out(fitted: Fitted, column: str, keys: Mapping[str, str]) -> None:
    """Put the items of a column into columns of their own (`keys`: upper-case item name to column), the rest
    into `unmapped`. The column itself stays whole. Of a name that comes twice the first is taken."""
    texts = fitted.texts(column)
    if texts is None:
        return
    owners, names, values = items(texts)
    coded = names.dictionary_encode()
    codes = coded.indices.to_numpy(zero_copy_only=False)
    labels = [label.partition(":")[2].upper() for label in coded.dictionary.to_pylist()]
    taken = np.zeros(len(owners), bool)
    for key, target in keys.items():
        places = np.flatnonzero(np.isin(codes, [code for code, label in enumerate(labels) if label == key]))
        found, first = np.unique(owners[places], return_index=True)
        chosen = places[first]
        fitted.columns[target] = _scattered(values, chosen, found, len(texts))
        taken[chosen] = True
    if not taken.all():
        left = np.flatnonzero(~taken)
        told = names.take(left)
        told = pc.if_else(pc.equal(told, ""), pa.scalar(None, TEXT), told)
        fitted.pairs.append((owners[left], told, values.take(left)))


def _scattered(values: pa.Array, chosen: Array, rows: Array, count: int) -> pa.Array:
    indices = np.zeros(count, np.int64)
    indices[rows] = chosen
    absent = np.ones(count, bool)
    absent[rows] = False
    return values.take(pa.array(indices, mask=absent)) if len(values) else pa.nulls(count, TEXT)


def items(texts: pa.Array) -> Pairs:
    """Return the items with a value of each text, in order."""
    filled = pc.fill_null(texts, "")
    lists = pc.split_pattern(filled, ";")
    parts = lists.flatten()
    owners = np.repeat(np.arange(len(texts)), pc.list_value_length(lists).to_numpy(zero_copy_only=False))
    begins = pc.match_substring_regex(parts, f"^{ITEM}").to_numpy(zero_copy_only=False)
    blank = pc.equal(parts, "").to_numpy(zero_copy_only=False)
    odd = pc.match_substring(filled, "'").to_numpy(zero_copy_only=False)
    odd = odd | (np.bincount(owners[~begins & ~blank], minlength=len(texts)) > 0)
    plain = np.flatnonzero(begins & ~odd[owners])
    names, values = _halves(parts.take(plain))
    return _merged((owners[plain], names, values), _read(texts, np.flatnonzero(odd)))


def _halves(parts: pa.Array) -> tuple[pa.Array, pa.Array]:
    halves = pc.split_pattern(parts, "=", max_splits=1).flatten()
    count = len(parts)
    return halves.take(np.arange(0, 2 * count, 2)), halves.take(np.arange(1, 2 * count, 2))


def _read(texts: pa.Array, rows: Array) -> Pairs:
    found = [
        (row, name, value)
        for row, text in zip(rows.tolist(), texts.take(rows).to_pylist(), strict=True)
        for name, value in read(text)
    ]
    return (
        np.array([row for row, _, _ in found], np.int64),
        pa.array([name for _, name, _ in found], TEXT),
        pa.array([value for _, _, value in found], TEXT),
    )


def _merged(one: Pairs, other: Pairs) -> Pairs:
    owners = np.concatenate([one[0], other[0]])
    names, values = pa.concat_arrays([one[1], other[1]]), pa.concat_arrays([one[2], other[2]])
    present = np.flatnonzero(pc.not_equal(values, "").to_numpy(zero_copy_only=False))
    order = present[np.argsort(owners[present], kind="stable")]
    return owners[order], names.take(order), values.take(order)


def read(text: str) -> Iterator[tuple[str, str]]:
    """Yield the items of one text by name; what stands before the first has an empty name."""
    at = 0
    while at < len(text):
        named = NAME.match(text, at)
        start = named.end() if named else at
        quoted = QUOTED.match(text, start) if named else None
        value = quoted or VALUE.match(text, start)
        end = value.end() if value else len(text)
        told = quoted[1].replace("''", "'") if quoted else text[start:end]
        yield (named[1] if named else ""), told
        at = end + 1

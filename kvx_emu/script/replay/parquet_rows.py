"""Tables in Parquet, read with pyarrow where that is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kvx_emu.errors import Place, UsageError
from kvx_emu.script.replay.columns import CHUNK, Columns, refused_type
from kvx_emu.script.replay.rows import WRITER, Rows, check_columns
from kvx_emu.script.report import quote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from kvx_emu.script.replay.columns import Cells, Names
    from kvx_emu.script.replay.rows import Teller, Writers

_REASON = 200  # characters of what pyarrow says is wrong
_BUFFER = 1 << 20  # bytes that are read at once of each column, instead of a whole row group


def read_parquet(stream: BinaryIO, path: str, writers: Writers, teller: Teller) -> Iterator[Rows]:
    """Yield the rows of a Parquet file.

    Columns have types as in read_npy; names may be a dictionary, and a null name is the default writer.
    Raises UsageError where pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        message = f"cannot read {path}: pyarrow is not installed; expected it: pip install 'kvx-emu[parquet]'"
        raise UsageError(message) from None
    types = pa.types
    try:
        file = parquet.ParquetFile(stream, buffer_size=_BUFFER, pre_buffer=False)
        schema = file.schema_arrow
        if not check_columns(schema.names, lambda _: Place(path), teller):
            return
        kinds = dict(zip(schema.names, schema.types, strict=True))
        integers = [name for name, kind in kinds.items() if types.is_integer(kind)]
        named = WRITER in kinds and _is_text(kinds[WRITER], types)
        wrong = [name for name in kinds if name not in integers and not (name == WRITER and named)]
        for name in wrong:
            teller.error_at(
                Place(path), "script-table", refused_type(name, f"the type {quote(str(kinds[name]))}")
            )
        columns = Columns(path, writers, teller)
        for batch in () if wrong else file.iter_batches(CHUNK, use_threads=False):
            cells = {name: batch.column(name) for name in integers}
            yield from columns.rows(
                {name: _array(column.fill_null(0)) for name, column in cells.items()},
                _names(batch.column(WRITER)) if named else None,
                {name: _array(column.is_null()) for name, column in cells.items() if column.null_count},
            )
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())[:_REASON]
        message = f"found no sound Parquet file: {reason}; expected one"
        teller.error_at(Place(path), "script-table", message)


def _is_text(kind: Any, types: Any) -> bool:
    if types.is_dictionary(kind):
        kind = kind.value_type
    return bool(types.is_string(kind) or types.is_large_string(kind))


def _names(column: Any) -> Names:
    """Return the distinct writers of a column of texts, and the index of each row's among them."""
    if not hasattr(column, "dictionary"):
        column = column.dictionary_encode()
    distinct = [name or "" for name in column.dictionary.to_pylist()]
    return [*distinct, ""], _array(column.indices.cast("int64").fill_null(len(distinct)))


def _array(column: Any) -> Cells:
    cells: Cells = column.to_numpy(zero_copy_only=False)
    return cells

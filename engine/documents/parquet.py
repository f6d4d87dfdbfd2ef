"""Rows of a Parquet file as JSONL, trusting nothing in it.

    python engine/documents/parquet.py --file FILE --out FILE --max-bytes 1000000000

Reads row group by row group and batch by batch, so memory does not grow with the file; one that claims more than fits into the memory limit
fails alone. Columns may hold text, numbers, booleans, dates, lists and structs; bytes that are no UTF-8 are refused, since JSON has no bytes.
Numbers that JSON cannot say (NaN, infinite) are refused, too. A column without a value is null; a field of a struct without one is left
out, since a struct has all fields that any row's has: a message without tool calls does not get a null in their place. A map is an object
of its keys, and a null in it or in a list stays one.

Prints {"event":"done","rows","bytes","columns"}; or, with exit status 1 and nothing at --out,
{"event":"error","code","message","hint","row"} (row is 1-based, null where no single one is to blame).
"""

import os
import sys

if not __package__:  # a script: modules are found from the engine's folder
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import child  # first: it owns stdout
import confine

import argparse
import datetime
import decimal
import json
import uuid
from dataclasses import dataclass
from pathlib import Path

MEMORY_LIMIT = 2 << 30  # bytes of address space; the library reserves far more than it uses
BATCH = 256  # rows
MAX_COLUMNS = 1000


@dataclass
class Arguments:
    file: Path
    out: Path
    max_bytes: int


class ParquetError(Exception):
    def __init__(self, code: str, message: str, hint: str, row: int | None = None):
        super().__init__(message)
        self.code, self.hint, self.row = code, hint, row


def plain(value: object) -> object:
    """What JSON has no type for."""
    match value:
        case datetime.datetime() | datetime.date() | datetime.time():
            return value.isoformat()
        case decimal.Decimal() | datetime.timedelta() | uuid.UUID():
            return str(value)
        case bytes():
            return value.decode("utf-8")
        case _:
            raise TypeError(f"a value of the type {type(value).__name__}")


def present(value: object, kind) -> object:
    """A value of an Arrow type without the fields of structs that have none."""
    import pyarrow.types as types

    if value is None:
        return None
    if types.is_struct(kind):
        return {field.name: present(value[field.name], field.type) for field in kind if value[field.name] is not None}
    if types.is_map(kind):
        found = {}
        for key, item in value:
            if not isinstance(key, str):
                raise ValueError(f"a map whose keys are no text, such as {key!r}")
            if key in found:
                raise ValueError(f"a map with the key {key!r} twice")
            found[key] = present(item, kind.item_type)
        return found
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return [present(item, kind.value_type) for item in value]
    return value


def convert(arguments: Arguments) -> tuple[int, int, list[str]]:
    import pyarrow.parquet as pq

    count = written = 0
    # Without memory mapping and with one thread: what is held is what is being read.
    with pq.ParquetFile(arguments.file, memory_map=False, pre_buffer=False) as source:
        columns = source.schema_arrow.names
        kinds = dict(zip(columns, source.schema_arrow.types))
        if len(columns) > MAX_COLUMNS:
            raise ParquetError("too_many_columns", f"the file has {len(columns)} columns, more than {MAX_COLUMNS}", "Keep the columns that are needed.")
        if len(set(columns)) < len(columns):
            raise ParquetError("duplicate_column", "two columns have the same name", "Rename or remove one of the two.")
        descriptor = os.open(arguments.out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "wb") as target:
            # One row group at a time: across several, Arrow cannot read dictionaries inside structs.
            batches = (batch for group in range(source.num_row_groups)
                       for batch in source.iter_batches(batch_size=BATCH, row_groups=[group], use_threads=False))
            for batch in batches:
                for row in batch.to_pylist():
                    count += 1
                    try:
                        line = json.dumps({name: present(value, kinds[name]) for name, value in row.items()}, ensure_ascii=False, allow_nan=False, default=plain).encode() + b"\n"
                    except (TypeError, ValueError) as error:
                        raise ParquetError("value_unsupported", f"row {count} holds what JSON cannot say: {error}",
                                           "Write the column as text.", count) from error
                    written += len(line)
                    if written > arguments.max_bytes:
                        raise ParquetError("too_large", f"the rows come to more than {arguments.max_bytes} bytes as text",
                                           "Split the file, or ask the operator for a higher limit.", count)
                    target.write(line)
    return count, written, columns


def explain(error: Exception) -> ParquetError:
    """Any failure as one with a code and a way out."""
    match error:
        case ParquetError():
            return error
        case MemoryError():
            return ParquetError("memory_limit", f"reading the file takes more than {confine.memory_words()}", "Write it with smaller row groups, or as JSONL.")
        case FileExistsError():
            return ParquetError("not_empty", "there is a file at the target already", "Give a new name.")
        case OSError() if error.errno is not None:
            return ParquetError("io_error", str(error), "Check the file and the free space.")
        case _:  # the library raises many things on hostile input
            return ParquetError("parquet_invalid", f"the file is damaged, or no Parquet file: {str(error)[:300]}", "Write the file again, or as JSONL.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="a new file")
    parser.add_argument("--max-bytes", type=int, required=True, help="of the rows as JSONL")
    arguments = Arguments(**vars(parser.parse_args()))
    child.start()
    confine.limit_memory(MEMORY_LIMIT)
    existed = arguments.out.exists()
    try:
        rows, size, columns = convert(arguments)
    except Exception as problem:
        error = explain(problem)
        if not existed:
            arguments.out.unlink(missing_ok=True)
        child.fail(error.code, str(error), error.hint, row=error.row)
    child.emit({"event": "done", "rows": rows, "bytes": size, "columns": columns})


if __name__ == "__main__":
    main()

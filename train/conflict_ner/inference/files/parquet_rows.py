"""Rows of Parquet files, a few at a time, every value as JSON can have it.

Values that Python's own types cannot hold (a year 10000, a nanosecond, an unknown time zone, a string that is not
UTF-8) are read as numbers and bytes and made text here: such a value must not cost the rows around it.

>>> import pyarrow as pa
>>> list(plain_values(pa.array([1], pa.time64("ns")))), list(plain_values(pa.array([93784], pa.duration("s"))))
(['00:00:00.000000001'], ['P1DT2H3M4S'])
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import IO, TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from conflict_ner.errors import Problem, excerpt
from conflict_ner.inference.files.table_readers import Columns, Complain, Row, distinct

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 256  # held at a time: few, as a report may be long
_BUFFER = 1 << 20  # bytes read at a time, of each column
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400  # seconds
_Plain = Callable[[Any], Any]


def parquet_rows(
    stream: IO[bytes], name: str, columns: Columns, complain: Complain, share: Callable[[float], None]
) -> Iterator[Row]:
    """The rows of a Parquet file. A row with a string that is not UTF-8 is a problem; the others are read.

    Times become ISO 8601, those of an unknown time zone in UTC; decimals their digits; bytes text (hexadecimal if
    they are not UTF-8); what is no finite number null.

    Args:
        share: told how much of the file has been read, from 0 to 1.

    Raises:
        OSError: if the file is damaged; pyarrow's own errors are of this kind or a ValueError.
    """
    import pyarrow.parquet as pq

    # By the page and not ahead: a row group can be as large as the file. INT96, an old form of time, would overflow
    # in nanoseconds from 2262 on without a word.
    file = pq.ParquetFile(
        stream,
        pre_buffer=False,
        buffer_size=_BUFFER,
        coerce_int96_timestamp_unit="us",
        page_checksum_verification=True,
    )
    schema = file.schema_arrow
    problem = columns.problem(schema.names, name) or _text_problem(schema, columns, name)
    if problem:
        complain(problem)
        return
    names = distinct(schema.names)
    number = 0
    for batch in file.iter_batches(batch_size=_ROWS, use_threads=False):
        made = [list(plain_values(column)) for column in batch.columns]
        for values in zip(*made, strict=True):
            number += 1
            row = dict(zip(names, values, strict=True))
            wrong = next((key for key, value in row.items() if isinstance(value, _NotText)), None)
            if wrong is not None:
                column = "" if wrong == columns.text else f" in the column {excerpt(wrong)}"
                complain(Problem(f"{name}:{number}", f"not UTF-8{column}", "write the column as strings"))
                continue
            if isinstance(row[columns.text], _Hexadecimal):
                complain(Problem(f"{name}:{number}", "not UTF-8", "write the column as strings"))
                continue
            yield f"{name}:{number}", row
        share(number / max(file.metadata.num_rows, 1))


def _text_problem(schema: Any, columns: Columns, name: str) -> Problem | None:
    import pyarrow as pa

    kind = schema.field(schema.names.index(columns.text)).type
    inner = kind.value_type if pa.types.is_dictionary(kind) else getattr(kind, "storage_type", kind)
    if _is_text(inner) or pa.types.is_null(inner):
        return None
    said = f"the column {excerpt(columns.text)} holds {str(kind)[:100]} and no text"
    return Problem(name, said, "name another with --column")


class _NotText:
    """A string that is not UTF-8, or a value that holds one."""


class _Hexadecimal(str):
    """Bytes that are not UTF-8, as text."""

    __slots__ = ()


def plain_values(column: pa.Array) -> Iterator[Any]:
    """The values of a column as JSON can have them; a string that is not UTF-8 is a `_NotText`."""
    import pyarrow as pa

    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        to_plain = _uuid if "uuid" in str(kind) else _maker(kind.storage_type)
        column, kind = column.storage, kind.storage_type
    else:
        to_plain = _maker(kind)
    for value in column.cast(_stored(kind)).to_pylist():
        try:
            yield None if value is None else to_plain(value)
        except UnicodeDecodeError:
            yield _NotText()


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    return _is_string(kind) or any(
        test(kind)
        for test in (types.is_binary, types.is_large_binary, types.is_fixed_size_binary, types.is_binary_view)
    )


def _is_string(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _is_list(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _stored(kind: Any) -> Any:  # noqa: PLR0911 # a case a type
    """The type in which every value of a type can be read: times as whole numbers, strings as bytes."""
    import pyarrow as pa
    from pyarrow import types

    if types.is_dictionary(kind):
        return _stored(kind.value_type)
    if _is_string(kind):
        return pa.large_binary() if types.is_large_string(kind) else pa.binary()
    if types.is_date32(kind) or types.is_time32(kind):
        return pa.int32()
    if types.is_date64(kind) or types.is_time64(kind) or types.is_timestamp(kind) or types.is_duration(kind):
        return pa.int64()
    if types.is_struct(kind):
        return pa.struct([pa.field(field.name, _stored(field.type), field.nullable) for field in kind])
    if types.is_map(kind):
        return pa.map_(_stored(kind.key_type), _stored(kind.item_type))
    if types.is_fixed_size_list(kind):
        return pa.list_(_stored(kind.value_type), kind.list_size)
    if _is_list(kind):
        return (pa.large_list if types.is_large_list(kind) else pa.list_)(_stored(kind.value_type))
    return kind


def _maker(kind: Any) -> _Plain:  # noqa: PLR0911 # a case a type
    """What makes a value, read as `_stored` has it, one that JSON can have."""
    from pyarrow import types

    if types.is_dictionary(kind):
        return _maker(kind.value_type)
    if _is_string(kind):
        return lambda value: value.decode("utf-8")
    if types.is_date(kind):
        per_day = 1 if types.is_date32(kind) else _DAY * 1000
        return lambda value: _date(value // per_day)
    if types.is_time(kind):
        return lambda value: _time(value, _PER_SECOND[kind.unit])
    if types.is_timestamp(kind):
        return _timestamp(_PER_SECOND[kind.unit], kind.tz)
    if types.is_duration(kind):
        return lambda value: _duration(value, _PER_SECOND[kind.unit])
    if types.is_struct(kind):
        fields = {field.name: _maker(field.type) for field in kind}
        return lambda value: {key: _or_null(fields[key], each) for key, each in value.items()}
    if types.is_map(kind):
        of_key, of_item = _maker(kind.key_type), _maker(kind.item_type)
        return lambda value: [[_or_null(of_key, key), _or_null(of_item, item)] for key, item in value]
    if _is_list(kind):
        of_value = _maker(kind.value_type)
        return lambda value: [_or_null(of_value, each) for each in value]
    return plain


def _or_null(to_plain: _Plain, value: Any) -> Any:
    return None if value is None else to_plain(value)


def plain(value: Any) -> Any:  # noqa: PLR0911 # a case a type
    """A value that Python can hold as JSON can have it.

    >>> plain({"day": date(2024, 5, 3), "share": float("nan"), "raw": b"Goma"})
    {'day': '2024-05-03', 'share': None, 'raw': 'Goma'}
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return _Hexadecimal(value.hex())
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if hasattr(value, "nanoseconds") and hasattr(value, "months"):
        return f"P{value.months}M{value.days}D" + _seconds(value.nanoseconds, 10**9, "T")
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _uuid(value: bytes) -> str:
    return str(UUID(bytes=value))


def _date(days: int) -> str:
    try:
        return (date(1970, 1, 1) + timedelta(days)).isoformat()
    except OverflowError:
        return _far_date(days)


def _far_date(days: int) -> str:
    """A day outside of the years that Python has, 1 to 9999.

    >>> _far_date(-719_528), _far_date(2_932_897)
    ('0000-01-01', '10000-01-01')
    """
    cycles, day = divmod(days + 719_528, 146_097)  # since 0000-01-01, in the 400 years after which days repeat
    near = date(2000, 1, 1) + timedelta(day)
    year = near.year - 2000 + 400 * cycles
    return f"{'-' if year < 0 else ''}{abs(year):04}-{near.month:02}-{near.day:02}"


def _time(value: int, per_second: int) -> str:
    seconds, part = divmod(value, per_second)
    minutes, second = divmod(seconds, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{second:02}{_fraction(part, per_second)}"


def _fraction(part: int, per_second: int) -> str:
    """As Python writes it: nothing, six digits, or nine.

    >>> _fraction(0, 1000), _fraction(5, 1000), _fraction(1, 10**9)
    ('', '.005000', '.000000001')
    """
    nanoseconds = part * (10**9 // per_second)
    if not nanoseconds:
        return ""
    return f".{nanoseconds:09}" if nanoseconds % 1000 else f".{nanoseconds // 1000:06}"


def _timestamp(per_second: int, zone: str | None) -> _Plain:
    """What writes times of a zone: those of Python's years in their zone, all others in UTC."""
    known = _zone(zone) if zone else None

    def write(value: int) -> str:
        seconds, part = divmod(value, per_second)
        offset = "+00:00" if zone else ""
        days, second = divmod(seconds, _DAY)
        day = _date(days)
        clock = _time(second, 1)
        if known:
            try:
                local = (_EPOCH + timedelta(days, second)).astimezone(known).isoformat()
            except (OverflowError, ValueError):
                pass
            else:
                day, clock, offset = local[:10], local[11:19], local[19:]
        return f"{day}T{clock}{_fraction(part, per_second)}{offset}"

    return write


def _zone(name: str) -> Any:
    """A zone by its name or offset; None if nobody knows it."""
    try:
        if name[0] in "+-":
            return datetime.strptime(name, "%z").tzinfo
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return None


def _duration(value: int, per_second: int) -> str:
    sign, value = ("-" if value < 0 else ""), abs(value)
    days, rest = divmod(value, _DAY * per_second)
    day = f"{days}D" if days else ""
    return f"{sign}P{day}{_seconds(rest, per_second, 'T', always=not days)}"


def _seconds(value: int, per_second: int, before: str, *, always: bool = False) -> str:
    """The part of an ISO 8601 duration that is shorter than a day; "" for none."""
    if not value:
        return f"{before}0S" if always else ""
    sign, value = ("-" if value < 0 else ""), abs(value)
    seconds, part = divmod(value, per_second)
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    digits = f"{seconds}{_fraction(part, per_second)}"
    parts = ((hours, f"{hours}H"), (minutes, f"{minutes}M"), (seconds or part, f"{digits}S"))
    return before + "".join(f"{sign}{text}" for there, text in parts if there)

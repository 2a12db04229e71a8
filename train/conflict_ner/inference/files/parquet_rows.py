"""Reads the rows of Parquet files in small batches and converts every value to one that JSON can hold.

Values that Python's own types cannot hold (a year 10000, a nanosecond, an unknown time zone, a string that is not
UTF-8) are read as numbers and bytes and formatted here, so that such a value does not lose the rows around it.

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

_BATCH_ROWS = 256  # in memory at a time: few, as a report may be long
_BUFFER = 1 << 20  # bytes of each column that are read at a time
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_PER_DAY = 86_400
_Converter = Callable[[Any], Any]  # from a value as `_storage_type` stores it to one that JSON can hold


def parquet_rows(
    stream: IO[bytes], name: str, columns: Columns, complain: Complain, report_share: Callable[[float], None]
) -> Iterator[Row]:
    """Yield the rows of a Parquet file; a row with a string that is not UTF-8 is reported as a problem instead.

    Times become ISO 8601 (in UTC if their time zone is unknown), decimals their digits, bytes text (hexadecimal if
    they are not UTF-8), and numbers that are not finite null.

    Args:
        complain: called with each problem.
        report_share: called after each batch with the share of the file that has been read, from 0 to 1.

    Raises:
        OSError: if the file is damaged; pyarrow's own errors are OSError or ValueError.
    """
    import pyarrow.parquet as pq

    # Read page by page and not ahead, as a row group can be as large as the file. INT96, an old type of time, would
    # silently overflow in nanoseconds from 2262 on.
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
    for batch in file.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
        values_by_column = [list(plain_values(column)) for column in batch.columns]
        for values in zip(*values_by_column, strict=True):
            number += 1
            row = dict(zip(names, values, strict=True))
            undecodable = next((key for key, value in row.items() if isinstance(value, _Undecodable)), None)
            if undecodable is not None:
                column = "" if undecodable == columns.text else f" in the column {excerpt(undecodable)}"
                complain(Problem(f"{name}:{number}", f"not UTF-8{column}", "write the column as strings"))
                continue
            if isinstance(row[columns.text], _Hexadecimal):
                complain(Problem(f"{name}:{number}", "not UTF-8", "write the column as strings"))
                continue
            yield f"{name}:{number}", row
        report_share(number / max(file.metadata.num_rows, 1))


def _text_problem(schema: Any, columns: Columns, name: str) -> Problem | None:
    import pyarrow as pa

    column_type = schema.field(schema.names.index(columns.text)).type
    is_dictionary = pa.types.is_dictionary(column_type)
    value_type = column_type.value_type if is_dictionary else getattr(column_type, "storage_type", column_type)
    if _is_text(value_type) or pa.types.is_null(value_type):
        return None
    what = f"the column {excerpt(columns.text)} holds {str(column_type)[:100]} and no text"
    return Problem(name, what, "name another with --column")


class _Undecodable:
    """Stands for a string that is not UTF-8, or for a value that contains one."""


class _Hexadecimal(str):
    """Bytes that are not UTF-8, in hexadecimal digits."""

    __slots__ = ()


def plain_values(column: pa.Array) -> Iterator[Any]:
    """Yield the values of a column as JSON can hold them; `_Undecodable` for a string that is not UTF-8."""
    import pyarrow as pa

    data_type = column.type
    if isinstance(data_type, pa.BaseExtensionType):
        convert = _uuid if "uuid" in str(data_type) else _converter(data_type.storage_type)
        column, data_type = column.storage, data_type.storage_type
    else:
        convert = _converter(data_type)
    for value in column.cast(_storage_type(data_type)).to_pylist():
        try:
            yield _or_null(convert, value)
        except UnicodeDecodeError:
            yield _Undecodable()


def _is_text(data_type: Any) -> bool:
    from pyarrow import types

    return _is_string(data_type) or any(
        test(data_type)
        for test in (types.is_binary, types.is_large_binary, types.is_fixed_size_binary, types.is_binary_view)
    )


def _is_string(data_type: Any) -> bool:
    from pyarrow import types

    return bool(types.is_string(data_type) or types.is_large_string(data_type) or types.is_string_view(data_type))


def _is_list(data_type: Any) -> bool:
    from pyarrow import types

    return bool(types.is_list(data_type) or types.is_large_list(data_type) or types.is_fixed_size_list(data_type))


def _storage_type(data_type: Any) -> Any:  # noqa: PLR0911 # a case per type
    """Return the type that every value of a type can be read as: integers for times, bytes for strings."""
    import pyarrow as pa
    from pyarrow import types

    if types.is_dictionary(data_type):
        return _storage_type(data_type.value_type)
    if _is_string(data_type):
        return pa.large_binary() if types.is_large_string(data_type) else pa.binary()
    if types.is_date32(data_type) or types.is_time32(data_type):
        return pa.int32()
    if (
        types.is_date64(data_type)
        or types.is_time64(data_type)
        or types.is_timestamp(data_type)
        or types.is_duration(data_type)
    ):
        return pa.int64()
    if types.is_struct(data_type):
        return pa.struct([pa.field(field.name, _storage_type(field.type), field.nullable) for field in data_type])
    if types.is_map(data_type):
        return pa.map_(_storage_type(data_type.key_type), _storage_type(data_type.item_type))
    if types.is_fixed_size_list(data_type):
        return pa.list_(_storage_type(data_type.value_type), data_type.list_size)
    if _is_list(data_type):
        return (pa.large_list if types.is_large_list(data_type) else pa.list_)(_storage_type(data_type.value_type))
    return data_type


def _converter(data_type: Any) -> _Converter:  # noqa: PLR0911 # a case per type
    """Return the function that converts a value of a type, read as its `_storage_type`, to one that JSON can hold."""
    from pyarrow import types

    if types.is_dictionary(data_type):
        return _converter(data_type.value_type)
    if _is_string(data_type):
        return lambda value: value.decode("utf-8")
    if types.is_date(data_type):
        per_day = 1 if types.is_date32(data_type) else _SECONDS_PER_DAY * 1000
        return lambda value: _date(value // per_day)
    if types.is_time(data_type):
        return lambda value: _time(value, _PER_SECOND[data_type.unit])
    if types.is_timestamp(data_type):
        return _timestamp(_PER_SECOND[data_type.unit], data_type.tz)
    if types.is_duration(data_type):
        return lambda value: _duration(value, _PER_SECOND[data_type.unit])
    if types.is_struct(data_type):
        fields = {field.name: _converter(field.type) for field in data_type}
        return lambda value: {key: _or_null(fields[key], field) for key, field in value.items()}
    if types.is_map(data_type):
        convert_key, convert_item = _converter(data_type.key_type), _converter(data_type.item_type)
        return lambda value: [[_or_null(convert_key, key), _or_null(convert_item, item)] for key, item in value]
    if _is_list(data_type):
        convert_item = _converter(data_type.value_type)
        return lambda value: [_or_null(convert_item, item) for item in value]
    return plain


def _or_null(convert: _Converter, value: Any) -> Any:
    return None if value is None else convert(value)


def plain(value: Any) -> Any:  # noqa: PLR0911 # a case per type
    """Convert a value of Python to one that JSON can hold.

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
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "nanoseconds") and hasattr(value, "months"):
        return f"P{value.months}M{value.days}D" + _seconds(value.nanoseconds, 10**9, "T")
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, timedelta):
        return _duration(value // timedelta(microseconds=1), 1_000_000)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _uuid(value: bytes) -> str:
    return str(UUID(bytes=value))


def _date(days: int) -> str:
    try:
        return (date(1970, 1, 1) + timedelta(days)).isoformat()
    except OverflowError:
        return _far_date(days)


def _far_date(days: int) -> str:
    """Format a day outside the years of Python's dates, 1 to 9999, in ISO 8601.

    Args:
        days: since 1970-01-01.

    >>> _far_date(-719_528), _far_date(2_932_897)
    ('0000-01-01', '10000-01-01')
    """
    cycles, day = divmod(days + 719_528, 146_097)  # since 0000-01-01, in cycles of 400 years
    equivalent = date(2000, 1, 1) + timedelta(day)
    year = equivalent.year - 2000 + 400 * cycles
    return f"{'-' if year < 0 else ''}{abs(year):04}-{equivalent.month:02}-{equivalent.day:02}"


def _time(value: int, per_second: int) -> str:
    seconds, part = divmod(value, per_second)
    minutes, second = divmod(seconds, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{second:02}{_fraction(part, per_second)}"


def _fraction(part: int, per_second: int) -> str:
    """Format a fraction of a second as Python does: nothing, six digits, or nine.

    >>> _fraction(0, 1000), _fraction(5, 1000), _fraction(1, 10**9)
    ('', '.005000', '.000000001')
    """
    nanoseconds = part * (10**9 // per_second)
    if not nanoseconds:
        return ""
    return f".{nanoseconds:09}" if nanoseconds % 1000 else f".{nanoseconds // 1000:06}"


def _timestamp(per_second: int, zone: str | None) -> _Converter:
    """Return the function that formats times of a zone: in the zone for years 1 to 9999, all others in UTC."""
    timezone = _find_zone(zone) if zone else None

    def write(value: int) -> str:
        seconds, part = divmod(value, per_second)
        offset = "+00:00" if zone else ""
        days, second = divmod(seconds, _SECONDS_PER_DAY)
        day = _date(days)
        clock = _time(second, 1)
        if timezone:
            try:
                local = (_EPOCH + timedelta(days, second)).astimezone(timezone).isoformat()
            except (OverflowError, ValueError):
                pass
            else:
                day, clock, offset = local[:10], local[11:19], local[19:]
        return f"{day}T{clock}{_fraction(part, per_second)}{offset}"

    return write


def _find_zone(name: str) -> Any:
    """Return a time zone by its name or offset; None if it is unknown."""
    try:
        if name[0] in "+-":
            return datetime.strptime(name, "%z").tzinfo
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return None


def _duration(value: int, per_second: int) -> str:
    sign, value = ("-" if value < 0 else ""), abs(value)
    days, rest = divmod(value, _SECONDS_PER_DAY * per_second)
    day = f"{days}D" if days else ""
    return f"{sign}P{day}{_seconds(rest, per_second, 'T', always=not days)}"


def _seconds(value: int, per_second: int, prefix: str, *, always: bool = False) -> str:
    """Format the part of an ISO 8601 duration below a day; a duration of 0 is "", or with `always` `0S`."""
    if not value:
        return f"{prefix}0S" if always else ""
    sign, value = ("-" if value < 0 else ""), abs(value)
    seconds, part = divmod(value, per_second)
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    digits = f"{seconds}{_fraction(part, per_second)}"
    parts = ((hours, f"{hours}H"), (minutes, f"{minutes}M"), (seconds or part, f"{digits}S"))
    return prefix + "".join(f"{sign}{text}" for number, text in parts if number)

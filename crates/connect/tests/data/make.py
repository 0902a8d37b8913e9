"""Writes the files beside it: workbooks by openpyxl, Parquet by pyarrow. Run with both installed:

    python3 -m venv /tmp/made && /tmp/made/bin/pip install openpyxl pyarrow && /tmp/made/bin/python make.py

They are kept, so that the tests need neither.
"""

import datetime as d
import decimal
import pathlib
import uuid
import zipfile

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
from openpyxl.utils.datetime import CALENDAR_MAC_1904

HERE = pathlib.Path(__file__).parent


def workbook():
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "People"
    sheet.append(["id", "phone", "born", "seen", "at", "lasts", "paid", "vip", "note"])
    sheet.append(["007", "+351936845354", d.date(1990, 2, 28), d.datetime(2025, 1, 31, 13, 5, 7), d.time(8, 30),
                  d.timedelta(hours=36, minutes=5), 12.5, True, "é 日本 <&> \"q\""])
    sheet.append([42, None, None, d.datetime(2025, 1, 31), None, None, 100, False, ""])
    sheet.append(["8", None, None, None, None, None, "=1/0", None, None])
    sheet["G4"].data_type = "e"
    sheet["G4"].value = "#DIV/0!"
    sheet.append(["9", None, None, None, None, None, "=G2+G3", None, None])
    sheet.append(["10", None, None, None, None, None, None, None, None, "beyond"])
    sheet.append([])
    sheet.append(["11", None, None, None, None, None, 0.1, None, "last"])
    for column, code in [("C", "yyyy-mm-dd"), ("D", "yyyy-mm-dd hh:mm:ss"), ("E", "h:mm"), ("F", "[h]:mm:ss")]:
        for row in range(2, 400):
            sheet[f"{column}{row}"].number_format = code
    report = book.create_sheet("Q1 report")
    report["A1"] = "Sales of the first quarter"
    report.merge_cells("A1:C1")
    report.append([])
    report.append(["region", "month", "sum"])
    report.append(["North", d.date(2025, 1, 1), 10])
    report.append([None, d.date(2025, 2, 1), 20])
    report.merge_cells("A4:A5")
    report["B4"].number_format = report["B5"].number_format = "mmm yyyy"
    book.create_sheet("Empty")
    book.save(HERE / "people.xlsx")

    mac = openpyxl.Workbook()
    mac.epoch = CALENDAR_MAC_1904
    mac.active.append(["day"])
    mac.active.append([d.date(2025, 10, 13)])
    mac.save(HERE / "mac.xlsx")

    # A small file that comes to 280 MB of XML. What it is compressed to is compressed again, twice (`gzip -9n`).
    with zipfile.ZipFile(HERE / "bomb.xlsx", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as bomb:
        with bomb.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            for _ in range(280):
                part.write(b" " * (1 << 20))


def moments(unit):
    start = d.datetime(2025, 1, 31, 13, 5, 7, 123_000)
    count = int(start.replace(tzinfo=d.timezone.utc).timestamp() * 1000) * {"ms": 1, "us": 1_000, "ns": 1_000_000}[unit]
    return [count + {"ms": 0, "us": 456, "ns": 456_789}[unit], None, -1]


def parquet():
    table = pa.table({
        "id": pa.array(["007", "9007199254740993", ""], pa.string()),
        "kind": pa.array(["a", None, "a"]).dictionary_encode(),
        "tiny": pa.array([-128, None, 127], pa.int8()),
        "big": pa.array([-(2**63), None, 2**63 - 1], pa.int64()),
        "huge": pa.array([0, None, 2**64 - 1], pa.uint64()),
        "medium": pa.array([0, None, 2**32 - 1], pa.uint32()),
        "price": pa.array([decimal.Decimal("-0.05"), None, decimal.Decimal("12345678901234567890123456.78")],
                          pa.decimal128(38, 2)),
        "small_price": pa.array([decimal.Decimal("1.50"), None, decimal.Decimal("-7.00")], pa.decimal128(9, 2)),
        "f32": pa.array([0.1, None, float("nan")], pa.float32()),
        "f64": pa.array([0.1, None, float("-inf")], pa.float64()),
        "yes": pa.array([True, None, False]),
        "day": pa.array([d.date(1969, 12, 31), None, d.date(2025, 2, 28)]),
        "ms": pa.array(moments("ms"), pa.timestamp("ms")),
        "us": pa.array(moments("us"), pa.timestamp("us", tz="UTC")),
        "ns": pa.array(moments("ns"), pa.timestamp("ns", tz="America/Montreal")),
        "local_ns": pa.array(moments("ns"), pa.timestamp("ns")),
        "time_ms": pa.array([45_296_000, None, 1], pa.time32("ms")),
        "time_us": pa.array([45_296_000_001, None, 1], pa.time64("us")),
        "time_ns": pa.array([45_296_000_000_001, None, 1], pa.time64("ns")),
        "raw": pa.array([b"\x00\xff", None, b""], pa.binary()),
        "uuid": pa.array([uuid.UUID(int=1).bytes, None, uuid.UUID(int=2).bytes], pa.uuid()),
        "tags": pa.array([["x", None], None, []], pa.list_(pa.string())),
        "days": pa.array([[d.date(2025, 1, 1)], None, []], pa.list_(pa.date32())),
        "address": pa.array([{"city": "Porto", "since": 1_000}, None, {"city": None, "since": None}],
                            pa.struct([("city", pa.string()), ("since", pa.timestamp("us"))])),
        "lines": pa.array([[{"n": 1, "sub": [1, 2]}], None, []],
                          pa.list_(pa.struct([("n", pa.int32()), ("sub", pa.list_(pa.int64()))]))),
        "map": pa.array([[("a", 1), ("b", None)], None, []], pa.map_(pa.string(), pa.int64())),
    })
    pq.write_table(table, HERE / "types.parquet", store_decimal_as_integer=True)
    many = pa.table({"n": pa.array(range(5_000), pa.int64()), "t": pa.array([f"t{n % 7}" for n in range(5_000)])})
    for codec in ["none", "snappy", "gzip", "zstd", "lz4", "brotli"]:
        rows = many if codec == "snappy" else many.slice(0, 3)
        pq.write_table(rows, HERE / f"{codec}.parquet", compression=codec, row_group_size=1_000, data_page_size=2_000)
    pq.write_table(many.slice(0, 3), HERE / "old.parquet", version="1.0", data_page_version="1.0")
    pq.write_table(many.slice(0, 3), HERE / "pages2.parquet", data_page_version="2.0")
    moments96 = pa.table({"at": pa.array(moments("us"), pa.timestamp("us"))})
    pq.write_table(moments96, HERE / "int96.parquet", use_deprecated_int96_timestamps=True)


workbook()
parquet()

# SPDX-License-Identifier: Apache-2.0
"""The rows of limits.md P1 and P2: their data sources, and prepared NDJSON bodies."""
import random
import uuid

NARROW = [("time", "DateTime64(3)"), ("kind", "LowCardinality(String)"), ("url", "String"), ("user", "String"), ("id", "UUID"),
          ("price", "Float64"), ("n", "UInt32")]
KINDS = [("String", 45), ("Int64", 30), ("Float64", 15), ("DateTime64(3)", 5), ("LowCardinality(String)", 5)]


def wide(columns):
    """`columns` columns, mixed as limits.md P2 says: of a hundred 45 String, 30 Int64, 15 Float64, 5 DateTime64, 5 LowCardinality."""
    out = []
    for i in range(columns):
        place, kind = i * 37 % 100, ""
        for name, share in KINDS:
            kind = kind or (name if place < share else "")
            place -= share
        out.append((f"field_{i:03}", kind))
    return out


def data_source(columns, key):
    lines = ",\n".join(f"    `{name}` {kind} `json:$.{name}`" for name, kind in columns)
    return f'SCHEMA >\n{lines}\n\nENGINE "MergeTree"\nENGINE_SORTING_KEY "{key}"\n'


def time_text(rng):
    return f"2024-05-{rng.randint(1, 28):02} {rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}.{rng.randint(0, 999):03}"


def narrow_body(rows, seed=1):
    rng = random.Random(seed)
    out = []
    for _ in range(rows):
        out.append(f'{{"time":"{time_text(rng)}","kind":"{rng.choice(("click", "view", "buy", "leave"))}","url":"/p/{rng.randint(0, 999)}",'
                   f'"user":"u{rng.randint(0, 99999)}","id":"{uuid.UUID(int=rng.getrandbits(128))}","price":{rng.uniform(0, 999):.2f},'
                   f'"n":{rng.randint(0, 99)}}}\n')
    return "".join(out)


def wide_body(columns, rows, seed=1):
    """Rows of about 23 bytes a column, names included."""
    rng = random.Random(seed)
    words = ["".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(4, 14))) for _ in range(4000)]
    out = []
    for _ in range(rows):
        cells = []
        for name, kind in columns:
            if kind == "String":
                value = f'"{rng.choice(words)}"'
            elif kind == "Int64":
                value = str(rng.randint(-10**6, 10**9))
            elif kind == "Float64":
                value = f"{rng.uniform(-1000, 1000):.4f}"
            elif kind == "LowCardinality(String)":
                value = f'"{words[rng.randint(0, 50)]}"'
            else:
                value = f'"{time_text(rng)}"'
            cells.append(f'"{name}":{value}')
        out.append("{" + ",".join(cells) + "}\n")
    return "".join(out)

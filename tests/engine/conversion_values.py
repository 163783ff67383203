# SPDX-License-Identifier: Apache-2.0
"""JSON texts to convert: for each type edges, random values that fit, and values that should not."""
import datetime
import json
import random
import string
import uuid

SMALL = ["0", "-0", "1", "-1", "1.0", "1.5", "-1.5", "1e3", "1E+2", "1e-1", "10e-1", "5e0", "0.0", "0e5", "00012", "+5", ".5", "5.", "1e", "0x10",
         "true", "false", "null", '""', '"5"', '"-5"', '"1.0"', '" 5"', '"abc"', "[]", "{}", "[1]", '{"a":1}', "NaN", "Infinity", '"nan"', '"inf"',
         "1e400", "-1e400", "1e-400", "123456789012345678901234567890", "9007199254740993"]


def integers(rng, bits, signed, count):
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    out = [str(v) for v in (low - 1, low, low + 1, high - 1, high, high + 1, 2 * high, -high, 2**53 + 1, 2**63, 2**64 - 1, 2**64, -2**63)]
    out += [f"{high}.0", f"{high}e0", f"{high + 1}.0", f'"{high}"', f'"{high + 1}"', f'"{low}"', "1e2", "12e1", "120e-1", "125e-1", "255.000"]
    for _ in range(count):
        width = rng.randint(1, bits)
        value = rng.getrandbits(width) * (-1 if signed and rng.random() < 0.5 else 1)
        kind = rng.random()
        out.append(str(value) if kind < 0.75 else f'"{value}"' if kind < 0.85 else f"{value}.{'0' * rng.randint(1, 3)}" if kind < 0.93 else f"{value}e{rng.randint(0, 2)}")
    return out


def floats(rng, count):
    out = ["1.7976931348623157e308", "1.7976931348623159e308", "4.9e-324", "2e-324", "2.2250738585072014e-308", "3.4028235e38", "3.4028236e38", "1e-45",
           "7e-46", "0.1", "-0.0", "1e22", "1e23", "9007199254740993.0", "0.30000000000000004", "16777217", "8.5070592e37", "1.17549435e-38",
           "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017977587207096330286416692887910946555547851940402630657488671505820681908902000708383676273854845817711531764475730270069855571366959622842914819860834936475292719074168444365510704342711559699508093042880",
           "0.000000000000000000000000000000000000000000000000000001", "100000000000000000000000000000000000000000", "2.0000000000000002", "5e-1"]
    for _ in range(count):
        kind = rng.random()
        if kind < 0.4:
            out.append(repr(rng.uniform(-1e6, 1e6)))
        elif kind < 0.6:
            out.append(f"{rng.uniform(-1000, 1000):.{rng.randint(0, 8)}f}")
        elif kind < 0.8:
            value = rng.random() * 10.0 ** rng.randint(-308, 308) * rng.choice((1, -1))
            out.append(repr(value))
        else:  # more digits than a double has
            out.append(f"{rng.randint(0, 10**rng.randint(1, 6))}.{rng.randint(0, 10**25):025}e{rng.randint(-30, 30)}")
    return out


def decimals(rng, precision, scale, count):
    whole = precision - scale
    out = ["0." + "9" * scale if scale else "0", "9" * whole + ("." + "9" * scale if scale else "") if whole else "0.1", "1" + "0" * whole, "-" + "9" * (whole + 1),
           "1." + "5" * (scale + 2), "-1." + "9" * (scale + 1), "0.1", "0.5", "1e2", "1.5e1", "15e-1", "1e-9", '"1.5"', '"-1.5"', '"1e2"', '" 1"', '"1_000"', '"0.' + "1" * scale + '1"', "1e77", "1e-77"]
    for _ in range(count):
        front = rng.randint(0, 10 ** rng.randint(0, max(1, whole)) - 1)
        digits = rng.randint(0, scale + 2)
        text = f"{rng.choice(('', '-'))}{front}" + (f".{rng.randint(0, 10**digits - 1):0{digits}}" if digits else "")
        out.append(text if rng.random() < 0.6 else f'"{text}"')
    return out


def strings(rng, count):
    out = ['"a"', '"\\u00e9\\u20ac\\ud83d\\ude00"', '"\\ud800"', '"\\udc00x"', '"\\u0000"', '"a\\nb\\t\\"\\\\\\/\\b\\f\\r"', '"\\x"', '"\x7f"', '"' + "é" * 50 + '"',
           '{"b": 1, "a" : [1, 2 ]}', '[ 1,"x" , null]', '{"a":1,"a":2}', "1.50", "1e5", "-0", "12345678901234567890123", '"\\u2028"', '"ab"', '"abcde"', '"日本"']
    alphabet = string.printable + "äöüß漢字😀\u0000\u001f"
    for _ in range(count):
        out.append(json.dumps("".join(rng.choice(alphabet) for _ in range(rng.randint(0, 12))), ensure_ascii=rng.random() < 0.5))
    return out


def days(rng, count):
    out = ['"1970-01-01"', '"1969-12-31"', '"2149-06-06"', '"2149-06-07"', '"1900-01-01"', '"1899-12-31"', '"2299-12-31"', '"2300-01-01"', '"2024-02-29"', '"2023-02-29"',
           '"2024-02-30"', '"2024-13-01"', '"2024-00-10"', '"2024-01-00"', '"0000-00-00"', '"2024-1-2"', '"20240102"', '"2024/01/02"', '"02/01/2024"', '"2024-01-02T03:04:05"',
           '"2024-01-02 03:04:05"', '"2024-01-02Z"', '"2024-01-02 "', '" 2024-01-02"', "19000", '"19000"', "-1", "70000", "0", '"9999-12-31"']
    for _ in range(count):
        out.append(json.dumps(str(datetime.date(1970, 1, 1) + datetime.timedelta(days=rng.randint(-25567, 120529)))))
    return out


def times(rng, count, digits_max):
    out = [f'"{text}"' for text in (
        "1970-01-01 00:00:00", "1969-12-31 23:59:59", "2106-02-07 06:28:15", "2106-02-07 06:28:16", "1900-01-01 00:00:00", "1899-12-31 23:59:59", "2299-12-31 23:59:59",
        "2300-01-01 00:00:00", "2262-04-11 23:47:16.854775807", "2262-04-11 23:47:16.854775808", "2024-03-31 02:30:00", "2024-10-27 02:30:00", "2024-10-27 01:59:59", "2024-10-27 03:00:00", "2024-03-10 02:30:00",
        "2024-11-03 01:30:00", "2024-06-30T12:34:56Z", "2024-06-30T12:34:56+02:00", "2024-06-30T12:34:56-0330", "2024-06-30 12:34", "2024-06-30T12:34Z", "2024-06-30", "2024-06-30T12:34:56.7Z",
        "2024-06-30 12:34:56.123456789", "2024-06-30 12:34:56.1234567891", "2024-06-30 12:34:56.", "2024-06-30 24:00:00", "2024-06-30 23:59:60", "2024-06-30 12:60:00", "2024-13-01 00:00:00",
        "2024-02-30 00:00:00", "0000-00-00 00:00:00", "1704413030", "1704413030123", "17044130", "2024", "Fri, 05 Jan 2024 00:03:50 GMT", "02/01/2024 03:04:05", "2024/01/02 03:04:05",
        "2024-06-30  12:34:56", "2024-06-30t12:34:56z", "2024-6-3 1:2:3", " 2024-06-30 12:34:56", "2024-06-30 12:34:56 ", "2024-06-30 12:34:56 UTC", "2024-06-30T12:34:56+25:00", "2024-06-30T12:34:56+02", "2024-06-30 12:34:56 +02:00", "now", "1969-12-31 23:59:59.5", "1960-05-05 01:02:03.25", "2024-06-30 12:34:56,5")]
    out += ["0", "1704413030", "1704413030123", "4294967295", "4294967296", "-5", "1704413030.0", "1704413030.5", "1704413030.123456789", "-1.5", "0.1", "1e9", "1.7e9", "9223372036854775807", "9223372036854775808", "-2208988800", "10413791999"]
    for _ in range(count):
        moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=rng.randint(0, 2**32 - 1) if rng.random() < 0.6 else rng.randint(-2208988800, 10413791999))
        text = moment.strftime("%Y-%m-%d" + rng.choice(" T") + "%H:%M:%S")
        text = ("%04d" % moment.year) + text[text.index("-"):]
        digits = rng.randint(0, digits_max)
        if digits:
            text += "." + "".join(rng.choice("0123456789") for _ in range(digits))
        text += rng.choice(("", "", "", "Z", "+02:00", "-05:30", "+0000"))
        out.append(f'"{text}"')
    return out


def uuids(rng, count):
    out = ['"550e8400-e29b-41d4-a716-446655440000"', '"550E8400-E29B-41D4-A716-446655440000"', '"550e8400e29b41d4a716446655440000"', '"550e8400-e29b-41d4-a716-44665544000"',
           '"550e8400-e29b-41d4-a716-4466554400000"', '"550e8400-e29b-41d4-a716_446655440000"', '"{550e8400-e29b-41d4-a716-446655440000}"', '"g50e8400-e29b-41d4-a716-446655440000"',
           '"00000000-0000-0000-0000-000000000000"', '"550e8400-e29b41d4-a716-446655440000-"']
    return out + [json.dumps(str(uuid.UUID(int=rng.getrandbits(128)))) for _ in range(count)]


def addresses(rng, count):
    out = [json.dumps(text) for text in (
        "1.2.3.4", "255.255.255.255", "0.0.0.0", "256.1.1.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.04", " 1.2.3.4", "1.2.3.4 ", "1.2.3.4/24", "::", "::1", "::ffff:1.2.3.4", "2001:db8::1",
        "2001:0DB8:0000:0000:0000:0000:0000:0001", "2001:db8::g", ":::", "1::2::3", "2001:db8:1:2:3:4:5:6:7", "fe80::1%eth0", "[::1]", "::1.2.3.4", "1:2:3:4:5:6:7::", "0x7f.1.1.1", "16909060", "1:2:3:4:5:6:1.2.3.4", "::ffff:0:1.2.3.4")]
    out += ["16909060", "0"]
    for _ in range(count):
        if rng.random() < 0.5:
            out.append(json.dumps(".".join(str(rng.randint(0, 255)) for _ in range(4))))
        else:
            groups = [f"{rng.getrandbits(16):x}" for _ in range(8)]
            if rng.random() < 0.5:
                at, length = rng.randint(0, 5), rng.randint(2, 3)
                groups[at:at + length] = [""] if 0 < at and at + length < 8 else ["", ""]
            out.append(json.dumps(":".join(groups)))
    return out


def arrays(rng, elements, count, sizes=(0, 5)):
    out = ["[]", "[ ]", "[null]", "[[]]", "[1,]", "[,1]", '"[1]"', "{}", '{"0":1}', "1", "null", '""', '"[]"']
    return out + ["[" + ",".join(rng.choice(elements) for _ in range(rng.randint(*sizes))) + "]" for _ in range(count)]


def maps(rng, keys, elements, count):
    out = ["{}", '{"a":1,"a":2}', "[]", '{"":1}', '"{}"', '[["a",1]]', "null", '{"a":null}', '{"a":}', '{"a"}', '{1:2}']
    return out + ["{" + ",".join(f"{rng.choice(keys)}:{rng.choice(elements)}" for _ in range(rng.randint(0, 4))) + "}" for _ in range(count)]


def objects(rng, count):
    out = ["{}", '{"a":1}', '{"a":{"b":[1,"x",null]}}', '{"a.b":1,"a":{"b":2}}', '{"a":1,"a":2}', "[]", "1", '"{}"', "null", '{"a":18446744073709551615}', '{"a":18446744073709551616}', '{"a":-9223372036854775809}',
           '{"a":1e400}', '{"a":1.0}', '{"a":"2024-01-02"}', '{"a":"2024-01-02T03:04:05Z"}', '{"a":null}', '{"":1}', '{"a":{}}', '{"a":[]}', '{"a":[{"b":1},{"b":"x"}]}', '{"a":true}', '{"a":"\\ud800"}', '{"a":NaN}', '{"a":[1,2.5]}', '{"a":[1,"x"]}', '{"a":{"b":1},"a":{"c":2}}']

    def value(depth):
        kind = rng.random()
        if kind < 0.25:
            return str(rng.randint(-10**9, 10**9))
        if kind < 0.4:
            return repr(round(rng.uniform(-1000, 1000), 4))
        if kind < 0.6:
            return json.dumps("".join(rng.choice(string.ascii_letters + "é ") for _ in range(rng.randint(0, 8))))
        if kind < 0.7:
            return rng.choice(("true", "false", "null"))
        if kind < 0.8:
            return "[" + ",".join(str(rng.randint(0, 9)) for _ in range(rng.randint(1, 3))) + "]"
        if depth == 0:
            return "7"
        keys = rng.sample("abcdefgh", rng.randint(1, 3))
        return "{" + ",".join(f'"{k}":{value(depth - 1)}' for k in keys) + "}"

    out += ['{"a":{"c":1}}', '{"b":{"c":{"d":1}}}', '{"b":{"c":"x"}}', '{"b":[{"c":1}]}', '{"x":[{"a":"text"}]}', '{"b":{"c":7}}', '{"b":{"c":[1, 2]}}', '{"b":{"c":null}}', '{"a":300}', '{"a":"5"}',
            '{"b.c":"x"}', '{"b":{"c":true,"d":2}}', '{"m":{"k":1,"l":2}}', '{"m":{"k":"x"}}', '{"m":[1]}']
    for _ in range(count):
        keys = rng.sample("abcdefghij", rng.randint(1, 4))
        out.append("{" + ",".join(f'"{k}":{value(2)}' for k in keys) + "}")
    return out


def cases(seed, count):
    """(type, raw expression of what is stored, JSON texts) for each type; `{v}` in the expression is the column."""
    rng = random.Random(seed)
    out = []

    def add(kind, texts, raw="{v}"):
        out.append((kind, raw, list(dict.fromkeys(SMALL + texts))))

    for bits in (8, 16, 32, 64, 128, 256):
        add(f"Int{bits}", integers(rng, bits, True, count))
        add(f"UInt{bits}", integers(rng, bits, False, count))
    for bits in (32, 64):
        add(f"Float{bits}", floats(rng, 2 * count), "hex(reinterpretAsString({v}))")
    for precision, scale in ((9, 0), (9, 4), (9, 9), (18, 2), (18, 18), (38, 5), (38, 38), (76, 10), (76, 76), (4, 2)):
        add(f"Decimal({precision}, {scale})", decimals(rng, precision, scale, count))
    add("Bool", ["0", "1", "2", "-1", "1.0", '"true"', '"false"', '"1"', '"yes"', "0.5"], "toUInt8({v})")
    add("String", strings(rng, count), "hex({v})")
    for width in (1, 5, 16):
        add(f"FixedString({width})", strings(rng, count), "hex({v})")
    for kind in ("Date", "Date32"):
        add(kind, days(rng, count), "toInt32({v})" if kind == "Date32" else "reinterpretAsUInt16({v})")
    for zone in ("", "'UTC'", "'Europe/Madrid'", "'America/New_York'", "'Asia/Kolkata'"):
        add(f"DateTime({zone})" if zone else "DateTime", times(rng, count, 0), "reinterpretAsUInt32({v})")
    for scale in range(10):
        add(f"DateTime64({scale})", times(rng, count // 2, 9), "reinterpretAsInt64({v})")
    for zone in ("Europe/Madrid", "America/New_York", "Australia/Lord_Howe"):
        add(f"DateTime64(3, '{zone}')", times(rng, count, 3), "reinterpretAsInt64({v})")
    add("UUID", uuids(rng, count))
    add("IPv4", addresses(rng, count))
    add("IPv6", addresses(rng, count))
    members = ['"a"', '"b c"', '"d\'e"', '"z"', '"A"', '" a"', "1", "2", "-3", "9", '"1"', '"2"', "1.0", "2e0"]
    add("Enum8('a' = 1, 'b c' = 2, 'd\\'e' = -3)", members, "toInt16({v})")
    add("Enum16('a' = 1, 'b c' = 2000, 'd\\'e' = -3000)", [*members, "2000", "-3000"], "toInt16({v})")
    add("LowCardinality(String)", strings(rng, count), "hex({v})")
    add("LowCardinality(Nullable(String))", strings(rng, count), "hex({v})")
    add("LowCardinality(FixedString(4))", strings(rng, count), "hex({v})")
    add("Nullable(Int32)", integers(rng, 32, True, count))
    add("Nullable(String)", strings(rng, count), "hex({v})")
    add("Nullable(DateTime64(3))", times(rng, count, 3), "toUnixTimestamp64Milli({v})")
    add("Nullable(UUID)", uuids(rng, count))
    add("Nullable(Decimal(18, 4))", decimals(rng, 18, 4, count))
    small = ["1", "-1", "0", "300", "null", '"x"', '"5"', "1.5", "true", "1.0"]
    text = ['"a"', '"é"', "1", "true", "null", '"\\n"', "[1, 2]", '{"k" : 1}']
    add("Array(Int8)", arrays(rng, small, count))
    add("Array(Nullable(Int8))", arrays(rng, small, count))
    add("Array(String)", arrays(rng, text, count))
    add("Array(LowCardinality(String))", arrays(rng, text, count))
    add("Array(Array(UInt16))", arrays(rng, ["[]", "[1]", "[1,2,65535]", "[65536]", "null", "1", "[null]"], count))
    add("Array(DateTime64(3))", arrays(rng, ['"2024-06-30 12:34:56.5"', '"2024-06-30T12:34:56Z"', "1719750896500", '"x"'], count), "arrayMap(x -> toUnixTimestamp64Milli(x), {v})")
    add("Map(String, Int64)", maps(rng, ['"a"', '"b"', '"é"', '"\\u0061"'], small, count))
    add("Map(String, Nullable(Float64))", maps(rng, ['"a"', '"b"', '"c"'], small, count))
    add("Map(UInt8, String)", maps(rng, ['"1"', '"2"', '"256"', '"x"', '"-1"', '"01"'], text, count))
    add("Map(LowCardinality(String), Array(Int8))", maps(rng, ['"a"', '"b"'], ["[]", "[1]", "[300]", "null", "1"], count))
    add("Tuple(UInt8, String)", arrays(rng, ["1", "2", '"a"', "300", "null", "true"], count, (2, 2)))
    add("Tuple(a UInt8, b String)", maps(rng, ['"a"', '"b"', '"c"'], ["1", '"x"', "null", "300"], count) + arrays(rng, ["1", '"a"'], count // 2, (2, 2)))
    add("Tuple(a Nullable(UInt8), b Array(String))", maps(rng, ['"a"', '"b"'], ["1", "[]", '["x"]', "null", "300"], count))
    add("Nested(a UInt8, b String)", arrays(rng, ['{"a":1,"b":"x"}', '{"a":2}', '{"b":"y","a":300}', '{"a":1,"b":"z","c":1}', "null", "{}", "[1,\"x\"]"], count), "(`v.a`, `v.b`)")
    add("JSON", objects(rng, count), "{v}::String")
    add("JSON(a UInt8, b.c String)", objects(rng, count), "{v}::String")
    add("JSON(m Map(String, Int8), a Nullable(UInt8))", objects(rng, count), "{v}::String")
    clock = [f'"{t}"' for t in ("12:34:56", "-01:01:01", "0:00:00", "999:59:59", "1000:00:00", "12:34", "12:60:00", "12:34:60", "12:34:56.5", "12:34:56.123456", "-0:00:01", "1:2:3")]
    clock += [f'"{rng.choice(("", "-"))}{rng.randint(0, 999)}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}"' for _ in range(count)]
    add("Time", clock, "toInt32({v})")
    add("Time64(3)", clock + [f'"{rng.randint(0, 99)}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}.{rng.randint(0, 999):03}"' for _ in range(count)], "{v}::String")
    add("BFloat16", floats(rng, count), "hex(reinterpretAsString({v}))")
    add("Point", arrays(rng, ["1", "-1.5", "0.1", "1e400", "null", '"x"'], count, (2, 2)))
    add("SimpleAggregateFunction(sum, UInt64)", integers(rng, 64, False, count // 2))
    add("SimpleAggregateFunction(max, DateTime64(3))", times(rng, count // 2, 3), "reinterpretAsInt64({v})")
    return out

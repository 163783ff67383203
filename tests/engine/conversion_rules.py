# SPDX-License-Identifier: Apache-2.0
"""Where our conversion of JSON values differs from the engine's JSONEachRow, and why: what docs/conversion.md lists.

A rule says for which types and texts it holds and what each side does; `check` compares the stored values where both are known.
test_conversion.py refuses every difference without a rule, rules that never apply, and examples that are not as written here."""
import datetime
import decimal
import json
import re
import zoneinfo
from dataclasses import dataclass, field
from typing import Callable

REFUSED = "refused"
ANY = object()  # an element of a composed value: what became of it alone is not known

NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def bare(kind):
    """The type without the wrappers that change no value."""
    for wrapper in (r"Nullable\((.*)\)", r"LowCardinality\((.*)\)", r"SimpleAggregateFunction\(\w+, (.*)\)"):
        found = re.fullmatch(wrapper, kind)
        if found:
            return bare(found[1])
    return kind


def nullable(kind):
    return bool(re.match(r"(LowCardinality\()?Nullable\(", kind))


def is_json(text):
    def refuse(_):
        raise ValueError
    try:
        json.loads(text, parse_constant=refuse)
        return True
    except ValueError:
        return False


def number(text):
    return decimal.Decimal(text) if NUMBER.fullmatch(text) else None


def string(text):
    return json.loads(text) if text.startswith('"') and is_json(text) else None


def bits(kind):
    """(signed, bits) of an integer type."""
    found = re.fullmatch(r"(U?)Int([0-9]+)", bare(kind))
    return (found[1] == "", int(found[2])) if found else None


def limits(kind):
    signed, width = bits(kind)
    return (-(1 << width - 1), (1 << width - 1) - 1) if signed else (0, (1 << width) - 1)


def whole(text):
    value = number(text)
    with decimal.localcontext(prec=2000):
        return int(value) if value is not None and abs(value) < decimal.Decimal(10) ** 400 and value == value.to_integral_value() else None


def wraps(kind, text, engine):
    signed, width = bits(kind)
    value = int(string(text) if text.startswith('"') else text) % (1 << width)
    return engine == str(value - (1 << width) if signed and value >= 1 << width - 1 else value)


def matches(pattern):
    compiled = re.compile(pattern)
    return lambda kind: bool(compiled.fullmatch(bare(kind)))


integer = matches(r"U?Int[0-9]+")
real = matches(r"Float(32|64)|BFloat16")
fixed = matches(r"Decimal\(.*")
date = matches(r"Date(32)?")
moment = matches(r"DateTime(64)?(\(.*\))?")
ticks = matches(r"DateTime64\(.*")
seconds = matches(r"DateTime(\('.*'\))?")
enum = matches(r"Enum(8|16)\(.*")
address = matches(r"IPv[46]")
document = matches(r"JSON(\(.*\))?")
composed = matches(r"(Array|Map|Tuple|Nested)\(.*|Point")
mapping = matches(r"Map\(.*")
text_kind = matches(r"String")
fixed_text = matches(r"FixedString\(.*")


clock = matches(r"Time(64\(.*\))?")
CLOCK = re.compile(r"-?[0-9]{1,3}:[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?")


def written_clock(text):
    value = string(text)
    return value is not None and bool(CLOCK.fullmatch(value))


def anything(kind):
    return True


def wide(kind):
    return integer(kind) and bits(kind)[1] >= 128


# Texts of dates and times as spec/connectors.md 2.6 has them.
DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
TIME = re.compile(DATE.pattern + r"([ T]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?(Z|z|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])?)?")


def is_day(found):
    try:
        datetime.date(int(found[1]), int(found[2]), int(found[3]))
        return True
    except ValueError:
        return False


def written_date(text):
    value = string(text)
    found = DATE.fullmatch(value) if value is not None else None
    return bool(found) and is_day(found)


def written_time(text):
    value = string(text)
    found = TIME.fullmatch(value) if value is not None else None
    return bool(found) and is_day(found)


def zone(kind):
    found = re.search(r"'(.*)'", kind)
    return zoneinfo.ZoneInfo(found[1] if found else "UTC")


def instant(kind, text):
    """Seconds since 1970 of a written time, without its fraction, and whether the local time exists."""
    value = string(text)
    found = TIME.fullmatch(value)
    clock = (found[4] or " 00:00")[1:]
    offset = found[8] or ""
    clock = clock[:len(clock) - len(offset)] if offset else clock
    parts = [int(p) for p in clock.split(".")[0].split(":")] + [0]
    local = datetime.datetime(int(found[1]), int(found[2]), int(found[3]), parts[0], parts[1], parts[2] if len(parts) > 3 else (parts[2] if clock.count(":") == 2 else 0))
    if offset:
        sign = -1 if offset[0] == "-" else 1
        minutes = 0 if offset in "Zz" else sign * (int(offset[1:3]) * 60 + int(offset[-2:]))
        return int((local - datetime.datetime(1970, 1, 1)).total_seconds()) - minutes * 60, True
    there = local.replace(tzinfo=zone(kind))
    utc = there.astimezone(datetime.timezone.utc)
    return int(utc.timestamp()), utc.astimezone(zone(kind)).replace(tzinfo=None) == local


def outside(kind, text):
    if not written_time(text):
        return False
    second, _ = instant(kind, text)
    if seconds(kind):
        return not 0 <= second < 2**32
    scale = int(re.search(r"DateTime64\(([0-9])", kind)[1])
    return not -2208988800 <= second <= 10413791999 or not -2**63 < second * 10**scale < 2**63 - 10**scale


def number_outside(kind, text):
    value = number(text)
    if value is None or not moment(kind):
        return False
    if seconds(kind):
        return not 0 <= value < 2**32
    scale = int(re.search(r"DateTime64\(([0-9])", kind)[1])
    with decimal.localcontext(prec=100):
        at = value if "." in text else value / 10**scale
        return not -2208988800 <= at < 10413792000 or abs(at * 10**scale) >= 2**63


def compact(text):
    """JSON text without the blanks between its tokens."""
    return "".join(m[0] for m in re.finditer(r'"(?:[^"\\]|\\.)*"|[^ \t\r\n"]+', text))


def hexed(text):
    return text.encode().hex().upper()


def with_padding(kind, text):
    width = int(re.search(r"FixedString\(([0-9]+)\)", kind)[1])
    return hexed(text).ljust(2 * width, "0")


def bad_at_typed_path(kind, text):
    """Is there something else than an integer in range at a path of an integer type?"""
    for part in split(re.fullmatch(r"JSON\((.*)\)", kind)[1]):
        path, typed = part.split(" ", 1)
        value = json.loads(text)
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None and integer(typed) and not (isinstance(value, int) and limits(typed)[0] <= value <= limits(typed)[1]):
            return True
    return False


def has_twice(text):
    """A key twice in one object of the value."""
    found = []

    def pairs(items):
        found.append(len(items) != len({key for key, _ in items}))
        return dict(items)

    json.loads(text, object_pairs_hook=pairs)
    return any(found)


@dataclass
class Rule:
    name: str
    types: Callable  # kind → does it concern this type?
    texts: Callable  # (kind, text) → and this value?
    here: str        # "refused", "stored"
    engine: str
    what: str        # for the table: the values
    here_does: str
    engine_does: str
    why: str
    examples: list = field(default_factory=list)  # (type, text, here, engine)
    check: Callable = None  # (kind, text, here, engine) → are the stored values as the rule says?

    def holds(self, kind, text, here, engine):
        for wanted, got in ((self.here, here), (self.engine, engine)):
            if got is not ANY and (got == REFUSED) != (wanted == REFUSED):
                return False
        if not self.types(kind) or not self.texts(kind, text):
            return False
        return self.check is None or here is ANY or engine is ANY or self.check(kind, text, here, engine)


RULES = [
    Rule("not JSON", anything, lambda k, t: not is_json(t), REFUSED, "stored",
         "text that is not JSON: `00012`, `+5`, `.5`, `5.`, `NaN`, `[1,]`, `\"\\x\"`", "the line is malformed", "reads it in its own way",
         "JSON is what RFC 8259 says; a sender that writes something else has a fault that should be seen",
         [("Int32", "00012", REFUSED, "12"), ("Float64", "NaN", REFUSED, "000000000000F87F"), ("Array(Int8)", "[1,]", REFUSED, "[1]")]),
    Rule("null", lambda k: not nullable(k) and not document(k), lambda k, t: t == "null", REFUSED, "stored",
         "`null` into a column that is neither Nullable nor has a DEFAULT", "quarantine", "the type's zero", "a missing value is not zero",
         [("Int32", "null", REFUSED, "0"), ("String", "null", REFUSED, ""), ("Array(Int8)", "null", REFUSED, "[]")]),
    Rule("integer out of range", integer, lambda k, t: whole(t) is not None and re.fullmatch(r"-?[0-9]+", t) and not limits(k)[0] <= whole(t) <= limits(k)[1],
         REFUSED, "stored", "an integer that the type cannot hold", "quarantine", "wraps around", "never silently another number",
         [("Int8", "300", REFUSED, "44"), ("Int64", "9223372036854775808", REFUSED, "-9223372036854775808"), ("UInt64", "18446744073709551616", REFUSED, "0")],
         lambda k, t, h, e: wraps(k, t, e)),
    Rule("whole number written otherwise", integer, lambda k, t: re.search("[.eE]", t) and whole(t) is not None and limits(k)[0] <= whole(t) <= limits(k)[1], "stored", REFUSED,
         "a whole number with fraction or exponent: `1.0`, `1e3`", "stored", "refuses the row", "JSON has one kind of number; libraries write 1.0 for 1",
         [("Int32", "1.0", "1", REFUSED), ("UInt16", "1e3", "1000", REFUSED)], lambda k, t, h, e: h == str(whole(t))),
    Rule("minus zero", lambda k: integer(k) and not bits(k)[0], lambda k, t: t == "-0", "stored", REFUSED, "`-0` into an unsigned type", "0", "refuses the row", "it is zero",
         [("UInt8", "-0", "0", REFUSED)]),
    Rule("boolean as number", lambda k: integer(k) and bits(k) != (False, 8) or real(k), lambda k, t: t in ("true", "false"), REFUSED, "stored",
         "`true`, `false` into a number (but UInt8)", "quarantine", "1, 0", "another type; UInt8 is taken because older schemas keep booleans in it",
         [("Int32", "true", REFUSED, "1"), ("Float32", "true", REFUSED, "0000803F")]),
    Rule("number as text", lambda k: integer(k) and not wide(k) or real(k), lambda k, t: string(t) is not None, REFUSED, "stored",
         "a JSON string into an integer of up to 64 bits or a float: `\"5\"`, `\"\"`, `\"nan\"`", "quarantine", "reads the digits; `\"\"` is 0",
         "another type; 128 and 256 bits take strings because JavaScript has no other way to send them",
         [("Int32", '"5"', REFUSED, "5"), ("UInt8", '""', REFUSED, "0"), ("Float64", '"nan"', REFUSED, "000000000000F87F")]),
    Rule("empty text as number", lambda k: wide(k) or fixed(k), lambda k, t: t == '""', REFUSED, "stored", "`\"\"` into a wide integer or Decimal", "quarantine", "0", "no text is no number",
         [("Int256", '""', REFUSED, "0"), ("Decimal(9, 4)", '""', REFUSED, "0")]),
    Rule("wide integer as text, out of range", wide, lambda k, t: string(t) is not None and re.fullmatch(r"-?[0-9]+", string(t)) and not limits(k)[0] <= int(string(t)) <= limits(k)[1],
         REFUSED, "stored", "the same as text", "quarantine", "wraps around", "never silently another number",
         [("Int128", '"170141183460469231731687303715884105728"', REFUSED, "-170141183460469231731687303715884105728")], lambda k, t, h, e: wraps(k, t, e)),
    Rule("wide integer as text, written otherwise", wide, lambda k, t: string(t) is not None and whole(string(t)) is not None and (re.search("[.eE]", t) or string(t) == "-0"), "stored", REFUSED,
         "a whole number with fraction or exponent, as text", "stored", "refuses the row", "as for numbers", [("Int256", '"1.0"', "1", REFUSED)],
         lambda k, t, h, e: h == str(whole(string(t)))),
    Rule("float overflow", real, lambda k, t: number(t) is not None, REFUSED, "stored", "a number beyond the type's range: `1e400`", "quarantine", "infinity", "never silently another number",
         [("Float64", "1e400", REFUSED, "000000000000F07F"), ("Float32", "1e39", REFUSED, "0000807F")], lambda k, t, h, e: e in ("0000807F", "000080FF", "000000000000F07F", "000000000000F0FF", "807F", "80FF")),
    Rule("zero with an exponent", fixed, lambda k, t: number(t) is not None and number(t) == 0, "stored", REFUSED, "`0e5` into a Decimal with few digits before the point", "0", "refuses the row", "it is zero",
         [("Decimal(4, 2)", "0e5", "0", REFUSED)]),
    Rule("Bool written otherwise", lambda k: bare(k) == "Bool", lambda k, t: whole(t) in (0, 1), "stored", REFUSED, "0 and 1 written as `1.0`, `-0`", "stored", "refuses the row", "as for integers",
         [("Bool", "1.0", "1", REFUSED)], lambda k, t, h, e: h == str(whole(t))),
    Rule("blanks in JSON text", text_kind, lambda k, t: is_json(t) and t[:1] in "[{", "stored", "stored", "an object or array into String", "compact JSON text", "the bytes as sent, blanks included",
         "the same value gives the same text", [("String", '{"b": 1}', hexed('{"b":1}'), hexed('{"b": 1}'))], lambda k, t, h, e: h == hexed(compact(t)) and e == hexed(t)),
    Rule("lone surrogate", lambda k: text_kind(k) or fixed_text(k), lambda k, t: is_json(t) and re.search("[\ud800-\udfff]", str(json.loads(t))), REFUSED, "stored",
         "a lone surrogate, `\"\\udc00\"`", "quarantine", "stores bytes that are not UTF-8", "text is UTF-8", [("String", '"\\udc00x"', REFUSED, "EDB08078")]),
    Rule("no text into FixedString", fixed_text, lambda k, t: is_json(t) and string(t) is None, "stored", REFUSED, "numbers, booleans, objects and arrays into FixedString", "their text", "refuses the row",
         "as for String", [("FixedString(5)", "1.0", with_padding("FixedString(5)", "1.0"), REFUSED)], lambda k, t, h, e: h == with_padding(k, compact(t))),
    Rule("number as date", date, lambda k, t: number(t) is not None or t in ("true", "false"), REFUSED, "stored", "a number into Date or Date32", "quarantine", "days since 1970", "seldom what is meant",
         [("Date", "19000", REFUSED, "19000")]),
    Rule("date out of range", date, lambda k, t: written_date(t), REFUSED, "stored", "a date outside 1970-2149 (Date) or 1900-2299 (Date32)", "quarantine", "the nearest date that fits", "never silently another date",
         [("Date", '"1969-12-31"', REFUSED, "0"), ("Date", '"2150-01-01"', REFUSED, "65535")]),
    Rule("date written otherwise", date, lambda k, t: string(t) is not None and not written_date(t), REFUSED, "stored",
         "a text that is not `YYYY-MM-DD`, or a day that does not exist", "quarantine", "reads it in its own way: 2023-02-29 is the 1st of March, 2024-13-01 is 1970-01-01", "never silently another date",
         [("Date", '"2023-02-29"', REFUSED, "19417"), ("Date", '"2024-13-01"', REFUSED, "0"), ("Date", '"2024/01/02"', REFUSED, "19724")]),
    Rule("time as number, written otherwise", moment, lambda k, t: number(t) is not None and re.search("[.eE]", t), "stored", REFUSED,
         "a number with fraction or exponent into DateTime, DateTime64", "a fraction means seconds, an exponent changes nothing", "refuses the row", "epoch seconds with a fraction are common",
         [("DateTime", "1704413030.0", "1704413030", REFUSED), ("DateTime64(3)", "1704413030.5", "1704413030500", REFUSED), ("DateTime64(3)", "1e3", "1000", REFUSED)]),
    Rule("time as number, out of range", moment, number_outside, REFUSED, "stored", "a number outside 1970-2106 (DateTime) or 1900-2299 (DateTime64)", "quarantine",
         "DateTime: the nearest that fits; DateTime64: stored, printed clamped", "never silently another time",
         [("DateTime", "-5", REFUSED, "0"), ("DateTime", "1704413030123", REFUSED, "4294967295"), ("DateTime64(3)", "9007199254740993", REFUSED, "9007199254740993")]),
    Rule("time out of range", moment, outside, REFUSED, "stored", "a time outside 1970-2106 (DateTime) or 1900-2299 UTC (DateTime64; less with 9 digits)", "quarantine",
         "DateTime: the nearest that fits; DateTime64: stored, printed clamped", "never silently another time",
         [("DateTime", '"2200-01-01 00:00:00"', REFUSED, "4294967295"), ("DateTime64(3)", '"1899-12-31 23:59:59"', REFUSED, "-2208988801000")]),
    Rule("time written otherwise", moment, lambda k, t: string(t) is not None and not written_time(t), REFUSED, "stored",
         "a text beside `YYYY-MM-DD[ T]HH:MM[:SS[.f]][Z or offset]` and `YYYY-MM-DD`: digits, slashes, RFC 1123, 24:00:00, :60, blanks around", "quarantine",
         "guesses (best_effort): day before month, a bare \"5\" is the 5th of January of this year", "a guess may be another time; 24:00 and :60 are other times",
         [("DateTime", '"1704413030"', REFUSED, "1704413030"), ("DateTime", '"02/01/2024 03:04:05"', REFUSED, "1704164645"), ("DateTime", '"2024-06-30 24:00:00"', REFUSED, "1719792000")]),
    Rule("skipped local time", moment, lambda k, t: written_time(t) and not instant(k, t)[1], "stored", "stored", "a local time that a change to summer time skips", "read with the offset before the change: an hour later",
         "read with the offset after it: an hour earlier", "what JavaScript, Java and RFC 5545 do",
         [("DateTime('Europe/Madrid')", '"2024-03-31 02:30:00"', "1711848600", "1711845000")], lambda k, t, h, e: int(h) > int(e)),
    Rule("number as time of day", clock, lambda k, t: number(t) is not None, REFUSED, "stored", "a number into Time or Time64", "quarantine", "seconds, or ticks; wraps around", "seldom what is meant",
         [("Time", "1", REFUSED, "1")]),
    Rule("time of day written otherwise", clock, lambda k, t: string(t) is not None and not written_clock(t), REFUSED, "stored", "a text that is not `H:MM:SS[.f]`", "quarantine", "guesses: \"12:34\" is 12 minutes, :60 the next minute",
         "a guess may be another time", [("Time", '"12:34"', REFUSED, "754"), ("Time", '"12:34:60"', REFUSED, "45300")]),
    Rule("fraction into Time", matches("Time"), lambda k, t: written_clock(t) and "." in t, "stored", REFUSED, "a fraction of a second into Time", "cut", "refuses the row", "as for DateTime",
         [("Time", '"12:34:56.5"', "45296", REFUSED)]),
    Rule("leading zero in an address", address, lambda k, t: re.search(r"\b0[0-9]", t), REFUSED, "stored", "`1.2.3.04`", "quarantine", "1.2.3.4", "some readers take it as octal",
         [("IPv4", '"1.2.3.04"', REFUSED, "1.2.3.4")]),
    Rule("enum by a number written otherwise", enum, lambda k, t: whole(t) is not None and re.search("[.eE]", t), "stored", REFUSED, "a member's number as `1.0`", "stored", "refuses the row", "as for integers",
         [("Enum8('a' = 1)", "1.0", "1", REFUSED)], lambda k, t, h, e: h == str(whole(t))),
    Rule("enum by a number as text", enum, lambda k, t: string(t) is not None and re.fullmatch(r"-?[0-9]+", string(t)), REFUSED, "stored", "a member's number as text", "quarantine", "the member", "a text is a name",
         [("Enum8('a' = 1)", '"1"', REFUSED, "1")]),
    Rule("enum out of range", enum, lambda k, t: whole(t) is not None and not -32768 <= whole(t) <= 32767, REFUSED, "stored", "a number far outside", "quarantine", "wraps around, perhaps to a member",
         "never silently another value", [("Enum8('a' = 1)", "9007199254740993", REFUSED, "1")]),
    Rule("document with a key twice", document, lambda k, t: is_json(t) and has_twice(t), "stored", REFUSED, "a key twice in one object", "the last one counts", "refuses the row", "as most JSON readers",
         [("JSON", '{"a":1,"a":2}', '{"a":"2"}', REFUSED)]),
    Rule("typed path", matches(r"JSON\(.*"), lambda k, t: is_json(t) and bad_at_typed_path(k, t), REFUSED, "stored", "a typed path of JSON that would be refused as a column: `\"5\"` or 37.8 into UInt8", "quarantine",
         "reads the digits, cuts the fraction", "never silently another value", [("JSON(a UInt8)", '{"a":"5"}', REFUSED, '{"a":5}'), ("JSON(a UInt8)", '{"a":37.8}', REFUSED, '{"a":37}')]),
    Rule("map with a key twice", mapping, lambda k, t: is_json(t) and has_twice(t), "stored", "stored", "a key twice in a Map", "the last one counts", "stores both", "a map has a key once",
         [("Map(String, Int64)", '{"a":1,"a":2}', '{"a": "2"}', '{"a": "1", "a": "2"}')]),
    Rule("map with a key twice, an earlier one bad", mapping, lambda k, t: is_json(t) and has_twice(t), "stored", REFUSED, "the same, with a bad value that the last one replaces", "the last one counts", "refuses the row",
         "a map has a key once", [("Map(String, Int64)", '{"a":"x","a":2}', '{"a": "2"}', REFUSED)]),
    Rule("named tuple by position", matches(r"Tuple\([a-z].*"), lambda k, t: t.startswith("["), "stored", REFUSED, "an array into a named Tuple", "by position", "refuses the row", "as for tuples without names",
         [("Tuple(a UInt8, b String)", '[1,"x"]', '{"a": 1, "b": "x"}', REFUSED)]),
    Rule("tuple with a key twice", matches("Tuple.*"), lambda k, t: is_json(t) and has_twice(t), "stored", REFUSED, "a key twice in a named Tuple", "the last one counts", "refuses the row", "as most JSON readers",
         [("Tuple(a UInt8)", '{"a":1,"a":2}', '{"a": 2}', REFUSED)]),
    Rule("tuple without an element", matches(r"(Tuple|Nested)\([a-z].*"), lambda k, t: is_json(t) and lacks_element(k, t), REFUSED, "stored", "a named Tuple without one of its elements", "quarantine, or NULL for a Nullable one",
         "the type's zero", "a missing value is not zero", [("Tuple(a UInt8, b String)", '{"a":1}', REFUSED, '{"a": 1, "b": ""}')]),
]


# ---- composed values: a difference of one of their elements

def split(text):
    """The parts of a list at its top level: "UInt8, Tuple(a UInt8, b String)" → two."""
    out, depth, start, quoted = [], 0, 0, False
    for at, c in enumerate(text):
        if quoted:
            quoted = c != '"' or text[at - 1] == "\\"
        elif c == '"':
            quoted = True
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        elif c == "," and depth == 0:
            out.append(text[start:at].strip())
            start = at + 1
    last = text[start:].strip()
    return out + [last] if last or out else []


def element_kinds(kind):
    """(family, [(name or None, type)])."""
    if kind == "Point":
        return "Tuple", [(None, "Float64")] * 2
    family, inner = re.fullmatch(r"(\w+)\((.*)\)", bare(kind)).groups()
    out = []
    for part in split(inner):
        named = re.fullmatch(r"([a-z]\w*) (.*)", part)
        out.append((named[1], named[2]) if named else (None, part))
    return family, out


def members(text):
    """[(key text, value text)] of an object."""
    out = []
    for part in split(text.strip()[1:-1]):
        quoted = re.match(r'"(?:[^"\\]|\\.)*"', part)
        out.append((quoted[0], part[quoted.end():].lstrip()[1:].strip()))
    return out


def lacks_element(kind, text):
    family, kinds = element_kinds(kind)
    if not text.startswith("{"):
        return False
    keys = {json.loads(key) for key, _ in members(text)}
    return any(name not in keys for name, _ in kinds)


def elements(kind, text):
    """(type, text) of the values directly inside."""
    family, kinds = element_kinds(kind)
    if family == "Nested":
        return [(f"Tuple({', '.join(f'{n} {k}' for n, k in kinds)})", part) for part in split(text[1:-1])] if text.startswith("[") else []
    if family == "Array":
        return [(kinds[0][1], part) for part in split(text[1:-1])] if text.startswith("[") else []
    if family == "Map":
        # Keys are always texts in JSON: a number is read as one on both sides.
        plain = bool(bits(kinds[0][1]))
        return [pair for key, value in members(text) for pair in ((kinds[0][1], json.loads(key) if plain else key), (kinds[1][1], value))] if text.startswith("{") else []
    if text.startswith("["):
        return [(k, part) for (_, k), part in zip(kinds, split(text[1:-1]))]
    if text.startswith("{"):
        by_name = dict(kinds)
        return [(by_name[json.loads(key)], value) for key, value in members(text) if json.loads(key) in by_name]
    return []


def find(kind, text, here, engine):
    """The rule that explains a difference, or None."""
    for rule in RULES:
        if rule.holds(kind, text, here, engine):
            return rule
    if not composed(kind) or not is_json(text):
        return None
    if here != REFUSED and engine != REFUSED and here is not ANY:
        # Both stored: blanks in an element's JSON text, or a key twice (a rule of its own above).
        return rule_named("blanks in JSON text") if here.replace(" ", "") == engine.replace(" ", "") and " " in text else None
    for element, inner in elements(kind, text):
        found = find(element, inner, ANY if here != REFUSED and here is not ANY else here, engine if engine == REFUSED else ANY) if here is not ANY else find(element, inner, here, engine)
        if found is not None and (here is ANY or (found.here == REFUSED) == (here == REFUSED) and (found.engine == REFUSED) == (engine == REFUSED)):
            return found
    return None


def rule_named(name):
    return next(rule for rule in RULES if rule.name == name)

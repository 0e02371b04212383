"""Gates: conditions that a result has to meet, and how they are written.

    categorical_crossentropy <= 0.35
    accuracy[country=*] >= 80%
    delta(mse) <= 0.005 decide=proven-bad
    rel(mse[country=de,device=*]) <= 2% severity=warn
    rows >= 10000

`xent.core.judging` says whether they are met.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, NamedTuple, cast, get_args

from xent.core.errors import UnknownNameError, UsageError

Of = Literal["value", "delta", "rel"]
"""What is compared: a value, its difference to the baseline's, or that difference in units of the baseline's size."""

Decide = Literal["point", "proven-ok", "proven-bad"]
Severity = Literal["error", "warn"]

OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}

DATA_FACTS = ("rows", "rows_dropped", "weight_sum", "clipped", "renormalised", "max_sum_error")
"""What a gate can ask of the data, beside the metrics. The last three are those of the metric for which they are largest."""

_WHOLE_FACTS = ("rows_dropped", "weight_sum")
"""Facts that are known of all rows together and of no slice."""

OPTIONS = ("decide", "confidence", "min_rows", "severity")

_MOST_DIGITS = 18
"""Of a number of rows."""


class Column(NamedTuple):
    """Slices by a column: those of a value, or, where `glob`, those of a value like it, in which `*` stands for any text."""

    name: str
    value: str
    glob: bool

    def fits(self, value: str | None) -> bool:
        """Whether a value is meant. One that is missing is meant by `*` alone."""
        if value is None:
            return self.glob and self.value == "*"
        if not self.glob:
            return value == self.value
        return re.fullmatch(".*".join(map(re.escape, self.value.split("*"))), value, re.DOTALL) is not None

    def __str__(self) -> str:
        return f"{_quoted(self.name)}={self.value if self.glob else _quoted(self.value)}"


class Selector(NamedTuple):
    """Which slices are meant; without columns, all of them."""

    columns: tuple[Column, ...] = ()

    def fits(self, slice: Mapping[str, str | None]) -> bool:
        """Whether a slice is meant. A slice by other columns, or by more of them, never is.

        >>> parse_gate("accuracy[country=d*] > 0.5").slices.fits({"country": "de"})
        True
        """
        if not self.columns:
            return True
        return {column.name for column in self.columns} == set(slice) and all(column.fits(slice[column.name]) for column in self.columns)

    def not_found(self, slices: Iterable[Mapping[str, str | None] | None]) -> str:
        """Why none of these slices is meant, and what to do where the rows were not sliced so.

        >>> parse_gate("accuracy[country=*] > 0.5").slices.not_found([])
        'there is no slice country=*; --by country makes them'
        """
        names = {column.name for column in self.columns}
        sliced = any(one is not None and names in (set(one), set()) for one in slices)
        by = ",".join(column.name for column in self.columns) or "COLUMN"
        return f"there is no slice {self}" + ("" if sliced else f"; --by {by} makes them")

    @property
    def is_wildcard(self) -> bool:
        """Whether it may mean several slices."""
        return not self.columns or any(column.glob for column in self.columns)

    def __str__(self) -> str:
        return ",".join(map(str, self.columns)) or "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One condition.

    Parameters
    ----------
    metric : the label, name or alias of a metric, or one of `DATA_FACTS`
    op : one of `OPERATORS`
    threshold : what is compared with; of `rel` a share, 0.02 for 2 %
    of : what of the metric is compared
    slices : which slices, each judged by itself; None judges all rows together
    decide : "point" compares the value alone; "proven-ok" passes, and "proven-bad" fails, only where the whole confidence interval does
    confidence : the level that the interval must have; None takes it as it is
    min_rows : with fewer rows the gate counts as not measured
    severity : whether it can stop a job ("error") or only warn ("warn")

    Raises
    ------
    UsageError
        A value is none of those, or they exclude each other.

    >>> str(Gate(metric="mse", op="<=", threshold=0.02, of="rel"))
    'rel(mse) <= 2%'
    """

    metric: str
    op: str
    threshold: float
    of: Of = "value"
    slices: Selector | None = None
    decide: Decide = "point"
    confidence: float | None = None
    min_rows: int | None = None
    severity: Severity = "error"

    def __post_init__(self) -> None:
        for key, value, known in (
            ("op", self.op, tuple(OPERATORS)),
            ("of", self.of, get_args(Of)),
            ("decide", self.decide, get_args(Decide)),
            ("severity", self.severity, get_args(Severity)),
        ):
            if value not in known:
                raise UsageError(f"the gate on {self.metric!r}: {key} must be one of {', '.join(known)}, not {value!r}")
        if self.threshold != self.threshold:  # This is how NaN shows itself.
            raise UsageError(f"the gate on {self.metric!r} compares with NaN, which nothing can meet")
        if self.confidence is not None and not 0 < self.confidence < 1:
            raise UsageError(f"the gate {self}: confidence must lie between 0 and 1, as 0.95 does, not be {self.confidence!r}")
        if self.confidence is not None and self.decide == "point":
            raise UsageError(f"the gate {self}: confidence means nothing without decide=proven-ok or decide=proven-bad")
        if self.min_rows is not None and self.min_rows < 0:
            raise UsageError(f"the gate {self}: min_rows must not be negative")
        if self.metric in DATA_FACTS and self.decide != "point":
            raise UsageError(f"the gate {self}: {self.metric} is counted, not estimated, and can only be decided by point")
        if self.metric in _WHOLE_FACTS and self.slices is not None:
            raise UsageError(f"the gate {self}: {self.metric} is known of all rows together and not of slices")

    @property
    def compares(self) -> bool:
        """Whether it needs a baseline."""
        return self.of != "value"

    def __str__(self) -> str:
        metric = _quoted(self.metric) + ("" if self.slices is None else f"[{self.slices}]")
        subject = f"{self.of}({metric})" if self.compares else metric
        options = {"decide": self.decide, "confidence": self.confidence, "min_rows": self.min_rows, "severity": self.severity}
        given = "".join(f" {key}={value}" for key, value in options.items() if value not in (None, "point", "error"))
        return f"{subject} {self.op} {_percent(self.threshold) if self.of == 'rel' else number_text(self.threshold)}{given}"


def number_text(value: float) -> str:
    """A number with all its digits, whole ones without a point.

    >>> number_text(10000.0), number_text(0.35)
    ('10000', '0.35')
    """
    return repr(value).removesuffix(".0")


def _percent(share: float) -> str:
    return f"{(Decimal(repr(share)) * 100).normalize():f}%" if abs(share) < 1e15 else number_text(share)


_PLAIN = re.compile(r"[^\s\[\]()<>=!,\"'*]+")


def _quoted(name: str) -> str:
    """A name as an expression holds it: in quotes where it has to be."""
    if _PLAIN.fullmatch(name):
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def parse_number(text: str) -> float:
    """A number as gates hold it; a percent sign divides by 100.

    Raises
    ------
    UsageError
        It is none.

    >>> parse_number("2%"), parse_number("10_000"), parse_number("-inf")
    (0.02, 10000.0, -inf)
    """
    try:
        value = Decimal(text.removesuffix("%").strip())
        return float(value / 100 if text.endswith("%") and value.is_finite() else value)
    except (InvalidOperation, ValueError):
        raise UsageError(f"{text!r} is no number") from None


def parse_gate(text: str) -> Gate:
    """The gate that an expression describes: `metric op number`, where the metric may have slices in brackets and stand in `delta(...)` or
    `rel(...)`, and `key=value` for each of `OPTIONS` may follow.

    Raises
    ------
    UsageError
        The text is none; the error says what was expected where.

    >>> gate = parse_gate("delta(accuracy[country=*]) >= -1% min_rows=100")
    >>> gate.metric, gate.of, gate.op, gate.threshold, gate.min_rows, str(gate.slices)
    ('accuracy', 'delta', '>=', -0.01, 100, 'country=*')
    """
    return _Reader(text).gate()


def as_gates(gates: str | Gate | Iterable[str | Gate]) -> list[Gate]:
    """Gates from expressions; one that is a gate stays what it is.

    Raises
    ------
    UsageError
        An expression is none.

    >>> [str(gate) for gate in as_gates("accuracy >= 80%")]
    ['accuracy >= 0.8']
    """
    several = [gates] if isinstance(gates, str | Gate) else gates
    return [parse_gate(gate) if isinstance(gate, str) else gate for gate in several]


def parse_selector(text: str) -> Selector:
    """The slices that the text of a configuration means, in which the name of a column alone stands for all its values.

    Raises
    ------
    UsageError
        It means none.

    >>> str(parse_selector("country, device=phone"))
    'country=*,device=phone'
    """
    reader = _Reader(f"[{text}]", bare_columns=True)
    found = reader.selector()
    if found is None or reader.skip() < len(reader.text):
        raise reader.wrong("the end of the slices")
    return found


_SPACE = re.compile(r"\s*")
_OPERATOR = re.compile("<=|>=|==|<|>")
_NUMBER = re.compile(r"[+-]?(?:\d[\d_]*\.?[\d_]*(?:[eE][+-]?\d+)?|\.\d[\d_]*(?:[eE][+-]?\d+)?|inf(?:inity)?)\s*%?(?=\s|$)")
_QUOTED = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'", re.DOTALL)
_KEY = re.compile(r"[^\s\[\]()<>=!,\"']+")
_VALUE = re.compile(r"[^,\]\"']+")
_OPTION = re.compile(r"([a-z_]+)=(\S+)")


class _Reader:
    """Reads an expression from left to right."""

    def __init__(self, text: str, *, bare_columns: bool = False) -> None:
        self.text = text
        self.bare_columns = bare_columns
        self.place = 0

    def gate(self) -> Gate:
        of: Of = "value"
        metric = self.name("the name of a metric")
        if metric in ("delta", "rel") and self.mark("("):
            of = "delta" if metric == "delta" else "rel"
            metric = self.name("the name of a metric")
            slices = self.selector()
            self.expect(")")
            slices = slices or self.selector()
        else:
            slices = self.selector()
        op = self.match(_OPERATOR, f"one of {' '.join(OPERATORS)}")[0]
        threshold = parse_number(self.match(_NUMBER, "a number, such as 0.35 or 2%")[0])
        return Gate(metric=metric, op=op, threshold=threshold, of=of, slices=slices, **self.options())

    def options(self) -> dict[str, Any]:
        given: dict[str, Any] = {}
        while self.skip() < len(self.text):
            found = self.match(_OPTION, "the end, or an option such as min_rows=100")
            key, value = found[1], found[2]
            if key not in OPTIONS:
                raise UsageError(f"the gate {self.text!r}: {UnknownNameError('option', key, OPTIONS)}")
            if key in given:
                raise UsageError(f"the gate {self.text!r} sets {key} twice")
            given[key] = _option_value(key, value)
        return given

    def selector(self) -> Selector | None:
        if not self.mark("["):
            return None
        if self.mark("*"):
            self.expect("]")
            return Selector()
        columns: list[Column] = []
        while not columns or self.mark(","):
            column = self.column()
            if column.name in [other.name for other in columns]:
                raise self.wrong(f"another column than {column.name!r}")
            columns.append(column)
        self.expect("]")
        return Selector(tuple(columns))

    def column(self) -> Column:
        name = self.name("the name of a column")
        if self.bare_columns and not self.text.startswith("=", self.skip()):
            return Column(name, "*", True)
        self.expect("=")
        quoted = self.quoted()
        value = self.match(_VALUE, "a value, or * for all of them")[0].strip() if quoted is None else quoted
        return Column(name, value, quoted is None and "*" in value)

    def name(self, what: str) -> str:
        quoted = self.quoted()
        return self.match(_KEY, what)[0] if quoted is None else quoted

    def quoted(self) -> str | None:
        found = _QUOTED.match(self.text, self.skip())
        if found is None:
            return None
        self.place = found.end()
        return re.sub(r"\\(.)", r"\1", found[1] if found[1] is not None else found[2], flags=re.DOTALL)

    def match(self, pattern: re.Pattern[str], what: str) -> re.Match[str]:
        found = pattern.match(self.text, self.skip())
        if found is None:
            raise self.wrong(what)
        self.place = found.end()
        return found

    def mark(self, sign: str) -> bool:
        if not self.text.startswith(sign, self.skip()):
            return False
        self.place += len(sign)
        return True

    def expect(self, sign: str) -> None:
        if not self.mark(sign):
            raise self.wrong(repr(sign))

    def skip(self) -> int:
        self.place = cast("re.Match[str]", _SPACE.match(self.text, self.place)).end()
        return self.place

    def wrong(self, what: str) -> UsageError:
        rest = self.text[self.skip() :]
        found = f"there is {rest!r}" if rest else "it ends"
        return UsageError(f"cannot read the gate {self.text!r}: expected {what}, but {found}\nwrite it in quotes, as 'accuracy >= 0.8'")


def _option_value(key: str, text: str) -> Any:
    if key == "confidence":
        return parse_number(text)
    if key == "min_rows":
        if len(text) > _MOST_DIGITS or not re.fullmatch(r"\d+(_\d+)*", text, re.ASCII):
            raise UsageError(f"min_rows must be a number of rows, not {text[:_MOST_DIGITS]!r}")
        return int(text)
    return text

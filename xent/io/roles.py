"""Which column is what: label, prediction, weight, group, cluster. Resolved once per run, from flags or by convention."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from xent.core.errors import DataError, UsageError
from xent.io.sources import natural_order
from xent.io.tables import Field

if TYPE_CHECKING:
    from xent.io.tables import Table
    from xent.io.where import AllOf

LABELS = ("label", "labels", "y_true", "target", "y", "class")
"""Names that are taken for the label where no flag names one."""

_FAMILY = re.compile(
    r"(?P<stem>y_preds?|preds?|predictions?|probabilit(?:y|ies)|probas?|probs?|scores?|logits?)(?:[_.\-]?(?P<rest>.+))?|p_(?P<named>.+)|p(?P<numbered>\d+)"
)


class Roles(NamedTuple):
    """The columns by what they are; several labels are one-hot columns or several events.

    `by_convention` names the roles that no flag chose.
    """

    label: tuple[str, ...]
    pred: tuple[str, ...]
    weight: str | None = None
    by_convention: frozenset[str] = frozenset()
    group: str | None = None
    cluster: str | None = None

    def describe(self) -> dict[str, Any]:
        """The roles as they stand in a result."""
        roles = {"label": _one_or_list(self.label), "pred": _one_or_list(self.pred), "weight": self.weight}
        beside = {"group": self.group, "cluster": self.cluster}
        return {**roles, **{role: column for role, column in beside.items() if column is not None}}

    def sentences(self) -> list[str]:
        """What was chosen, for people."""
        said = []
        for role, names in (("label", self.label), ("prediction", self.pred)):
            how = " (by its name)" if role in self.by_convention else ""
            said.append(f"{role}: {_listed(names)}{how}")
        if self.weight:
            said.append(f"weight: {self.weight}")
        if self.group:
            said.append(f"the rows of one {self.group} are one query")
        if self.cluster:
            said.append(f"intervals take the rows of one {self.cluster} to be correlated")
        return said


def resolve(
    name: str,
    fields: Sequence[Field],
    *,
    label: str | None,
    pred: str | None,
    weight: str | None,
    group: str | None = None,
    cluster: str | None = None,
    label_elsewhere: bool = False,
) -> Roles:
    """The roles of a table's columns.

    Parameters
    ----------
    name : the source, for messages
    fields : its columns
    label, pred, weight, group, cluster : what the flags say; a cluster may have another role beside
    label_elsewhere : the labels stand in a second file

    Raises
    ------
    DataError
        A column that a flag names does not exist, or the conventions find no column, or more than one.
    """
    names = [field.name for field in fields]
    by_convention = set()
    asked = ((weight, "--weight"), (group, "--group"), (cluster, "--cluster"))
    chosen_weight, chosen_group, chosen_cluster = (_pick_one(name, names, *one) for one in asked)
    beside = {*chosen_weight, *chosen_group}
    if label is not None and not label_elsewhere:
        labels = _pick(name, names, label, "--label")
    elif label_elsewhere:
        labels = ()
    else:
        labels = _conventional_label(name, [column for column in names if column not in beside])
        by_convention.add("label")
    taken = {*labels, *beside}
    if pred is not None:
        preds = _pick(name, names, pred, "--pred")
    else:
        preds = _conventional_pred(name, [field for field in fields if field.name not in taken | {cluster}], only=label_elsewhere)
        if len(fields) > 1:
            by_convention.add("prediction")
    twice = (taken & set(preds)) | (set(labels) & beside) | (set(chosen_weight) & set(chosen_group))
    if twice:
        raise UsageError(f"{name}: column {min(twice)!r} cannot have two roles")
    weight, group, cluster = (chosen[0] if chosen else None for chosen in (chosen_weight, chosen_group, chosen_cluster))
    return Roles(labels, preds, weight, frozenset(by_convention), group, cluster)


def resolve_label(name: str, fields: Sequence[Field], label: str | None, key: str | None) -> tuple[str, ...]:
    """The label column of a second file: the one that is named, the only one there is, or the one of a conventional name."""
    names = [field.name for field in fields if field.name != key]
    if label is not None:
        return _pick(name, names, label, "--label")
    return (names[0],) if len(names) == 1 else _conventional_label(name, names)


def _pick(name: str, names: Sequence[str], wanted: str, flag: str) -> tuple[str, ...]:
    """The columns that a name, a comma list or a glob means; a glob in the order of their numbers or of the file, a list in its own."""
    if wanted in names:
        return (wanted,)
    picked: list[str] = []
    for piece in [piece.strip() for piece in wanted.split(",")]:
        if piece in names:
            picked.append(piece)
        elif found := in_order([column for column in names if fnmatch.fnmatchcase(column, piece)]):
            picked += found
        else:
            raise DataError(f"{name}: {flag} {wanted}: there is no column {piece!r}; {_hint(piece, names)}")
    return tuple(dict.fromkeys(picked))


def require_columns(table: Table, columns: Sequence[str], first: Table, where: AllOf | None) -> None:
    """Raises `DataError` where a table lacks one of the columns, which may be those of the `first` table or of a condition."""
    names = [field.name for field in table.fields]
    known = set(names)
    for column in columns:
        if column not in known:
            flag = "" if where is None else where.flag_of(column)
            elsewhere = f", which {first.name} has" if column in [field.name for field in first.fields] else ""
            hint = _hint(column, names)
            quotes = f"\na text stands in quotes: '{column}'" if flag and hint == _there(names) else ""
            raise DataError(f"{table.name}: {flag}there is no column {column!r}{elsewhere}; {hint}{quotes}")


def _hint(wanted: str, names: Sequence[str]) -> str:
    """What may have been meant, or what there is."""
    import difflib

    near = difflib.get_close_matches(wanted, names, n=1)
    return f"did you mean {near[0]!r}?" if near else _there(names)


def _pick_one(name: str, names: Sequence[str], wanted: str | None, flag: str) -> tuple[str, ...]:
    """The column of a role that only one can have; none where it is not wanted."""
    picked = () if wanted is None else _pick(name, names, wanted, flag)
    if len(picked) > 1:
        raise UsageError(f"{flag} takes one column, and {wanted!r} names {len(picked)}")
    return picked


def _conventional_label(name: str, names: Sequence[str]) -> tuple[str, ...]:
    found = [column for column in names if column in LABELS]
    if len(found) == 1:
        return (found[0],)
    if found:
        _refuse_twice(name, found)
        raise DataError(f"{name}: which column is the label? {_listed(found)}\npass {_flags('--label', found)}")
    raise DataError(f"{name}: no column is called {', '.join(LABELS)}; {_there(names)}\n{_way_out(names)}")


def _refuse_twice(name: str, found: Sequence[str]) -> None:
    """Raises `DataError` for a name that several columns have: no flag can choose between them."""
    twice = next((column for column in found if found.count(column) > 1), None)
    if twice is not None:
        raise DataError(f"{name}: more than one column is called {twice!r}")


def _way_out(names: Sequence[str]) -> str:
    """What to do where no column has a name that is known; a table without a header, or with other delimiters, has no such names at all."""
    if all(re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?", column, re.ASCII | re.IGNORECASE) for column in names):
        return "the first line must name the columns; it holds numbers here"
    delimiter = next((mark for mark in ";\t|" if mark in names[0]), None) if len(names) == 1 else None
    if delimiter == "\t":
        return "the columns seem to be separated by tabs: pass --input-format tsv"
    if delimiter is not None:
        return f"the columns seem to be separated by {delimiter!r}; write the file with commas or tabs"
    return "pass --label COLUMN, or --labels FILE for a second file"


def _conventional_pred(name: str, fields: Sequence[Field], only: bool) -> tuple[str, ...]:
    families: dict[str, list[tuple[str, str]]] = {}
    for field in fields:
        match = _FAMILY.fullmatch(field.name)
        if match:
            rest = match["rest"] or match["named"] or match["numbered"] or ""
            families.setdefault(match["stem"] or ("p_" if match["named"] else "p"), []).append((field.name, rest))
    # Predicted class names stand beside probabilities in many files. One text among numbers is a fault, though, to be reported.
    kinds = {field.name: field.kind for field in fields}
    numeric = {stem: family for stem, family in families.items() if any(kinds[column] != "text" for column, _ in family)}
    families = numeric or families
    if not families and only and len(fields) == 1:
        return (fields[0].name,)
    if not families:
        names = [field.name for field in fields]
        sought = "pred*, y_pred*, prob*, score*, logit* or p_*"
        raise DataError(f"{name}: no column is called {sought}; {_there(names)}\npass --pred COLUMN")
    whole = [column for family in families.values() for column, rest in family if not rest]
    ambiguous = len(families) > 1 or (whole and sum(map(len, families.values())) > 1)
    if ambiguous:
        options = [column for family in families.values() for column, _ in family]
        _refuse_twice(name, options)
        flags = [f"'{stem}*'" if len(family) > 1 else family[0][0] for stem, family in families.items()]
        raise DataError(f"{name}: which columns are the prediction? {_listed(options)}\npass {_flags('--pred', flags)}")
    (family,) = families.values()
    return tuple(in_order([column for column, _ in family]))


def in_order(columns: Sequence[str]) -> list[str]:
    """Columns in the order of the numbers they end in, p_10 after p_9; in the order of the file where they end in names.

    >>> in_order(["p_10", "p_9", "p_1"]), in_order(["p_low", "p_high"])
    (['p_1', 'p_9', 'p_10'], ['p_low', 'p_high'])
    """
    return natural_order(columns) if all(column[-1:].isdecimal() for column in columns) else list(columns)


def class_names(pred: Sequence[str]) -> tuple[str, ...] | None:
    """The class names that columns of predictions end in; None for fewer than two columns.

    >>> class_names(["p_cat", "p_dog"])
    ('cat', 'dog')
    >>> class_names(["prob0", "prob1"])
    ('0', '1')
    """
    if len(pred) < 2:
        return None
    shared = _shared_beginning(pred)
    if shared and not shared.endswith(("_", ".", "-")):
        # Names such as p_cat and p_car share letters of the class too.
        cut = max(shared.rfind(mark) for mark in "_.-") + 1
        shared = shared[:cut] if cut else re.sub(r"\d+$", "", shared) if all(re.search(r"\d+$", name) for name in pred) else shared
    return tuple(name[len(shared) :] for name in pred)


def _shared_beginning(names: Sequence[str]) -> str:
    first, last = min(names), max(names)
    for at, letter in enumerate(first):
        if at >= len(last) or last[at] != letter:
            return first[:at]
    return first


def _one_or_list(names: tuple[str, ...]) -> Any:
    return names[0] if len(names) == 1 else list(names)


def _flags(flag: str, options: Sequence[str]) -> str:
    return " or ".join(f"{flag} {option}" for option in options[:4])


def _there(names: Sequence[str]) -> str:
    return f"there {'is' if len(names) == 1 else 'are'} {_listed(names)}"


def _listed(names: Sequence[str]) -> str:
    """Names for a message; of many, the first and the last."""
    if len(names) <= 6:
        return ", ".join(names) or "none"
    return f"{len(names)} columns {names[0]}, {names[1]} .. {names[-1]}"

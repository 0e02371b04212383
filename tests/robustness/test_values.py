"""Files that are sound and hold what no metric can take, or what is at the edge of it."""

import pytest

BINARY = ("-m", "binary_crossentropy")
MULTI = ("-m", "sparse_categorical_crossentropy")
WEIGHTED = ("-m", "binary_crossentropy", "--weight", "w")


def binary(*rows: str) -> str:
    return "label,score\n" + "".join(f"{row}\n" for row in rows)


def multi(*rows: str) -> str:
    return "label,p_0,p_1,p_2\n" + "".join(f"{row}\n" for row in rows)


def weighted(*weights: str) -> str:
    return "label,score,w\n" + "".join(f"1,0.75,{weight}\n" for weight in weights)


CASES = {
    "one row": (binary("1,0.75"), BINARY, 0, "0.28768207"),
    "no rows": (binary(), BINARY, 5, "there are no rows"),
    "one class only": (binary("1,0.75", "1,0.5"), ("-m", "auc"), 0, '"auc"'),
    "one class only, default metrics": (binary("1,0.75", "1,0.5"), (), 0, "binary_crossentropy"),
    "NaN as prediction": (binary("1,0.75", "1,nan"), BINARY, 3, "column 'score', row 2: a value is missing"),
    "NaN, left out": (binary("1,0.75", "1,nan"), (*BINARY, "--nan", "skip"), 0, "0.28768207"),
    "NaN, let through": (binary("1,0.75", "1,nan"), (*BINARY, "--nan", "propagate"), 0, '"nan"'),
    "NaN alone, left out": (binary("1,nan"), (*BINARY, "--nan", "skip"), 5, "there are no rows without a missing value, of 1"),
    "NaN as label": (binary("nan,0.75"), BINARY, 3, "column 'label', row 1: a value is missing"),
    "infinity as prediction": (binary("1,inf"), BINARY, 3, "column 'score', row 1: "),
    "infinity as logit": (binary("1,inf"), (*BINARY, "--from-logits"), 0, "binary_crossentropy"),
    "minus infinity as logit": (binary("1,-inf"), (*BINARY, "--from-logits"), 0, "inf"),
    "infinity as label": (binary("inf,0.5"), BINARY, 3, "column 'label', row 1"),
    "a prediction above one": (binary("1,1.5"), BINARY, 3, "--from-logits"),
    "a negative prediction": (binary("1,-0.5"), BINARY, 3, "--from-logits"),
    "minus nothing": (binary("1,0.75", "0,-0.0"), BINARY, 0, "binary_crossentropy"),
    "the least number there is": (binary("1,5e-324"), BINARY, 0, "16.11"),  # -ln 1e-7, to which Keras clips
    "zero for what is true, exactly": (binary("1,0"), (*BINARY, "--convention", "exact"), 0, '"inf"'),
    "the largest number there is": (binary("1,1.7976931348623157e308"), ("-m", "mean_squared_error"), 0, "inf"),
    "probabilities that do not add up": (multi("0,0.5,0.1,0.1"), MULTI, 0, '"renormalised": 1'),
    "probabilities of nothing": (multi("0,0,0,0"), MULTI, 0, "sparse_categorical_crossentropy"),
    "a negative probability": (multi("0,1.5,-0.25,-0.25"), MULTI, 3, "row 1: "),
    "a probability that is missing": (multi("0,0.5,,0.5"), MULTI, 3, "column 'p_1', row 1: a value is missing"),
    "a label above the classes": (multi("0,1,0,0", "3,1,0,0"), MULTI, 3, "column 'label', row 2: label 3 is"),
    "a label below the classes": (multi("-1,1,0,0"), MULTI, 3, "column 'label', row 1: label -1"),
    "a label between classes": (multi("0.5,1,0,0"), MULTI, 3, "column 'label', row 1: "),
    "a label of 10**18": (multi(f"{10**18},1,0,0"), MULTI, 3, "column 'label', row 1: "),
    "a label of 10**300": (multi("1e300,1,0,0"), MULTI, 3, "column 'label', row 1: "),
    "a label of 10**18, counted": (multi(f"{10**18},1,0,0"), ("-m", "confusion_matrix"), 3, "column 'label', row 1: "),
    "a label of 10**18, binary": (binary(f"{10**18},0.5"), ("-m", "precision"), 3, "label"),
    "a label of 10**9 among predicted classes": ("label,pred\n1000000000,1\n", ("-m", "confusion_matrix"), 3, "column 'label', row 1: "),
    "a predicted class of 10**9": ("label,pred\n1,1000000000\n", ("-m", "confusion_matrix"), 3, "column 'pred', row 1: "),
    "a weight below nothing": (weighted("1", "-1"), WEIGHTED, 3, "column 'w', row 2: weight -1"),
    "a weight that is missing": (weighted("1", ""), WEIGHTED, 3, "column 'w', row 2: a value is missing"),
    "an infinite weight": (weighted("inf"), WEIGHTED, 3, "column 'w', row 1: weight inf"),
    "a weight of nothing": (weighted("0", "1"), WEIGHTED, 0, "0.28768207"),
    "weights of nothing alone": (weighted("0", "0"), WEIGHTED, 0, '"nan"'),
    "weights that add up to more than there is": (weighted("1e308", "1e308", "1e308"), WEIGHTED, 0, "0.28768207"),
    "weights next to nothing": (weighted("5e-324", "5e-324"), WEIGHTED, 0, "binary_crossentropy"),
    "nothing left": (binary("1,0.75"), (*BINARY, "--where", "score > 0.9"), 5, "there are no rows for which --where score > 0.9 holds"),
    "a condition on no column": (binary("1,0.75"), (*BINARY, "--where", "1 == 1"), 2, "--where 1 == 1: names no column"),
    "a condition that is no condition": (binary("1,0.75"), (*BINARY, "--where", "score"), 2, "--where score: "),
    "a condition that is a number": (binary("1,0.75"), (*BINARY, "--where", "score and 5"), 2, "--where score and 5: only comparisons"),
    "a condition of brackets": (binary("1,0.75"), (*BINARY, "--where", "(" * 5000), 2, "cannot be understood"),
    "a condition of nots": (binary("1,0.75"), (*BINARY, "--where", "not " * 5000 + "score"), 2, "--where not not"),
    "a condition of some nots": (binary("1,0.75"), (*BINARY, "--where", "not " * 500 + "score"), 2, "nested more than 100 levels deep"),
    "a condition of 2**70": (binary("1,0.75"), (*BINARY, "--where", f"label < {2**70}"), 2, "--where"),
    "a slice for each row": (
        "label,score,id\n" + "".join(f"1,0.75,{k}\n" for k in range(1001)),
        (*BINARY, "--by", "id"),
        2,
        "--max-slices",
    ),
    "a gate that is none": (binary("1,0.75"), (*BINARY, "--gate", "\x1b[2J"), 2, "cannot read the gate '\\x1b[2J'"),
    "a metric that is none": (binary("1,0.75"), ("-m", "x" * 10_000), 2, "unknown metric 'xxx"),
    "a metric with brackets": (binary("1,0.75"), ("-m", "precision:thresholds=" + "[" * 5000), 2, "brackets do not match"),
    "an integer of 5,000 digits": (binary("1,0.75"), ("-m", "auc:num_thresholds=" + "9" * 5000), 2, "num_thresholds"),
    "a million chunks of one row": (binary("1,0.75", "0,0.25"), (*BINARY, "--chunk-rows", "1"), 0, "0.28768207"),
    "chunks of no rows": (binary("1,0.75"), (*BINARY, "--chunk-rows", "0"), 2, "--chunk-rows"),
    "a million threads": (binary("1,0.75"), (*BINARY, "--threads", "1000000"), 2, "--threads"),
}


@pytest.mark.parametrize("name", CASES)
def test_values(name, folder, hostile):
    text, args, status, said = CASES[name]
    (folder / "a.csv").write_text(text)
    hostile(("eval", "a.csv", "-f", "json", *args), status, said)

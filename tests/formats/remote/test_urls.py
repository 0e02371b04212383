"""What of a URL may be seen, and of what a store says of it."""

from __future__ import annotations

import pytest

from xent.core.errors import DataError
from xent.io.store_errors import as_data_errors
from xent.io.urls import is_url, path_of, scrubbed, shown


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://bucket/a.parquet", "s3://bucket/a.parquet"),
        ("s3://bucket/run-*/a b#c.csv", "s3://bucket/run-*/a b#c.csv"),
        ("s3://AKID:secret@bucket/a.csv", "s3://***@bucket/a.csv"),
        ("s3://AKID@bucket/a.csv", "s3://***@bucket/a.csv"),
        ("https://host:8443/a.csv", "https://host:8443/a.csv"),
        ("https://[::1]:8443/a.csv", "https://[::1]:8443/a.csv"),
        ("https://[::1]/a.csv", "https://[::1]/a.csv"),
        ("https://token@host/a.csv", "https://***@host/a.csv"),
        ("https://ann:p@ss@host/a@b.csv?x=1", "https://***@host/a@b.csv?***"),
        ("https://ann:p/ss@host/a.csv", "https://***"),
        ("https://ann:p?ss@host/a.csv", "https://***"),
        ("https://host?X-Amz-Signature=1", "https://host?***"),
        ("abfss://container@account.dfs.core.windows.net/a.csv", "abfss://container@account.dfs.core.windows.net/a.csv"),
        ("abfss://container:key@account/a.csv?sas=1", "abfss://***@account/a.csv?***"),
        ("gs://anonymous@bucket/a.csv", "gs://anonymous@bucket/a.csv"),
        ("-", "-"),
        ("a?b://c@d.csv", "a?b://c@d.csv"),
    ],
)
def test_shown(url, expected):
    assert shown(url) == expected
    assert shown(expected) == expected


def test_urls_in_messages():
    text = "cannot read 'https://h/a.csv?sig=1': see http://u:p@h/b, or (ftp://h/c?d). And https://h/a.csv?***: gone; x://h/?a=b;"
    assert scrubbed(text) == (
        "cannot read 'https://h/a.csv?***': see http://***@h/b, or (ftp://h/c?***). And https://h/a.csv?***: gone; x://h/?***;"
    )
    assert scrubbed("a ? b : c") == "a ? b : c"


def test_what_is_a_url():
    assert all(map(is_url, ("s3://b/a", "HTTPS://h/a", "x+y.z-1://a")))
    assert not any(map(is_url, ("a/b.csv", "-", "c:\\a", "a:b", "./s3://b/a", "1s://a", "")))


def test_the_path_has_neither_host_nor_query():
    assert path_of("s3://bucket/k=1/a.csv?region=eu/k=2") == "/k=1/a.csv"
    assert path_of("k=1/a?.csv") == "k=1/a?.csv"


GOOGLE = (
    "google::cloud::Status(UNAVAILABLE: Retry policy exhausted, with a last message of {0} error_info={{reason=, domain=, "
    "metadata={{gcloud-cpp.retry.on-entry=false, gcloud-cpp.retry.original-message={0}}}}})"
)


class Refused(OSError):
    """What aiohttp raises, as far as it matters: a status and what the server says of it."""

    status, message = 503, "busy " * 200


@pytest.mark.parametrize(
    ("error", "begins", "ends"),
    [
        (
            OSError(GOOGLE.format("CURL error [7]=Could not connect to server")),
            "UNAVAILABLE: Retry policy exhausted, with a last message of CURL error [7]=Could not connect to server",
            "",
        ),
        (OSError("google::cloud::Status(NOT_FOUND: no such bucket)"), "NOT_FOUND: no such bucket", ""),
        (
            OSError("When getting information: " + "tried and " * 200 + "could not connect"),
            "When getting information: ",
            "could not connect",
        ),
        (OSError("AWS Error ACCESS_DENIED\nand much more"), "AWS Error ACCESS_DENIED", ""),
        (Refused(), "the server answers 503 busy", "busy"),
        (FileNotFoundError(), "no such object", ""),
    ],
)
def test_what_a_store_says_is_one_line_of_a_sensible_length(error, begins, ends):
    with pytest.raises(DataError) as told, as_data_errors("gs://bucket/a.csv"):
        raise error
    text = str(told.value)
    assert text.startswith(f"gs://bucket/a.csv: {begins}")
    assert text.endswith(ends or begins)
    assert len(text) <= len("gs://bucket/a.csv: ") + 320
    assert "\n" not in text

"""Where URLs lead: object stores through pyarrow's own file systems, everything else through fsspec.

Both come down to three questions: which objects does a pattern mean, what is this object now, and what are the bytes of a stretch of it.
Credentials are found by the libraries, in the places that belong to each kind of store; none is taken from a URL.
"""

from __future__ import annotations

import fnmatch
import functools
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import IO, Any, NamedTuple, Protocol, TypeVar

from xent.core.errors import DataError, NothingEvaluated, UsageError
from xent.io.range_file import Fetch
from xent.io.sources import is_data, natural_order
from xent.io.store_errors import as_data_errors, is_transient
from xent.io.tables import first_line
from xent.io.urls import Url, parsed, shown

_T = TypeVar("_T")

_GOOGLE = ("scheme", "endpoint_override", "project_id")

_AZURE = ("enable_tls", "blob_storage_authority", "dfs_storage_authority", "credential_kind", "tenant_id", "client_id")

OPTIONS = {"s3": ("region", "scheme", "endpoint_override"), "gs": _GOOGLE, "gcs": _GOOGLE, "abfss": _AZURE, "abfs": _AZURE}
"""The schemes of object stores, and what may stand in the query of their URLs: nothing that opens a door."""

_READ_TIMEOUT = 30.0
"""Seconds without a byte after which a server of HTTP counts as stalled."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 20.0
"""Seconds to wait before something is tried again; doubled each time."""

_TELL_VERSIONS = (
    *("size", "etag", "lastmodified", "mtime", "modified", "modify", "updated", "created", "version", "versionid", "generation"),
    *("md5", "md5hash", "contentmd5", "crc32c", "digest", "checksum", "sha", "sha256", "oid", "blobid"),
)
"""What file systems call that by which versions of an object differ, without hyphens and underscores."""

_NO_SEPARATORS = str.maketrans("", "", "-_")


class Object(NamedTuple):
    """An object as it was found.

    Attributes
    ----------
    size : its bytes; None where the server does not tell
    state : what tells one version from another: size, ETag, time, version, whatever the store knows
    fetch : gives the bytes of a stretch; None where the server gives the whole only
    copy : writes all bytes to a file; None where `fetch` is the better way
    """

    size: int | None
    state: Mapping[str, str]
    fetch: Fetch | None = None
    copy: Callable[[IO[bytes]], None] | None = None


class Store(Protocol):
    """What is behind all URLs of one host."""

    def find(self, url: str) -> list[str]:
        """The URLs of all objects that a URL means, as a glob, a directory, or one object."""

    def open(self, url: str) -> Object:
        """The object as it is now."""

    def state(self, url: str) -> Mapping[str, str]:
        """What tells the version of an object that is there now from others."""


def store_of(url: str, retries: int) -> Store:
    """The store of a URL.

    Raises
    ------
    UsageError
        The URL holds credentials, options that its store does not have, or a scheme that nobody reads.
    """
    parts = parsed(url)
    if parts.gives_credentials:
        raise UsageError(
            f"{shown(url)}: credentials are not taken from a URL, where others see them\n"
            "they come from the environment and the files that belong to the store, such as ~/.aws/credentials or ~/.netrc"
        )
    if parts.scheme not in OPTIONS:
        return FsspecStore(url, retries)
    for name in _options(parts):
        if name not in OPTIONS[parts.scheme]:
            known = ", ".join(OPTIONS[parts.scheme])
            raise UsageError(f"{shown(url)}: {name!r} is no option of {parts.scheme}://; there are {known}")
    return _arrow_store(parts._replace(path=""), retries)


def _options(parts: Url) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in parts.query.split("&") if pair)
    return {name: value for name, _, value in pairs}


@functools.cache
def _arrow_store(root: Url, retries: int) -> ArrowStore:
    return ArrowStore(root, retries)


class ArrowStore:
    """A bucket or container of S3, Google Cloud Storage or Azure."""

    def __init__(self, root: Url, retries: int) -> None:
        with as_data_errors(str(root)):
            self._system, self._base = _s3(root, retries) if root.scheme == "s3" else _from_uri(root, retries)

    def find(self, url: str) -> list[str]:
        from pyarrow.fs import FileType

        with as_data_errors(url):
            parts = parsed(url)
            names = parts.path.strip("/").split("/")
            if any(map(_is_pattern, names)):
                found = list(self._matching(self._base, names))
                if not found:
                    raise NothingEvaluated(f"{shown(url)}: no object matches")
            elif self._system.get_file_info(self._path(parts)).type == FileType.File:
                return [url]
            else:
                folder = self._path(parts)
                listed = [one.path.removeprefix(f"{folder}/") for one in self._listed(folder, recursive=True) if _is_file(one)]
                if not listed:
                    raise DataError(f"{shown(url)}: no such object")
                found = [f"{folder}/{name}" for name in listed if is_data(name)]
                if not found:
                    raise NothingEvaluated(f"{shown(url)}: the directory holds no object that can be read")
            return [parts.with_path(path.removeprefix(self._base)) for path in natural_order(found)]

    def _path(self, parts: Url) -> str:
        return f"{self._base}/{parts.path.strip('/')}".rstrip("/")

    def _listed(self, folder: str, *, recursive: bool) -> list[Any]:
        from pyarrow.fs import FileSelector

        return list(self._system.get_file_info(FileSelector(folder, allow_not_found=True, recursive=recursive)))

    def _matching(self, folder: str, names: list[str]) -> Iterator[str]:
        """The objects below a folder whose names match patterns, one for each level; only the levels that may match are listed."""
        name, *below = names
        if name == "**":
            for one in self._listed(folder, recursive=True):
                if _is_file(one) and _matches(one.path.removeprefix(f"{folder}/").split("/"), names):
                    yield one.path
        elif below and not _is_pattern(name):
            yield from self._matching(f"{folder}/{name}", below)
        else:
            for one in self._listed(folder, recursive=False):
                if fnmatch.fnmatchcase(one.base_name, name):
                    if not below and _is_file(one):
                        yield one.path
                    elif below and not _is_file(one):
                        yield from self._matching(one.path, below)

    def open(self, url: str) -> Object:
        with as_data_errors(url):
            file = self._system.open_input_file(self._path(parsed(url)))

            def fetch(start: int, stop: int) -> bytes:
                with as_data_errors(url):
                    data: bytes = file.read_at(stop - start, start)
                    return _whole(data, stop - start)

            return Object(file.size(), _state(file), fetch)

    def state(self, url: str) -> Mapping[str, str]:
        with as_data_errors(url), self._system.open_input_file(self._path(parsed(url))) as file:
            return _state(file)


def _state(file: Any) -> dict[str, str]:
    return _versions({**file.metadata(), "size": file.size()})


def _s3(root: Url, retries: int) -> tuple[Any, str]:
    """The file system of a bucket. `FileSystem.from_uri` would not take how often to try."""
    from pyarrow import fs

    options = _options(root)
    # The SDK's own variables; pyarrow reads them for itself only where it is given a URL.
    endpoint = options.get("endpoint_override") or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = options.get("region")
    if region is None and endpoint is None:
        region = fs.resolve_s3_region(root.host)
    system = fs.S3FileSystem(
        region=region,
        scheme="http" if options.get("scheme") == "http" else "https",
        endpoint_override=endpoint,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=retries + 1),
    )
    return system, root.host


def _from_uri(root: Url, retries: int) -> tuple[Any, str]:
    from pyarrow import fs

    if root.scheme in ("gs", "gcs"):
        # Google's client is told how long to try, not how often.
        limit = f"retry_limit_seconds={max(1, int(sum(_pauses(retries))))}"
        root = root._replace(query="&".join(filter(None, (root.query, limit))))
    system, base = fs.FileSystem.from_uri(str(root))
    return system, base.rstrip("/")


class FsspecStore:
    """Anything that fsspec reads."""

    def __init__(self, url: str, retries: int) -> None:
        self._retries = retries
        self._is_http = parsed(url).scheme in ("http", "https")
        scheme = parsed(url).scheme
        try:
            from fsspec.core import url_to_fs

            options = _http_options() if self._is_http else {}
        except ImportError as error:
            needed = f"{scheme}:// is read by fsspec, and it or what it needs for that is not installed"
            raise UsageError(f"{needed}\npip install 'xent-eval[remote]'") from error
        try:
            self._system, _ = url_to_fs(_encoded(url) if self._is_http else url, **options)
        except (ImportError, ValueError) as error:
            # fsspec does not know the scheme, or knows which package brings it.
            raise UsageError(f"{scheme}:// is not read: {first_line(error)}") from error

    def _path(self, url: str) -> str:
        path: str = self._system._strip_protocol(_encoded(url) if self._is_http else url)
        return path

    def find(self, url: str) -> list[str]:
        if self._is_http:
            return [url]  # Servers of HTTP do not list what they have.
        with self._told(url):
            return self._again(lambda: self._find(url))

    def _find(self, url: str) -> list[str]:
        path = self._path(url)
        if _is_pattern(parsed(url).host + parsed(url).path):
            found = [name for name, told in self._system.glob(path, detail=True).items() if told["type"] == "file"]
            if not found:
                raise NothingEvaluated(f"{shown(url)}: no object matches")
        elif self._system.isdir(path):
            listed = [name.removeprefix(path).lstrip("/") for name in self._system.find(path)]
            found = [f"{path.rstrip('/')}/{name}" for name in listed if is_data(name)]
            if not found:
                raise NothingEvaluated(f"{shown(url)}: the directory holds no object that can be read")
        else:
            return [url]
        # What is cut off before a path is looked up is a part of the URL that all of them share.
        before = url[: -len(path)] if url.endswith(path) else ""
        return [before + name if before else self._system.unstrip_protocol(name) for name in natural_order(found)]

    def open(self, url: str) -> Object:
        told = self._info(url)
        size, state = told.get("size"), _versions(told)
        if size is None or told.get("partial") is False or (self._is_http and not self._gives_stretches(url, size)):
            return Object(size, state, copy=functools.partial(self._copy, url))
        return Object(size, state, fetch=functools.partial(self._fetch, url, size))

    def _gives_stretches(self, url: str, size: int) -> bool:
        """Whether a server heeds the header Range: many do without saying so."""
        if size < 2:
            return True
        with self._told(url):
            try:
                return len(self._again(lambda: self._read(url, size, 1, 2))) == 1
            except ValueError:
                return False

    def _fetch(self, url: str, size: int, start: int, stop: int) -> bytes:
        with self._told(url):
            return self._again(lambda: _whole(self._read(url, size, start, stop), stop - start))

    def _read(self, url: str, size: int, start: int, stop: int) -> bytes:
        options = {"size": size} if self._is_http else {}
        with self._system.open(self._path(url), "rb", cache_type="none", **options) as file:
            file.seek(start)
            data: bytes = file.read(stop - start)
            return data

    def state(self, url: str) -> Mapping[str, str]:
        return _versions(self._info(url))

    def _info(self, url: str) -> dict[str, Any]:
        with self._told(url):
            self._system.invalidate_cache()
            told: dict[str, Any] = self._again(lambda: self._system.info(self._path(url)))
            return told

    def _copy(self, url: str, target: IO[bytes]) -> None:
        def attempt() -> None:
            target.seek(0)
            target.truncate()
            self._system.get_file(self._path(url), target)
            target.flush()

        with self._told(url):
            self._again(attempt)

    def _told(self, url: str) -> AbstractContextManager[None]:
        return as_data_errors(url, tries=self._retries + 1)

    def _again(self, act: Callable[[], _T]) -> _T:
        """Does something, and again where it failed for a reason that may pass."""
        for pause in _pauses(self._retries):
            try:
                return act()
            except Exception as error:  # Every file system of fsspec raises its own.
                if not is_transient(error):
                    raise
            # By chance a little less, so that many who failed together do not come back together.
            time.sleep(pause * random.uniform(0.75, 1))  # noqa: S311  # Nobody gains by guessing it.
        return act()


def _http_options() -> dict[str, Any]:
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_READ_TIMEOUT, sock_read=_READ_TIMEOUT)
    # The environment says which proxy to use, and ~/.netrc who one is.
    return {"encoded": True, "client_kwargs": {"trust_env": True, "timeout": timeout}}


def _encoded(url: str) -> str:
    """A URL with what may not stand in one encoded, and all else as it is: a signature is over these very bytes."""
    from urllib.parse import quote

    return quote(url, safe="!#$%&'()*+,/:;=?@[]~")


def _versions(told: Mapping[str, Any]) -> dict[str, str]:
    """What tells one version of an object from another, of all that is known of it; when it was read last is not of that kind."""
    versions = {key: value for key, value in told.items() if key.lower().translate(_NO_SEPARATORS) in _TELL_VERSIONS}
    return {key: value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for key, value in versions.items()}


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What of an object is not what it was, as far as both are known."""
    return [f"{key} was {before[key]} and is {now[key]}" for key in before if key in now and before[key] != now[key]]


def _pauses(retries: int) -> list[float]:
    """The seconds to wait before each new try."""
    return [min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(number, 30)) for number in range(retries)]


def _whole(data: bytes, size: int) -> bytes:
    if len(data) != size:
        raise EOFError(f"{len(data)} bytes came where {size} were asked for")
    return data


def _is_file(found: Any) -> bool:
    return bool(found.is_file)


def _is_pattern(name: str) -> bool:
    return "*" in name or "[" in name


def _matches(names: list[str], patterns: list[str]) -> bool:
    """Whether patterns, one for each level, mean these names of folders and file; `**` means any number of levels."""
    if not patterns:
        return not names
    pattern, *others = patterns
    if pattern == "**":
        return any(_matches(names[at:], others) for at in range(len(names) + 1))
    return bool(names) and fnmatch.fnmatchcase(names[0], pattern) and _matches(names[1:], others)

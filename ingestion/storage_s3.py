"""An S3 prefix as a Storage: listing by pages, reading by etag, conditional writing. Imported only where S3 is used."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Collection, Iterator
from datetime import UTC
from pathlib import Path
from typing import Any, BinaryIO, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ingestion.deliveries import File
from ingestion.faultpoints import reached
from ingestion.storage import MEGABYTE, Changed, safe_key

RESUMED_AT_MOST = 5  # times a broken download is taken up again where it broke


class _Download(io.RawIOBase):
    """An object on its way to local disk: fetched as far as it is read, seekable, always of one etag."""

    def __init__(self, bucket: Bucket, file: File) -> None:
        self._bucket, self._file = bucket, file
        self._copy = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._here = self._fetched = self._resumed = 0
        self._body = bucket.body(file, 0) if file.size else None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._here, io.SEEK_END: self._file.size}[whence]
        self._here = max(0, start + offset)
        return self._here

    def tell(self) -> int:
        return self._here

    def readinto(self, target: Any) -> int:
        self._fetch(self._here + len(target))
        self._copy.seek(self._here)
        read = self._copy.readinto(target)  # type: ignore[attr-defined]
        self._here += read
        return read

    def _fetch(self, until: int) -> None:
        """Has the first `until` bytes in the copy; takes a broken body up again where it broke."""
        self._copy.seek(self._fetched)
        while self._fetched < min(until, self._file.size):
            try:
                block = self._body.read(8 * MEGABYTE)
                if not block:
                    raise OSError(f"{self._file.key}: the connection ended after {self._fetched} bytes")
            except (BotoCoreError, OSError):
                if self._resumed == RESUMED_AT_MOST:
                    raise
                self._resumed += 1
                self._body.close()
                self._body = self._bucket.body(self._file, self._fetched)
                continue
            self._fetched += self._copy.write(block)

    def close(self) -> None:
        if not self.closed:
            with contextlib.suppress(Exception):
                if self._body:
                    self._body.close()
            self._copy.close()
        super().close()


class Bucket:
    """An S3 prefix, by boto3, which reads credentials, region and AWS_ENDPOINT_URL from the environment."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self.bucket = bucket
        self.prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self.uri = f"s3://{bucket}/{self.prefix}".rstrip("/")
        self.client: Any = boto3.client("s3", config=Config(retries={"mode": "adaptive", "max_attempts": 8}))

    def _key(self, key: str) -> str:
        return self.prefix + safe_key(key)

    def files(self, prefix: str = "") -> Iterator[File]:
        found = [file for page in self._pages(prefix) for file in self._listed(page)]
        yield from sorted(found, key=lambda file: file.key)

    def files_beside(self, folders: Collection[str]) -> Iterator[File]:
        yield from sorted(self._beside("", folders), key=lambda file: file.key)

    def _beside(self, prefix: str, folders: Collection[str]) -> Iterator[File]:
        """One level at a time as long as one of the folders lies below; what lies elsewhere at once."""
        if not any(folder.startswith(prefix) for folder in folders):
            yield from self.files(prefix)
            return
        for page in self._pages(prefix, Delimiter="/"):
            yield from self._listed(page)
            for entry in page.get("CommonPrefixes", []):
                below = entry["Prefix"].removeprefix(self.prefix)
                if below not in folders:
                    yield from self._beside(below, folders)

    def _pages(self, prefix: str, **more: str) -> Iterator[dict[str, Any]]:
        paginator = self.client.get_paginator("list_objects_v2")
        return paginator.paginate(Bucket=self.bucket, Prefix=self.prefix + prefix, **more)

    def _listed(self, page: dict[str, Any]) -> Iterator[File]:
        for entry in page.get("Contents", []):
            key = entry["Key"].removeprefix(self.prefix)
            if key.endswith("/") and entry["Size"] == 0:
                continue  # the mark consoles leave for an empty folder
            modified = entry["LastModified"].astimezone(UTC).isoformat()
            yield File(key, entry["Size"], entry["ETag"].strip('"'), modified)

    def open(self, file: File) -> BinaryIO:
        """See Storage. Bytes are fetched as they are read, into a temporary file in which one can seek."""
        return cast(BinaryIO, io.BufferedReader(_Download(self, file), 1 << 20))

    def body(self, file: File, offset: int) -> Any:
        """The listed object's bytes from `offset` on; raises Changed where it is no longer the listed one."""
        partly = {"Range": f"bytes={offset}-"} if offset else {}
        try:
            answer = self.client.get_object(
                Bucket=self.bucket, Key=self._key(file.key), IfMatch=f'"{file.etag}"', **partly
            )
        except ClientError as error:
            if _status(error) in (404, 412):
                raise Changed(f"{file.key} was changed after it was listed") from error
            raise
        return answer["Body"]

    def read_bytes(self, key: str) -> bytes:
        try:
            return self.client.get_object(Bucket=self.bucket, Key=self._key(key))["Body"].read()
        except ClientError as error:
            if _status(error) == 404:
                raise FileNotFoundError(f"{self.uri}/{key}") from error
            raise

    def write(self, key: str, data: bytes | Path, if_absent: bool = False) -> bool:
        where = {"Bucket": self.bucket, "Key": self._key(key)}
        if isinstance(data, Path) and not if_absent:
            self.client.upload_file(str(data), self.bucket, where["Key"])  # multipart; visible only when whole
            return True
        body = data if isinstance(data, bytes) else data.read_bytes()
        reached("write_before")
        try:
            self.client.put_object(**where, Body=body, **({"IfNoneMatch": "*"} if if_absent else {}))
        except ClientError as error:
            if if_absent and _status(error) in (409, 412):
                return False
            raise
        reached("write_after")
        return True

    def exists(self, key: str) -> bool:
        try:
            self.client.head_object(Bucket=self.bucket, Key=self._key(key))
        except ClientError as error:
            if _status(error) == 404:
                return False
            raise
        return True

    def locate(self, key: str) -> str:
        return f"s3://{self.bucket}/{self._key(key)}"


def _status(error: Any) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])

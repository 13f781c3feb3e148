"""Storages: folder and bucket keep the same promises, whatever a key is called and whatever happens on the way."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from hypothesis import given
from hypothesis import strategies as st

from ingestion.storage import Changed, Folder, Storage, UnsafeKey, open_storage, safe_key

ODD_NAMES = [
    "it's; drop--.csv",
    'a "quoted" name.csv',
    "new\nline.csv",
    "größe/日本 €.csv",
    "a*b?[c].csv",
    "#1 %2F.csv",
    "-rf",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_key_may_hold_any_characters(storage: Storage, name: str) -> None:
    """Fails when a name with quotes, line ends, wildcards or unicode is lost or changed on its way (fault 14)."""
    if "\n" in name and not isinstance(storage, Folder):
        name = name.replace("\n", " ")  # the S3 server of the tests routes no line end
    key = f"aws_cur/{name}"
    assert storage.write(key, b"content")
    (file,) = storage.files("aws_cur/")
    assert (file.key, file.size) == (key, 7)
    with storage.open(file) as stream:
        assert stream.read() == b"content"
    assert storage.exists(key)
    assert storage.read_bytes(key) == b"content"


@pytest.mark.parametrize("key", ["../x", "a/../b", "/etc/passwd", "a//b", ".", "", "a/./b", "a\0b", "a/.."])
def test_a_key_that_leads_out_is_refused(storage: Storage, key: str) -> None:
    """Fails when a key can name a file outside its storage, for reading or writing (faults 13, 14)."""
    for attempt in (storage.read_bytes, storage.exists, storage.locate, lambda key: storage.write(key, b"")):
        with pytest.raises(UnsafeKey):
            attempt(key)


@given(st.text(alphabet="./ab\\~\0\n'", max_size=12))
def test_no_key_leaves_its_folder(key: str) -> None:
    """Fails when some accepted key resolves to a path outside the folder (fault 14)."""
    root = Path("/somewhere/inbox")
    try:
        accepted = safe_key(key)
    except UnsafeKey:
        return
    assert Path(os.path.normpath(root / accepted)).is_relative_to(root)
    assert os.path.normpath(root / accepted) == str(root / accepted)


def test_a_file_that_changed_since_it_was_listed_is_not_read(storage: Storage) -> None:
    """Fails when bytes other than the listed ones can be read under the listed file's name (fault 15)."""
    storage.write("a.csv", b"first")
    if isinstance(storage, Folder):  # both within one tick of the clock would be of one time
        os.utime(storage.locate("a.csv"), (0, 0))
    (file,) = storage.files()
    storage.write("a.csv", b"other")
    with pytest.raises(Changed):
        storage.open(file).read()


def test_a_file_that_is_gone_counts_as_changed(tmp_path: Path) -> None:
    """Fails when a file taken away between listing and reading crashes the run instead of being looked at again."""
    storage = open_storage(tmp_path)
    storage.write("a.csv", b"first")
    (file,) = storage.files()
    (tmp_path / "a.csv").unlink()
    with pytest.raises(Changed):
        storage.open(file)


def test_writing_if_absent_keeps_what_is_there(storage: Storage) -> None:
    """Fails when two writers of one key can both believe that they were first."""
    assert storage.write("ledger/1.json", b"first", if_absent=True)
    assert not storage.write("ledger/1.json", b"second", if_absent=True)
    assert storage.read_bytes("ledger/1.json") == b"first"
    assert storage.write("ledger/1.json", b"third")
    assert storage.read_bytes("ledger/1.json") == b"third"


def test_files_are_listed_in_order_below_a_prefix(storage: Storage) -> None:
    """Fails when a listing depends on the order of writing, or a prefix cuts at folders only."""
    for key in ("b/2", "b/10", "a/x/y", "b/1", "bc/1", "é"):
        storage.write(key, b"")
    assert [file.key for file in storage.files()] == ["a/x/y", "b/1", "b/10", "b/2", "bc/1", "é"]
    assert [file.key for file in storage.files("b")] == ["b/1", "b/10", "b/2", "bc/1"]
    assert [file.key for file in storage.files("b/1")] == ["b/1", "b/10"]
    assert list(storage.files("nothing/here")) == []


def test_what_lies_beside_folders_is_listed_without_them(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when a file beside the folders is missed or one in them is listed, or a folder of a hundred thousand is
    looked into to find what lies beside it."""
    inside = ["edge/a/1.json", "edge/2.json", "usage/events/3.json"]
    outside = ["edges/4", "focus/aws/5.csv", "usage/6", "usage/events.json", "usage/other/deep/7", "z"]
    for key in (*inside, *outside):
        assert storage.write(key, b"x")
    asked: list[str] = []

    def noted(folder: Path) -> Any:
        asked.append(Path(folder).name)
        return scandir(folder)

    scandir = os.scandir
    monkeypatch.setattr("ingestion.storage.os.scandir", noted)
    assert [file.key for file in storage.files_beside({"edge/", "usage/events/"})] == outside
    assert [file.key for file in storage.files_beside(())] == sorted(inside + outside)
    assert isinstance(storage, Folder) == bool(asked)
    first = asked[: asked.index(Path(storage.uri).name, 1)] if asked else []
    assert not {"edge", "events"} & set(first)


def test_a_file_can_be_sought_while_it_is_read(storage: Storage) -> None:
    """Fails when readers of Parquet and zip, which start at the end, do not see the same bytes as others."""
    content = os.urandom(3_000_000)
    storage.write("big", content)
    (file,) = storage.files()
    with storage.open(file) as stream:
        assert stream.read(10) == content[:10]
        stream.seek(-7, os.SEEK_END)
        assert stream.read() == content[-7:]
        stream.seek(1_500_000)
        assert stream.read(100) == content[1_500_000:1_500_100]


def test_a_local_file_is_stored_as_it_is(storage: Storage, tmp_path: Path) -> None:
    """Fails when a file given by path is stored otherwise than its bytes."""
    source = tmp_path / "source"
    source.write_bytes(b"\0\xff" * 10)
    storage.write("copy", source)
    assert storage.read_bytes("copy") == b"\0\xff" * 10


def test_links_and_devices_are_not_followed(tmp_path: Path) -> None:
    """Fails when a link, pipe or folder link in the inbox makes files from elsewhere appear in it (fault 13)."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.csv").write_text("secret")
    root = tmp_path / "inbox"
    root.mkdir()
    (root / "file-link.csv").symlink_to(outside / "secret.csv")
    (root / "folder-link").symlink_to(outside)
    os.mkfifo(root / "pipe.csv")
    (root / "real.csv").write_text("real")
    storage = open_storage(root)
    assert [file.key for file in storage.files()] == ["real.csv"]
    assert list(storage.files("folder-link/")) == []
    (file,) = storage.files()
    (root / "real.csv").unlink()
    (root / "real.csv").symlink_to(outside / "secret.csv")
    with pytest.raises(Changed):
        storage.open(file)


def test_a_name_that_is_no_text_is_listed_and_not_read(tmp_path: Path) -> None:
    """Fails when a file whose name is not UTF-8 breaks the listing, or is passed over without a word (fault 14)."""
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.csv"))).write_text("x")
    storage = open_storage(tmp_path)
    (file,) = storage.files()
    assert file.key.encode() == b"\\xff.csv"
    with pytest.raises(Changed):
        storage.open(file)


def test_a_write_that_fails_leaves_the_old_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when a full disk leaves a file that is neither old nor new, or rubbish in the listing."""
    storage = open_storage(tmp_path)
    storage.write("a", b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            storage.write("a", b"new")
    assert storage.read_bytes("a") == b"old"
    assert [file.key for file in storage.files()] == ["a"]
    assert os.listdir(tmp_path) == ["a"]


def test_a_listing_of_a_bucket_has_all_its_pages(s3: Any) -> None:
    """Fails when only the first thousand keys of a prefix are seen (fault 11)."""
    storage = open_storage(f"{s3()}/inbox")
    for number in range(1003):
        storage.client.put_object(Bucket=storage.bucket, Key=f"inbox/edge/{number:05d}", Body=b"")
    assert [file.key for file in storage.files("edge/")] == [f"edge/{number:05d}" for number in range(1003)]


@pytest.mark.parametrize(("status", "error"), [(503, "SlowDown"), (500, "InternalError")])
def test_a_throttled_or_failing_bucket_is_asked_again(s3: Any, status: int, error: str) -> None:
    """Fails when a 5xx answer of S3 ends the run instead of being retried (fault 11)."""
    storage = open_storage(s3())
    storage.write("a", b"content")
    failures = iter(range(2))

    def fail(request: Any, **_: Any) -> AWSResponse | None:
        if next(failures, None) is None:
            return None

        class Body:
            def stream(self, **_: Any) -> list[bytes]:
                return [f"<Error><Code>{error}</Code><Message>again</Message></Error>".encode()]

        return AWSResponse(request.url, status, {}, Body())

    storage.client.meta.events.register("before-send.s3", fail)
    (file,) = storage.files()
    with storage.open(file) as stream:
        assert stream.read() == b"content"
    assert next(failures, None) is None


def test_a_download_that_breaks_is_taken_up_where_it_broke(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when a connection that ends early gives a short file, or the download starts anew (faults 11, 15)."""
    storage = open_storage(s3())
    content = os.urandom(2_000_000)
    storage.write("a", content)
    (file,) = storage.files()
    asked: list[int] = []
    whole = storage.body

    class Cut:
        def __init__(self, body: Any) -> None:
            self.body, self.left = body, 600_000

        def read(self, size: int) -> bytes:
            block = self.body.read(min(size, self.left))
            self.left -= len(block)
            return block

        def close(self) -> None:
            self.body.close()

    monkeypatch.setattr(storage, "body", lambda file, offset: asked.append(offset) or Cut(whole(file, offset)))
    with storage.open(file) as stream:
        assert stream.read() == content
    assert asked == [0, 600_000, 1_200_000, 1_800_000]


def test_opening_a_storage_touches_nothing(tmp_path: Path) -> None:
    """Fails when naming a folder creates it: a mistyped inbox would look empty instead of absent."""
    storage = open_storage(tmp_path / "not there")
    assert isinstance(storage, Folder)
    assert list(storage.files()) == []
    assert not (tmp_path / "not there").exists()

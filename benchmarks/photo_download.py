"""Downloads the photos on which the reader's accuracy was measured.

`photos.json` lists them: where each is public (repository, commit, path), the SHA-256 of the file
that was measured, its licence as stated there, and the digits on it. The photos are other people's
and most have no stated licence, so none is in this repository.
"""

import hashlib
import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from digits import files

PHOTOS = Path(__file__).with_name("photos.json")
BASE_URL = "https://raw.githubusercontent.com"
TIMEOUT = 30.0  # seconds that the server may be silent
MAX_BYTES = 20_000_000  # of a photo; the largest has 4.1 million


def download(
    photos: Sequence[Mapping[str, Any]],
    folder: Path,
    base_url: str = BASE_URL,
    on_progress: Callable[[str, str | None], object] = lambda name, problem: None,
) -> list[str]:
    """Download photos into a folder, with a `labels.json` of those that are there at the end.

    A photo that is there already, with the right content, is not downloaded again. A download
    with other content than the photo that was measured is not kept.

    Args:
        photos: rows of `photos.json`: dicts with at least `file`, `repository`, `commit`, `path`
            and `sha256`.
        folder: Path to write to; it is made if it is missing.
        base_url: address of the server; a photo is at base_url/repository/commit/path.
        on_progress: called after each photo with its file name and, if it could not be had, one
            line that says why.

    Returns:
        One line for each photo that could not be had; empty if all are there.

    Raises:
        ValueError: a row names a file outside the folder, or the folder has a `labels.json` of
            other photos.
        OSError: the folder cannot be written to.
    """
    labels_path = folder / "labels.json"
    _check_names(photos)
    _check_labels(labels_path, photos)
    labels, problems = [], []
    for photo in photos:
        problem = _download_photo(photo, folder / photo["file"], base_url)
        if problem:
            problems.append(problem)
        else:
            labels.append(dict(photo))
        on_progress(photo["file"], problem)
    files.write_json(labels_path, labels)
    return problems


def _check_names(photos: Sequence[Mapping[str, Any]]) -> None:
    for photo in photos:
        name = photo["file"]
        if name != Path(name).name or name in ("", "..", "labels.json"):
            raise ValueError(f"received the file name {name!r}, expected one without a folder")


def _check_labels(path: Path, photos: Sequence[Mapping[str, Any]]) -> None:
    """Raise ValueError if `path` exists and was not written by `download`."""
    if not path.exists():
        return
    try:
        labels = json.loads(path.read_bytes())
        own = all(label in photos for label in labels)
    except (ValueError, TypeError):
        own = False
    if not own:
        raise ValueError(f"{path} has labels of other photos, expected none: use another folder")


def _download_photo(photo: Mapping[str, Any], path: Path, base_url: str) -> str | None:
    """Download one photo unless it is there; returns why it could not be had, or None."""
    if path.is_file() and _sha256(path.read_bytes()) == photo["sha256"]:
        return None
    place = "/".join(photo[key] for key in ("repository", "commit", "path"))
    url = f"{base_url}/{urllib.parse.quote(place)}"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
            content = response.read(MAX_BYTES + 1)
    except urllib.error.HTTPError as error:
        return f"{photo['file']}: {url} answers {error.code} {error.reason}"
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        return f"{photo['file']}: cannot download {url} ({reason})"
    if len(content) > MAX_BYTES:
        return f"{photo['file']}: {url} has more than {MAX_BYTES:,} bytes"
    if _sha256(content) != photo["sha256"]:
        return f"{photo['file']}: {url} differs from the photo that was measured (SHA-256)"
    with files.replacing(path) as temporary:
        temporary.write_bytes(content)
    return None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

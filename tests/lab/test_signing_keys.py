"""Signing keys are kept in folders that ssosim made, and only those are replaced."""

import pytest

from ssosim.estate import default_estate
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.base.signing_keys import load_signing_keys


def key_folder_of(cache):
    """Return the folder of the keys of the default estate."""
    (folder,) = cache.glob("keys-*")
    return folder


def test_keys_are_kept_and_damaged_ones_generated_again(tmp_path):
    """The same keys are read again; if a file is damaged, the folder is replaced, and no draft is left."""
    first = load_signing_keys(default_estate(), tmp_path)
    assert load_signing_keys(default_estate(), tmp_path).secret == first.secret
    (key_folder_of(tmp_path) / "secret.bin").write_bytes(b"short")
    assert load_signing_keys(default_estate(), tmp_path).secret != first.secret
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("kind", ["folder", "link", "file"])
def test_a_foreign_entry_is_refused(tmp_path, kind):
    """The error names a foreign entry with the name of the key folder; the entry does not change."""
    cache, own = tmp_path / "cache", tmp_path / "own"
    load_signing_keys(default_estate(), cache)
    place = key_folder_of(cache)
    place.rename(tmp_path / "moved")
    own.mkdir()
    (own / "secret.bin").write_text("kept")
    match kind:
        case "folder":
            own.rename(place)
        case "link":
            place.symlink_to(own)
        case "file":
            place.write_text("kept")
    with pytest.raises(LabInputError, match=str(place)):
        load_signing_keys(default_estate(), cache)
    kept = {"file": place, "folder": place / "secret.bin"}.get(kind, own / "secret.bin")
    assert kept.read_text() == "kept"
    assert list(cache.iterdir()) == [place]


def test_a_cache_of_the_users_keeps_its_mode(tmp_path):
    """A folder that a test names for its cache is used as it is."""
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o755)
    cache.chmod(0o755)
    load_signing_keys(default_estate(), cache)
    assert cache.stat().st_mode & 0o777 == 0o755
    assert key_folder_of(cache).stat().st_mode & 0o777 == 0o700

"""Cached names with a dnspython whose hash of names is another one."""

from __future__ import annotations

import pytest
from dns.name import Name

from ssosim.dns.zones import cached_name
from ssosim.dns.zones.cached_name import CachedName, NameMaker, has_known_hash, make_name

LABELS = ((b"www", b"Example", b""), (b"a" * 63, b""), (b"\x00\xff", b"x", b""))


def made_of(labels: tuple[bytes, ...]) -> list[CachedName]:
    """The name of these labels, by each way to make one."""
    maker = NameMaker(Name(labels[1:]))
    below = make_name((b"below", *labels)).parent()
    assert isinstance(below, CachedName)
    return [make_name(labels), CachedName(labels), maker.make(labels[:1]), below]


@pytest.mark.parametrize("labels", LABELS)
def test_another_hash_of_names_is_asked_for(labels: tuple[bytes, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is found under dnspython's own name and the other way round, whatever hash dnspython computes."""
    assert has_known_hash()
    monkeypatch.setattr(Name, "__hash__", lambda self: 7 + sum(map(len, self.labels)))
    assert not has_known_hash()
    monkeypatch.setattr(cached_name, "_HAS_KNOWN_HASH", has_known_hash())
    for each in made_of(labels):
        assert {Name(labels): 1}.get(each) == {each: 1}.get(Name(labels)) == 1


@pytest.mark.parametrize("labels", LABELS)
def test_each_way_makes_the_hash_of_dnspython(labels: tuple[bytes, ...]) -> None:
    """With the hash of the installed dnspython, computed from the octets."""
    assert {hash(each) for each in made_of(labels)} == {hash(Name(labels))}

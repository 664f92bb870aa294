"""Write the state of users' accounts into the databases of running KDCs, as attributes of their principals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ssosim.estate import Estate, User
from ssosim.kerberos.account_attributes import AccountAttributes
from ssosim.kerberos.realm import PreparedRealm, run_kadmin

__all__ = ["RealmAccounts"]


class RealmAccounts:
    """The accounts of ``estate`` at its KDCs. ``kdcs``: the files of each, by the names of realm and host."""

    def __init__(self, estate: Estate, kdcs: Mapping[tuple[str, str], PreparedRealm]) -> None:
        self._kdcs = kdcs
        self._shown = {key: _list_attributes(estate, key[0]) for key in kdcs}

    def show(self, estate: Estate, lagging: Mapping[str, Estate]) -> None:
        """Make the accounts of ``estate`` those of the KDCs; ``lagging`` has another estate for some of them.

        Raises RealmError.
        """
        for key, files in self._kdcs.items():
            wanted = _list_attributes(lagging.get(key[1], estate), key[0])
            changed = {name: each for name, each in wanted.items() if self._shown[key].get(name) != each}
            if changed:
                lines = [f"modprinc {each.format_options()} {name}" for name, each in changed.items()]
                run_kadmin(files, "\n".join(lines))
            self._shown[key] = wanted


def _list_attributes(estate: Estate, realm: str) -> dict[str, AccountAttributes]:
    return {name: AccountAttributes.of(user) for name, user in _list_accounts(estate, realm)}


def _list_accounts(estate: Estate, realm: str) -> Iterator[tuple[str, User]]:
    for user in estate.users:
        if user.sam_account is not None and estate.realm_of(user).name == realm:
            yield user.sam_account, user

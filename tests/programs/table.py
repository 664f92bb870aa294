"""Programs of other people that sign in with a password, unmodified, and what the lab must answer them.

Each is a few lines around the public function of the program that signs in. What it showed: docs/programs-tried.md.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FAST", "PROGRAMS", "Program"]

CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
TENANT = "contoso.onmicrosoft.com"
LOGIN, STS, AUTOLOGON = "login.microsoftonline.com", "sts.fabrikam.com", "autologon.microsoftazuread-sso.com"


@dataclass(frozen=True, slots=True)
class Program:
    """One program: its package with version, the code that signs in, and what is seen.

    ``managed`` and ``federated``: the requests with a password, each as host, last part of the path and status, and
    whether the program has an access token at the end. ``module``: the code is for Node, and not for Python.
    """

    package: str
    code: str
    managed: tuple[tuple[tuple[str, str, int], ...], bool]
    federated: tuple[tuple[tuple[str, str, int], ...], bool]
    node: bool = False

    @property
    def name(self) -> str:
        """The name of the package."""
        return self.package.partition("==")[0].rpartition("/")[2].partition("@")[0]


_USER = 'os.environ["SSOSIM_USER"], os.environ["SSOSIM_PASSWORD"]'
_BY_AUTOLOGON = (((AUTOLOGON, "usernamemixed", 200),), True)
_BY_TOKEN = (((LOGIN, "token", 200),), True)
_BY_STS = (((STS, "usernamemixed", 200),), True)
_NODE_USER = "process.env.SSOSIM_USER, process.env.SSOSIM_PASSWORD"

PROGRAMS = (
    Program(
        "sharepy==2.0.0",
        f"import os, sharepy\nuser, password = {_USER}\n"
        'sharepy.connect("contoso.sharepoint.com", username=user, password=password)',
        ((), False),  # extSTS.srf is 404: the password is in a form of its own there
        (((STS, "usernamemixed", 200),), False),
    ),
    Program(
        "SharePlum==0.5.1",
        f"import os\nfrom shareplum import Office365\nuser, password = {_USER}\n"
        'Office365("https://contoso.sharepoint.com", username=user, password=password).GetCookies()',
        ((), False),
        ((), False),
    ),
    Program(
        "O365==2.1.10",
        "import os\nfrom O365 import Account\nfrom O365.utils.token import MemoryTokenBackend\n"
        f"user, password = {_USER}\n"
        f'account = Account(("{CLI}",), auth_flow_type="password", username=user, password=password, '
        f'tenant_id="{TENANT}", token_backend=MemoryTokenBackend())\n'
        'assert account.authenticate(scopes=["https://graph.microsoft.com/.default"])',
        _BY_TOKEN,
        _BY_STS,
    ),
    Program(
        "Office365-REST-Python-Client==3.3.0",
        f"import os\nfrom office365.graph_client import GraphClient\nuser, password = {_USER}\n"
        f'client = GraphClient(tenant="{TENANT}").with_username_and_password("{CLI}", user, password)\n'
        "client.me.get().execute_query()",
        _BY_TOKEN,
        _BY_STS,
    ),
    Program(
        "msrestazure==0.6.4.post1",
        f"import os\nfrom msrestazure.azure_active_directory import UserPassCredentials\nuser, password = {_USER}\n"
        'assert UserPassCredentials(user, password, resource="https://management.core.windows.net/").token',
        _BY_AUTOLOGON,
        _BY_STS,
    ),
    Program(
        "roadlib==1.7.0",
        f"import os\nfrom roadtools.roadlib.auth import Authentication\nuser, password = {_USER}\n"
        f'program = Authentication(username=user, password=password, client_id="{CLI}")\n'
        'program.resource_uri = "https://graph.microsoft.com/"\n'
        "assert program.get_tokens(type('Arguments', (), {'tokens_stdout': False})) is not False",
        _BY_TOKEN,
        _BY_STS,
    ),
    Program(
        "adal-node@0.2.4",
        'const adal = require("adal-node");\n'
        f'const context = new adal.AuthenticationContext("https://{LOGIN}/{TENANT}");\n'
        f'context.acquireTokenWithUsernamePassword("https://graph.microsoft.com", {_NODE_USER}, "{CLI}", '
        "(error) => process.exit(error ? 1 : 0));",
        _BY_AUTOLOGON,
        _BY_STS,
        node=True,
    ),
    Program(
        "@azure/ms-rest-nodeauth@3.1.1",
        'require("@azure/ms-rest-nodeauth")'
        f'.loginWithUsernamePassword({_NODE_USER}, {{domain: "{TENANT}"}}).then(() => {{}}, () => process.exit(1));',
        _BY_AUTOLOGON,
        _BY_STS,
        node=True,
    ),
    Program(
        "node-sp-auth@3.0.9",
        'require("node-sp-auth").getAuth("https://contoso.sharepoint.com/sites/a", '
        "{username: process.env.SSOSIM_USER, password: process.env.SSOSIM_PASSWORD})"
        ".then(() => {}, () => process.exit(1));",
        ((), False),
        (((STS, "usernamemixed", 200),), False),
        node=True,
    ),
)

FAST = ("sharepy", "msrestazure")
"""Those that are installed and run in every continuous integration; the others run nightly."""

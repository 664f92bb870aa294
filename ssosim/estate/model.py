"""What exists: tenants, domains, people, devices, applications, hosts, zones and Kerberos realms.

Everything here is frozen. The classes are ``msgspec.Struct`` rather than dataclasses for one reason: they are the
schema of the user's own TOML file, and a Struct refuses unknown keys and wrong types with the place of the mistake.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = [
    "Application",
    "Cloud",
    "Device",
    "DnsResolver",
    "Domain",
    "Estate",
    "FederationService",
    "Host",
    "HostService",
    "Location",
    "Monitor",
    "NameService",
    "Realm",
    "RecordSet",
    "RecordType",
    "Routing",
    "ServiceAccount",
    "Tenant",
    "TrafficManager",
    "TrafficManagerEndpoint",
    "User",
    "Zone",
]

RecordType = Literal["A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"]
Routing = Literal["priority", "weighted", "performance", "geographic", "multivalue", "subnet"]

Port = Annotated[int, Meta(ge=1, le=65535)]
OneToThousand = Annotated[int, Meta(ge=1, le=1000)]
StatusRange = Annotated[str, Meta(pattern=r"^[1-9]\d\d(-[1-9]\d\d)?$")]
DnsName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?$", max_length=254)]
Header = Annotated[str, Meta(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+: ?[ -~]*$")]


class Frozen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every entry of an estate file: immutable, named fields only, unknown keys refused."""


class Cloud(Frozen, frozen=True, kw_only=True):
    """The identity provider's own settings.

    ``mex_path`` and ``trust_path`` hold ``{domain}``. The literal MEX path is UNCONFIRMED in public text, hence a
    setting. ``assertion`` selects what the token inside the RSTR is: the shell around an opaque ``DesktopSsoToken``
    that public tools reconstruct, or a complete signed SAML 1.1 assertion.
    Lifetimes are in seconds.
    """

    login_hosts: tuple[str, ...]
    autologon_host: str
    mex_path: str = "/{domain}/winauth/trust/mex"
    trust_path: str = "/{domain}/winauth/trust/2005"
    audience_urn: str = "urn:federation:MicrosoftOnline"
    cloud_instance_name: str = "microsoftonline.com"
    assertion: Literal["desktop-sso-token", "signed-saml"] = "desktop-sso-token"
    assertion_lifetime: int = 3600
    access_token_lifetime: int = 4500
    refresh_token_lifetime: int = 90 * 86400
    clock_skew: int = 300


class HostService(Frozen, frozen=True, kw_only=True):
    """A service that a host runs: its registered name, and the port where it differs from the service's own."""

    name: str
    port: Port | None = None


class Host(Frozen, frozen=True, kw_only=True):
    """One machine of the lab: an address of its own, and the services that it runs there.

    ``name`` is for people; what clients resolve is in ``zones``. An entry of ``services`` is a registered name such as
    ``"login"``, or a table with a port (``HostService``).
    """

    name: str
    address: str
    services: tuple[HostService | str, ...]

    def running(self) -> tuple[HostService, ...]:
        """The services, each as a value, in file order."""
        return tuple(HostService(name=each) if isinstance(each, str) else each for each in self.services)


class ServiceAccount(Frozen, frozen=True, kw_only=True):
    """The computer account that stands for the cloud in Active Directory (AZUREADSSOACC$) and its SPNs.

    MIT KDCs before 1.22 know no principal aliases in file databases, so each SPN becomes a principal of its own with
    the account's key in the one keytab.
    """

    name: str = "AZUREADSSOACC$"
    spns: tuple[str, ...] = ()
    enctypes: tuple[str, ...] = ("aes256-cts-hmac-sha1-96", "aes128-cts-hmac-sha1-96")


class Realm(Frozen, frozen=True, kw_only=True):
    """A Kerberos realm. ``domain`` is the DNS domain that maps to it; lifetimes are in seconds."""

    name: str
    domain: str
    service_account: ServiceAccount
    services: tuple[str, ...] = ()
    ticket_lifetime: int = 36000
    renewable_lifetime: int = 7 * 86400


class Domain(Frozen, frozen=True, kw_only=True):
    """A DNS domain that a tenant has verified.

    ``federation`` names the FederationService that signs the domain's users in; managed domains have none.
    """

    name: str
    kind: Literal["managed", "federated"] = "managed"
    federation: str | None = None


class Tenant(Frozen, frozen=True, kw_only=True):
    """An Entra tenant. ``id`` is a GUID, ``initial_domain`` the ``*.onmicrosoft.com`` name."""

    id: str
    display_name: str
    initial_domain: str
    domains: tuple[Domain, ...] = ()
    desktop_sso: bool = True


class User(Frozen, frozen=True, kw_only=True):
    """A person (or service account) with an Entra object and, if ``sam_account`` is set, an account in the realm.

    ``sid`` is the on-premises security identifier; ``synced`` says whether directory sync has copied it to Entra, which
    is how a ticket's owner is found (AADSTS81011 when it is not).
    """

    upn: str
    object_id: str
    password: str
    tenant: str
    display_name: str = ""
    sam_account: str | None = None
    sid: str | None = None
    synced: bool = True
    immutable_id: str | None = None
    enabled: bool = True
    password_expired: bool = False
    locked: bool = False
    mfa_required: bool = False


class Device(Frozen, frozen=True, kw_only=True):
    """A client machine: who is signed on there, and whether it sits in the corporate network.

    ``ipv6``: programs there have an IPv6 address as well; without it IPv4 only.
    """

    name: str
    user: str
    corporate_network: bool = True
    ipv6: bool = False


class Application(Frozen, frozen=True, kw_only=True):
    """An application registration. ``family`` marks members of the family of client ids (``foci``)."""

    client_id: str
    name: str
    redirect_uris: tuple[str, ...] = ()
    client_secret: str | None = None
    family: bool = False


class FederationService(Frozen, frozen=True, kw_only=True):
    """A domain's own WS-Trust security token service, in the place of AD FS."""

    name: str
    host: str
    issuer: str
    spn: str | None = None
    token_lifetime: int = 3600


class Monitor(Frozen, frozen=True, kw_only=True):
    """How a traffic manager profile looks after its endpoints: by requests that each must answer in time.

    ``interval`` and ``timeout`` are in seconds (``timeout`` by default 10, with fast probes 9); an endpoint is degraded
    when ``tolerated_failures`` and one more probes failed in a row. ``expected`` are status codes or ranges, such as
    ``"200-299"``; ``headers`` are ``"Name: value"``; ``port`` follows the protocol unless given. Certificates are not
    validated, redirects not followed. Source: Traffic Manager documentation, endpoint monitoring.
    """

    protocol: Literal["http", "https", "tcp"] = "https"
    port: Port | None = None
    path: Annotated[str, Meta(pattern=r"^/[!-~]*$")] = "/"
    interval: Literal[10, 30] = 30
    timeout: int | None = None
    tolerated_failures: Annotated[int, Meta(ge=0, le=9)] = 3
    expected: Annotated[tuple[StatusRange, ...], Meta(min_length=1, max_length=8)] = ("200",)
    headers: Annotated[tuple[Header, ...], Meta(max_length=8)] = ()


class TrafficManagerEndpoint(Frozen, frozen=True, kw_only=True):
    """One endpoint of a traffic manager profile: an IP ``address``, a DNS name ``target``, or another ``profile``.

    Routing methods read: ``priority`` (1 is tried first), ``weight``, ``location`` (performance), ``regions``
    (geographic), ``subnets`` (none: for all that no other endpoint names). A nested profile counts as online while
    ``min_children`` of its own endpoints are. Source: Traffic Manager documentation, routing methods and nesting.
    """

    name: str
    address: str | None = None
    target: DnsName | None = None
    profile: str | None = None
    enabled: bool = True
    priority: OneToThousand = 1
    weight: OneToThousand = 1
    location: str = ""
    regions: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    min_children: Annotated[int, Meta(ge=1)] = 1


class TrafficManager(Frozen, frozen=True, kw_only=True):
    """A traffic manager profile: a DNS name of its own that answers with its endpoints' addresses.

    ``max_return`` bounds the addresses of a multivalue answer (all of them unless given). Without ``monitor`` nothing
    is probed and every endpoint counts as online. ``owner`` says who to ask before it is cleaned up.
    """

    name: str
    dns_name: str
    ttl: int = 60
    routing: Routing = "priority"
    endpoints: tuple[TrafficManagerEndpoint, ...] = ()
    enabled: bool = True
    max_return: Annotated[int, Meta(ge=1, le=8)] | None = None
    monitor: Monitor | None = None
    owner: str = ""


class Location(Frozen, frozen=True, kw_only=True):
    """A place that questions come from: whoever asks from one of ``subnets``.

    ``regions`` are its geographic regions, the most specific first, such as ``["DE", "GEO-EU"]`` (all of them lie in
    ``WORLD``); ``latency`` gives milliseconds from here to the locations of endpoints.
    """

    name: str
    subnets: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    latency: dict[str, Annotated[float, Meta(ge=0)]] = {}


class NameService(Frozen, frozen=True, kw_only=True):
    """How the lab's DNS behaves where the record sets do not say.

    ``empty_set`` is what a name answers whose record sets are all empty, as deletion of their target leaves them;
    UNCONFIRMED which one it was on 25 February 2025. ``seed`` starts the draws of weighted routing.
    """

    empty_set: Literal["nodata", "nxdomain"] = "nodata"
    locations: tuple[Location, ...] = ()
    seed: int = 1


class RecordSet(Frozen, frozen=True, kw_only=True):
    """Records of one name and type, in zone-file presentation form; ``@`` is the zone's own name.

    Instead of ``values`` an *alias record set* has ``alias``, the name of a traffic manager profile whose addresses it
    answers with, or ``alias_record``, the name of another record set of the same type in the same zone whose records
    it answers with. Source: Azure DNS documentation of alias record sets.
    """

    name: str
    type: RecordType
    ttl: int = 300
    values: tuple[str, ...] = ()
    alias: str | None = None
    alias_record: str | None = None


class Zone(Frozen, frozen=True, kw_only=True):
    """An authoritative zone. ``negative_ttl`` is the SOA minimum: seconds that a negative answer is kept."""

    name: str
    ttl: int = 300
    negative_ttl: int = 60
    name_server: str = "ns1.lab.invalid."
    contact: str = "hostmaster.lab.invalid."
    records: tuple[RecordSet, ...] = ()


class DnsResolver(Frozen, frozen=True, kw_only=True):
    """A caching resolver. With none, devices ask the lab's DNS server itself, which remembers nothing.

    ``devices`` are those that ask it: none means all that no other resolver names (unmodified programs among them).
    ``forward_to`` names the resolvers that it asks in turn; without any it walks from the root to the zones' name
    servers. ``location`` is the subnet that it names as its clients' (EDNS client subnet), else it is known by its
    address. TTLs and ``client_timer`` are in seconds; see ``ssosim.dns.recursion.ResolverSettings``.
    """

    name: str
    address: str
    devices: tuple[str, ...] = ()
    forward_to: tuple[str, ...] = ()
    location: str | None = None
    validate: bool = False
    serve_stale: bool = False
    client_timer: float = 1.8
    min_ttl: int = 0
    max_ttl: int = 86_400
    max_negative_ttl: int = 3600


class Estate(Frozen, frozen=True, kw_only=True):
    """All of it. ``Estate.load`` lives in ``ssosim.estate.loader``; look-ups are case-insensitive where DNS is."""

    name: str
    cloud: Cloud
    realms: tuple[Realm, ...]
    hosts: tuple[Host, ...]
    tenants: tuple[Tenant, ...]
    users: tuple[User, ...]
    devices: tuple[Device, ...]
    applications: tuple[Application, ...] = ()
    federation_services: tuple[FederationService, ...] = ()
    traffic_managers: tuple[TrafficManager, ...] = ()
    zones: tuple[Zone, ...] = ()
    dns: NameService = NameService()
    resolvers: tuple[DnsResolver, ...] = ()

    @property
    def default_realm(self) -> Realm:
        """The realm of whatever names no other one: the first of the file."""
        return self.realms[0]

    def realm_of(self, member: User | Device | Host) -> Realm:  # noqa: ARG002 - one realm for now (``check``)
        """The realm that ``member`` has its account in."""
        return self.default_realm

    def addresses(self, service: str) -> tuple[str, ...]:
        """Addresses of the hosts that run ``service`` (its registered name), in file order."""
        return tuple(host.address for host in self.hosts if any(each.name == service for each in host.running()))

    def tenant(self, name: str) -> Tenant | None:
        """The tenant with this id, initial domain or verified domain; None if there is none."""
        wanted = name.lower()
        for tenant in self.tenants:
            if wanted in (tenant.id.lower(), tenant.initial_domain.lower()):
                return tenant
            if any(domain.name.lower() == wanted for domain in tenant.domains):
                return tenant
        return None

    def domain(self, name: str) -> tuple[Tenant, Domain] | None:
        """The verified domain ``name`` and its tenant. A tenant's initial domain counts as managed."""
        wanted = name.lower()
        for tenant in self.tenants:
            for domain in tenant.domains:
                if domain.name.lower() == wanted:
                    return tenant, domain
            if tenant.initial_domain.lower() == wanted:
                return tenant, Domain(name=tenant.initial_domain)
        return None

    def user(self, upn: str) -> User | None:
        """The user with this user principal name."""
        wanted = upn.lower()
        return next((user for user in self.users if user.upn.lower() == wanted), None)

    def user_by_account(self, sam_account: str) -> User | None:
        """The user who owns the realm account ``sam_account`` (the first part of the Kerberos principal)."""
        wanted = sam_account.lower()
        return next((u for u in self.users if u.sam_account and u.sam_account.lower() == wanted), None)

    def application(self, client_id: str) -> Application | None:
        """The application registered under ``client_id``."""
        wanted = client_id.lower()
        return next((app for app in self.applications if app.client_id.lower() == wanted), None)

    def device(self, name: str) -> Device | None:
        """The device called ``name``."""
        return next((device for device in self.devices if device.name == name), None)

    def federation_service(self, name: str) -> FederationService | None:
        """The federation service called ``name``."""
        return next((service for service in self.federation_services if service.name == name), None)

    def identity_names(self) -> Iterator[tuple[str, str]]:
        """Every DNS name of the identity provider, and the registered name of the service that answers there."""
        for name in self.cloud.login_hosts:
            yield name, "login"
        yield self.cloud.autologon_host, "autologon"
        for service in self.federation_services:
            yield service.host, "federation"

"""The values of an estate: tenants, domains, users, devices, applications, hosts, zones and Kerberos realms.

All values are frozen. The classes are ``msgspec.Struct`` and not dataclasses because they are the schema of the user's
TOML file: a Struct refuses unknown keys and wrong types, and names the key path of the mistake.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, field

from ssosim.estate.applications import Application, AppRoleAssignment, ResourceName
from ssosim.estate.azure_resources import (
    KeyVault,
    ResourceManager,
    RoleAssignment,
    StorageAccount,
    Subscription,
)
from ssosim.estate.conditional_access import ConditionalAccessPolicy
from ssosim.estate.credentials import ClientAssertionRules, Moment, OpenidIssuer
from ssosim.estate.entry import EstateEntry
from ssosim.estate.first_party import FIRST_PARTY, complete_application
from ssosim.estate.managed_identities import (
    DeviceKind,
    ManagedIdentity,
    ServiceConnection,
    WorkloadIdentity,
    make_system_assigned,
)
from ssosim.estate.trust_endpoints import DEFAULT_TRUST_ENDPOINTS, ExtraEndpoint, TrustEndpointName

__all__ = [
    "Application",
    "Cloud",
    "Delegation",
    "Device",
    "DnsResolver",
    "DnsSettings",
    "Domain",
    "EncryptionType",
    "Estate",
    "ExtraEndpoint",
    "FederationService",
    "Host",
    "HostService",
    "Location",
    "Monitor",
    "Realm",
    "RecordSet",
    "RecordType",
    "RelyingParty",
    "Routing",
    "ServiceAccount",
    "Tenant",
    "TrafficManager",
    "TrafficManagerEndpoint",
    "UncheckedRule",
    "User",
    "Zone",
]

RecordType = Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,15}$")]
"""The mnemonic of a record type, or ``TYPE`` with its number (RFC 3597 section 5)."""

Routing = Literal["priority", "weighted", "performance", "geographic", "multivalue", "subnet"]

Port = Annotated[int, Meta(ge=1, le=65535)]
OneToThousand = Annotated[int, Meta(ge=1, le=1000)]
StatusRange = Annotated[str, Meta(pattern=r"^[1-9]\d\d(-[1-9]\d\d)?$")]
DnsName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?$", max_length=254)]
SiteName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,63}$")]
Header = Annotated[str, Meta(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+: ?[ -~]*$")]


UncheckedRule = Literal["consent", "preauthorization", "resource", "scope"]
"""A rule that can be switched off: consent of users and administrators, preauthorisation of applications of Microsoft,
existence of the API, existence of its scopes."""


class Cloud(EstateEntry, frozen=True, kw_only=True):
    """The settings of the identity provider.

    ``mex_path`` and ``trust_path`` contain ``{domain}``. The literal MEX path is UNCONFIRMED in public text, so it is a
    setting. ``assertion`` selects the token in the RSTR: an assertion element around an opaque ``DesktopSsoToken``, as
    public tools reconstruct it, or a complete signed SAML 1.1 assertion. Lifetimes and ``clock_skew`` are in seconds.
    ``refresh_in_from``: token responses have ``refresh_in``, half of the lifetime, if access tokens live for so many
    seconds or more; 0 means never. The limit of the real service is unconfirmed.
    ``request_loop_limit``: so many equal token requests of one client for one user within ``request_loop_window``
    seconds are answered, and the next is a loop (AADSTS50196); 0 means no limit. The real limit is unconfirmed.
    ``mutual_authentication``: whether a 200 to a ticket has the service's own token in ``WWW-Authenticate`` (RFC 4559,
    section 4.2), at the autologon host and at federation services. What the real hosts send is unconfirmed.
    ``not_checked`` names rules that the provider does not enforce; each token that rests on one says so in the trace.
    ``cloud_instance_name`` is the name of the cloud in its documents and in ``Tenant.cloud``. It decides which APIs and
    applications of Microsoft the cloud has: ``microsoftonline.us`` is US Government, ``partner.microsoftonline.cn`` is
    China, any other name is the public cloud.
    """

    login_hosts: tuple[str, ...]
    autologon_host: str
    mex_path: str = "/{domain}/winauth/trust/mex"
    trust_path: str = "/{domain}/winauth/trust/2005"
    audience_urn: str = "urn:federation:MicrosoftOnline"
    client_assertions: ClientAssertionRules = ClientAssertionRules()
    cloud_instance_name: str = "microsoftonline.com"
    assertion: Literal["desktop-sso-token", "signed-saml"] = "desktop-sso-token"
    mutual_authentication: bool = True
    not_checked: tuple[UncheckedRule, ...] = ()
    assertion_lifetime: int = 3600
    access_token_lifetime: int = 4500
    refresh_token_lifetime: int = 90 * 86400
    clock_skew: int = 300
    refresh_in_from: int = 7200
    request_loop_limit: int = 0
    request_loop_window: int = 300


class HostService(EstateEntry, frozen=True, kw_only=True):
    """A service that a host runs: its registered name, and its port if it is not the default port of the service."""

    name: str
    port: Port | None = None


class Host(EstateEntry, frozen=True, kw_only=True):
    """One machine of the lab: its address, and the services that it runs.

    ``name`` is for messages; the names that clients resolve are in ``zones``. An entry of ``services`` is a registered
    name such as ``"login"``, or a table with a port (``HostService``). A host with the service ``kdc`` is a domain
    controller of ``realm`` (default: the first realm), with a database of its own; two entries with one name are two
    addresses of one KDC. Clients ask the KDCs in file order.
    """

    name: str
    address: str
    services: tuple[HostService | str, ...]
    realm: str | None = None

    def service_entries(self) -> tuple[HostService, ...]:
        """Return the services, each as a HostService, in file order."""
        return tuple(HostService(name=each) if isinstance(each, str) else each for each in self.services)


EncryptionType = Literal["aes256-cts-hmac-sha1-96", "aes128-cts-hmac-sha1-96", "rc4-hmac"]
"""The encryption types of Active Directory that are not DES, by their names in RFC 3962 and RFC 4757."""


class ServiceAccount(EstateEntry, frozen=True, kw_only=True):
    """The computer account of the cloud in Active Directory (AZUREADSSOACC$), and its SPNs.

    MIT KDCs before 1.22 have no principal aliases in file databases, so each SPN becomes a separate principal with a
    key in one common keytab. ``enctypes`` are the types of its keys (msDS-SupportedEncryptionTypes, a set of bits): the
    order has no meaning, and tickets are encrypted with the strongest. Source: MS-KILE section 2.2.7.
    """

    name: str = "AZUREADSSOACC$"
    spns: tuple[str, ...] = ()
    enctypes: Annotated[tuple[EncryptionType, ...], Meta(min_length=1)] = (
        "aes256-cts-hmac-sha1-96",
        "aes128-cts-hmac-sha1-96",
    )


class Delegation(EstateEntry, frozen=True, kw_only=True):
    """The right of a service to get tickets to other services for its users (constrained delegation, S4U2Proxy).

    ``service`` and ``allowed_to_delegate_to`` are service principal names of the realm; the latter is the attribute
    msDS-AllowedToDelegateTo of the service's account. ``trusted_to_auth_for_delegation``: also for users who have not
    signed in to the service with Kerberos (protocol transition: "use any authentication protocol").
    Source: MS-SFU section 3.2.5; Microsoft documentation, Kerberos constrained delegation overview.
    """

    service: str
    allowed_to_delegate_to: Annotated[tuple[str, ...], Meta(min_length=1)]
    trusted_to_auth_for_delegation: bool = False


class Realm(EstateEntry, frozen=True, kw_only=True):
    r"""A Kerberos realm. ``domain`` is the DNS domain that maps to it; lifetimes are in seconds.

    ``netbios_name`` is the name before the backslash in ``DOMAIN\user``; by default the first label of ``name``.
    ``trusts`` are the realms whose accounts may get tickets for services of this one (a one-way trust; the other realm
    names this one too for a two-way trust). ``parent`` is the parent domain in the same forest; the two trust each
    other. A realm other than the first needs no ``service_account``.
    ``dns_lookup_kdc``: clients find the KDCs by URI or SRV records, not in their krb5.conf; ``dns_lookup_realm``: they
    find the realm of a host by TXT records. ``kdc_proxy``: the host name of a KDC proxy (MS-KKDCP), which clients ask
    after all KDCs. ``directory``: the KDCs are MIT krb5kdc or Samba's domain controllers (an installed package).
    ``delegations`` need Samba: krb5kdc refuses S4U2Proxy with its file databases. Source: krb5 documentation, krb5.conf
    and "Realm configuration decisions"; MS-KKDCP.
    """

    name: str
    domain: str
    service_account: ServiceAccount = ServiceAccount()
    services: tuple[str, ...] = ()
    ticket_lifetime: int = 36000
    renewable_lifetime: int = 7 * 86400
    netbios_name: str | None = None
    parent: str | None = None
    trusts: tuple[str, ...] = ()
    dns_lookup_kdc: bool = False
    dns_lookup_realm: bool = False
    kdc_proxy: DnsName | None = None
    directory: Literal["mit", "samba"] = "mit"
    delegations: tuple[Delegation, ...] = ()

    @property
    def netbios(self) -> str:
        """The NetBIOS name of the domain."""
        return self.netbios_name or self.name.partition(".")[0]


class Domain(EstateEntry, frozen=True, kw_only=True):
    """A DNS domain that a tenant has verified.

    ``federation`` names the FederationService that signs the domain's users in; managed domains have none. A domain
    that is being converted to a managed one has ``former_federation``, and ``former_share`` of the answers about it
    name that service still. ``federation_issuer`` is the issuer that the cloud trusts for the domain (default: that of
    the service). ``prompt_login_behavior``: what the cloud makes of ``prompt=login`` when it sends a browser to the
    service (``promptLoginBehavior`` of Microsoft Graph, internalDomainFederation; AD FS document "prompt=login").
    """

    name: str
    kind: Literal["managed", "federated"] = "managed"
    federation: str | None = None
    federation_issuer: str | None = None
    former_federation: str | None = None
    former_share: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    prompt_login_behavior: Literal["translateToFreshPasswordAuthentication", "nativeSupport", "disabled"] = (
        "translateToFreshPasswordAuthentication"
    )


class Tenant(EstateEntry, frozen=True, kw_only=True):
    """An Entra tenant. ``id`` is a GUID, ``initial_domain`` the ``*.onmicrosoft.com`` name.

    ``cloud`` is the ``cloud_instance_name`` of the cloud that the tenant belongs to (default: that of ``[cloud]``).
    ``lockout_threshold``: so many failed sign-ins with different wrong passwords lock the password of a user (smart
    lockout, AADSTS50053), by default 10, in US Government 3. ``lockout_duration_in_seconds`` is the length of the first
    lockout; each further failure locks for longer. Source: Entra document "Smart lockout"; Microsoft Graph, settings
    ``LockoutThreshold`` and ``LockoutDurationInSeconds``.
    """

    id: str
    display_name: str
    initial_domain: str
    cloud: str | None = None
    domains: tuple[Domain, ...] = ()
    desktop_sso: bool = True
    conditional_access_policies: tuple[ConditionalAccessPolicy, ...] = ()
    lockout_threshold: Annotated[int, Meta(ge=1, le=1000)] | None = None
    lockout_duration_in_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 60


class User(EstateEntry, frozen=True, kw_only=True):
    """A user or service account with an Entra object and, if ``sam_account`` is set, an account in the realm.

    ``sid`` is the on-premises security identifier. ``synced`` says whether directory synchronisation has copied it to
    Entra; Entra finds the owner of a ticket by it, and answers AADSTS81011 if it is not there.
    ``on_premises_upn`` is the user principal name in Active Directory if it differs from that in Entra.
    ``force_change_password_next_sign_in``: the password is good only for changing it. ``mfa_required``: multifactor
    authentication for every sign-in (per-user MFA); ``mfa_registered``: whether the user has a second factor.
    ``totp_secret``: its shared secret in base32 (RFC 6238); by default one is derived. ``guest_tenants`` are the
    tenants that have invited the user. ``sign_in_sessions_valid_from``: refresh tokens of before are revoked.
    ``enabled``, ``locked`` and ``password_expired`` are those of Active Directory and Entra alike: the KDC gives such a
    user no ticket-granting ticket. ``account_expires`` is that of Active Directory, which Entra does not know.
    Source: MS-KILE section 3.3.5.6.3; Entra documentation, Implement password hash synchronization.
    ``enctypes`` are the types of the account's keys at the KDC (msDS-SupportedEncryptionTypes).
    ``realm`` is the realm of the account (default: the first). ``authorization_data_size``: so many octets of
    authorization data are in the user's tickets. Active Directory has 1200 octets and 8 to 40 for each group there, so
    that members of many groups send headers that services refuse. Source: Microsoft support 327825.
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
    force_change_password_next_sign_in: bool = False
    mfa_required: bool = False
    mfa_registered: bool = True
    totp_secret: str | None = None
    guest_tenants: tuple[str, ...] = ()
    on_premises_upn: str | None = None
    sign_in_sessions_valid_from: Moment | None = None
    account_expires: Moment | None = None
    enctypes: Annotated[tuple[EncryptionType, ...], Meta(min_length=1)] = (
        "aes256-cts-hmac-sha1-96",
        "aes128-cts-hmac-sha1-96",
    )
    realm: str | None = None
    authorization_data_size: Annotated[int, Meta(ge=0, le=100_000)] = 0

    def has_expired(self, now: float) -> bool:
        """Return whether the account in Active Directory has expired at ``now`` (seconds since the Unix epoch)."""
        return self.account_expires is not None and now >= self.account_expires.timestamp()


class Device(EstateEntry, frozen=True, kw_only=True):
    """A client machine: its signed-on user, and whether it is in the corporate network.

    With ``ipv6``, clients on it have an IPv6 address as well as an IPv4 address. ``resolvers`` names the resolvers that
    it asks, in this order; none: those that list it in ``devices``, else those for all devices. The next one is asked
    if one does not answer in 5 seconds, or answers SERVFAIL, REFUSED or NOTIMP. Source: resolv.conf(5), glibc
    (``resolv/res_send.c``).

    ``kind`` says what it is: a desktop, or a host that gives its programs tokens. Only a desktop needs a ``user``; on
    another kind nobody need be signed on. ``system_assigned_identity`` and ``user_assigned_identities`` are its managed
    identities; ``tenant`` (default: the first of the estate) is that of the system-assigned one. ``workload_identity``
    belongs to the kind ``aks-workload``, ``service_connections`` to the kind ``pipelines``.

    ``permitted_enctypes`` are the encryption types that the device offers and accepts, in its order of preference
    (default: those of libkrb5). Source: krb5 documentation, krb5.conf, permitted_enctypes.

    ``site`` is the Active Directory site of the device: client models find the KDCs as the DC locator of Windows does,
    those of the site first. Programs do not: libkrb5 knows no sites. Source: Microsoft documentation, How domain
    controllers are located in Windows.
    """

    name: str
    user: str = ""
    corporate_network: bool = True
    ipv6: bool = False
    kind: DeviceKind = "desktop"
    tenant: str | None = None
    system_assigned_identity: bool = False
    app_role_assignments: tuple[AppRoleAssignment, ...] = ()
    user_assigned_identities: tuple[str, ...] = ()
    workload_identity: WorkloadIdentity | None = None
    service_connections: tuple[ServiceConnection, ...] = ()
    resolvers: tuple[str, ...] = ()
    permitted_enctypes: tuple[EncryptionType, ...] = ()
    site: SiteName | None = None


class RelyingParty(EstateEntry, frozen=True, kw_only=True):
    """A relying party trust of a federation service: a service on premises that trusts its tokens."""

    name: str
    identifiers: Annotated[tuple[ResourceName, ...], Meta(min_length=1)]
    enabled: bool = True


class FederationService(EstateEntry, frozen=True, kw_only=True):
    """The WS-Trust security token service of a federated domain; it stands for AD FS.

    ``alternate_login_id``: users may sign in with their name in Entra where it differs from the one in Active
    Directory, and assertions name them so. ``relying_parties`` are those beside the cloud. ``protocol`` SAML20: the
    service has no WS-Trust, and realm discovery names no MEX. ``mex_form``: the WSDL itself, or nested in a
    ``wsx:MetadataSection``. ``token_type`` is the text in ``TokenType`` of its answers (None: what it issues).
    ``issuer_per_domain``: assertions name ``http://DOMAIN/adfs/services/trust/`` as their issuer. ``name_id`` and
    ``upn_claim`` are its claim rules for the cloud: what NameIdentifier and the UPN claim contain. ``endpoints`` are
    the WS-Trust endpoints that are enabled and that MEX lists, by default those of AD FS. Only ``windowstransport`` and
    ``usernamemixed`` can issue a token here; the others are listed and refuse. ``extra_endpoints`` are listed first.
    ``extended_protection_token_check``: whether a ticket must be bound to its TLS connection (channel bindings). Allow:
    one that is bound to another is refused; Require: also one that is bound to none; None: nothing is checked. Source:
    Set-AdfsProperties, ExtendedProtectionTokenCheck. ``max_field_length`` and ``max_request_bytes`` are those of
    Windows' HTTP server, in octets: of one header field, and of request line and header fields together. The ticket of
    a user in many groups is longer than the defaults. Source: Microsoft support KB2020943 and KB820129.
    """

    name: str
    host: str
    issuer: str
    spn: str | None = None
    token_lifetime: int = 3600
    alternate_login_id: bool = False
    relying_parties: tuple[RelyingParty, ...] = ()
    protocol: Literal["WSTrust", "SAML20"] = "WSTrust"
    mex_form: Literal["wsdl", "metadata-section"] = "wsdl"
    token_type: str | None = None
    issuer_per_domain: bool = False
    endpoints: tuple[TrustEndpointName, ...] = DEFAULT_TRUST_ENDPOINTS
    extra_endpoints: tuple[ExtraEndpoint, ...] = ()
    name_id: Literal["immutable-id", "upn", "none"] = "immutable-id"
    upn_claim: Literal["upn", "none"] = "upn"
    extended_protection_token_check: Literal["Allow", "Require", "None"] = "Allow"  # noqa: S105 - no password
    max_field_length: Annotated[int, Meta(ge=64, le=65534)] = 16384
    max_request_bytes: Annotated[int, Meta(ge=256, le=16777216)] = 16384


class Monitor(EstateEntry, frozen=True, kw_only=True):
    """The health probes of a traffic manager profile: requests that each endpoint must answer in time.

    ``interval`` and ``timeout`` are in seconds (default of ``timeout``: 10, with an interval of 10 it is 9). An
    endpoint is degraded after ``tolerated_failures`` + 1 failed probes in a row. ``expected`` are status codes or
    ranges, such as ``"200-299"``; ``headers`` are ``"Name: value"``; the default of ``port`` is that of the protocol.
    Probes do not validate certificates and do not follow redirects. Source: Traffic Manager documentation, endpoint
    monitoring.
    """

    protocol: Literal["http", "https", "tcp"] = "https"
    port: Port | None = None
    path: Annotated[str, Meta(pattern=r"^/[!-~]*$")] = "/"
    interval: Literal[10, 30] = 30
    timeout: int | None = None
    tolerated_failures: Annotated[int, Meta(ge=0, le=9)] = 3
    expected: Annotated[tuple[StatusRange, ...], Meta(min_length=1, max_length=8)] = ("200",)
    headers: Annotated[tuple[Header, ...], Meta(max_length=8)] = ()


class TrafficManagerEndpoint(EstateEntry, frozen=True, kw_only=True):
    """One endpoint of a traffic manager profile: an IP ``address``, a DNS name ``target``, or another ``profile``.

    The routing methods use ``priority`` (1 is the first), ``weight``, ``location`` (performance), ``regions``
    (geographic) and ``subnets`` (none: all subnets that no other endpoint names). A nested profile is online while at
    least ``min_children`` of its endpoints are. Source: Traffic Manager documentation, routing methods and nesting.
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


class TrafficManager(EstateEntry, frozen=True, kw_only=True):
    """A traffic manager profile: a DNS name that resolves to the addresses of its endpoints.

    ``max_return`` is the largest number of addresses in a multivalue answer (default: all). Without ``monitor`` there
    are no probes, and every endpoint is online. ``owner`` is the person or team to ask before the profile is deleted.
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


class Location(EstateEntry, frozen=True, kw_only=True):
    """A network location of DNS clients, known by their ``subnets``.

    ``regions`` are its geographic regions, the most specific first, such as ``["DE", "GEO-EU"]``; ``WORLD`` includes
    all regions. ``latency`` is in milliseconds, from here to the locations of endpoints.
    """

    name: str
    subnets: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    latency: dict[str, Annotated[float, Meta(ge=0)]] = field(default_factory=dict)


class DnsSettings(EstateEntry, frozen=True, kw_only=True):
    """Settings of the lab's DNS servers that are not in zones: the section ``[dns]``.

    ``empty_set`` is the answer for a name whose record sets are all empty, as they are after their alias target was
    deleted; it is UNCONFIRMED which of the two answers clients got on 25 February 2025. ``seed`` is the seed of the
    random choices of weighted routing. ``delegation_ttl``: TTL in seconds of the NS records with which registries and
    parent zones delegate; None: that of the zone's own NS records. Registries of ``com.`` and ``net.`` use 172800, so
    that a resolver that knows a delegation uses it for two days after a hold.
    """

    empty_set: Literal["nodata", "nxdomain"] = "nodata"
    locations: tuple[Location, ...] = ()
    seed: int = 1
    delegation_ttl: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None


class RecordSet(EstateEntry, frozen=True, kw_only=True):
    """Records of one name and type, in the presentation format of zone files; ``@`` is the name of the zone.

    An *alias record set* has no ``values``. It has ``alias``, the name of a traffic manager profile, and resolves to
    the addresses of that profile; or ``alias_record``, the name of another record set of the same type in the same
    zone, and resolves to its records. Source: Azure DNS documentation of alias record sets.
    """

    name: str
    type: RecordType
    ttl: int = 300
    values: tuple[str, ...] = ()
    alias: str | None = None
    alias_record: str | None = None


class Zone(EstateEntry, frozen=True, kw_only=True):
    """An authoritative zone. ``negative_ttl`` is the SOA minimum: how many seconds a negative answer may be cached."""

    name: str
    ttl: int = 300
    negative_ttl: int = 60
    name_server: str = "ns1.lab.invalid."
    contact: str = "hostmaster.lab.invalid."
    records: tuple[RecordSet, ...] = ()


DEFAULT_CLIENT_TIMER = 1.8


class DnsResolver(EstateEntry, frozen=True, kw_only=True):
    """A caching resolver. An estate without resolvers has devices that query the lab's DNS server, which has no cache.

    ``devices`` are the devices that use it; none means all devices that no other resolver lists. ``forward_to`` names
    the resolvers that it forwards to, in this order; without any it resolves iteratively, from the root servers.
    ``location`` is the subnet that it sends as its clients' (EDNS client subnet); without it, its own address decides.
    TTLs and ``client_timer`` are in seconds; see ``ssosim.dns.recursion.ResolverSettings``. ``max_query_restarts`` is
    the most CNAMEs that it follows: 11 as BIND and unbound do (BIND 9 reference manual, ``max-query-restarts``).
    """

    name: str
    address: str
    devices: tuple[str, ...] = ()
    forward_to: tuple[str, ...] = ()
    location: str | None = None
    validate: bool = False
    serve_stale: bool = False
    client_timer: float = DEFAULT_CLIENT_TIMER
    min_ttl: int = 0
    max_ttl: int = 86_400
    max_negative_ttl: int = 3600
    max_query_restarts: Annotated[int, Meta(ge=1, le=64)] = 11


class Estate(EstateEntry, frozen=True, kw_only=True):
    """A whole estate; ``ssosim.estate.loader`` reads one. Look-ups of DNS names, users and client ids ignore case.

    ``clouds`` are the clouds beside ``cloud``, each with its own hosts, keys, tenants and applications.
    """

    name: str
    cloud: Cloud
    clouds: tuple[Cloud, ...] = ()
    realms: tuple[Realm, ...]
    hosts: tuple[Host, ...]
    tenants: tuple[Tenant, ...]
    users: tuple[User, ...]
    devices: tuple[Device, ...]
    applications: tuple[Application, ...] = ()
    managed_identities: tuple[ManagedIdentity, ...] = ()
    federation_services: tuple[FederationService, ...] = ()
    openid_issuers: tuple[OpenidIssuer, ...] = ()
    traffic_managers: tuple[TrafficManager, ...] = ()
    zones: tuple[Zone, ...] = ()
    dns: DnsSettings = DnsSettings()
    resolvers: tuple[DnsResolver, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    key_vaults: tuple[KeyVault, ...] = ()
    storage_accounts: tuple[StorageAccount, ...] = ()
    role_assignments: tuple[RoleAssignment, ...] = ()
    resource_manager: ResourceManager = ResourceManager()

    @property
    def default_realm(self) -> Realm:
        """The realm of every entry that names no other one: the first in the file."""
        return self.realms[0]

    def realm(self, name: str) -> Realm | None:
        """Return the realm called ``name``, in any case; None if there is none."""
        wanted = name.lower()
        return next((realm for realm in self.realms if realm.name.lower() == wanted), None)

    def realm_of(self, member: User | Host) -> Realm:
        """Return the realm in which ``member`` has its account, or whose KDC it is."""
        return self.default_realm if member.realm is None else self.realm(member.realm) or self.default_realm

    @property
    def all_clouds(self) -> tuple[Cloud, ...]:
        """The clouds, that of ``[cloud]`` first."""
        return (self.cloud, *self.clouds)

    def cloud_of(self, tenant: Tenant | None) -> Cloud:
        """Return the cloud of ``tenant``; that of ``[cloud]`` without a tenant, and for an unknown name."""
        if tenant is None or tenant.cloud is None:
            return self.cloud
        wanted = tenant.cloud.lower()
        return next((each for each in self.clouds if each.cloud_instance_name.lower() == wanted), self.cloud)

    def cloud_of_user(self, upn: str) -> Cloud:
        """Return the cloud of the user ``upn``; that of ``[cloud]`` for nobody."""
        user = self.user(upn)
        return self.cloud if user is None else self.cloud_of(self.tenant(user.tenant))

    def addresses(self, service: str) -> tuple[str, ...]:
        """Return the addresses of the hosts that run ``service`` (a registered name), in file order."""
        return tuple(
            host.address for host in self.hosts if any(each.name == service for each in host.service_entries())
        )

    def tenant(self, name: str) -> Tenant | None:
        """Return the tenant with this id, initial domain or verified domain; None if there is none."""
        wanted = name.lower()
        for tenant in self.tenants:
            if wanted in (tenant.id.lower(), tenant.initial_domain.lower()):
                return tenant
            if any(domain.name.lower() == wanted for domain in tenant.domains):
                return tenant
        return None

    def domain(self, name: str) -> tuple[Tenant, Domain] | None:
        """Return the verified domain ``name`` and its tenant; None if there is none. An initial domain is managed."""
        wanted = name.lower()
        for tenant in self.tenants:
            for domain in tenant.domains:
                if domain.name.lower() == wanted:
                    return tenant, domain
            if tenant.initial_domain.lower() == wanted:
                return tenant, Domain(name=tenant.initial_domain)
        return None

    def user(self, upn: str) -> User | None:
        """Return the user with this user principal name; None if there is none."""
        wanted = upn.lower()
        return next((user for user in self.users if user.upn.lower() == wanted), None)

    def user_by_account(self, sam_account: str) -> User | None:
        """Return the user with the realm account ``sam_account``, as in a principal; None if there is none."""
        wanted = sam_account.lower()
        return next((u for u in self.users if u.sam_account and u.sam_account.lower() == wanted), None)

    def application(self, client_id: str) -> Application | None:
        """Return the application with this ``client_id``, also one of Microsoft that no file names; else None."""
        wanted = client_id.lower()
        found = next((app for app in self.list_applications() if app.client_id.lower() == wanted), None)
        return FIRST_PARTY.get(wanted) if found is None else complete_application(found)

    def list_applications(self) -> tuple[Application, ...]:
        """Return the applications, and the managed identities as applications."""
        if not self.managed_identities and not any(device.system_assigned_identity for device in self.devices):
            return self.applications
        first = self.tenants[0].id if self.tenants else ""
        own = (self.system_assigned_identity(device) for device in self.devices)
        identities = (*self.managed_identities, *(each for each in own if each is not None))
        return (*self.applications, *(each.as_application(first) for each in identities))

    def subscription(self, subscription_id: str) -> Subscription | None:
        """Return the subscription with this id; None if there is none."""
        wanted = subscription_id.lower()
        return next((each for each in self.subscriptions if each.id.lower() == wanted), None)

    def system_assigned_identity(self, device: Device) -> ManagedIdentity | None:
        """Return the system-assigned identity of ``device``; None if it has none."""
        if not device.system_assigned_identity:
            return None
        tenant = device.tenant or (self.tenants[0].id if self.tenants else "")
        return make_system_assigned(device.name, device.kind, tenant, device.app_role_assignments)

    def user_assigned_identities(self, device: Device) -> tuple[ManagedIdentity, ...]:
        """Return the user-assigned identities of ``device``, in the order of its entry."""
        known = {identity.name: identity for identity in self.managed_identities}
        return tuple(known[name] for name in device.user_assigned_identities if name in known)

    def device(self, name: str) -> Device | None:
        """Return the device called ``name``; None if there is none."""
        return next((device for device in self.devices if device.name == name), None)

    def federation_service(self, name: str) -> FederationService | None:
        """Return the federation service called ``name``; None if there is none."""
        return next((service for service in self.federation_services if service.name == name), None)

    def list_identity_hosts(self) -> Iterator[tuple[str, str]]:
        """Yield every DNS name of the identity provider, with the registered name of the service that answers there."""
        for cloud in self.all_clouds:
            for name in cloud.login_hosts:
                yield name, "login"
            yield cloud.autologon_host, "autologon"
        for service in self.federation_services:
            yield service.host, "federation"

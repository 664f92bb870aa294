"""The codes of lint findings, and what each rule finds. ``--skip`` and ``--only`` take codes, and codes are stable."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["CODES"]

CODES: Mapping[str, str] = {
    "address-of-no-host": "an address to which no client can connect, or that of the client itself",
    "at-in-name": "a name with @ as one of its labels",
    "chain-loop": "CNAMEs or aliases that form a loop, or a chain longer than resolvers follow",
    "cname-other-data": "a CNAME beside other data",
    "dangling-alias": "an alias record set whose target does not exist",
    "dangling-cname": "a CNAME to a name that its zone does not have",
    "delegation-takeover": "a delegation to a hosting provider, where others can create the zone if it is deleted",
    "dmarc-duplicate": "two DMARC records at one name",
    "ds-without-key": "DS records of which none matches a key of the zone below",
    "empty-record-set": "a record set without records and without a target",
    "endpoint-without-address": "a traffic manager endpoint whose name has no address",
    "glue-differs": "glue with an address that the zone below does not have",
    "glue-missing": "a delegation to a name server below it, without the address of that server",
    "missing-trailing-dot": "a target that looks like an absolute name without its last dot",
    "mx-is-cname": "a mail server that is a CNAME",
    "name-repeats-zone": "a name that ends with that of the zone twice: its last dot is missing",
    "negative-ttl-long": "negative answers that are cached for more than three hours",
    "no-ns": "a zone file without NS records at the apex",
    "no-soa": "a zone file without a SOA record",
    "not-a-host-name": "a name of a host that has other characters than letters, digits and hyphens",
    "ns-differs": "a delegation to other name servers than those of the zone below",
    "ns-is-cname": "a name server that is a CNAME",
    "null-mx": "MX . beside other mail servers",
    "occluded": "records below a delegation or a DNAME, or of a name that another zone has",
    "profile-without-owner": "a traffic manager profile without an owner",
    "ptr-without-address": "a PTR record whose target does not have the address",
    "routing-gap": "a geographic or subnet profile without an endpoint for all other clients",
    "signature-expired": "a signed zone with signatures that have expired, or end within three days",
    "single-kind": "a kind of record set that is used only once in all zones",
    "single-name-server": "a zone with one name server",
    "soa-expire": "a SOA record after whose expire time secondary servers stop before they try again",
    "spf-duplicate": "two SPF records at one name",
    "spf-lookups": "an SPF record with more than ten look-ups",
    "spf-type": "a record of the obsolete type SPF without the same text in a TXT record",
    "srv-is-cname": "a server of a SRV record that is a CNAME",
    "svcb-hint": "an HTTPS or SVCB record with address hints that are no addresses of its target",
    "svcb-target": "an HTTPS or SVCB record whose target has no address",
    "takeover": "a CNAME to a provider's name that others can claim if the resource is deleted",
    "target-is-address": "an IPv4 address in the place of a name",
    "target-without-address": "a name server, mail server or SRV target without an address",
    "ttl-long": "a TTL of more than a day",
    "ttl-range": "a TTL of more than 2147483647 seconds",
    "ttl-short": "a TTL of less than 30 seconds",
    "two-values": "two CNAME, DNAME or SOA records at one name",
}

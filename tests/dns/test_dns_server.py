"""The server over real sockets, asked by dnspython's resolver, dig and raw bytes."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
from pathlib import Path

import dns.asyncquery
import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import pytest
from conftest import Served  # type: ignore[import-not-found]
from dns.rcode import SERVFAIL

from ssosim.dns import DnsServer, Effect, ListenError, ZoneSet, ZoneStore, delete_profile, put_rrset
from ssosim.dns.tcp import Connections
from ssosim.trace import DnsAnswered, Trace

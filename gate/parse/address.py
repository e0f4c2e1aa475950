"""Hosts and addresses that no server of ours has: link-local ones, where clouds keep credentials, and odd spellings."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

# Readers of URLs differ on these: inet_aton takes 2130706433, 0x7f.1 and 0177.1 for 127.0.0.1, others for names.
_NUMBER: Final = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)
# EC2's credentials by IPv6: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
_METADATA: Final = IPv6Address("fd00:ec2::254")


def odd_host(host: str) -> str | None:
    """Why a URL's host is not taken, or None. ``host`` is a name, an IPv4 address, or an IPv6 one in brackets."""
    if host.endswith("."):
        return "ends with a dot"
    if host.startswith("["):
        try:
            literal = IPv6Address(host.strip("[]"))
        except ValueError:
            return "is no IPv6 address"
        return "is an IPv4 address in the guise of an IPv6 one" if literal.ipv4_mapped else odd_address(str(literal))
    if not _NUMBER.fullmatch(host.rpartition(".")[2]):
        return None
    try:
        return odd_address(str(IPv4Address(host)))
    except ValueError:
        return "is a number that not every program reads as the same address"


def odd_address(text: str) -> str | None:
    """Why an address is not connected to, or None; an IPv6 zone (``%eth0``) is left out of account."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return "is no IP address"
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_link_local or address == _METADATA:
        return "is link-local, where clouds keep credentials"
    if address.is_unspecified or address.is_multicast or (isinstance(address, IPv4Address) and address.is_reserved):
        return "is no address of one server"
    return None

"""IP addresses: against Python's `ipaddress`; versions and sections told apart."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telos.corpus.personal_data import find
from telos.corpus.personal_data.ip_address import kind_of

BOTH = {"kind": "ip_address", "private": True}


@given(st.ip_addresses(v=4))
def test_kinds_of_version_4_follow_ianas_registry(address):
    found = kind_of(str(address))
    assert not found or (found == "ip_address") == (address.is_global and not address.is_multicast)


@given(st.ip_addresses(v=6))
def test_kinds_of_version_6(address):
    """Global unicast is public; nothing that the registry calls private is."""
    found = kind_of(address.exploded)
    if address in ipaddress.ip_network("2000::/3") and address not in ipaddress.ip_network("2001::/16"):
        assert found == ("ip_address" if address not in ipaddress.ip_network("3fff::/20") else None)
    if address in ipaddress.ip_network("fc00::/7"):
        assert found == "private_ip_address"


@given(st.ip_addresses(network="2a00::/12"), st.sampled_from(["地址{}。", "from {} port 22", "[{}]", "{}"]))
def test_every_form_of_version_6_is_found(address, sentence):
    for written in (address.compressed, address.exploded):
        if not written.endswith("::"):
            text = sentence.format(written)
            assert [text[s.start : s.end] for s in find([text], ["ip_address"])] == [written]


@pytest.mark.parametrize(("text", "address"), [
    ("keep getting address 58.74.121.78 blocked", "58.74.121.78"), ("IP:8.12.33.4:8080", "8.12.33.4"),
    ("http://93.184.216.34/a", "93.184.216.34"),
    ("服务器地址为93.184.216.34，端口", "93.184.216.34"), ("ping 1.1.1.1", "1.1.1.1"), ("host 93.184.216.0", "93.184.216.0"),
    ("来自９３．１８４．２１６．３４", "９３．１８４．２１６．３４"), ("::ffff:93.184.216.34", "::ffff:93.184.216.34"),
    ("addr 2001:4860:4001:801::1011/128", "2001:4860:4001:801::1011"), ("93.184.216.34/32", "93.184.216.34"),
])  # fmt: skip
def test_addresses_are_found_whole(values, text, address):
    assert values(text, "ip_address") == [("ip_address", address)]


@pytest.mark.parametrize("text", [
    "version 1.12.3.4", "v12.1.3.4", "Firefox/13.6.12.1", "kernel 2.6.18.16", "see § 11.2.3.14", "第11.2.3.14节", "1.2.3.4",
    "11.2.3.14章",
    "foo-11.2.3.14.tar.gz", "11.2.3.4.5", "256.1.1.1", "01.2.33.4", "255.255.255.0", "0.0.0.0", "192.0.2.17", "2001:db8::1",
    "a::b",
    "std::vector", "12:30:59", "00:1A:2B:3C:4D:5E", "In 2006::", "239.1.2.33", "93.184.0.0/16", "2a00:1450::/32",
    "x1.22.33.44", "::",
])  # fmt: skip
def test_what_is_none(values, text):
    assert values(text, BOTH) == []


@pytest.mark.parametrize(
    "address", ["10.12.0.1", "172.16.33.4", "192.168.1.20", "127.0.0.1", "169.254.12.1", "100.64.0.1", "fe80::1", "::1"]
)
def test_private_ones_are_told_apart(values, address):
    assert values(f"host {address}", "ip_address") == []
    assert values(f"host {address}", BOTH) == [("private_ip_address", address)]

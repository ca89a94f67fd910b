"""Which addresses a source may be read from, in all the ways that an address can be written."""

import pytest

from ingestion.sources.addresses import RefusedAddress, is_allowed, resolved

PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:4700:4700::1111"]
PRIVATE = ["127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "::1", "fc00::1", "fd12::1"]
NEVER = [
    "169.254.169.254",
    "169.254.0.1",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "100.100.100.200",
    "168.63.129.16",
    "0.0.0.0",
    "::",
    "224.0.0.1",
    "ff02::1",
    "255.255.255.255",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    assert is_allowed(address, private=False) and is_allowed(address, private=True)


@pytest.mark.parametrize("address", [*PRIVATE, "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1"])
def test_private_addresses_are_allowed_on_request_only(address: str) -> None:
    assert not is_allowed(address, private=False)
    assert is_allowed(address, private=True)


@pytest.mark.parametrize("address", NEVER)
def test_addresses_of_the_cloud_and_of_nobody_are_never_allowed(address: str) -> None:
    assert not is_allowed(address, private=False)
    assert not is_allowed(address, private=True)


@pytest.mark.parametrize("address", ["", "example.org", "2130706433", "0x7f.1", "127.1", "1.2.3.4.5", "[::1]"])
def test_what_is_no_address_in_its_one_proper_form_is_not_allowed(address: str) -> None:
    assert not is_allowed(address, private=True)


async def test_a_name_is_refused_for_its_addresses() -> None:
    with pytest.raises(RefusedAddress):
        await resolved("localhost", 80, private=False)
    assert {address for _, address in await resolved("localhost", 80, private=True)} <= {"127.0.0.1", "::1"}

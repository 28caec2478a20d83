"""Addresses: the words by which people and files name things."""

import pytest

from apreconcile.core.address import Address


@pytest.mark.parametrize("text", ["agent.a", "number.support-main", "webhook.0", "agent.a-", "agent.a--b", "x.9"])
def test_what_is_written_is_what_is_read(text):
    assert str(Address.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", ".", "agent", "agent.", ".a", "agent.A", "agent.-a", "agent.a b", "agent.a.b", "agent.a\n", "ag-ent.a", "agent.ä", "agent 1.a", "agent.a_b", "1.a"],
)  # fmt: skip
def test_what_is_no_address_is_none(text):
    assert Address.parse(text) is None


def test_addresses_sort_by_kind_and_key():
    assert sorted([Address("b", "a"), Address("a", "b")]) == [Address("a", "b"), Address("b", "a")]

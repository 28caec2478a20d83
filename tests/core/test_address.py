"""Addresses: the words by which people and files name things."""

import pytest
import yaml

from apreconcile.core.address import Address
from apreconcile.core.spec.scalar import resolve


@pytest.mark.parametrize("key", ["14155550123", "415", "2026-07-17", "0x1f", "true", "null"])
def test_a_key_that_a_spec_would_not_read_as_text_is_written_in_quotes(key):
    assert Address("number", key).written == f'"{key}"'
    assert yaml.safe_load(f"{{{Address('number', key).written}: 1}}") == {key: 1}


def test_any_other_key_is_written_as_it_is():
    assert [Address("number", key).written for key in ("sales", "us-415", "n")] == ["sales", "us-415", "n"]
    assert [resolve(key) for key in ("us-415", "n", "no")] == ["us-415", "n", "no"]


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

"""The bucket's server and what lies between: answers that are lost, refusals, conditions that are ignored, secrets."""

from __future__ import annotations

import asyncio
import secrets
import socket
import traceback
from dataclasses import replace

import obstore
import pytest

from apreconcile.core.errors import ConflictError, Error, HostError, StoreError
from apreconcile.store.bucket import ABSENT
from apreconcile.store.objects import ObjectStore
from tests.store.conftest import EMPTY, s3_server
from tests.store.s3 import BUCKET, PLANTED, Between, bucket, environ, refusal, spoil

pytestmark = pytest.mark.anyio


async def at_once(_: float) -> None:
    await asyncio.sleep(0)


@pytest.fixture
def between():
    it = Between(s3_server())
    yield it
    it.close()


@pytest.fixture
def prefix():
    return secrets.token_hex(8)


@pytest.fixture
def opened(prefix):
    """A store at a URL, of one document for the whole test."""

    def open_(url: str, **more) -> ObjectStore:
        return ObjectStore(f"s3://{BUCKET}/{prefix}", "acme", "default", environ=environ(url), pause=at_once, **more)

    return open_


@pytest.fixture
def store(opened, between):
    return opened(between.url)


@pytest.fixture
def other(opened):
    """Another run's store, with nothing between."""
    return opened(s3_server())


async def trouble(doing, kind: type[Error] = StoreError) -> Error:
    with pytest.raises(kind) as caught:
        await doing
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value.__context__) + caught.value.whole
    assert not [secret for secret in PLANTED.values() if secret in told]
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("what", ["lose", "drop", (500, b"oops"), (503, b"SlowDown"), (409, b""), (429, b"")])
@pytest.mark.parametrize("making", [True, False])
async def test_a_put_without_an_answer_is_settled_by_reading(store, other, between, what, making):
    state, version = (EMPTY, ABSENT) if making else await store.swap(EMPTY, ABSENT)
    between.tell("PUT", what)
    written, version = await store.swap(state, version)
    assert await other.read() == (written, version)
    assert written.serial == state.serial + 1


async def test_a_put_that_was_done_is_no_conflict_when_it_is_sent_again(store, other, between):
    between.tell("PUT", "lose")
    between.tell("GET", "drop", "drop", "lose")
    written, version = await store.swap(EMPTY, ABSENT)
    assert await other.read() == (written, version)
    assert (written.serial, [method for method, *_ in between.seen]) == (1, ["PUT", *["GET"] * 3, "PUT", "GET", "PUT"])


async def test_a_write_that_nobody_was_told_of_is_not_in_the_way_of_the_next(store, other, between):
    state, version = await store.swap(EMPTY, ABSENT)
    between.tell("PUT", "lose")
    between.always["GET"] = "drop"
    problem = await trouble(store.swap(state, version))
    assert "could not be written" in problem.message
    between.always.clear()
    written, now = await store.swap(replace(state, ignored=("num_1",)), version)
    assert await other.read() == (written, now)
    assert (written.serial, written.ignored) == (3, ("num_1",))


async def test_a_put_that_is_done_late_is_ours_also_if_it_comes_before_the_next(store, other, between):
    state, version = await store.swap(EMPTY, ABSENT)
    between.tell("PUT", "keep", "drop", "drop")
    await trouble(store.swap(state, version))
    assert await other.read() == (state, version)
    between.tell("PUT", "overtaken")
    written, now = await store.swap(replace(state, ignored=("num_1",)), version)
    assert await other.read() == (written, now)
    assert (written.serial, written.ignored) == (3, ("num_1",))
    assert (await store.swap(written, now))[0].serial == 4


async def test_two_puts_that_are_done_late_are_ours_and_the_first_document_keeps_its_id(store, other, between):
    """The first of all is made late, which gives the document its id; the next one comes late, too."""
    between.tell("PUT", "keep", "drop", "drop")
    await trouble(store.swap(EMPTY, ABSENT))
    between.tell("PUT", "overtaken", "keep", "drop", "drop")
    await trouble(store.swap(EMPTY, ABSENT))
    made, _ = await other.read()
    between.tell("PUT", "overtaken")
    written, now = await store.swap(EMPTY, ABSENT)
    assert await other.read() == (written, now)
    assert (written.serial, written.id, written.seed) == (3, made.id, made.seed)


async def test_what_somebody_made_of_a_put_that_was_done_late_is_a_conflict(store, other, between):
    state, version = await store.swap(EMPTY, ABSENT)
    between.tell("PUT", "lose")
    between.always["GET"] = "drop"
    await trouble(store.swap(state, version))
    between.always.clear()
    theirs = await other.swap(*await other.read())
    await trouble(store.swap(state, version), ConflictError)
    assert await other.read() == theirs


async def test_somebody_elses_write_is_a_conflict_also_after_a_lost_answer(store, other, between):
    state, version = await store.swap(EMPTY, ABSENT)
    between.tell("PUT", "drop", "drop", "drop")
    await trouble(store.swap(state, version))
    theirs = await other.swap(state, version)
    between.tell("PUT", "drop")
    problem = await trouble(store.swap(state, version), ConflictError)
    assert (problem.exit_code, store.place in problem.message) == (8, True)
    assert await other.read() == theirs


async def test_an_object_that_was_taken_away_is_a_conflict(store, prefix):
    state, version = await store.swap(EMPTY, ABSENT)
    obstore.delete(bucket(s3_server()), f"{prefix}/acme.default.json")
    await trouble(store.swap(state, version), ConflictError)
    assert await store.read() == (None, ABSENT)


async def test_a_put_is_tried_three_times_and_then_it_was_not_done(store, other, between):
    between.always["PUT"] = (409, refusal(409, "ConditionalRequestConflict")[1])
    problem = await trouble(store.swap(EMPTY, ABSENT))
    assert "refused (409 ConditionalRequestConflict)" in problem.message
    assert between.puts() == 3
    assert await other.read() == (None, ABSENT)


async def test_a_run_asks_once_for_each_sort_whether_conditions_are_kept(store, between):
    state, version = EMPTY, ABSENT
    puts = []
    for _ in range(4):
        state, version = await store.swap(state, version)
        puts.append(between.puts())
    assert puts == [2, 4, 5, 6]
    conditions = [headers.get("if-match") or headers.get("if-none-match") for _, _, headers in between.seen]
    assert all(conditions)
    assert conditions[0] == conditions[1] == "*"
    assert conditions[2] == conditions[3]


@pytest.mark.parametrize(("making", "header"), [(True, "If-None-Match"), (False, "If-Match")])
async def test_a_server_that_ignores_conditions_is_refused(store, other, between, making, header):
    state, version = (EMPTY, ABSENT) if making else await other.swap(EMPTY, ABSENT)
    between.always["PUT"] = "ignore"
    problem = await trouble(store.swap(state, version))
    assert f"{between.url} ignores {header}" in problem.message


async def test_a_question_about_conditions_without_an_answer_is_asked_again(store, between):
    between.tell("PUT", "pass", "lose", (503, b""))
    written, version = await store.swap(EMPTY, ABSENT)
    assert (await store.read(), between.puts()) == ((written, version), 4)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (refusal(403, "AccessDenied"), "access is denied"),
        (refusal(403, "SignatureDoesNotMatch"), "the secret key does not belong to the access key"),
        (refusal(403, "InvalidAccessKeyId"), "the access key is not known"),
        (refusal(400, "ExpiredToken"), "the credentials have expired"),
        (refusal(403, "RequestTimeTooSkewed"), "the clock of this machine is wrong"),
        (refusal(401, ""), "access is denied"),
        (refusal(404, "NoSuchBucket"), "there is no such bucket"),
        (refusal(404, ""), "it answered 404"),
        (refusal(301, "PermanentRedirect"), "the bucket is in another region"),
        (refusal(400, "AuthorizationHeaderMalformed"), "the bucket is in another region"),
        (refusal(400, "Puzzling"), "it answered 400 Puzzling"),
        (refusal(500, "InternalError"), "it answered 500 InternalError"),
        ((200, b"hello"), "it has no ETag"),
    ],
)
async def test_what_a_server_says_is_a_sentence_without_its_words(store, between, answer, said):
    between.always.update(GET=answer, PUT=answer)
    problem = await trouble(store.read())
    assert problem.message.startswith(f"{store.place} could not be read: ")
    assert said in problem.message
    problem = await trouble(store.swap(EMPTY, ABSENT))
    assert problem.message.startswith(f"{store.place} could not be written: ")


async def test_what_may_not_be_known_is_not_taken_for_absent(store, between):
    between.tell("GET", refusal(403, "AccessDenied"))
    problem = await trouble(store.read())
    assert "s3:ListBucket" in (problem.hint or "")


async def test_reading_is_tried_three_times(store, between):
    written = await store.swap(EMPTY, ABSENT)
    between.tell("GET", "drop", (503, b""))
    assert await store.read() == written


async def test_a_bucket_that_is_not_there(opened):
    store = ObjectStore("s3://nonesuch/x", "acme", "default", environ=environ(s3_server()))
    for doing in (store.read(), store.swap(EMPTY, ABSENT), store.swap(EMPTY, '"old"')):
        assert "there is no such bucket" in (await trouble(doing)).message


async def test_a_server_that_is_not_there(opened):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    for doing in (opened(url).read(), opened(url).swap(EMPTY, ABSENT)):
        problem = await trouble(doing)
        assert f"{url}: the connection was refused" in problem.message


async def test_a_server_that_says_nothing_is_waited_for_only_so_long(opened, between):
    between.always.update(GET="hang", PUT="hang")
    for doing in (opened(between.url, limit=0.2).read(), opened(between.url, limit=0.2).swap(EMPTY, ABSENT)):
        assert "no answer in 0.2 seconds" in (await trouble(doing)).message
    between.ended.set()


async def test_a_swap_that_is_cancelled_is_whole_and_known_again(store, other, between):
    state, version = await store.swap(EMPTY, ABSENT)
    between.tell("GET", "hang")
    between.tell("PUT", "lose")
    swap = asyncio.ensure_future(store.swap(state, version))
    await asyncio.to_thread(between.hung.wait, 30)
    swap.cancel()
    with pytest.raises(asyncio.CancelledError):
        await swap
    between.ended.set()
    done, _ = await other.read()
    assert done.serial == 2
    written, now = await store.swap(state, version)
    assert await other.read() == (written, now)
    assert written.serial == 3


@pytest.mark.parametrize(
    "url",
    [
        "http://s3.example.com",
        "http://10.0.0.1:9000",
        "http://2130706433",
        "http://127.1",
        "http://localhost.example.com",
        "http://me:plantedSecret/plantedSecret@127.0.0.1",
        "http://127.0.0.1@s3.example.com",
        "ftp://127.0.0.1",
        "127.0.0.1:9000",
        "https://s3.example.com?x=1",
    ],
)
@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"])
def test_credentials_go_nowhere_in_the_clear(name, url):
    with pytest.raises(HostError) as caught:
        ObjectStore("s3://team", "acme", "default", environ={**PLANTED, name: url})
    assert "planted" not in caught.value.whole
    assert caught.value.hint


@pytest.mark.parametrize(
    ("environ_", "url"),
    [
        ({}, "https://s3.us-east-1.amazonaws.com"),
        ({"AWS_DEFAULT_REGION": "eu-north-1"}, "https://s3.eu-north-1.amazonaws.com"),
        ({"AWS_REGION": "cn-north-1", "AWS_DEFAULT_REGION": "x"}, "https://s3.cn-north-1.amazonaws.com.cn"),
        ({"AWS_ENDPOINT_URL": "https://a.example/s3", "AWS_ENDPOINT_URL_S3": ""}, "https://a.example/s3"),
        ({"AWS_ENDPOINT_URL": "https://a", "AWS_ENDPOINT_URL_S3": "https://b:9000"}, "https://b:9000"),
        ({"AWS_ENDPOINT_URL": "http://[::1]:9000"}, "http://[::1]:9000"),
    ],
)
def test_the_environment_says_where_the_bucket_is(environ_, url):
    assert ObjectStore("s3://team", "acme", "default", environ={**PLANTED, **environ_})._bucket.url == url


@pytest.mark.parametrize(
    ("environ_", "said"),
    [
        ({"AWS_EC2_METADATA_DISABLED": "true"}, "there are no AWS credentials"),
        ({"AWS_ACCESS_KEY_ID": "AKIA"}, "AWS_SECRET_ACCESS_KEY is missing or empty"),
        ({"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": ""}, "AWS_SECRET_ACCESS_KEY is missing or empty"),
        ({"AWS_SECRET_ACCESS_KEY": "x"}, "AWS_ACCESS_KEY_ID is missing or empty"),
        ({**PLANTED, "AWS_REGION": "evil.example/"}, "AWS_REGION is not the name of a region"),
    ],
)
def test_an_environment_that_cannot_do_is_said_before_anything_is_sent(environ_, said):
    with pytest.raises(StoreError, match=said) as caught:
        ObjectStore("s3://team", "acme", "default", environ=environ_)
    assert caught.value.hint


def test_a_variable_without_a_meaning_is_said(monkeypatch):
    monkeypatch.setenv("AWS_S3_EXPRESS", "perhaps")
    with pytest.raises(StoreError, match="makes no sense"):
        ObjectStore("s3://team", "acme", "default", environ=PLANTED)


async def test_no_role_that_answers_is_no_credentials(monkeypatch):
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")
    store = ObjectStore("s3://team", "acme", "default", environ={"AWS_ENDPOINT_URL": s3_server()})
    assert "there are no AWS credentials" in (await trouble(store.read())).message


async def test_a_proxy_is_not_asked_for_a_server_on_this_machine(opened, between, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, between.url)
    written = await opened(s3_server()).swap(EMPTY, ABSENT)
    assert await opened(s3_server()).read() == written
    assert not between.seen


async def test_the_token_goes_along_with_a_signature(store, between):
    await store.read()
    (_, path, headers), *_ = between.seen
    assert path.startswith(f"/{BUCKET}/")
    assert headers["x-amz-security-token"] == PLANTED["AWS_SESSION_TOKEN"]
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIAPLANTEDPLANTED/")
    assert "/eu-west-1/s3/" in headers["authorization"]


@pytest.mark.parametrize(
    ("url", "environment", "place"),
    [
        ("s3://team", "default", "s3://team/acme.default.json"),
        ("s3://team/", "default", "s3://team/acme.default.json"),
        ("s3://team/a/b", "prod", "s3://team/a/b/acme.prod.json"),
        ("s3://team/a/b/", "preview:pr-12", "s3://team/a/b/acme.preview:pr-12.json"),
        ("s3://team/a", "../../x", "s3://team/a/acme...%2F..%2Fx.json"),
    ],
)
async def test_a_prefix_and_a_name_make_the_place(url, environment, place):
    store = ObjectStore(url, "acme", environment, environ=environ(s3_server()))
    assert store.place == place
    assert place in repr(store)
    written = await store.swap(replace(EMPTY, environment=environment), (await store.read())[1])
    assert await store.read() == written


async def test_two_projects_in_one_bucket_do_not_meet(opened, prefix, other):
    url = f"s3://{BUCKET}/{prefix}/"
    beside = ObjectStore(url, "other", "default", environ=environ(s3_server()))
    ours = await other.swap(EMPTY, ABSENT)
    theirs = await beside.swap(replace(EMPTY, project="other"), ABSENT)
    assert (await other.read(), await beside.read()) == (ours, theirs)


async def test_what_is_not_ours_is_never_replaced(store, prefix):
    _, version = await store.read()
    spoil(s3_server(), f"{prefix}/acme.default.json", b"a photograph")
    problem = await trouble(store.swap(EMPTY, version))
    assert f"{store.place} is not JSON" in problem.message
    kept = obstore.get(bucket(s3_server()), f"{prefix}/acme.default.json").bytes()
    assert bytes(kept) == b"a photograph"

"""Where a signing secret goes, as the spec says it, and every way in which it can be said wrongly."""

from __future__ import annotations

import pytest

from apreconcile.core.address import Address
from apreconcile.core.errors import SpecError
from apreconcile.core.sink import Sink
from apreconcile.core.spec.manifest import load_manifest
from apreconcile.kinds import KINDS

HEAD = "version: 1\nproject: p\nvariables: {dir: {default: conf}, many: {default: 'a b'}}\n"


def load(text, name="spec/agentphone.yaml"):
    return load_manifest(
        [(name, (HEAD + text).encode())],
        kinds=KINDS,
        variables={},
        environ={"TOKEN": "s3cret"},
        read_file=lambda _spec, path: path,
        environment="default",
        home="spec",
    )


def hook(secret, key="my-hook"):
    return f"webhooks: {{{key}: {{url: 'https://x', secret: {secret}}}}}"


@pytest.mark.parametrize(
    ("write_to", "sink", "words"),
    [
        ("{file: .env}", Sink(".env", "AGENTPHONE_WEBHOOK_SECRET_MY_HOOK"), "is written to .env as AGENTPHONE_WEBHOOK_SECRET_MY_HOOK"),
        ("{file: '${var.dir}/.env', name: SECRET_1}", Sink("conf/.env", "SECRET_1"), "is written to conf/.env as SECRET_1"),
        ("{exec: [vault, kv, put, 'a/b', '${var.many}=-']}", Sink(command=("vault", "kv", "put", "a/b", "a b=-")), "is handed to `vault kv put a/b 'a b=-'`"),
        ("{exec: [/opt/put]}", Sink(command=("/opt/put",)), "is handed to `/opt/put`"),
        ('{exec: [sh, -c, "a\\nb"]}', Sink(command=("sh", "-c", "a\nb")), "is handed to `sh -c 'a\nb'`"),
        ("{github: HOOK_SECRET}", Sink(github="HOOK_SECRET"), "becomes the GitHub secret HOOK_SECRET"),
    ],
)  # fmt: skip
def test_a_sink_is_one_of_three(write_to, sink, words):
    wanted = load(hook(f"{{writeTo: {write_to}}}")).by_address[Address("webhook", "my-hook")]
    assert wanted.sink == sink
    assert sink.filled == words
    assert "secret" not in wanted.fields, "it is never compared, and never sent"


def test_without_a_word_there_is_none():
    assert load("webhooks: {w: {url: 'https://x'}}").resources[0].sink is None


WRONG = [
    ("5", "secret: must be a map", "writeTo"),
    ("{}", "secret: must be a map", "writeTo"),
    ("", "secret: must be a map", "writeTo"),
    ("{writeto: {file: x}}", "secret.writeto: there is no field `writeto`", "did you mean `writeTo`?"),
    ("{writeTo: x}", "secret.writeTo: must be a map", "write secret: {writeTo: {file: .env}}"),
    ("{writeTo: {}}", "secret.writeTo: must be a map", "{file: .env}"),
    ("{writeTo: {name: A}}", "secret.writeTo: names no sink", "{file: .env}"),
    ("{writeTo: {fle: x}}", "secret.writeTo.fle: there is no field `fle`", "did you mean `file`?"),
    ("{writeTo: {zzz: x}}", "secret.writeTo.zzz: there is no field `zzz`", "fields are file, exec, github, name"),
    ("{writeTo: {file: x, github: A}}", "secret.writeTo: takes one of file, exec and github, not file and github", "write"),
    ("{writeTo: {github: A, name: B}}", "secret.writeTo.name: `name` belongs to file, not to github", "take it out"),
    ("{writeTo: {file: 5}}", "secret.writeTo.file: must be text", 'quote it: "5"'),
    ("{writeTo: {file: null}}", "secret.writeTo.file: must be text", 'quote it: "null"'),
    ("{writeTo: {file: ''}}", "secret.writeTo.file: cannot be empty", "write it out"),
    ("{writeTo: {file: [x]}}", "secret.writeTo.file: must be text", "write it out"),
    ('{writeTo: {file: "a\\nb"}}', "secret.writeTo.file: must be a single line", "write it out"),
    ("{writeTo: {file: '${env.TOKEN}'}}", "secret.writeTo.file: cannot be a secret, since plans show it", "${var.NAME}"),
    ("{writeTo: {file: '${var.dri}'}}", "secret.writeTo.file: there is no variable `dri`", "did you mean `dir`?"),
    ("{writeTo: {file: x, name: 1A}}", "secret.writeTo.name: is no name of a variable", "such as _1A"),
    ("{writeTo: {file: x, name: A-B}}", "secret.writeTo.name: is no name of a variable", "such as A_B"),
    ("{writeTo: {file: x, name: '${env.TOKEN}'}}", "secret.writeTo.name: cannot be a secret", "${var.NAME}"),
    ("{writeTo: {github: A B}}", "secret.writeTo.github: is no name of a variable", "such as A_B"),
    ("{writeTo: {github: github_x}}", "secret.writeTo.github: GitHub keeps names that begin with GITHUB_", "give it another"),
    ("{writeTo: {exec: ls}}", "secret.writeTo.exec: must be a list of text", "[PROGRAM, ARGUMENT, …]"),
    ("{writeTo: {exec: []}}", "secret.writeTo.exec: must be a list of text", "without a shell"),
    ("{writeTo: {exec: [ls, 5]}}", "secret.writeTo.exec[1]: must be text", 'quote it: "5"'),
    ("{writeTo: {exec: [ls, '']}}", "secret.writeTo.exec[1]: cannot be empty", "write it out"),
    ("{writeTo: {exec: [ls, '${env.TOKEN}']}}", "secret.writeTo.exec[1]: cannot be a secret", "${var.NAME}"),
    ("{writeTo: {exec: [./put]}}", "secret.writeTo.exec[0]: a program is on PATH, or named by its whole path", "[sh, ./put]"),
    ("{writeTo: {exec: [a/put]}}", "secret.writeTo.exec[0]: a program is on PATH, or named by its whole path", "whole path"),
]  # fmt: skip


@pytest.mark.parametrize(("secret", "message", "hint"), WRONG)
def test_what_is_wrong_is_said_once_with_its_place(secret, message, hint):
    with pytest.raises(SpecError) as caught:
        load(hook(secret))
    (problem,) = caught.value.problems
    said = f"{problem.subject}: {problem.message}"
    assert f"webhook.my-hook: {message}" in said
    assert hint in problem.hint
    assert (problem.line, bool(problem.column)) == (4, True)
    assert "s3cret" not in repr(problem)


def test_a_default_cannot_say_where_the_secret_of_each_goes():
    with pytest.raises(SpecError) as caught:
        load("defaults: {webhooks: {secret: {writeTo: {file: x}}}}")
    assert [one.message for one in caught.value.problems] == ["`secret` cannot be a default"]


@pytest.mark.parametrize(
    ("first", "second", "clash"),
    [
        ("{file: .env}", "{file: .env}", False),
        ("{file: .env, name: A}", "{file: .env, name: B}", False),
        ("{file: .env, name: A}", "{file: other, name: A}", False),
        ("{file: .env, name: A}", "{file: x/.././.env, name: A}", True),
        ("{file: .env, name: A}", "{file: ../spec/.env, name: A}", True),
        ("{file: .env, name: A}", "{github: A}", False),
        ("{github: A}", "{github: A}", True),
        ("{exec: [x]}", "{exec: [x]}", False),
    ],
)
def test_two_secrets_do_not_go_to_one_place(first, second, clash):
    text = f"""
agents: {{a: {{name: A}}}}
webhooks:
  one: {{url: 'https://x', secret: {{writeTo: {first}}}}}
  two: {{agent: a, url: 'https://x', secret: {{writeTo: {second}}}}}
"""
    if not clash:
        assert len(load(text).resources) == 3
        return
    with pytest.raises(SpecError) as caught:
        load(text)
    (problem,) = caught.value.problems
    assert problem.subject == "webhook.two: secret"
    assert "webhook.one at spec/agentphone.yaml:7:3 writes to" in problem.message

"""Whose signature one is, ssh-keygen says; whatever it does not say in so many words counts for nothing."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from surroundings import OURS, make_key, signer

from apreconcile.core.errors import Error, UnsafeError
from apreconcile.programs import ssh

MESSAGE = b'{"approve":"buy:number.n@00"}'
NOW = datetime(2027, 6, 1, 12, tzinfo=UTC)
ARMOR = "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n"


def sign(*args, **more):
    return asyncio.run(ssh.sign(*args, **more))


def verify(*args, **more):
    return asyncio.run(ssh.verify(*args, **more))


@pytest.fixture
def keys(tmp_path):
    """Make a key pair, and name its private half."""

    def make(name: str = "ann", sort: str = "ed25519", phrase: str = "") -> Path:
        return make_key(tmp_path / name, sort=sort, phrase=phrase)

    return make


def listed(key: Path, name: str = "ann", options: str = OURS) -> bytes:
    return signer(name, key, options).encode()


def fingerprint(key: Path) -> str:
    told = subprocess.run(["ssh-keygen", "-lf", f"{key}.pub"], capture_output=True, text=True, check=True)
    return told.stdout.split()[1]


def judged(signature, signers, *, by="ann", message=MESSAGE, revoked=None, now=NOW):
    return verify(message, signature, by, signers=signers, revoked=revoked, now=now)


@pytest.mark.tools
@pytest.mark.parametrize("sort", ["ed25519", "ecdsa", "rsa"])
def test_a_listed_key_is_known_by_its_fingerprint(keys, sort):
    key = keys("ann", sort)
    signature = sign(key, MESSAGE)
    assert judged(signature, listed(key)) == (fingerprint(key), None)
    assert judged(signature, listed(keys("bob"), "bob") + listed(key, "*")) == (fingerprint(key), None)


@pytest.mark.tools
def test_what_is_not_exactly_a_good_signature_by_that_principal_is_none(keys):
    key, other = keys(), keys("bob")
    signature = sign(key, MESSAGE)
    git = subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-f", key, "-n", "git"], input=MESSAGE, capture_output=True, check=True
    )
    wrong = {
        "a key that is not listed": judged(signature, listed(other)),
        "another principal": judged(signature, listed(key), by="bob"),
        "a listed key, another principal": judged(signature, listed(key) + listed(other, "bob"), by="bob"),
        "another message": judged(signature, listed(key), message=MESSAGE + b" "),
        "another namespace": judged(git.stdout.decode(), listed(key, options="")),
        "a key that is for commits": judged(signature, listed(key, options='namespaces="git"')),
        "an empty list": judged(signature, b""),
        "a list that is none": judged(signature, b"\x00 [ nonsense\n"),
        "no signature": judged(ARMOR, listed(key)),
        "nothing": judged("", listed(key)),
        "a name that the list denies": judged(signature, listed(key, "*,!ann")),
    }
    assert {case: verdict.key for case, verdict in wrong.items()} == dict.fromkeys(wrong)
    assert all(str(verdict.doubt).startswith("its signature is not that of ") for verdict in wrong.values())


@pytest.mark.tools
def test_a_key_counts_while_it_is_valid_and_not_revoked(keys, tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    key, other = keys(), keys("bob")
    signature = sign(key, MESSAGE)
    assert (judged(signature, listed(key, options='valid-before="20270601115959Z"'))).key is None
    assert (judged(signature, listed(key, options='valid-before="20270601120001Z"'))).key == fingerprint(key)
    assert (judged(signature, listed(key, options='valid-after="20270601120001Z"'))).key is None
    assert (judged(signature, listed(key, options='valid-after="20270601115959Z"'))).key == fingerprint(key)
    for name, revoked in (("mine", key), ("his", other)):
        subprocess.run(["ssh-keygen", "-q", "-k", "-f", tmp_path / name, f"{revoked}.pub"], check=True)
    gone = judged(signature, listed(key), revoked=(tmp_path / "mine").read_bytes())
    assert gone.key is None
    assert "that key is revoked" in (gone.doubt or "")
    assert (judged(signature, listed(key), revoked=(tmp_path / "his").read_bytes())).key == fingerprint(key)
    assert (judged(signature, listed(key), revoked=key.with_suffix(".pub").read_bytes())).key is None
    assert (judged(signature, listed(key), revoked=b"no list of keys\n")).key is None


@pytest.mark.tools
def test_a_certificate_is_known_by_the_key_in_it(keys, tmp_path):
    ca, key = keys("ca"), keys()
    subprocess.run(["ssh-keygen", "-q", "-s", ca, "-I", "id", "-n", "ann", f"{key}.pub"], check=True)
    signature = sign(tmp_path / "ann-cert.pub", MESSAGE)
    signers = listed(ca, "*", 'cert-authority,namespaces="apreconcile"')
    assert judged(signature, signers) == (fingerprint(key), None)
    assert (judged(signature, signers, by="bob")).key is None


@pytest.mark.tools
def test_the_agent_signs_for_a_public_key(keys, tmp_path):
    key = keys("ann", phrase="a long phrase")
    socket = f"/tmp/ap-agent-{os.getpid()}"  # noqa: S108 -- the path of a socket must be short
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    try:
        asker = tmp_path / "ask"
        asker.write_text("#!/bin/sh\necho a long phrase\n")
        asker.chmod(0o755)
        environ = {**os.environ, "SSH_AUTH_SOCK": socket}
        asks = environ | {"SSH_ASKPASS": str(asker), "SSH_ASKPASS_REQUIRE": "force"}
        end = time.monotonic() + 10
        while not Path(socket).exists():
            assert agent.poll() is None
            assert time.monotonic() < end
            time.sleep(0.01)
        with pytest.raises(Error, match="passphrase"):
            sign(key, MESSAGE, environ=environ)
        subprocess.run(["ssh-add", "-q", key], env=asks, check=True, stdin=subprocess.DEVNULL)
        key.unlink()
        signature = sign(key.with_suffix(".pub"), MESSAGE, environ=environ)
        assert (judged(signature, listed(key))).key == fingerprint(Path(key))
    finally:
        agent.terminate()
        agent.wait(10)
        Path(socket).unlink(missing_ok=True)


@pytest.mark.tools
def test_why_a_key_cannot_sign_is_a_sentence_with_a_way_out(keys, tmp_path):
    environ = {"PATH": os.environ["PATH"]}
    locked, bare, open_ = keys("locked", phrase="a long phrase"), keys("bare"), keys("open")
    bare.unlink()
    open_.chmod(0o644)
    text = tmp_path / "text"
    text.write_text("no key\n")
    for path, hint in (
        (locked, f"ssh-add {locked}"), (bare.with_suffix(".pub"), "ssh-add -L"), (open_, f"chmod 600 {open_}"),
        (text, "ssh-keygen -l -f"), (tmp_path / "none", "--sign KEY"), (tmp_path, "--sign KEY"),
    ):  # fmt: skip
        with pytest.raises(Error) as refused:
            sign(path, MESSAGE, environ=environ)
        assert str(path) in refused.value.message
        assert hint in str(refused.value.hint)


def stand_in(folder: Path, code: str) -> dict[str, str]:
    """An environment in which ssh-keygen is this program."""
    path = folder / "bin" / "ssh-keygen"
    path.parent.mkdir(exist_ok=True)
    python = path.with_suffix(".py")
    python.write_text(f"import os, sys\n{code}\n")
    started = shlex.join([sys.executable, "-S", str(python)])  # a path may have a space, and be long
    path.write_text(f'#!/bin/sh\nunset PWD; exec {started} "$@"\n')
    path.chmod(0o755)
    return {"PATH": str(path.parent), "AGENTPHONE_API_KEY": "sk_live_planted", "SSH_AUTH_SOCK": "/agent", "HOME": "/h"}


GOOD = 'Good "apreconcile" signature for ann with ED25519 key SHA256:' + "a" * 43 + "\n"
SAID = {
    "the words themselves": (GOOD, 0, "SHA256:" + "a" * 43),
    "the words, and a failure": (GOOD, 255, None),
    "the words twice": (GOOD * 2, 0, None),
    "words before": ("so " + GOOD, 0, None),
    "another principal": (GOOD.replace("ann", "bob"), 0, None),
    "another namespace": (GOOD.replace("apreconcile", "git"), 0, None),
    "a short fingerprint": (GOOD.replace("aaa", "", 1), 0, None),
    "another hash": (GOOD.replace("SHA256", "MD5"), 0, None),
    "nothing": ("", 0, None),
}


@pytest.mark.parametrize("case", SAID)
def test_only_the_very_words_count(tmp_path, case):
    said, code, key = SAID[case]
    environ = stand_in(tmp_path, f"sys.stdin.read(); sys.stdout.write({said!r}); sys.exit({code})")
    found = verify(MESSAGE, ARMOR, "ann", signers=b"s", revoked=None, now=NOW, environ=environ)
    assert found.key == key
    assert (found.doubt is None) == (key is not None)


def test_what_verifies_sees_its_files_and_no_secret_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    seen = tmp_path / "seen"
    code = (
        "import json\n"
        "files = {name: open(name).read() for name in os.listdir('.')}\n"
        "seen = [sys.argv[1:], sorted(os.environ), oct(os.stat('.').st_mode)[-3:], os.getcwd(), files, sys.stdin.read()]\n"
        f"json.dump(seen, open({str(seen)!r}, 'w'))"
    )
    environ = stand_in(tmp_path, code)
    assert not (verify(b"m", ARMOR, "ann", signers=b"s", revoked=b"r", now=NOW, environ=environ)).key
    args, names, mode, folder, files, message = json.loads(seen.read_text())
    assert args == ["-Y", "verify", "-f", "signers", "-I", "ann", "-n", "apreconcile", "-s", "signature",
                    "-Overify-time=20270601120000", "-r", "revoked"]  # fmt: skip
    assert set(names) - {"LC_CTYPE", "OLDPWD", "SHLVL", "_"} == {"PATH", "LC_ALL", "TZ"}
    assert (mode, message) == ("700", "m")
    assert files == {"signers": "s", "revoked": "r", "signature": ARMOR}
    assert Path(folder).parent == tmp_path
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "seen"]


def test_without_the_program_nobody_can_tell(tmp_path):
    for environ in ({"PATH": str(tmp_path)}, {"PATH": ""}, {}):
        with pytest.raises(UnsafeError, match="ssh-keygen") as refused:
            verify(MESSAGE, ARMOR, "ann", signers=b"", revoked=None, now=NOW, environ={"PATH": str(tmp_path)} | environ)
        assert (refused.value.exit_code, "ssh-keygen" in str(refused.value.hint)) == (9, True)


def test_what_signs_finds_the_agent_and_no_secret(tmp_path):
    (tmp_path / "key").write_text("any")
    environ = stand_in(
        tmp_path, "print(sorted(os.environ), sys.argv[1:], sys.stdin.read(), file=sys.stderr); sys.exit(1)"
    )
    with pytest.raises(Error) as refused:
        sign(tmp_path / "key", b"m", environ=environ)
    told = refused.value.message
    assert "'HOME'" in told
    assert "'SSH_AUTH_SOCK'" in told
    assert "AGENTPHONE" not in told
    environ = stand_in(tmp_path, f"print({ARMOR!r}, 'junk')")
    with pytest.raises(Error, match="cannot sign"):
        sign(tmp_path / "key", b"m", environ=environ)

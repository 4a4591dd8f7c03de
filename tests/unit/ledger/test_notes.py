"""Signed notes and checkpoints are those of C2SP, have one form each, and hold only as they were signed."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.ledger.notes import Checkpoint, NoteError, Signer, Verifier, open_note, sign_note

# The worked example of https://c2sp.org/signed-note
TEXT: Final = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_KEY: Final = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER: Final = (
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ENOCH: Final = (
    "\u2014 EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)

ORIGIN: Final = "ledger.lender.example"
SIGNER: Final = Signer.from_seed(ORIGIN, bytes(range(32)))
OTHER: Final = Signer.from_seed(ORIGIN, bytes(range(1, 33)))
ROOT: Final = bytes(range(100, 132))
CHECKPOINT: Final = Checkpoint(ORIGIN, 42, ROOT)


def test_the_worked_example_opens_with_its_key() -> None:
    verifier = Verifier.parse(PETER_KEY)
    assert str(verifier) == PETER_KEY
    assert open_note(f"{TEXT}\n{PETER}", [verifier]) == (TEXT, (PETER_KEY,))


def test_signatures_of_keys_that_are_not_known_are_passed_over() -> None:
    verifier = Verifier.parse(PETER_KEY)
    assert open_note(f"{TEXT}\n{PETER}{ENOCH}", [verifier]) == (TEXT, (PETER_KEY,))
    assert open_note(f"{TEXT}\n{ENOCH}{PETER}", [SIGNER.verifier, verifier]) == (TEXT, (PETER_KEY,))
    with pytest.raises(NoteError, match="no key that is known has signed the note"):
        open_note(f"{TEXT}\n{ENOCH}", [verifier])


def test_a_key_signs_as_the_rfc_of_ed25519_says() -> None:
    # RFC 8032, 7.1, TEST 1: the public key of this seed.
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    assert str(Signer.from_seed(ORIGIN, seed).verifier) == str(Verifier(ORIGIN, public))


texts = st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=12), max_size=6).map(
    lambda lines: "".join(f"{line}\n" for line in lines) or "\n"
)


@given(texts)
def test_what_is_signed_opens_to_the_same_text(text: str) -> None:
    note = sign_note(text, SIGNER, OTHER)
    assert open_note(note, [OTHER.verifier, SIGNER.verifier]) == (text, (str(SIGNER.verifier), str(OTHER.verifier)))
    assert open_note(note, [OTHER.verifier]) == (text, (str(OTHER.verifier),))


@given(st.data())
def test_a_note_with_any_bit_flipped_does_not_open(data: st.DataObject) -> None:
    note = sign_note(CHECKPOINT.text(), SIGNER).encode()
    at, bit = data.draw(st.integers(0, len(note) - 1)), data.draw(st.integers(0, 7))
    changed = bytearray(note)
    changed[at] ^= 1 << bit
    with pytest.raises(NoteError):
        open_note(changed.decode(errors="surrogateescape"), [SIGNER.verifier])


def test_a_signature_over_another_text_is_refused_though_another_key_has_signed_this_one() -> None:
    strange = SIGNER.sign("another text\n")
    with pytest.raises(NoteError, match=f"the signature of {ORIGIN} does not verify"):
        open_note(f"{TEXT}\n{PETER}{strange}", [Verifier.parse(PETER_KEY), SIGNER.verifier])


def line(name: str, signature: bytes) -> str:
    return f"\u2014 {name} {b64encode(signature).decode()}\n"


SIGNED: Final = SIGNER.sign(TEXT)
KEY_ID: Final = SIGNER.verifier.key_id


@pytest.mark.parametrize(
    ("note", "complaint"),
    [
        pytest.param("", "no blank line", id="nothing"),
        pytest.param(TEXT, "no blank line", id="no signatures"),
        pytest.param(TEXT + SIGNED, "no blank line", id="no blank line before the signatures"),
        pytest.param(f"{TEXT}\n", "no line feed behind it", id="a blank line and no signature"),
        pytest.param(f"{TEXT}\n{SIGNED[:-1]}", "no line feed behind it", id="no line feed at the end"),
        pytest.param(f"{TEXT}\n{SIGNED}\n", "no line feed behind it", id="a blank line at the end"),
        pytest.param(f"{TEXT}\n{SIGNED}\n{PETER}", "no key that is known", id="a blank line among the signatures"),
        pytest.param(f"{TEXT}\n{SIGNED}{SIGNED}", "signs the note twice", id="the same signature twice"),
        pytest.param(f"{TEXT}\t\n{SIGNED}", "U+0009", id="a tab"),
        pytest.param(f"{TEXT}\r\n\r\n{SIGNED}", "U+000D", id="a carriage return"),
        pytest.param(f"{TEXT}\0\n\n{SIGNED}", "U+0000", id="a zero"),
        pytest.param(f"{TEXT}\n{SIGNED.replace(' ', chr(27) + ' ')}", "U+001B", id="an escape in a name"),
        pytest.param(f"{TEXT}\ud800\n\n{SIGNED}", "U+D800", id="half a surrogate pair"),
        pytest.param(f"{TEXT}\n{SIGNED}{SIGNED[2:]}", "is no signature", id="no dash"),
        pytest.param(f"{TEXT}\n{SIGNED.replace(chr(0x2014), '-')}", "is no signature", id="a hyphen for the dash"),
        pytest.param(f"{TEXT}\n{SIGNED}\u2014 {ORIGIN}\n", "is no signature", id="a name alone"),
        pytest.param(f"{TEXT}\n{SIGNED}{line('', bytes(68))}", "is no signature", id="no name"),
        pytest.param(f"{TEXT}\n{SIGNED}{line('a+b', bytes(68))}", "is no signature", id="a plus in a name"),
        pytest.param(f"{TEXT}\n{SIGNED}" + line("a\u00a0b", bytes(68)), "is no signature", id="a blank in a name"),
        pytest.param(f"{TEXT}\n{SIGNED}{line('a b', bytes(68))}", "is not base64", id="an ASCII blank in a name"),
        pytest.param(f"{TEXT}\n{SIGNED}{line('other', bytes(4))}", "too short", id="a key id and no signature"),
        pytest.param(f"{TEXT}\n{line(ORIGIN, KEY_ID + bytes(63))}", "does not verify", id="63 bytes of signature"),
        pytest.param(f"{TEXT}\n{line(ORIGIN, KEY_ID + bytes(64))}", "does not verify", id="a signature of zeros"),
        pytest.param(f"{TEXT}\n{SIGNED.replace('=', '')}", "is not base64", id="base64 without its end"),
        pytest.param(f"{TEXT}\n{SIGNED[:-1]} \n", "is not base64", id="a blank behind base64"),
        pytest.param(f"{TEXT}\n{SIGNED}" + line("other", bytes(68)) * 100, "101 signatures", id="too many signatures"),
    ],
)
def test_what_is_no_note_is_refused(note: str, complaint: str) -> None:
    with pytest.raises(NoteError, match=re.escape(complaint)):
        open_note(note, [SIGNER.verifier])


def with_stray_bits(encoded: str) -> str:
    """The same bytes in base64, as a decoder reads them that does not look at the bits behind the last byte."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    cut = encoded.rstrip("=")
    return cut[:-1] + alphabet[alphabet.index(cut[-1]) + 1] + encoded[len(cut) :]


def test_base64_with_stray_bits_is_refused_everywhere() -> None:
    head, _, encoded = SIGNED[:-1].rpartition(" ")
    with pytest.raises(NoteError, match="one form of base64"):
        open_note(f"{TEXT}\n{head} {with_stray_bits(encoded)}\n", [SIGNER.verifier])
    with pytest.raises(NoteError, match="one form of base64"):
        Checkpoint.parse(f"{ORIGIN}\n42\n{with_stray_bits(b64encode(ROOT).decode())}\n")


@pytest.mark.parametrize("text", ["", "no line feed", "a\tb\n", "a\r\n", "\ud800\n"])
def test_what_is_no_text_of_a_note_is_not_signed(text: str) -> None:
    with pytest.raises(NoteError):
        sign_note(text, SIGNER)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\nb", "a\u2003b", "a\x7fb"])
def test_a_key_has_no_name_that_a_note_cannot_hold(name: str) -> None:
    with pytest.raises(NoteError, match="the key name"):
        Signer.from_seed(name, bytes(32))


@pytest.mark.parametrize(
    "text",
    [
        "",
        ORIGIN,
        PETER_KEY.replace("c74f20a3", "c74f20a4"),
        PETER_KEY.replace("c74f20a3", "C74F20A3"),
        PETER_KEY.replace("Peter", "Petra"),
        PETER_KEY[:-4],
        PETER_KEY + "\n",
        PETER_KEY.replace("+AR", "+AB"),
        "a+00000000+" + b64encode(b"\x02" + bytes(32)).decode(),
        "a+00000000+" + b64encode(b"\x01" + bytes(31)).decode(),
    ],
)
def test_what_is_no_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        Verifier.parse(text)


@pytest.mark.parametrize("count", [0, 31, 33])
def test_keys_have_32_bytes(count: int) -> None:
    with pytest.raises(NoteError, match=f"has {count} bytes; expected 32"):
        Verifier(ORIGIN, bytes(count))
    with pytest.raises(NoteError, match=f"has {count} bytes; expected 32"):
        Signer.from_seed(ORIGIN, bytes(count))


def test_a_signer_does_not_show_its_key() -> None:
    assert bytes(range(32)).hex() not in f"{SIGNER!r} {SIGNER} {vars(SIGNER)}"


def test_a_checkpoint_is_three_lines_and_its_extensions() -> None:
    encoded = b64encode(ROOT).decode()
    assert CHECKPOINT.text() == f"{ORIGIN}\n42\n{encoded}\n"
    assert Checkpoint(ORIGIN, 0, ROOT, ("one", "two 2")).text() == f"{ORIGIN}\n0\n{encoded}\none\ntwo 2\n"


lines = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20)


@given(lines, st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32), st.lists(lines, max_size=3).map(tuple))
def test_a_checkpoint_is_read_as_it_was_written(
    origin: str, size: int, root: bytes, extensions: tuple[str, ...]
) -> None:
    checkpoint = Checkpoint(origin, size, root, extensions)
    text, _ = open_note(sign_note(checkpoint.text(), SIGNER), [SIGNER.verifier])
    assert Checkpoint.parse(text) == checkpoint


ENCODED: Final = b64encode(ROOT).decode()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("", "does not end with a line feed", id="nothing"),
        pytest.param(f"{ORIGIN}\n42\n", "fewer than three lines", id="no root"),
        pytest.param(f"{ORIGIN}\n42\n{ENCODED}", "does not end with a line feed", id="no line feed at the end"),
        pytest.param(f"\n42\n{ENCODED}\n", "no origin", id="no origin"),
        pytest.param(f"{ORIGIN}\n042\n{ENCODED}\n", "without leading zeros", id="a leading zero"),
        pytest.param(f"{ORIGIN}\n00\n{ENCODED}\n", "without leading zeros", id="two zeros"),
        pytest.param(f"{ORIGIN}\n+42\n{ENCODED}\n", "decimal number", id="a plus sign"),
        pytest.param(f"{ORIGIN}\n-1\n{ENCODED}\n", "decimal number", id="a negative size"),
        pytest.param(f"{ORIGIN}\n\n{ENCODED}\n", "decimal number", id="no size"),
        pytest.param(f"{ORIGIN}\n4_2\n{ENCODED}\n", "decimal number", id="an underscore"),
        pytest.param(f"{ORIGIN}\n 42\n{ENCODED}\n", "decimal number", id="a blank"),
        pytest.param(f"{ORIGIN}\n\u0664\u0662\n{ENCODED}\n", "decimal number", id="digits of another script"),
        pytest.param(f"{ORIGIN}\n{10**19}\n{ENCODED}\n", "decimal number", id="a size beyond all"),
        pytest.param(f"{ORIGIN}\n42\n{b64encode(ROOT[:-1]).decode()}\n", "has 31 bytes", id="a root of 31 bytes"),
        pytest.param(f"{ORIGIN}\n42\n{b64encode(ROOT + ROOT).decode()}\n", "has 64 bytes", id="a root of 64 bytes"),
        pytest.param(f"{ORIGIN}\n42\n\n", "has 0 bytes", id="an empty root"),
        pytest.param(f"{ORIGIN}\n42\n{ENCODED.rstrip('=')}\n", "is not base64", id="base64 without its end"),
        pytest.param(f"{ORIGIN}\n42\n{ENCODED}\n\n", "empty line of extension", id="an empty extension"),
        pytest.param(f"{ORIGIN}\n42\n{ENCODED}\na\tb\n", "U+0009", id="a tab in an extension"),
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(NoteError, match=re.escape(complaint)):
        Checkpoint.parse(text)

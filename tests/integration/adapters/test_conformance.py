"""The adapters that ship pass the suite for adapters, and adapters that are broken on purpose do not."""

import pytest
from pydantic import SecretStr

from adapters import conformance
from adapters.base import Receipt, Transient, Unconfirmed
from adapters.conformance import Accepted
from adapters.email.smtp import SmtpChannel
from adapters.sandbox import SandboxChannel
from adapters.sms.twilio import TwilioChannel

CANARY = "canary-that-nobody-may-see"

TWILIO_MODES = {
    "accept": "created",
    "reject": "invalid_number",
    "throttle": "throttle_seconds",
    "lose_answer": "drop",
    "hang": "drip_headers",
    "garbage": "garbage",
}
SMTP_MODES = {
    "accept": "accept",
    "reject": "no_such_user",
    "throttle": "greylisted",
    "lose_answer": "drop",
    "hang": "drip",
    "garbage": "garbage",
}


class TwilioHarness:
    modes = conformance.MODES
    secrets = (CANARY,)
    to = "+15005550123"
    kind = "sms"

    def __init__(self, provider, of=TwilioChannel):
        self.provider, self.of = provider, of
        self.timeout_s = 30

    def channel(self):
        sender = {"From": "+15005550006"}
        sid = "AC" + "a" * 32
        return self.of(sid, SecretStr(CANARY), sender, base_url=self.provider.url, timeout_s=self.timeout_s)

    def play(self, mode):
        self.timeout_s = 1 if mode == "hang" else 30
        if mode == "unreachable":
            self.provider.stop()
        else:
            self.provider.mode = TWILIO_MODES[mode]

    def accepted(self):
        forms = [dict(form) for form in self.provider.accepted]
        return [Accepted((form["To"],), form["Body"]) for form in forms]


class SmtpHarness:
    modes = conformance.MODES
    secrets = (CANARY,)
    to = "private@borrower.test"
    kind = "email"

    def __init__(self, provider, certificate):
        self.provider, self.certificate = provider, certificate
        self.timeout_s = 30

    def channel(self):
        settings = {
            "host": "localhost",
            "port": str(self.provider.port),
            "from": "help@acme.test",
            "username": "acme",
            "password": CANARY,
            "ca_file": str(self.certificate),
            "timeout_s": str(self.timeout_s),
        }
        return SmtpChannel.from_settings(settings)

    def play(self, mode):
        self.timeout_s = 1 if mode == "hang" else 30
        if mode == "unreachable":
            self.provider.stop()
        else:
            self.provider.mode = SMTP_MODES[mode]

    def accepted(self):
        mails = self.provider.mails()
        texts = [mail.get_body(("plain",)).get_content() for mail in mails]
        return [Accepted(to, text) for (to, _), text in zip(self.provider.accepted, texts, strict=True)]


class SandboxHarness:
    modes = ("accept", "unreachable")
    secrets = ()
    to = "+15005550123"
    kind = "sms"

    def __init__(self, folder):
        self.folder = folder

    def channel(self):
        return SandboxChannel(self.folder)

    def play(self, mode):
        if mode == "unreachable":
            self.folder.write_text("a file where the folder should be")

    def accepted(self):
        found = []
        for path in self.folder.rglob("*.txt") if self.folder.is_dir() else ():
            head, _, body = path.read_bytes().decode().partition("\n\n")
            to = dict(line.split(": ", 1) for line in head.splitlines())["To"]
            found.append(Accepted((to,), body))
        return found


@pytest.mark.parametrize("check", conformance.checks(TwilioHarness.modes), ids=str)
def test_twilio_conforms(check, http_provider):
    check.run(TwilioHarness(http_provider))


@pytest.mark.parametrize("check", conformance.checks(SmtpHarness.modes), ids=str)
def test_smtp_conforms(check, smtp_server, certificate, server_tls):
    provider = smtp_server(tls=server_tls, login=("acme", CANARY))
    check.run(SmtpHarness(provider, certificate))


@pytest.mark.parametrize("check", conformance.checks(SandboxHarness.modes), ids=str)
def test_the_sandbox_conforms(check, tmp_path):
    check.run(SandboxHarness(tmp_path / "messages"))


class TriesAgain(TwilioChannel):
    """Sends again when the answer was lost: the borrower gets two."""

    def send(self, message):
        try:
            return super().send(message)
        except Unconfirmed:
            return super().send(message)


class SaysYes(TwilioChannel):
    """Takes every failure for success."""

    def send(self, message):
        try:
            return super().send(message)
        except (Transient, Unconfirmed):
            return Receipt(self.name)


class Blurts(TwilioChannel):
    """Lets the library's own exception, and with it the request, out."""

    def send(self, message):
        try:
            return super().send(message)
        except Unconfirmed as error:
            raise Unconfirmed(f"could not send {message.body} to {message.to}") from error


class DropsAccents(TwilioChannel):
    """Writes the text in ASCII."""

    def send(self, message):
        ascii_only = message.body.encode("ascii", "replace").decode()
        changes = {name: getattr(message, name) for name in message.__slots__} | {"body": ascii_only}
        return super().send(type(message)(**changes))


class Confesses(TwilioChannel):
    """Shows its password."""

    def __repr__(self):
        return f"Confesses({CANARY})"


class Promises(TwilioChannel):
    """Promises what Twilio cannot do."""

    idempotent = True
    looks_up = True


@pytest.mark.parametrize(
    ("broken", "caught_by"),
    [
        (TriesAgain, "after_lose_answer_it_is_unconfirmed_and_not_sent_again"),
        (TriesAgain, "after_garbage_it_is_unconfirmed_and_not_sent_again"),
        (SaysYes, "a_refusal_for_now_is_transient"),
        (SaysYes, "an_unreachable_provider_is_transient"),
        (SaysYes, "after_garbage_it_is_unconfirmed_and_not_sent_again"),
        (Blurts, "in_garbage_no_secret_and_no_personal_data_shows"),
        (DropsAccents, "the_text_arrives_as_it_was_written"),
        (Confesses, "in_accept_no_secret_and_no_personal_data_shows"),
        (Promises, "the_same_id_twice_is_one_message_where_it_says_so"),
    ],
)
def test_a_broken_adapter_is_caught(broken, caught_by, http_provider):
    (check,) = [check for check in conformance.checks(conformance.MODES) if check.name == caught_by]
    with pytest.raises(conformance.Nonconformity):
        check.run(TwilioHarness(http_provider, of=broken))


def test_a_lookup_that_does_not_find_is_caught(http_provider):
    class Forgets(TwilioChannel):
        looks_up = True

        def lookup(self, message_id):
            return None

    name = "it_finds_what_was_sent_and_nothing_else_where_it_looks_up"
    (check,) = [check for check in conformance.checks(conformance.MODES) if check.name == name]
    with pytest.raises(conformance.Nonconformity, match="does not find"):
        check.run(TwilioHarness(http_provider, of=Forgets))


def test_a_harness_must_at_least_accept():
    with pytest.raises(ValueError, match="accept"):
        conformance.checks(["reject"])
    with pytest.raises(ValueError, match="dance"):
        conformance.checks(["accept", "dance"])

"""What each reply of a mail server says about a message, and what arrives, tried against a real one on loopback."""

import pytest

from adapters.base import Receipt, Rejected, SettingsError, Transient, Unconfirmed, load
from adapters.email.smtp import SmtpChannel

TO = "ann@borrower.test"

HOSTILE = [
    "{{7*7}} ${HOME} %s",
    "<script>alert(1)</script>",
    "Ann, bob@evil.test <x@evil.test>;",
    'quote " and \\ backslash',
    "right\u202eto left\u2066isolated",
    "Ünïcødé 中文 עברית 👩\u200d👩\u200d👧",
    "x" * 500,
    "é" * 500,
    "To: someone else",
    ".",
]
LINE_BREAKS = ["\r\nBcc: x@evil.test", "\n", "\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]


def settings(provider, **changes):
    base = {"host": "127.0.0.1", "port": str(provider.port), "from": "help@acme.test", "security": "none"}
    return base | {"timeout_s": "30"} | changes


@pytest.fixture
def plain(smtp_server):
    provider = smtp_server()
    return provider, SmtpChannel.from_settings(settings(provider))


def test_a_mail_arrives_with_its_parts_and_headers(plain, make_message):
    provider, channel = plain
    message = make_message(
        "email", TO, html="<p>Grüße</p>", body="Grüße\n.\n", lender_name="Acme Crédit", reply_to="answers@acme.test"
    )
    assert channel.send(message) == Receipt("smtp", f"<{message.message_id}@acme.test>")
    ((to, _content),) = provider.accepted
    (mail,) = provider.mails()
    assert to == (TO,)
    assert mail["To"].addresses[0].addr_spec == TO
    assert (mail["From"].addresses[0].display_name, mail["From"].addresses[0].addr_spec) == (
        "Acme Crédit",
        "help@acme.test",
    )
    assert mail["Reply-To"] == "answers@acme.test"
    assert mail["Subject"] == "Your instalment"
    assert mail["Message-ID"] == f"<{message.message_id}@acme.test>"
    assert mail["Date"].datetime == message.created_at
    assert mail["Content-Language"] == "en"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert mail.get_body(("plain",)).get_content() == "Grüße\r\n.\r\n"
    assert mail.get_body(("html",)).get_content().strip() == "<p>Grüße</p>"


def test_a_sender_that_has_slept_past_its_time_sends_no_mail(plain, make_message):
    provider, channel = plain
    with pytest.raises(Transient, match="too late to send"):
        channel.send(make_message("email", TO, may_leave=lambda: False))
    assert provider.accepted == []


def test_without_html_a_mail_is_plain_text(plain, make_message):
    provider, channel = plain
    channel.send(make_message("email", TO))
    assert provider.mails()[0].get_content_type() == "text/plain"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_stays_one_subject_one_name_and_one_body(text, plain, make_message):
    provider, channel = plain
    channel.send(make_message("email", TO, subject=text, lender_name=text, body=text))
    ((to, _content),) = provider.accepted
    (mail,) = provider.mails()
    assert to == (TO,)
    assert mail["Subject"] == text
    (sender,) = mail["From"].addresses
    assert sender.addr_spec == "help@acme.test"
    # RFC 2047, 6.2: a reader drops the blanks between encoded words; Python's parser leaves them in a name.
    assert sender.display_name.replace(" ", "") == text.replace(" ", "")
    assert mail.get_content().rstrip("\r\n") == text
    assert "Bcc" not in mail
    assert len(mail.keys()) == len(set(mail.keys()))


@pytest.mark.parametrize("break_", LINE_BREAKS)
@pytest.mark.parametrize("place", ["subject", "lender_name", "reply_to", "to", "language"])
def test_a_line_break_never_reaches_a_header(break_, place, plain, make_message):
    provider, channel = plain
    values = {"to": TO, "reply_to": "answers@acme.test"} | {place: f"a@acme.test{break_}"}
    with pytest.raises(Rejected):
        channel.send(make_message("email", **values))
    assert provider.accepted == []


def test_a_subject_that_mail_programs_would_decode_is_rejected(plain, make_message):
    provider, channel = plain
    with pytest.raises(Rejected, match="subject"):
        channel.send(make_message("email", TO, subject="=?utf-8?q?a=0ABcc=3A_x=40evil=2Etest?="))
    assert provider.accepted == []


@pytest.mark.parametrize(
    ("mode", "kind", "reason"),
    [
        ("no_such_user", Rejected, "the recipient was answered with 550 5.1.1"),
        ("greylisted", Transient, "the recipient was answered with 451 4.7.1"),
        ("refused_text", Rejected, "the message was answered with 554 5.7.1"),
        ("full", Transient, "the message was answered with 452 4.2.2"),
        ("drop_at_mail", Transient, "no usable connection"),
        ("drop", Unconfirmed, "the connection ended after the message was sent"),
        ("garbage", Unconfirmed, "the message was answered with -1"),
    ],
)
def test_a_reply_means(mode, kind, reason, plain, make_message):
    provider, channel = plain
    provider.mode = mode
    with pytest.raises(kind) as caught:
        channel.send(make_message("email", TO))
    assert reason in str(caught.value)
    assert TO not in str(caught.value)


@pytest.mark.parametrize("mode", ["hang", "drip", "half"])
def test_a_server_that_never_ends_its_reply_is_left_at_the_time_limit(mode, smtp_server, make_message):
    provider = smtp_server()
    provider.mode = mode
    channel = SmtpChannel.from_settings(settings(provider, timeout_s="1"))
    with pytest.raises(Unconfirmed, match="no reply within 1 s after the message was sent"):
        channel.send(make_message("email", TO))
    assert len(provider.accepted) == 1


def test_a_refused_connection_is_transient(plain, make_message):
    provider, channel = plain
    provider.stop()
    with pytest.raises(Transient, match="no usable connection"):
        channel.send(make_message("email", TO))


@pytest.mark.parametrize(("security", "implicit"), [("starttls", False), ("tls", True)])
def test_an_encrypted_server_with_the_right_login_takes_the_mail(
    security, implicit, smtp_server, server_tls, certificate, make_message
):
    provider = smtp_server(tls=server_tls, implicit=implicit, login=("acme", "right"))
    values = {"security": security, "username": "acme", "ca_file": str(certificate)}
    right = SmtpChannel.from_settings(settings(provider, **values | {"password": "right"}))
    right.send(make_message("email", TO))
    assert len(provider.accepted) == 1
    wrong = SmtpChannel.from_settings(settings(provider, **values | {"password": "wrong"}))
    with pytest.raises(Transient, match=r"our credentials were not accepted \(535\)"):
        wrong.send(make_message("email", TO))
    assert len(provider.accepted) == 1


@pytest.mark.parametrize(("security", "implicit"), [("starttls", False), ("tls", True)])
def test_a_server_with_an_untrusted_certificate_gets_nothing(security, implicit, smtp_server, server_tls, make_message):
    provider = smtp_server(tls=server_tls, implicit=implicit)
    channel = SmtpChannel.from_settings(settings(provider, security=security))
    with pytest.raises(Transient, match="SSLCertVerificationError"):
        channel.send(make_message("email", TO))
    assert provider.accepted == []


def test_a_certificate_for_another_host_is_not_trusted(smtp_server, server_tls, certificate, make_message):
    provider = smtp_server(tls=server_tls)
    values = {"host": "127.0.0.2", "security": "starttls", "ca_file": str(certificate)}
    with pytest.raises(Transient):
        SmtpChannel.from_settings(settings(provider, **values)).send(make_message("email", TO))
    assert provider.accepted == []


def test_where_starttls_is_not_offered_nothing_is_sent_in_the_clear(plain, make_message):
    provider, _channel = plain
    channel = SmtpChannel.from_settings(settings(provider, security="starttls"))
    with pytest.raises(Transient, match="does not offer STARTTLS"):
        channel.send(make_message("email", TO))
    assert provider.accepted == []


def test_a_domain_in_another_script_is_sent_in_ascii(plain, make_message):
    provider, channel = plain
    channel.send(make_message("email", "ann@bücher.example"))
    assert provider.accepted[0][0] == ("ann@xn--bcher-kva.example",)


def test_a_name_in_another_script_needs_smtputf8(smtp_server, make_message):
    able, unable = smtp_server(), smtp_server()
    unable.mode = "no_smtputf8"
    SmtpChannel.from_settings(settings(able)).send(make_message("email", "用户@borrower.test", subject="中文"))
    assert able.accepted[0][0] == ("用户@borrower.test",)
    assert able.mails()[0]["Subject"] == "中文"
    with pytest.raises(Rejected, match="SMTPUTF8"):
        SmtpChannel.from_settings(settings(unable)).send(make_message("email", "用户@borrower.test"))
    assert unable.accepted == []


@pytest.mark.parametrize("to", ["ann", "a@b@c.test", "a@b.test,c@d.test", "Ann <a@b.test>", "a b@c.test", "@c.test"])
def test_what_is_no_single_address_is_rejected(to, plain, make_message):
    provider, channel = plain
    with pytest.raises(Rejected):
        channel.send(make_message("email", to))
    assert provider.accepted == []


GOOD = {"host": "mail.acme.example", "from": "help@acme.example", "username": "acme", "password": "hush"}


@pytest.mark.parametrize(
    ("change", "option"),
    [
        ({"host": ""}, "host"),
        ({"from": ""}, "from"),
        ({"from": "acme"}, "from"),
        ({"from": "用户@acme.example"}, "from"),
        ({"security": "ssl"}, "security"),
        ({"security": "none"}, "security"),
        ({"port": "0"}, "port"),
        ({"port": "65536"}, "port"),
        ({"port": "٢٥"}, "port"),
        ({"username": ""}, "password"),
        ({"password": ""}, "password"),
        ({"password": "hüsh"}, "password"),
        ({"ca_file": "not-there.pem"}, "ca_file"),
        ({"hosst": "x"}, "hosst"),
    ],
)
def test_a_wrong_option_is_named_and_never_shown(change, option):
    with pytest.raises(SettingsError) as caught:
        load("smtp").from_settings(GOOD | change)
    assert caught.value.option == option
    assert repr(option) in str(caught.value)
    assert "hush" not in str(caught.value)


def test_the_usual_ports_follow_from_the_security():
    ports = {kind: repr(SmtpChannel.from_settings(GOOD | {"security": kind})) for kind in ("starttls", "tls")}
    assert "port=587" in ports["starttls"]
    assert "port=465" in ports["tls"]
    assert "hush" not in "".join(ports.values())


def test_only_a_loopback_host_is_loopback():
    assert SmtpChannel.from_settings(GOOD | {"host": "localhost"}).loopback()
    assert not SmtpChannel.from_settings(GOOD).loopback()

"""Makes the MIME message of an e-mail: values become header values and text, never headers or recipients."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy

from email_validator import EmailNotValidError, validate_email

from adapters.base import Message, Rejected


class _Policy(EmailPolicy):
    """The modern policy, with a Message-ID on one line: ours is long, and not every mail program unfolds it."""

    def fold_binary(self, name: str, value: str) -> bytes:
        if name == "Message-ID":
            return f"{name}: {value}{self.linesep}".encode("ascii")
        return super().fold_binary(name, value)


# Seven bits, so that every server on the way can carry it; the modern policy alone refuses line breaks.
_POLICY = _Policy(linesep="\r\n", cte_type="7bit")

# The header classes decode what looks like an RFC 2047 word even in a value that was given as text: a name
# written in such words could decode to what the checks before never saw.
_WORD_BEGINS, _WORD_ENDS = "=?", "?="

_LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class MailAddress:
    """One mail address. ``domain`` is in ASCII; ``local`` may not be, and then needs a server with SMTPUTF8."""

    local: str
    domain: str

    @property
    def text(self) -> str:
        """As written in an envelope."""
        return f"{self.local}@{self.domain}"

    @property
    def needs_smtputf8(self) -> bool:
        """Whether only a server with SMTPUTF8 can carry it."""
        return not self.local.isascii()


def parse_address(text: str) -> MailAddress:
    """Exactly one address; a domain in another script in its ASCII form. Raises ``ValueError`` without the text."""
    try:
        found = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise ValueError("expected one mail address, such as name@example.org") from None
    return MailAddress(found.local_part, found.ascii_domain)


def message_id_header(message_id: str, domain: str) -> str:
    """The Message-ID: the same for every copy of one message, so that a receipt or a bounce finds its way back."""
    return f"<{message_id}@{domain}>"


def build(message: Message, sender: MailAddress, to: MailAddress) -> EmailMessage:
    """The whole mail, with its text and, where there is one, its HTML part as an alternative.

    Raises ``Rejected`` where a value cannot be a header. The date is that of the decision; no clock is read.
    """
    mail = EmailMessage(_POLICY)
    mail["From"] = Address(_header(message.lender_name or "", "lender_name"), sender.local, sender.domain)
    mail["To"] = Address("", to.local, to.domain)
    if message.reply_to is not None:
        reply_to = _address_header(message.reply_to)
        mail["Reply-To"] = Address("", reply_to.local, reply_to.domain)
    if message.subject is not None:
        mail["Subject"] = _header(message.subject, "subject")
    mail["Date"] = message.created_at
    mail["Message-ID"] = message_id_header(message.message_id, sender.domain)
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office notes in answer to a machine
    mail.set_content(message.body)
    if message.html is not None:
        mail.add_alternative(message.html, subtype="html")
    # After the content, which takes every Content- header that came before it for its own.
    mail["Content-Language"] = _header(message.language, "language")
    return mail


def wire_bytes(mail: EmailMessage, *, utf8: bool) -> bytes:
    """The mail as it goes over the wire after DATA: CRLF, dots doubled, the closing dot (RFC 5321, 4.5.2)."""
    content = mail.as_bytes(policy=_POLICY.clone(utf8=utf8))
    return _LEADING_DOT.sub(b"..", content) + b".\r\n"


def _header(value: str, name: str) -> str:
    if _WORD_ENDS in value.partition(_WORD_BEGINS)[2]:
        raise Rejected(f"the {name} holds '=?…?=', which mail programs would decode; expected plain text")
    return value


def _address_header(text: str) -> MailAddress:
    try:
        address = parse_address(text)
    except ValueError as error:
        raise Rejected(f"the reply_to is no mail address; {error}") from None
    if address.needs_smtputf8:
        raise Rejected("the reply_to is not in ASCII before its @, which not every server carries")
    return address

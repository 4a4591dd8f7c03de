"""S18: no amount is read as more, less or other money than it says, and no payment counts twice."""

from __future__ import annotations

import json

import pytest

from tests.attacks.journey import POLICY, SPAN, book, write_book
from tests.attacks.policies import errors_of

TRICKS = [
    "-1.00", "+1.00", "0.001", "1.005", "1e2", "1E2", "1e400", "0x10", "1_000", "1,00", "1.000,00", "1 000", "1.", ".5",
    "NaN", "Infinity", "-0", "١٢", "\uff11\uff12", "£1.00", "1.00 GBP", "1/2",
    "9" * 15, "9" * 400, "9" * 30_000, "1.00\u200b",
    "=1+1", "'1.00", "1.00000", "--1", "1..0", "0b1", "①", "²", "1.00;", "null", "true",
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "columns"),
    [
        ("loans.csv", ("principal",)),
        ("instalments.csv", ("principal", "interest", "fees")),
        ("events.csv", ("amount",)),
    ],
)
def test_no_trick_with_digits_is_an_amount(duly, tmp_path, file, columns):
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY, encoding="utf-8")
    paid = {"event_id": "e-1", "at": "2026-03-05T10:00:00Z", "type": "payment", "loan_id": "l-001", "amount": "77.77"}
    files = book({}, events=[paid], principal="77.77")
    files["instalments.csv"] = files["instalments.csv"].replace("100.00", "77.77").replace("0.00,0.00", "77.77,77.77")
    for number, trick in enumerate(TRICKS if file == "loans.csv" else TRICKS[::2]):
        cell = '"' + trick + '"'
        folder = write_book(tmp_path / f"{number}", {**files, file: files[file].replace("77.77", cell)})
        ended = duly("simulate", "--json", policy, folder)
        assert ended.code == 1, trick
        assert "Traceback" not in ended.err and "fault of duly" not in ended.err
        for column in columns:
            assert f"{file}:2: {column}: " in ended.err, trick
        assert len(ended.err) < 3_000


def test_a_yen_has_no_cent_and_a_dinar_has_three(duly, tmp_path):
    policy = tmp_path / "policy.yaml"
    for number, (currency, amount, good) in enumerate(
        [
            ("JPY", "1.5", False),
            ("JPY", "1.0", True),
            ("KWD", "1.005", True),
            ("KWD", "1.0005", False),
            ("XAU", "1", False),
        ]
    ):
        policy.write_text(POLICY.replace("GBP", "JPY" if currency == "XAU" else currency), encoding="utf-8")
        folder = write_book(tmp_path / f"{number}", book({}, currency=currency, principal=amount))
        assert (duly("simulate", "--json", policy, folder).code == 0) == good, (currency, amount)


def test_a_loan_in_another_currency_than_its_policy_is_refused(stored, tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY, encoding="utf-8")
    assert stored("policy", "publish", policy).code == 0
    ended = stored("import", write_book(tmp_path / "book", book({}, currency="USD")))
    assert ended.code == 1 and "no policy applies to loan l-001" in ended.err
    assert stored("import", write_book(tmp_path / "good", book({}))).code == 0
    ended = stored("import", write_book(tmp_path / "changed", book({}, currency="USD", policy="plain")))
    assert ended.code == 1 and "loans.csv:2: " in ended.err


def payment(event_id: str, amount: str, kind: str = "payment", **more: str) -> dict[str, str]:
    """An event of the loan, five days after its instalment was due."""
    return {
        "event_id": event_id,
        "at": "2026-03-06T10:00:00Z",
        "type": kind,
        "loan_id": "l-001",
        "amount": amount,
        **more,
    }


@pytest.fixture
def lent(stored, tmp_path):
    """A loan of 100.00, due on 1 March, in a database; imports events beside it."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY, encoding="utf-8")
    assert stored("policy", "publish", policy).code == 0
    assert stored("import", write_book(tmp_path / "book", book({}))).code == 0

    def tell(*events: dict[str, str]):
        files = {"events.csv": book({}, events=events)["events.csv"]}
        folder = tmp_path / f"events{len(list(tmp_path.iterdir()))}"
        return stored("import", "--json", write_book(folder, files))

    return tell


def balance(duly) -> str:
    """What the loan still owes, as the command shows it."""
    duly("run", "--json", *SPAN)
    return str(json.loads(duly("loan", "show", "l-001", "--json").out)["balance"])


def test_the_same_payment_told_again_counts_once(lent, stored):
    assert [lent(payment("p-1", "40.00")).code for _ in range(3)] == [0, 0, 0]
    assert balance(stored) == "60.00"


@pytest.mark.parametrize("amount", ["40.01", "39.99"])
def test_the_same_payment_with_another_amount_is_refused_and_both_are_named(lent, stored, amount):
    assert lent(payment("p-1", "40.00")).code == 0
    ended = lent(payment("p-1", amount))
    assert ended.code == 1 and "event-conflict" in ended.out and "p-1" in ended.out
    ended = lent(payment("p-2", "1.00"), payment("p-2", "2.00"))
    assert ended.code == 1 and "event-conflict" in ended.out
    assert balance(stored) == "60.00"


def test_more_than_is_owed_is_kept_as_credit_and_never_owed_back_as_a_debt(lent, stored):
    assert lent(payment("p-1", "99999999999999.99")).code == 0
    ended = stored("run", "--json", *SPAN)
    assert ended.code == 0
    shown = json.loads(stored("loan", "show", "l-001", "--json").out)
    assert shown["balance"] == "0.00"


def test_a_reversal_never_takes_back_more_than_its_payment(lent, stored):
    assert lent(payment("p-1", "40.00")).code == 0
    lent(payment("r-1", "40.00", "reversal", ref="p-1"), payment("r-2", "40.00", "reversal", ref="p-1"))
    lent(payment("r-3", "4000.00", "reversal", ref="p-1"))
    assert balance(stored) == "100.00"


def test_payments_of_the_largest_amounts_never_overflow(lent, stored):
    ended = lent(*(payment(f"p-{n}", "99999999999999.99") for n in range(30)))
    assert ended.code == 0
    assert balance(stored) == "0.00"


def test_charges_of_the_largest_amounts_never_overflow(lent, stored):
    ended = lent(*(payment(f"c-{n}", "99999999999999.99", "charge", value="fee") for n in range(30)))
    assert "Traceback" not in ended.err and "fault of duly" not in ended.err
    ended = stored("run", "--json", *SPAN)
    assert "fault of duly" not in ended.err
    assert stored("loan", "show", "l-001").code == 0


@pytest.mark.parametrize("trick", ["-1", "0.001", "1e2", "NaN", "Infinity", "1,00", "9" * 30, "٣", "0x1", "1_0", "£1"])
@pytest.mark.parametrize("key", ["overdue_from", "penalties", "floor"])
def test_no_trick_with_digits_is_an_amount_of_a_policy(duly, tmp_path, key, trick):
    text = POLICY.replace(
        "end: true", "offers: {o: {waive: {penalties: '5.00'}, floor: '7.00', expires: 3 days}}\nend: true"
    )
    if key == "overdue_from":
        text = f"overdue_from: {json.dumps(trick)}\n{text}"
    else:
        text = text.replace("'5.00'" if key == "penalties" else "'7.00'", json.dumps(trick))
    errors = errors_of(duly, tmp_path / "policy.yaml", text)
    assert [one["line"] for one in errors if one["code"] != "unused-offer"][:1] == [1 if key == "overdue_from" else 10]


@pytest.mark.parametrize(
    "share", ["-1%", "101%", "1e2%", "100.0000001%", "NaN%", "%", "200% of principal", "50% of 9**9"]
)
@pytest.mark.parametrize("key", ["penalties", "floor"])
def test_no_trick_with_per_cent_is_a_share(duly, tmp_path, key, share):
    offer = {"waive": {"penalties": "5%"}, "floor": "50% of principal", "expires": "3 days"}
    if key == "floor":
        offer["floor"] = share
    else:
        offer["waive"] = {"penalties": share}
    text = POLICY.replace("end: true", f"offers: {{o: {json.dumps(offer)}}}\nend: true")
    errors = errors_of(duly, tmp_path / "policy.yaml", text)
    assert {one["line"] for one in errors} == {10}

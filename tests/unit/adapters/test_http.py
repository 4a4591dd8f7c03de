"""What an HTTP answer proves about a request, as a table."""

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.base import Rejected, SettingsError, Transient, Unconfirmed
from adapters.http import Answer, HttpClient, retry_after_s

DATE = "Wed, 25 Mar 2026 10:00:00 GMT"


def client(handler=None, **values):
    transport = httpx.MockTransport(handler or (lambda request: httpx.Response(201)))
    return HttpClient("acme", "https://api.acme.example/", timeout_s=5, transport=transport, **values)


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        (200, {}, None),
        (201, {}, None),
        (204, {}, None),
        (301, {}, Rejected),
        (302, {}, Rejected),
        (307, {}, Rejected),
        (400, {}, Rejected),
        (401, {}, Transient),
        (403, {}, Rejected),
        (404, {}, Rejected),
        (408, {}, Transient),
        (409, {}, Rejected),
        (422, {}, Rejected),
        (425, {}, Transient),
        (429, {}, Transient),
        (500, {}, Unconfirmed),
        (502, {}, Unconfirmed),
        (503, {}, Unconfirmed),
        (503, {"Retry-After": "5"}, Transient),
        (503, {"Retry-After": "soon"}, Unconfirmed),
        (504, {"Retry-After": "5"}, Unconfirmed),
        (600, {}, Unconfirmed),
    ],
)
def test_a_status_means(status, headers, kind):
    failure = client().failure(Answer(status, httpx.Headers(headers), b""))
    assert (None if failure is None else type(failure)) is kind


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": " 120 "}, 120),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "1.5"}, None),
        ({"Retry-After": "9" * 400}, None),
        ({"Retry-After": "٣"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Wed, 25 Mar 2026 10:02:00 GMT"}, None),
        ({"Retry-After": "Wed, 25 Mar 2026 10:02:00 GMT", "Date": DATE}, 120),
        ({"Retry-After": "Wed, 25 Mar 2026 09:59:00 GMT", "Date": DATE}, 0),
        ({"Retry-After": "Wed, 25 Mar 2026 11:02:00 +0100", "Date": DATE}, 120),
        ({"Retry-After": "Wed, 25 Mar 2026 10:02:00 -0000", "Date": DATE}, 120),
        ({"Retry-After": "Wed, 99 Mar 2026 10:02:00 GMT", "Date": DATE}, None),
        ({"Retry-After": "Wed, 25 Mar 2026 10:02:00 GMT", "Date": "today"}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_measured_from_the_answers_own(headers, seconds):
    assert retry_after_s(headers) == seconds


@settings(deadline=None)
@given(value=st.text(max_size=40), date=st.sampled_from([DATE, ""]))
def test_no_retry_after_breaks_it(value, date):
    wait_s = retry_after_s({"Retry-After": value, "Date": date})
    assert wait_s is None or wait_s >= 0


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ConnectError("refused"), Transient),
        (httpx.ConnectTimeout("slow"), Transient),
        (httpx.PoolTimeout("full"), Transient),
        (httpx.LocalProtocolError("bad header"), Rejected),
        (httpx.ReadTimeout("slow"), Unconfirmed),
        (httpx.WriteTimeout("slow"), Unconfirmed),
        (httpx.ReadError("reset"), Unconfirmed),
        (httpx.WriteError("reset"), Unconfirmed),
        (httpx.RemoteProtocolError("closed"), Unconfirmed),
        (httpx.DecodingError("odd"), Unconfirmed),
    ],
)
def test_a_failed_exchange_means(error, kind):
    def fail(request):
        raise error

    with pytest.raises(kind) as caught:
        client(fail).post_form("/x", {"To": "secret"})
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_redirect_is_returned_and_not_followed():
    seen = []

    def redirect(request):
        seen.append(str(request.url))
        return httpx.Response(302, headers={"Location": "https://evil.example/"})

    assert client(redirect).post_form("/x", {}).status == 302
    assert seen == ["https://api.acme.example/x"]


def test_a_form_is_sent_as_it_is_with_our_name_and_no_packing():
    def handler(request):
        assert request.content == b"To=%2B1&Body=%C3%A9+%26+%3D"
        assert request.headers["Accept-Encoding"] == "identity"
        assert request.headers["User-Agent"] == "duly"
        return httpx.Response(201, json={"sid": "x"})

    assert client(handler).post_form("/x", {"To": "+1", "Body": "é & ="}).json() == {"sid": "x"}


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"1", b"null", b"\xff\xfe", b"[" * 60_000])
def test_a_body_that_is_no_whole_json_object_is_none(body):
    assert Answer(201, {}, body).json() is None


def test_an_answer_that_is_too_long_keeps_its_status_only():
    long = client(lambda request: httpx.Response(400, content=b"x" * 101), max_bytes=100).post_form("/", {})
    fits = client(lambda request: httpx.Response(400, content=b"x" * 100), max_bytes=100).post_form("/", {})
    assert (long.status, long.body) == (400, b"")
    assert (fits.status, len(fits.body)) == (400, 100)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.acme.example",
        "ftp://api.acme.example",
        "http://api.acme.example",
        "https://",
        "https://u:p@api.acme.example",
        "https://api.acme.example?x",
        "https://api.acme.example#x",
        "https://api.acme.example:99999",
        "https://[::1",
    ],
)
def test_a_base_url_is_https_or_this_machine(url):
    with pytest.raises(SettingsError, match="base_url"):
        HttpClient("acme", url, timeout_s=1)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:80/api"])
def test_this_machine_needs_no_encryption(url):
    assert HttpClient("acme", url, timeout_s=1).loopback


def test_nothing_that_it_holds_shows():
    shown = repr(client(auth=("user", "hush"))) + repr(Answer(201, {"X": "private"}, b"private"))
    assert "hush" not in shown
    assert "private" not in shown

"""Requests that a proxy in front could cut at another place than we do (request smuggling)."""

from given import same, stories, upload
from hostile import SIMPLE, raw


def framed(fields, body):
    """A PUT with these framing fields on a connection that may go on, and a request smuggled in its body."""
    image = upload()
    line = f"PUT /files/{image}/metadata/k/ HTTP/1.1\r\nhost: x\r\nauthorization: {SIMPLE}\r\n"
    smuggled = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    status, head, rest = raw(f"{line}{fields}\r\n\r\n".encode() + body + smuggled)
    assert b"HTTP/1.1" not in rest, (fields, "the smuggled request was answered")
    return status, head


CHUNKED = b'3\r\n"v"\r\n0\r\n\r\n'


def test_a_length_that_two_readers_would_take_differently_is_refused():
    for fields in [
        "content-length: 3\r\ncontent-length: 4",
        "content-length: +3",
        "content-length: -3",
        "content-length: 0x3",
        "content-length: 3, 4",
        "content-length: 99999999999999999999",
        "transfer-encoding: identity, chunked\r\ncontent-length: 3\r\ntransfer-encoding: identity",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: xchunked",
        "transfer-encoding : chunked",
        "content-length : 3",
        " transfer-encoding: chunked",
        "x: y\r\n transfer-encoding: chunked",
        "transfer-encoding: chunked\0",
        "transfer-encoding:\x0bchunked",
    ]:
        same((fields, framed(fields, CHUNKED)[0]), (fields, 400))
    for body in [b"3 \r\n\"v\"\r\nx\r\n\r\n", b"-3\r\n\"v\"\r\n0\r\n\r\n", b"3\n\"v\"\n0\n\n",
                 b"ffffffffffffffff1\r\n\"v\"", b"3\r\n\"v\"0\r\n\r\n", b"0x3\r\n\"v\"\r\n0\r\n\r\n"]:
        same((body, framed("transfer-encoding: chunked", body)[0]), (body, 400))


def test_a_length_beside_chunks_ends_the_connection():
    """RFC 9112, section 6.1: the chunks count, and nothing behind them is read. A proxy in front
    that took the length would have sent the rest as the next client's request."""
    for fields in [
        "content-length: 3\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 3",
        "transfer-encoding: chunked\r\ncontent-length: 400",
        "content-length: 0\r\ntransfer-encoding: gzip, chunked",
    ]:
        status, head = framed(fields, CHUNKED)
        assert status in (200, 400) and "\r\nconnection: close" in head, (fields, head)


def test_request_lines_that_are_none():
    for line in ["GET /files/", "GET  /files/ HTTP/1.1", "GET /files/ HTTP/1.1 x", "GET /files/\0 HTTP/1.1",
                 "GET /fi\tles/ HTTP/1.1", "GET /files/ HTTP/3.7", "G\0T /files/ HTTP/1.1", "GET /\x80 HTTP/9",
                 "GET /files/#part HTTP/1.1 "]:
        status = raw(f"{line}\r\nhost: x\r\n\r\n".encode("latin-1"))[0]
        same((line, status), (line, 400))


if __name__ == "__main__":
    stories(globals())

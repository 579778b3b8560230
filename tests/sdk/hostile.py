"""What no client sends: both dialects must answer it with a 4xx in their own words, and stay well."""

import hashlib
import hmac
import json
import socket
import time
from email.utils import formatdate

from given import OURS, THEIRS, URL, same, stories, upload

MEDIA_TYPE = "application/vnd.uploadcare-v0.7+json"
SIMPLE = f"Uploadcare.Simple {OURS['keyID']}:{OURS['keySecret']}"
TOKEN = f"{OURS['keyID']}:{OURS['keySecret']}"
HOST, PORT = URL.removeprefix("http://").split(":")


def raw(request):
    """The status and the rest of the answer to bytes sent as they are."""
    with socket.create_connection((HOST, int(PORT)), timeout=10) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode().lower(), body


def send(method, target, headers, body=b""):
    """A request whose target no library tidies up."""
    lines = [f"{method} {target} HTTP/1.1", f"host: {HOST}", "connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"content-length: {len(body)}", "", ""]
    return raw("\r\n".join(lines).encode() + body)


def uploadcare(method, target, body=b"", **changes):
    headers = {"authorization": SIMPLE, "accept": MEDIA_TYPE, "content-type": "application/json"}
    status, head, body = send(method, target, {**headers, **changes}, body)
    if status >= 400:
        assert f"content-type: {MEDIA_TYPE}\r\n" in head + "\r\n", head
        same(list(json.loads(body)), ["detail"])
    return status, head, body


def openstack(method, target, body=b"", **changes):
    headers = {"x-auth-token": TOKEN, "content-type": "application/json"}
    status, head, body = send(method, target, {**headers, **changes}, body)
    if status >= 400:
        (fault,) = json.loads(body).values()
        same((fault["code"], type(fault["message"])), (status, str))
    return status, head, body


def test_keys_that_are_no_keys():
    image = upload()
    for key in [".", "..", "%2e", "%2e%2e", "a%2fb", "%2F", "a%00b", "%00", "a%0ab", "%ff", "%c3%a4",
                "a%20" * 300, "k" * 256, "k" * 20_000, "%25", "a%5cb", "a%3fb", "a+b"]:
        for status in [
            uploadcare("PUT", f"/files/{image}/metadata/{key}/", b'"v"')[0],
            uploadcare("PUT", f"/files/{image}/metadata/{key}", b'"v"')[0],
            openstack("PUT", f"/images/{image}/metadata/{key}", b'{"meta": {"k": "v"}}')[0],
            openstack("PUT", f"/v2.1/images/{image}/metadata/{key}", b'{"meta": {"k": "v"}}')[0],
        ]:
            assert 400 <= status < 500, (key, status)
        for status in [
            uploadcare("GET", f"/files/{image}/metadata/{key}/")[0],
            uploadcare("DELETE", f"/files/{image}/metadata/{key}/")[0],
            openstack("GET", f"/images/{image}/metadata/{key}")[0],
            openstack("DELETE", f"/images/{image}/metadata/{key}")[0],
        ]:
            assert status in (400, 404, 414, 431), (key, status)
    same(uploadcare("GET", f"/files/{image}/metadata/")[2], b"{}")


def test_empty_segments_and_bad_ids_name_nothing():
    image = upload()
    for path in [f"/files/{image}/metadata//", f"/files//metadata/k/", "/files/../metadata/k/",
                 f"/files/{image}/metadata/k/more/", "/files/x/metadata/", f"/files/{image}%00/metadata/",
                 f"//files/{image}/metadata/"]:
        status = send("GET", path, {"authorization": SIMPLE, "accept": MEDIA_TYPE})[0]
        same((path, status), (path, 404))
    for path in [f"/v2.1/images/{image}/metadata//", "/v2.1/images//metadata", "/v2.1/images/x/metadata",
                 f"/v2.1/{THEIRS['accountID']}/images/{image}/metadata", "/v2.1/nobody/images",
                 f"/v2.1/images/{image}/metadata/a/b"]:
        same((path, openstack("GET", path)[0]), (path, 404))
    own = OURS["accountID"]
    for tenant in [own, own.replace("-", "")]:
        same(openstack("GET", f"/v2/{tenant}/images/{image}/metadata")[0], 200)


def test_bodies_uploadcare_does_not_take():
    path = f"/files/{upload()}/metadata/k/"
    for body in [b"", b"v", b"1", b"null", b"[]", b"{}", b'{"k": "v"}', b'["v"]', b'"v', b'"v" "w"',
                 b'"\\ud800"', b'"\\u0000"', b'"\xff"', b"true", b'"' + b"v" * 513 + b'"',
                 b'"' + "\u00e4".encode() * 513 + b'"', b"[" * 30_000]:
        same((body[:20], uploadcare("PUT", path, body)[0]), (body[:20], 400))
    same(uploadcare("PUT", path, b'"' + b"v" * 1_000_000 + b'"')[0], 413)
    same(uploadcare("GET", path)[0], 404)
    same(uploadcare("PUT", path, b' "v" \n')[0], 200)


def test_bodies_openstack_does_not_take():
    path = f"/v2.1/images/{upload()}/metadata"
    long = json.dumps({"metadata": {"k": "v" * 1_000_000}}).encode()
    for body in [b"", b"v", b"null", b"[]", b"{}", b'{"metadata": null}', b'{"metadata": []}',
                 b'{"metadata": {"k": 1}}', b'{"metadata": {"k": null}}', b'{"metadata": {"k": true}}',
                 b'{"metadata": {"k": {"l": "v"}}}', b'{"metadata": {"k": ["v"]}}',
                 b'{"metadata": {"k": "v", "k": "w"}}', b'{"metadata": {"k": "v"}, "metadata": {}}',
                 b'{"metadata": {"k": "v", "\\u006b": "w"}}', b'{"metadata": {}, "more": {}}',
                 b'{"metadata": {"k": "\\ud800"}}', b'{"metadata": {"k": "\\u0000"}}',
                 b'{"metadata": {"": "v"}}', b'{"metadata": {"a/b": "v"}}', b'{"metadata": {".": "v"}}',
                 b'{"metadata": {"..": "v"}}', b'{"metadata": {"k": "\xff"}}', b'{"meta": {"k": "v"}}',
                 b'{"metadata": ' * 30_000, long]:
        for method in ["POST", "PUT"]:
            same((body[:60], openstack(method, path, body)[0]), (body[:60], 400))
    huge = json.dumps({"metadata": {"k": "v" * 1_100_000}}).encode()
    same(openstack("POST", path, huge)[0], 413)
    for body in [b'{"meta": {}}', b'{"meta": {"l": "v"}}', b'{"meta": {"k": "v", "l": "v"}}',
                 b'{"metadata": {"k": "v"}}', b'{"meta": {"k": "v", "k": "v"}}', b'{"meta": {"k": 1}}',
                 b'{"meta": {"k": "v"}, "more": 1}']:
        same((body, openstack("PUT", f"{path}/k", body)[0]), (body, 400))
    same(json.loads(openstack("GET", path)[2]), {"metadata": {}})


def test_wrong_content_types():
    image = upload()
    for kind in ["text/plain", "application/xml", "multipart/form-data; boundary=x",
                 "application/x-www-form-urlencoded"]:
        changes = {"content-type": kind}
        same((kind, uploadcare("PUT", f"/files/{image}/metadata/k/", b'"v"', **changes)[0]), (kind, 415))
        for method, path, body in [
            ("PUT", f"/v2.1/images/{image}/metadata/k", b'{"meta": {"k": "v"}}'),
            ("POST", f"/v2.1/images/{image}/metadata", b'{"metadata": {"k": "v"}}'),
            ("PUT", f"/v2.1/images/{image}/metadata", b'{"metadata": {"k": "v"}}'),
            ("POST", "/v3/auth/tokens", b"{}"),
        ]:
            same((kind, openstack(method, path, body, **changes)[0]), (kind, 415))
    for kind in ["application/json; charset=utf-8", "APPLICATION/JSON", MEDIA_TYPE]:
        changes = {"content-type": kind}
        same(uploadcare("PUT", f"/files/{image}/metadata/k/", b'"v"', **changes)[0], 200)


def test_wrong_methods_are_told_the_right_ones():
    image = upload()
    for path, allow in [
        ("/files/", "get, head, options"),
        (f"/files/{image}/", "get, head, options"),
        (f"/files/{image}/storage/", "delete, options"),
        (f"/files/{image}/metadata/", "get, head, options"),
        (f"/files/{image}/metadata/k/", "delete, get, head, options, put"),
    ]:
        for method in ["POST", "PATCH", "TRACE", "BREW"]:
            status, head, _ = uploadcare(method, path)
            same((path, status), (path, 405))
            assert f"\r\nallow: {allow}\r\n" in head, head
    for path, allow in [
        ("/v2.1/images", "get, head"),
        ("/v2.1/images/detail", "get, head"),
        (f"/v2.1/images/{image}/metadata", "get, head, post, put"),
        (f"/images/{image}/metadata/k", "delete, get, head, put"),
        ("/v3/auth/tokens", "post"),
    ]:
        for method in ["PATCH", "BREW", "OPTIONS"]:
            status, head, _ = openstack(method, path)
            same((path, status), (path, 405))
            assert f"\r\nallow: {allow}\r\n" in head, head
    for method in ["PUT", "DELETE"]:
        same(uploadcare(method, f"/files/{image}/")[0], 405)


def test_pages_of_other_origins_may_ask_uploadcare():
    image = upload()
    for path, methods in [("/files/", "get, head, options"),
                          (f"/files/{image}/metadata/k/", "delete, get, head, options, put")]:
        ahead = {"origin": "https://shop.example", "access-control-request-method": "PUT",
                 "access-control-request-headers": "authorization, x-uploadcare-date"}
        status, head, body = send("OPTIONS", path, ahead)
        same((status, body), (204, b""))
        assert f"\r\naccess-control-allow-methods: {methods}\r\n" in head, head
        assert f"\r\nallow: {methods}\r\n" in head, head
        assert "authorization" in head and "x-uploadcare-date" in head, head
        assert "\r\naccess-control-allow-origin: *\r\n" in head, head
    for path, headers, wanted in [("/files/", {"authorization": SIMPLE}, 200), ("/files/", {}, 401),
                                  ("/files/x/", {"authorization": SIMPLE}, 404)]:
        status, head, _ = send("GET", path, {**headers, "origin": "https://shop.example"})
        same(status, wanted)
        assert "\r\naccess-control-allow-origin: *\r\n" in head and "\r\nvary: accept\r\n" in head, head
    same(send("OPTIONS", "/files/x/y/z/", {})[0], 404)


def test_versions_uploadcare_does_not_have():
    image = upload()
    for accept in ["application/vnd.uploadcare-v0.6+json", "text/html", "application/xml"]:
        same((accept, uploadcare("GET", f"/files/{image}/", accept=accept)[0]), (accept, 406))
    for accept in [MEDIA_TYPE, "application/json", "*/*", f"text/html, {MEDIA_TYPE};q=0.5"]:
        same((accept, uploadcare("GET", f"/files/{image}/", accept=accept)[0]), (accept, 200))


def signature(method, target, body=b"", moment=None, secret=OURS["keySecret"], header="date"):
    date = formatdate(moment or time.time(), usegmt=True)
    text = "\n".join([method, hashlib.md5(body).hexdigest(), "application/json", date, target])
    proof = hmac.new(secret.encode(), text.encode(), hashlib.sha1).hexdigest()
    return {"authorization": f"Uploadcare {OURS['keyID']}:{proof}", header: date}


def test_a_signature_is_good_for_one_request_and_fifteen_minutes():
    image = upload()
    path = f"/files/{image}/metadata/k/"
    other = f"/files/{upload()}/metadata/k/"
    put = lambda headers, target=path, body=b'"v"': uploadcare("PUT", target, body, **headers)[0]
    good = signature("PUT", path, b'"v"')
    same(put(good), 200)
    same(put(signature("PUT", path, b'"v"', header="x-uploadcare-date")), 200)
    same(put(good, body=b'"w"'), 401)
    same(put(good, body=b""), 401)
    same(put(good, target=other), 401)
    same(put(good, target=path + "?a=1"), 401)
    same(put(good, target=path.rstrip("/")), 401)
    same(uploadcare("DELETE", path, **good)[0], 401)
    same(put({**good, "date": formatdate(time.time() + 60, usegmt=True)}), 401)
    same(put({**good, "content-type": "text/plain"}), 401)
    for moved, status in [(-14 * 60, 200), (14 * 60, 200), (-16 * 60, 401), (16 * 60, 401)]:
        same((moved, put(signature("PUT", path, b'"v"', time.time() + moved))), (moved, status))
    for date in ["", "now", "2026-11-21T00:00:00Z"]:
        same(put({**good, "date": date}), 401)
    same(put(signature("PUT", path, b'"v"', secret=THEIRS["keySecret"])), 401)
    for credentials in ["", "Uploadcare", "Uploadcare :", f"Uploadcare {OURS['keyID']}:", "Basic eDp5",
                        f"Uploadcare.Simple {OURS['keyID']}", "Uploadcare.Simple \u00e4:b"]:
        same((credentials, put({"authorization": credentials})), (credentials, 401))


def test_another_tenants_images_are_not_there():
    foreign = upload(THEIRS)
    same(uploadcare("GET", f"/files/{foreign}/")[0], 404)
    same(uploadcare("DELETE", f"/files/{foreign}/storage/")[0], 404)
    same(uploadcare("PUT", f"/files/{foreign}/metadata/k/", b'"v"')[0], 404)
    same(openstack("GET", f"/v2.1/images/{foreign}")[0], 404)
    same(openstack("PUT", f"/v2.1/images/{foreign}/metadata", b'{"metadata": {}}')[0], 404)


def test_lists_are_asked_for_properly():
    for query in ["limit=0", "limit=-1", "limit=1001", "limit=x", "ordering=size", "removed=2",
                  "stored=x", "from=yesterday", "offset=-1", "offset=9223372036854775808", "limit=%ff"]:
        same((query, uploadcare("GET", f"/files/?{query}")[0]), (query, 400))
    for query in ["limit=-1", "limit=x", "marker=x", "marker=%ff"]:
        same((query, openstack("GET", f"/v2.1/images?{query}")[0]), (query, 400))
    far = "offset=9223372036854775807&limit=1000"
    same(json.loads(uploadcare("GET", f"/files/?{far}")[2])["results"], [])


if __name__ == "__main__":
    stories(globals())

"""python-novaclient, unmodified. It has no image manager any more, so its own HTTP client is
driven; what counts is how it finds the server, reads answers and names failures."""

from given import OURS, THEIRS, UNKNOWN, URL, fails, same, stories, upload
from keystoneauth1 import session
from keystoneauth1.identity import v3
from keystoneauth1.token_endpoint import Token
from novaclient import client, exceptions


def by_token(token=None):
    token = token or f"{OURS['keyID']}:{OURS['keySecret']}"
    auth = Token(f"{URL}/v2.1", token)
    return client.Client("2.1", session=session.Session(auth=auth)).client


def by_password():
    auth = v3.Password(
        auth_url=f"{URL}/v3",
        username=OURS["keyID"],
        password=OURS["keySecret"],
        user_domain_id="default",
        project_id=OURS["accountID"],
    )
    nova = client.Client("2.1", session=session.Session(auth=auth), region_name="RegionOne")
    return nova.client


BOTH = [by_token(), by_password()]


def test_every_operation():
    for nova in BOTH:
        at = f"/images/{upload()}/metadata"
        same(nova.get(at)[1], {"metadata": {}})
        same(nova.post(at, body={"metadata": {"a": "1"}})[1], {"metadata": {"a": "1"}})
        both = {"metadata": {"a": "1", "b c": "2"}}
        same(nova.post(at, body={"metadata": {"b c": "2"}})[1], both)
        same(nova.put(f"{at}/a", body={"meta": {"a": "3"}})[1], {"meta": {"a": "3"}})
        same(nova.get(f"{at}/b%20c")[1], {"meta": {"b c": "2"}})
        same(nova.delete(f"{at}/a")[0].status_code, 204)
        same(nova.put(at, body={"metadata": {}})[1], {"metadata": {}})


def test_failures_have_their_names():
    image = upload()
    at = f"/images/{image}/metadata"
    for nova in BOTH:
        with fails(exceptions.NotFound, "404"):
            nova.get(f"/images/{UNKNOWN}/metadata")
        with fails(exceptions.NotFound, "404"):
            nova.get(f"/images/{upload(THEIRS)}/metadata")
        with fails(exceptions.NotFound, "404"):
            nova.get(f"{at}/missing")
        with fails(exceptions.BadRequest, "mismatch"):
            nova.put(f"{at}/a", body={"meta": {"b": "1"}})
        for body in [{}, {"meta": {"a": "1"}}, {"metadata": {"a": 1}}, {"metadata": []},
                     {"metadata": {"a": "1"}, "more": {}}]:
            with fails(exceptions.BadRequest, "400"):
                nova.post(at, body=body)
        with fails(exceptions.Forbidden, "403"):
            nova.post(at, body={"metadata": {f"k{n}": "v" for n in range(129)}})
        with fails(exceptions.MethodNotAllowed, "405"):
            nova.post(f"{at}/a", body={"meta": {"a": "1"}})
    with fails(exceptions.Unauthorized, "401"):
        by_token("x").get(at)


def test_the_lists():
    image = upload(alt_text="a dog")
    for nova in BOTH:
        newest = nova.get("/images/detail?limit=1")[1]["images"]
        same([(newest[0]["id"], newest[0]["metadata"])], [(image, {"altText": "a dog"})])
        same(nova.get("/images?limit=1")[1]["images"][0]["id"], image)


if __name__ == "__main__":
    stories(globals())

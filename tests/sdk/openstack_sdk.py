"""openstacksdk, unmodified: fixed token and both logins, every metadata operation, the lists."""

import openstack
from given import OURS, THEIRS, UNKNOWN, URL, disable, fails, same, stories, upload
from openstack import exceptions


def by_token(tenant=OURS, token=None):
    token = token or f"{tenant['keyID']}:{tenant['keySecret']}"
    return openstack.connection.Connection(
        auth_type="admin_token", auth={"endpoint": f"{URL}/v2.1", "token": token}
    ).compute


def by_password(tenant=OURS, **changes):
    auth = {
        "auth_url": f"{URL}/v3",
        "username": tenant["keyID"],
        "password": tenant["keySecret"],
        "project_id": tenant["accountID"],
        "user_domain_id": "default",
        **changes,
    }
    return openstack.connection.Connection(
        auth_type="password", auth=auth, region_name="RegionOne"
    )


def by_other_token(connection):
    auth = {"auth_url": f"{URL}/v3", "token": connection.auth_token}
    return openstack.connection.Connection(
        auth_type="v3token", auth=auth, region_name="RegionOne"
    )


LOGGED_IN = by_password()
EVERY = [by_token(), LOGGED_IN.compute, by_other_token(LOGGED_IN).compute]


def metadata_of(compute, image):
    return compute.fetch_image_metadata(image).metadata


def test_every_operation_with_every_login():
    for compute in EVERY:
        image = upload()
        same(metadata_of(compute, image), {})
        compute.set_image_metadata(image, colour="blue", shape="round")
        compute.set_image_metadata(image, colour="grün \U0001f7e2", empty="")
        everything = {"colour": "grün \U0001f7e2", "shape": "round", "empty": ""}
        same(metadata_of(compute, image), everything)

        found = compute.get_image(image)
        same(found.metadata, everything)
        same(found.get_metadata_item(compute, "shape").metadata["shape"], "round")
        found.set_metadata_item(compute, "two words", "v")
        same(found.get_metadata_item(compute, "two words").metadata["two words"], "v")
        compute.delete_image_metadata(image, ["two words", "empty"])
        same(set(metadata_of(compute, image)), {"colour", "shape"})
        found.replace_metadata(compute, {"only": "this"})
        same(metadata_of(compute, image), {"only": "this"})
        compute.delete_image_metadata(image)
        same(metadata_of(compute, image), {})


def test_the_longest_key_and_value():
    compute, image = by_token(), upload()
    key, value = "k" * 255, "\U0001f7e2" * 255
    compute.set_image_metadata(image, **{key: value})
    same(metadata_of(compute, image), {key: value})
    for bad in [{"k" * 256: "v"}, {"k": "v" * 256}, {"a/b": "v"}, {"": "v"}, {"k": 1}, {"k": None},
                {"k": {"nested": "v"}}, {"ä": "v"}, {".": "v"}, {"..": "v"}]:
        with fails(exceptions.BadRequestException):
            compute.set_image_metadata(image, **bad)
    same(metadata_of(compute, image), {key: value})


def test_the_quota():
    compute, image = by_token(), upload()
    compute.set_image_metadata(image, **{f"k{n}": "v" for n in range(128)})
    with fails(exceptions.ForbiddenException):
        compute.set_image_metadata(image, more="v")
    with fails(exceptions.ForbiddenException):
        compute.get_image(image).replace_metadata(compute, {f"k{n}": "v" for n in range(129)})
    same(len(metadata_of(compute, image)), 128)


def test_unknown_and_foreign_images_are_not_found():
    compute, image, foreign = by_token(), upload(), upload(THEIRS)
    with fails(exceptions.NotFoundException):
        compute.get_image(image).get_metadata_item(compute, "missing")
    with fails(exceptions.NotFoundException):
        compute.delete_image_metadata(image, ["missing"])
    for other in [UNKNOWN, foreign, "no-uuid"]:
        for attempt in [
            lambda: compute.get_image(other),
            lambda: compute.fetch_image_metadata(other),
            lambda: compute.set_image_metadata(other, k="v"),
            lambda: compute.delete_image_metadata(other),
            lambda: compute.delete_image_metadata(other, ["k"]),
        ]:
            with fails(exceptions.NotFoundException):
                attempt()


def test_wrong_credentials_are_refused():
    image = upload()
    for token in [f"{OURS['keyID']}:{THEIRS['keySecret']}", "x", "plt_e30.AAAA"]:
        with fails(exceptions.HttpException, "401"):
            by_token(token=token).fetch_image_metadata(image)
    for changes in [{"password": "x"}, {"username": "x"}, {"project_id": THEIRS["accountID"]}]:
        with fails(Exception, "401"):
            by_password(**changes).compute.fetch_image_metadata(image)


def test_a_disabled_image_can_be_read_and_not_written():
    compute, image = by_token(), upload(alt_text="a dog")
    disable(image)
    same(compute.get_image(image).status, "DELETED")
    same(metadata_of(compute, image), {"altText": "a dog"})
    with fails(exceptions.ConflictException):
        compute.set_image_metadata(image, k="v")


def test_the_lists_are_followed_to_their_end():
    new = [upload() for _ in range(5)]
    for compute in EVERY:
        for details in [True, False]:
            found = [image.id for image in compute.images(details=details, limit=2)]
            same(found[:5], new[::-1])
            same(len(set(found)), len(found))
    disable(new[2])
    found = [image.id for image in EVERY[0].images(limit=1)]
    same(found[:4], [new[4], new[3], new[1], new[0]])
    after = [image.id for image in EVERY[0].images(marker=new[2], limit=1)]
    same(after[:2], [new[1], new[0]])
    with fails(exceptions.BadRequestException, "marker"):
        list(EVERY[0].images(marker=UNKNOWN))
    theirs = {image.id for image in by_token(THEIRS).images()}
    assert not theirs & set(new)


def test_a_name_is_found():
    alt_text = f"dog {upload()}"
    image = upload(alt_text=alt_text)
    same(EVERY[0].find_image(image).id, image)
    same(EVERY[0].find_image(alt_text).id, image)


if __name__ == "__main__":
    stories(globals())

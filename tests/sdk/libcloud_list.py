"""apache-libcloud, unmodified: it lists images, and reads their metadata there."""

from given import OURS, URL, disable, same, stories, upload
from libcloud.compute.drivers.openstack import OpenStack_1_1_NodeDriver


def driver():
    return OpenStack_1_1_NodeDriver(
        OURS["keyID"],
        OURS["keySecret"],
        ex_force_auth_url=URL,
        ex_force_auth_version="2.0",
        ex_force_auth_token=f"{OURS['keyID']}:{OURS['keySecret']}",
        ex_force_base_url=f"{URL}/v2.1",
        secure=False,
    )


def test_images_are_listed_with_their_metadata():
    cloud, kept, gone = driver(), upload(alt_text="a dog"), upload()
    disable(gone)
    found = {image.id: image for image in cloud.list_images()}
    assert gone not in found
    same((found[kept].name, found[kept].extra["metadata"]), ("a dog", {"altText": "a dog"}))
    same(cloud.get_image(kept).extra["metadata"], {"altText": "a dog"})


if __name__ == "__main__":
    stories(globals())

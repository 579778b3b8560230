"""pyuploadcare, unmodified: every metadata operation, file information and the list."""

import httpx
from given import OURS, THEIRS, UNKNOWN, URL, disable, fails, moov, same, stories, upload
from pyuploadcare import Uploadcare
from pyuploadcare.api.auth import UploadcareSimpleAuth
from pyuploadcare.exceptions import (
    APIError,
    AuthenticationError,
    InvalidRequestError,
    MetadataValidationError,
)


def client(tenant=OURS, secret=None, **options):
    return Uploadcare(
        public_key=tenant["keyID"],
        secret_key=secret or tenant["keySecret"],
        api_base=f"{URL}/",
        **options,
    )


SIGNED = client()
SIMPLE = client(auth_class=UploadcareSimpleAuth)
BOTH = [SIGNED, SIMPLE]


def test_every_operation_with_both_auth_classes():
    for uploadcare in BOTH:
        metadata, image = uploadcare.metadata_api, upload()
        same(metadata.get_all_metadata(image), {})
        same(metadata.update_or_create_key(image, "colour", "blue"), "blue")
        same(metadata.update_or_create_key(image, "colour", "grün \U0001f7e2"), "grün \U0001f7e2")
        same(metadata.update_or_create_key(image, "empty", ""), "")
        same(metadata.get_key(image, "empty"), "")
        same(metadata.get_key(image, "colour"), "grün \U0001f7e2")
        same(metadata.get_all_metadata(image), {"colour": "grün \U0001f7e2", "empty": ""})
        metadata.delete_key(image, "empty")
        same(metadata.get_all_metadata(image), {"colour": "grün \U0001f7e2"})


def test_every_key_and_the_longest_value_survive():
    metadata, image = SIGNED.metadata_api, upload()
    for key in ["a", "A.b-c_d:9", "...", "-", "k" * 64]:
        same(metadata.update_or_create_key(image, key, "v" * 512), "v" * 512)
        same(metadata.get_key(image, key), "v" * 512)
        metadata.delete_key(image, key)
    same(metadata.update_or_create_key(image, "k", "\U0001f7e2" * 512), "\U0001f7e2" * 512)
    with fails(MetadataValidationError):
        metadata.update_or_create_key(image, "k" * 65, "v")


def test_at_most_fifty_keys():
    metadata, image = SIMPLE.metadata_api, upload()
    for number in range(50):
        metadata.update_or_create_key(image, f"k{number}", "v")
    with fails(InvalidRequestError, "detail"):
        metadata.update_or_create_key(image, "one-more", "v")
    metadata.update_or_create_key(image, "k7", "another")
    same(len(metadata.get_all_metadata(image)), 50)


def test_unknown_and_foreign_files_are_not_found():
    for uploadcare in BOTH:
        metadata = uploadcare.metadata_api
        image, foreign = upload(), upload(THEIRS)
        with fails(InvalidRequestError, '{"detail":"Not found."}'):
            metadata.get_key(image, "missing")
        with fails(InvalidRequestError, '{"detail":"Not found."}'):
            metadata.delete_key(image, "missing")
        for other in [UNKNOWN, foreign]:
            for attempt in [
                lambda: metadata.get_all_metadata(other),
                lambda: metadata.get_key(other, "k"),
                lambda: metadata.update_or_create_key(other, "k", "v"),
                lambda: metadata.delete_key(other, "k"),
                lambda: uploadcare.file(other).info,
            ]:
                with fails(InvalidRequestError, '{"detail":"Not found."}'):
                    attempt()


def test_wrong_credentials_are_refused():
    image = upload()
    unknown = {**OURS, "keyID": "plk_0000000000000000"}
    for options in [{}, {"auth_class": UploadcareSimpleAuth}]:
        for uploadcare in [
            client(secret=THEIRS["keySecret"], **options),
            client(secret="x", **options),
            client(unknown, **options),
        ]:
            with fails(AuthenticationError, "Incorrect authentication credentials."):
                uploadcare.metadata_api.get_all_metadata(image)


def test_a_disabled_file_can_be_read_and_not_written():
    metadata, image = SIGNED.metadata_api, upload()
    metadata.update_or_create_key(image, "k", "v")
    info = SIGNED.files_api.delete(image)
    assert info.datetime_removed is not None
    same(metadata.get_all_metadata(image), {"k": "v"})
    for attempt in [
        lambda: metadata.update_or_create_key(image, "k", "w"),
        lambda: metadata.delete_key(image, "k"),
    ]:
        with fails(APIError, "detail"):
            attempt()


def test_file_information():
    image = upload(alt_text="a dog")
    for uploadcare in BOTH:
        info = uploadcare.files_api.retrieve(image)
        same(str(info.uuid), image)
        same(info.metadata, {"altText": "a dog"})
        same((info.mime_type, info.is_image, info.is_ready), ("image/png", True, True))
        same((info.content_info.image.width, info.content_info.image.height), (8, 8))
        same(httpx.get(info.original_file_url).status_code, 200)
        same(uploadcare.file(image).info["size"], info.size)


def test_the_list_is_followed_to_its_end():
    tenant_files = [str(file.uuid) for file in SIGNED.list_files()]
    new = [upload() for _ in range(5)]
    for uploadcare in BOTH:
        every = [str(file.uuid) for file in uploadcare.list_files(request_limit=2)]
        same(every, tenant_files + new)
        newest = uploadcare.list_files(
            ordering="-datetime_uploaded", limit=3, request_limit=2
        )
        same([str(file.uuid) for file in newest], new[::-1][:3])
        same(uploadcare.list_files().count(), len(every))
    disable(new[1])
    gone = [str(file.uuid) for file in SIGNED.list_files(removed=True)]
    assert new[1] in gone and new[0] not in gone, gone
    kept = [str(file.uuid) for file in SIGNED.list_files(request_limit=2)]
    assert new[1] not in kept and new[0] in kept, kept
    same(list(SIGNED.list_files(stored=False)), [])
    uploaded = SIGNED.files_api.retrieve(new[2]).datetime_uploaded
    later = SIGNED.list_files(starting_point=uploaded, request_limit=1)
    same([str(file.uuid) for file in later][-3:], new[2:])
    foreign = {str(file.uuid) for file in client(THEIRS).list_files()}
    assert not foreign & set(every)


def test_what_is_written_here_moov_sees():
    image = upload(alt_text="a dog")
    metadata = SIGNED.metadata_api
    metadata.update_or_create_key(image, "altText", "a cat")
    same(moov(OURS, "GET", f"/images/{image}").json()["altText"], "a cat")
    with fails(InvalidRequestError, "detail"):
        metadata.update_or_create_key(image, "altText", "x" * 126)
    metadata.delete_key(image, "altText")
    assert "altText" not in moov(OURS, "GET", f"/images/{image}").json()


if __name__ == "__main__":
    stories(globals())

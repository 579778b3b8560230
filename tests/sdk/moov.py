"""The official Moov client, unmodified: every operation, every documented failure."""

import httpx
from given import OURS, THEIRS, UNKNOWN, URL, fails, picture, same, stories
from moovio_sdk import Moov
from moovio_sdk.images import GetPublicAcceptEnum
from moovio_sdk.models import components, errors

ACCOUNT = OURS["accountID"]


def client(tenant=OURS):
    security = components.Security(username=tenant["keyID"], password=tenant["keySecret"])
    return Moov(server_url=URL, security=security)


def upload(moov, content=None, **options):
    image = {"file_name": "picture.png", "content": content or picture()}
    return moov.images.upload(account_id=ACCOUNT, image=image, **options).result


def test_upload_list_and_read():
    moov = client()
    image = upload(moov, metadata={"alt_text": "una fotografía 📷"})
    same(image.alt_text, "una fotografía 📷")
    same(image.link, f"{URL}/images/{image.public_id}")
    same(image.disabled_on, None)
    listed = moov.images.list(account_id=ACCOUNT, skip=0, count=1).result
    same([one.image_id for one in listed], [image.image_id])
    read = moov.images.get_metadata(account_id=ACCOUNT, image_id=image.image_id).result
    same(read, image)


def test_update_metadata_replaces_the_alternative_text():
    moov = client()
    image = upload(moov)
    for text in ["one", None]:
        answer = moov.images.update_metadata(
            account_id=ACCOUNT, image_id=image.image_id, alt_text=text
        )
        same(answer.result.alt_text, text)


def test_update_puts_another_picture_behind_the_same_link():
    moov = client()
    image = upload(moov, metadata={"alt_text": "kept"})
    other = {"file_name": "p.png", "content": picture()}
    answer = moov.images.update(account_id=ACCOUNT, image_id=image.image_id, image=other)
    same(answer.result.public_id, image.public_id)
    same(answer.result.alt_text, "kept")


def test_delete_disables_and_keeps_the_link():
    moov = client()
    image = upload(moov)
    for _ in range(2):
        moov.images.delete(account_id=ACCOUNT, image_id=image.image_id)
    read = moov.images.get_metadata(account_id=ACCOUNT, image_id=image.image_id).result
    assert read.disabled_on is not None
    shown = moov.images.get_public(public_id=image.public_id)
    same(shown.result.status_code, 200)


def test_public_pictures_in_sizes_and_formats():
    moov = client()
    image = upload(moov)
    default = moov.images.get_public(public_id=image.public_id)
    same(default.result.headers["content-type"], "image/jpeg")
    for media_type in GetPublicAcceptEnum:
        shown = moov.images.get_public(
            public_id=image.public_id, size="4x0", accept_header_override=media_type
        )
        same(shown.result.headers["content-type"], media_type.value)
    with fails(errors.APIError):
        moov.images.get_public(public_id="abcdefghij_-ABCDEFGH1")
    with fails(errors.APIError, "400"):
        moov.images.get_public(public_id=image.public_id, size="large")


def test_what_the_client_has_is_not_sent_again():
    moov = client()
    image = upload(moov)
    etag = moov.images.get_public(public_id=image.public_id).result.headers["etag"]
    # The client has no branch for 304 and tries to read the body there is not.
    with fails(httpx.ResponseNotRead):
        moov.images.get_public(public_id=image.public_id, if_none_match=etag)


def test_duplicates_are_a_typed_error():
    moov = client()
    content = picture()
    upload(moov, content)
    with fails(errors.GenericError, "holds the same picture"):
        upload(moov, content)


def test_invalid_fields_are_typed_errors():
    moov = client()
    image = upload(moov)
    with fails(errors.ImageRequestValidationError, "PNG, JPEG or WebP"):
        upload(moov, b"not a picture")
    with fails(errors.ImageRequestValidationError, "125"):
        upload(moov, metadata={"alt_text": "x" * 126})
    with fails(errors.ImageMetadataValidationError, "125"):
        moov.images.update_metadata(
            account_id=ACCOUNT, image_id=image.image_id, alt_text="x" * 126
        )
    with fails(errors.APIError, "400"):
        moov.images.list(account_id=ACCOUNT, count=-1)


def status_of(call):
    try:
        call()
    except errors.APIError as problem:
        return problem.status_code
    raise AssertionError("no error")


def test_statuses_without_a_typed_body():
    moov = client()
    read = moov.images.get_metadata
    same(status_of(lambda: read(account_id=ACCOUNT, image_id=UNKNOWN)), 404)
    same(status_of(lambda: moov.images.list(account_id=THEIRS["accountID"])), 404)
    wrong = client({**OURS, "keySecret": "wrong"})
    same(status_of(lambda: wrong.images.list(account_id=ACCOUNT)), 401)
    same(status_of(lambda: upload(moov, b"x" * (17 * 1024 * 1024))), 413)


def test_tokens():
    moov = client()
    token = moov.authentication.create_access_token(
        grant_type="client_credentials",
        client_id=OURS["keyID"],
        client_secret=OURS["keySecret"],
        scope="images.read",
    ).result
    assert lists(token)
    again = moov.authentication.create_access_token(
        grant_type="refresh_token", refresh_token=token.refresh_token
    ).result
    same(again.scope, "images.read")
    for ended in [token.access_token, again.refresh_token, "unknown"]:
        moov.authentication.revoke_access_token(token=ended)
    assert not lists(token) and not lists(again)
    with fails(errors.AuthTokenRequestError, "not valid"):
        moov.authentication.create_access_token(
            grant_type="refresh_token", refresh_token=again.refresh_token
        )


def lists(token):
    bearer = {"Authorization": f"Bearer {token.access_token}"}
    try:
        Moov(server_url=URL).images.list(account_id=ACCOUNT, http_headers=bearer)
    except errors.APIError as problem:
        same(problem.status_code, 401)
        return False
    return True


def test_the_vendors_scopes():
    moov = client()
    create = moov.authentication.create_access_token
    images = f"/accounts/{ACCOUNT}/images.write"
    for asked, given in [
        ("/accounts.read", "/accounts.read"),
        (f"{images} /accounts/{ACCOUNT}/profile.read", images),
    ]:
        token = create(grant_type="client_credentials", scope=asked).result
        same(token.scope, given)
        assert lists(token)
    with fails(errors.AuthTokenRequestError, "another account"):
        create(grant_type="client_credentials", scope=f"/accounts/{UNKNOWN}/images.read")
    with fails(errors.APIError, "401"):
        Moov(server_url=URL).authentication.create_access_token(grant_type="client_credentials")


def test_revoking_by_client_in_the_body():
    token = client().authentication.create_access_token(grant_type="client_credentials").result
    authentication = Moov(server_url=URL).authentication
    body = {"client_id": OURS["keyID"], "client_secret": OURS["keySecret"]}
    authentication.revoke_access_token(
        token=token.access_token, token_type_hint="access_token", **body
    )
    assert not lists(token)
    with fails(errors.RevokeTokenRequestError, "required"):
        authentication.revoke_access_token(token="", **body)
    with fails(errors.APIError, "401"):
        authentication.revoke_access_token(token=token.access_token)


def test_tokens_by_form_as_the_documents_have_it():
    form = {"grant_type": "client_credentials", "scope": "/accounts.read"}
    answer = httpx.post(f"{URL}/oauth2/token", auth=(OURS["keyID"], OURS["keySecret"]), data=form)
    same((answer.status_code, answer.json()["scope"]), (200, "/accounts.read"))
    body = {"token": answer.json()["access_token"], "client_id": OURS["keyID"],
            "client_secret": OURS["keySecret"]}
    same(httpx.post(f"{URL}/oauth2/revoke", data=body).status_code, 204)


stories(dict(globals()))

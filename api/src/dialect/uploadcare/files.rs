//! `/files/{uuid}/`: a file's information (strong), and its removal from storage (strong).
//! The list of files is in `list`.

use http::StatusCode;
use photolog_domain::{ImageCommand, ImageId};

use crate::app::SharedApp;
use crate::dialect::answer::note_write;
use crate::dialect::uploadcare::{answer, wire};
use crate::error::ApiError;
use crate::executor::{present, write};
use crate::http::response::set_version;
use crate::http::{Request, Response};

/// `GET /files/{uuid}/`
pub async fn show(app: SharedApp, request: Request) -> Result<Response, ApiError> {
    let image: ImageId = request.id_of("image")?;
    let (sequence, state) = present(&app, &request, image).await?;
    let mut response = answer(StatusCode::OK, &wire::file(&app, image, &state));
    set_version(&mut response, sequence);
    Ok(response)
}

/// `DELETE /files/{uuid}/storage/`: takes the image out of use, and answers its information.
pub async fn remove(app: SharedApp, request: Request) -> Result<Response, ApiError> {
    let image: ImageId = request.id_of("image")?;
    let written = write(&app, &request, image, ImageCommand::Disable).await?;
    let mut response = answer(StatusCode::OK, &wire::file(&app, image, &written.state));
    note_write(&mut response, &written);
    Ok(response)
}

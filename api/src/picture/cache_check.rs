//! For `photolog verify`: whether every cached rendition is undamaged and, if requested, equal to
//! what the renderer makes of its master. Nothing is changed: a server renders a damaged one again
//! when a client requests it.

use std::io::{self, ErrorKind};
use std::path::Path;

use photolog_domain::ContentHash;
use photolog_projector::{Finding, Kind};
use photolog_rendition::{self as rendition, Dimensions, MediaType, RenditionSpec};
use photolog_store::{Blobs, private};

use super::cached_file;

/// Checks every file of the folder; with `deep`, also against its master, which is read from those
/// blobs. Returns the number of files.
///
/// # Errors
/// When the folder cannot be read.
pub async fn check(
    directory: &Path,
    deep: Option<&Blobs>,
    findings: &mut Vec<Finding>,
) -> io::Result<u64> {
    private::refuse_link(directory)?;
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut count = 0;
    for entry in entries {
        let entry = entry?;
        let file_name = entry.file_name();
        let name = file_name
            .to_str()
            .and_then(|name| name.strip_suffix(cached_file::ENDING));
        let Some(name) = name else { continue };
        let file = match private::read(&entry.path()) {
            // A server has removed it in the meantime.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            file => file.ok(),
        };
        count += 1;
        let Some(bytes) = file.and_then(|file| cached_file::open(name, file)) else {
            let sentence = format!(
                "the cached rendition {name} is damaged: the server makes it again when it is asked \
                 for; look after the disk if there are more"
            );
            findings.push(Finding::new(Kind::Rendition, name, sentence));
            continue;
        };
        if let Some(blobs) = deep
            && rendered(blobs, name)
                .await
                .is_some_and(|rendered| rendered != bytes)
        {
            let sentence = format!(
                "the cached rendition {name} is not what the renderer makes of its master: delete \
                 the file, and find out who wrote it"
            );
            findings.push(Finding::new(Kind::Rendition, name, sentence));
        }
    }
    Ok(count)
}

/// What the renderer makes of the master; `None` when another version of the renderer made the
/// file, or when the master cannot be read, which is reported elsewhere.
async fn rendered(blobs: &Blobs, name: &str) -> Option<Vec<u8>> {
    let (master, spec) = parse(name)?;
    let master = blobs.get(&master).await.ok()??;
    let render = move || rendition::render(&master, &spec).ok();
    tokio::task::spawn_blocking(render).await.ok()?
}

/// The master and the rendition spec in a file name as `RenditionKey` writes it.
fn parse(name: &str) -> Option<(ContentHash, RenditionSpec)> {
    let (stem, extension) = name.rsplit_once('.')?;
    let mut parts = stem.split('-');
    let master = parts.next()?.parse().ok()?;
    let (width, height) = parts.next()?.split_once('x')?;
    let version: u32 = parts.next()?.strip_prefix('v')?.parse().ok()?;
    let spec = RenditionSpec {
        dimensions: Dimensions {
            width: width.parse().ok()?,
            height: height.parse().ok()?,
        },
        media_type: MediaType::ALL
            .into_iter()
            .find(|media_type| media_type.extension() == extension)?,
    };
    (version == rendition::RENDERER_VERSION).then_some((master, spec))
}

//! Files and folders that nobody but their owner may read, whatever the umask, and reading that is
//! not led elsewhere: no link is followed, and nothing but a regular file is read.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// From now on, whatever this process makes is its owner's alone, also what libraries make.
pub fn keep_to_the_owner() {
    rustix::process::umask(Mode::from_raw_mode(0o077));
}

/// Makes a folder and those above it; one that is there becomes its owner's alone.
///
/// # Errors
/// When it cannot be made, or is no folder.
pub fn make_folder(path: &Path) -> io::Result<()> {
    // Those above it may be anybody's; only what is made here is ours to close.
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(path)?;
    close(path, FOLDER_MODE)
}

/// How many bytes this user may still write to the disk of a folder.
///
/// # Errors
/// When the folder is not there.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(path)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Tries whether a folder's disk has room for a start: a few files, and the database's own beside it.
///
/// # Errors
/// When it has none, or takes no writes.
pub fn try_room(path: &Path) -> io::Result<()> {
    // Written and not asked for: some network disks do not say how much is free.
    tempfile::tempfile_in(path)?.write_all(&[0; 256 << 10])
}

/// Makes a file that must not be there yet, also not as a link.
///
/// # Errors
/// When it is there, or the disk fails.
pub fn create_new(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(path)?;
    file.set_permissions(Permissions::from_mode(FILE_MODE))?;
    Ok(file)
}

/// Opens a file to read and write, and makes it when missing.
///
/// # Errors
/// When it is a link or no regular file, or the disk fails.
pub fn open_or_create(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .custom_flags(no_detour())
        .open(path)?;
    let file = regular(file)?;
    file.set_permissions(Permissions::from_mode(FILE_MODE))?;
    Ok(file)
}

/// Opens a file to read. A pipe or a device is refused instead of waited for.
///
/// # Errors
/// When it is missing, a link, or no regular file.
pub fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(no_detour())
        .open(path)?;
    regular(file)
}

/// Opens a file that the operator named, to read. It may be a link.
///
/// # Errors
/// When it is missing, or no regular file.
pub fn open_provided(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)?;
    regular(file)
}

/// Reads a whole file.
///
/// # Errors
/// As [`open`], or when the disk fails.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Puts a file in its place at once and durably: a reader sees the old one or the new one, also
/// after a power cut. A link of that name is replaced, not followed.
///
/// # Errors
/// When the disk fails; the old file stays.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    // One name, so that what a run that was cut off has left is overwritten, not heaped up.
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let temporary = path.with_file_name(name);
    remove_if_there(&temporary)?;
    let mut file = create_new(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    sync_folder(path)
}

/// As [`replace`], unless something of that name is there; `false` then. Of many who try at once one
/// succeeds.
///
/// # Errors
/// When the disk fails.
pub fn create(path: &Path, content: &[u8]) -> io::Result<bool> {
    let mut file = tempfile::NamedTempFile::new_in(folder_of(path))?;
    file.as_file()
        .set_permissions(Permissions::from_mode(FILE_MODE))?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    // Closed before it has its name: closing a file ends the locks that SQLite has on it.
    match file.into_temp_path().persist_noclobber(path) {
        Err(problem) if problem.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(problem) => Err(problem.error),
        Ok(()) => sync_folder(path).map(|()| true),
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    folder.unwrap_or(Path::new("."))
}

/// Removes a file, or a link, that need not be there.
///
/// # Errors
/// When it is there and cannot be removed.
pub fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Refuses a folder that is a link, which may lead anywhere. It may be missing.
///
/// # Errors
/// When it is a link, or cannot be looked at.
pub fn refuse_link(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{} is a link: it must be a folder", path.display()),
        )),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Closes what an earlier program or a careless copy has left open to others: the folder, and what
/// is named in it, which is ours. A folder in it that is closed is taken as finished, so that a start
/// does not walk through a million pictures.
///
/// # Errors
/// When the disk fails.
pub fn close_folder(folder: &Path, ours: &[&str]) -> io::Result<()> {
    close(folder, FOLDER_MODE)?;
    for name in ours {
        close_entry(&folder.join(name))?;
    }
    Ok(())
}

fn close_entry(path: &Path) -> io::Result<()> {
    // The entry itself, not what it leads to. It need not be there.
    let Ok(found) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if found.is_file() {
        return close(path, FILE_MODE);
    }
    if found.is_dir() && found.mode() & 0o077 != 0 {
        for entry in fs::read_dir(path)? {
            close_entry(&entry?.path())?;
        }
        // The folder last: a walk that was cut off is made again at the next start.
        close(path, FOLDER_MODE)?;
    }
    Ok(())
}

/// Takes all rights from others. Where the owner is somebody else, as with volumes that a container
/// gets, nothing can be done but to say so.
fn close(path: &Path, mode: u32) -> io::Result<()> {
    let found = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if found.mode() & 0o777 == mode {
        return Ok(());
    }
    match fs::set_permissions(path, Permissions::from_mode(mode)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let path = path.display();
            tracing::warn!(%path, "others may read it, and only its owner can change that");
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        changed => changed,
    }
}

fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a regular file",
        ))
    }
}

/// No link is followed, and a pipe without a writer does not make us wait.
fn no_detour() -> i32 {
    (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed()
}

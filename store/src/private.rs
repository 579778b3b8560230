//! Files and folders that only their owner may read, whatever the umask, and safe reading: no symlink
//! is followed, and only regular files are read.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// Restricts every file that this process creates to its owner, including those of libraries.
pub fn keep_to_the_owner() {
    rustix::process::umask(Mode::from_raw_mode(0o077));
}

/// Creates a folder and its parents; an existing folder is restricted to its owner.
///
/// # Errors
/// When it cannot be created, or is not a folder.
pub fn make_folder(path: &Path) -> io::Result<()> {
    // The parents may belong to other users; only the folder itself is restricted.
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(path)?;
    close(path, FOLDER_MODE)
}

/// How many bytes this user may still write to the disk of a folder.
///
/// # Errors
/// When the folder does not exist.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(path)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Checks that a folder's disk has room for a start: a few files, and the database's own.
///
/// # Errors
/// When it has no room, or is not writable.
pub fn try_room(path: &Path) -> io::Result<()> {
    // Writes instead of querying: some network disks do not report their free space.
    tempfile::tempfile_in(path)?.write_all(&[0; 256 << 10])
}

/// Creates a file that must not exist yet, not even as a symlink.
///
/// # Errors
/// When it exists, or the disk fails.
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

/// Opens a file to read and write, and creates it when missing.
///
/// # Errors
/// When it is a symlink or not a regular file, or the disk fails.
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

/// Opens a file to read. A pipe or a device is refused without blocking.
///
/// # Errors
/// When it is missing, a symlink, or not a regular file.
pub fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(no_detour())
        .open(path)?;
    regular(file)
}

/// Opens a file that the operator named, to read. It may be a symlink.
///
/// # Errors
/// When it is missing, or not a regular file.
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

/// Replaces a file atomically and durably: a reader sees the old file or the new one, even after a
/// power cut. A symlink of that name is replaced, not followed.
///
/// # Errors
/// When the disk fails; the old file then stays.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    // A fixed name, so that leftovers of an interrupted run are overwritten instead of accumulating.
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

/// As [`replace`], but returns `false` when something of that name exists. Of several concurrent
/// calls one succeeds.
///
/// # Errors
/// When the disk fails.
pub fn create(path: &Path, content: &[u8]) -> io::Result<bool> {
    let mut file = tempfile::NamedTempFile::new_in(folder_of(path))?;
    file.as_file()
        .set_permissions(Permissions::from_mode(FILE_MODE))?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    // Closed before it gets its name, because closing a file releases SQLite's locks on it.
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

/// Removes a file or a symlink, if it exists.
///
/// # Errors
/// When it exists and cannot be removed.
pub fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Refuses a folder that is a symlink, which may lead anywhere. It may be missing.
///
/// # Errors
/// When it is a symlink, or cannot be examined.
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

/// Restricts what an earlier version or a careless copy left open to other users: the folder, and
/// the entries named in `ours`. A subfolder that is restricted already is taken as done, so that a
/// start does not walk through a million images.
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
    // The entry itself, not the target of a symlink. It may be missing.
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
        // The folder last, so that an interrupted walk is repeated at the next start.
        close(path, FOLDER_MODE)?;
    }
    Ok(())
}

/// Takes all rights from other users. When the owner is another user, as with volumes mounted into a
/// container, it can only log a warning.
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

/// Follows no symlink, and does not block on a pipe without a writer.
fn no_detour() -> i32 {
    (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed()
}

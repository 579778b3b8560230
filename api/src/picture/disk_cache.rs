//! Renditions as files, up to a size limit; the least recently used are evicted first.
//!
//! All files can be rendered again, so one that is damaged or cannot be read or written is only a
//! cache miss.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::cached_file::{self, DIGEST_BYTES, ENDING};
use crate::http::compute::freed_elsewhere;

/// The folder of renditions below a data folder; it may be emptied at any time.
pub fn cache_directory(data_dir: &Path) -> PathBuf {
    data_dir.join("renditions")
}

/// Files under one folder, by name.
pub struct DiskCache {
    directory: PathBuf,
    sizes: Cache<String, u32>,
}

impl DiskCache {
    /// Opens the folder and lists its files, oldest first.
    ///
    /// # Errors
    /// When the folder cannot be created or read.
    pub async fn open(directory: PathBuf, limit_bytes: u64) -> std::io::Result<Self> {
        tokio::task::spawn_blocking(move || {
            std::fs::create_dir_all(&directory)?;
            let evict_from = directory.clone();
            let sizes = Cache::builder()
                .weigher(|_: &String, size: &u32| *size)
                .max_capacity(limit_bytes)
                .eviction_policy(EvictionPolicy::lru())
                .eviction_listener(move |name: std::sync::Arc<String>, _, cause| {
                    if cause.was_evicted() {
                        forget(&place(&evict_from, &name));
                    }
                })
                .build();
            for (name, size) in stock(&directory)? {
                sizes.insert(name, size);
            }
            Ok(Self { directory, sizes })
        })
        .await
        .map_err(std::io::Error::other)?
    }

    /// The size of a rendition, if it is cached.
    pub fn length(&self, name: &str) -> Option<u64> {
        let size = self.sizes.get(name)?;
        Some(size.saturating_sub(DIGEST_BYTES).into())
    }

    /// The bytes of a rendition, if it is cached and undamaged.
    pub async fn get(&self, name: &str) -> Option<Bytes> {
        self.sizes.get(name)?;
        let (file, owned) = (place(&self.directory, name), name.to_owned());
        let read = move || Ok(cached_file::open(&owned, std::fs::read(file)?));
        let read = tokio::task::spawn_blocking(read).await;
        match read.map_err(std::io::Error::other).flatten() {
            Ok(Some(bytes)) => return Some(freed_elsewhere(bytes)),
            Ok(None) => tracing::warn!(
                name,
                "a cached rendition is damaged and will be rendered again"
            ),
            Err(problem) => tracing::debug!(%problem, name, "a cached rendition could not be read"),
        }
        self.sizes.invalidate(name);
        None
    }

    /// Stores bytes under a name, atomically.
    pub async fn put(&self, name: String, bytes: Bytes) {
        let target = place(&self.directory, &name);
        let directory = self.directory.clone();
        let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let size = size.saturating_add(DIGEST_BYTES);
        let sizes = self.sizes.clone();
        let written = tokio::task::spawn_blocking(move || {
            let mut file = tempfile::NamedTempFile::new_in(directory)?;
            std::io::Write::write_all(&mut file, &bytes)?;
            std::io::Write::write_all(&mut file, &cached_file::digest(&name, &bytes))?;
            file.persist(target)?;
            sizes.insert(name, size);
            // Otherwise a later look-up would remove evicted files on an async thread.
            sizes.run_pending_tasks();
            std::io::Result::Ok(())
        })
        .await;
        if let Err(problem) = written.map_err(std::io::Error::other).flatten() {
            tracing::warn!(%problem, "a rendition could not be cached");
        }
    }
}

/// The path of the file for a name.
fn place(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}{ENDING}"))
}

/// The names and sizes of the files, least recently used first. Removes leftovers of a crash and
/// files of earlier versions.
fn stock(directory: &Path) -> std::io::Result<Vec<(String, u32)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let about = entry.metadata()?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kept = name
            .strip_suffix(ENDING)
            .filter(|name| !name.starts_with('.'));
        let Some(name) = kept.map(str::to_owned) else {
            forget(&entry.path());
            continue;
        };
        if about.is_file() {
            let used = about.accessed().or_else(|_| about.modified());
            let size = u32::try_from(about.len()).unwrap_or(u32::MAX);
            files.push((used.unwrap_or(SystemTime::UNIX_EPOCH), name, size));
        }
    }
    files.sort();
    Ok(files
        .into_iter()
        .map(|(_, name, size)| (name, size))
        .collect())
}

fn forget(file: &Path) {
    if let Err(problem) = std::fs::remove_file(file) {
        tracing::debug!(%problem, file = %file.display(), "a cached file could not be removed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn cache(directory: &Path, limit_bytes: u64) -> DiskCache {
        DiskCache::open(directory.to_owned(), limit_bytes)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn what_is_kept_survives_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = Bytes::from_static(b"picture");
        cache(folder.path(), 100)
            .await
            .put("a.png".into(), bytes.clone())
            .await;
        std::fs::write(folder.path().join(".tmpleft"), b"half").unwrap();
        // A file as an earlier version stored it.
        std::fs::write(folder.path().join("b.png"), b"picture").unwrap();
        let reopened = cache(folder.path(), 100).await;
        assert_eq!(reopened.get("a.png").await, Some(bytes));
        assert_eq!(reopened.get("b.png").await, None);
        assert!(!folder.path().join(".tmpleft").exists());
        assert!(!folder.path().join("b.png").exists());
    }

    #[tokio::test]
    async fn a_damaged_file_is_a_miss_until_it_is_kept_again() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), 100).await;
        let bytes = Bytes::from_static(b"picture");
        cache.put("a.png".into(), bytes.clone()).await;
        assert_eq!(cache.length("a.png"), Some(7));
        let file = place(folder.path(), "a.png");
        let mut damaged = std::fs::read(&file).unwrap();
        damaged[3] ^= 1;
        std::fs::write(&file, damaged).unwrap();
        assert_eq!(cache.get("a.png").await, None);
        assert_eq!(cache.length("a.png"), None);
        cache.put("a.png".into(), bytes.clone()).await;
        assert_eq!(cache.get("a.png").await, Some(bytes));
    }

    #[tokio::test]
    async fn the_folder_never_stays_above_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), 1_000).await;
        for number in 0..50 {
            let name = format!("{number}.png");
            cache.put(name, Bytes::from(vec![0; 100])).await;
        }
        let total: u64 = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .sum();
        assert!(total <= 1_000, "{total} bytes");
        assert!(cache.get("49.png").await.is_some(), "the newest stays");
    }
}

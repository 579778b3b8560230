//! The master key: it wraps every secret in the database, and is never stored there itself.
//!
//! Its file holds 64 hexadecimal digits, or two lines of them during a rotation: the key in use and
//! the next one. Each key has a check value. The database stores the check value of the key in use,
//! so a node with a different key detects it before it serves.

use crate::error::{MasterKeyError, StoreError};
use crate::private;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use sha2::{Digest as _, Sha256};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// The length of the nonce before each ciphertext.
const NONCE: usize = 24;

/// Maximum size of a key file; two keys are 130 bytes.
const LONGEST_FILE: u64 = 1_024;

/// The value by which the database recognises its master key.
pub(crate) type Check = [u8; 32];

/// The location of the master key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterKeyFile {
    path: PathBuf,
    made_when_missing: bool,
}

impl MasterKeyFile {
    /// A file that the operator provides, the same for every node. It may be a symlink, as
    /// Kubernetes mounts files.
    pub fn provided(path: PathBuf) -> Self {
        Self {
            path,
            made_when_missing: false,
        }
    }

    /// The file of an installation in a single data folder, created at its first start.
    pub fn in_data_folder(folder: &Path) -> Self {
        Self {
            path: folder.join("master.key"),
            made_when_missing: true,
        }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Creates the file with a new key; `false` when it already exists.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn create(&self) -> Result<bool, MasterKeyError> {
        let text = lines(&[WrappingKey::random()?]);
        private::create(&self.path, text.as_bytes()).map_err(|error| self.unusable(error))
    }

    fn read(&self) -> Result<Vec<WrappingKey>, MasterKeyError> {
        let opened = if self.made_when_missing {
            private::open(&self.path)
        } else {
            private::open_provided(&self.path)
        };
        let file = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(MasterKeyError::Missing(self.path.clone()));
            }
            opened => opened.map_err(|error| self.unusable(error))?,
        };
        let mut bytes = Vec::new();
        file.take(LONGEST_FILE)
            .read_to_end(&mut bytes)
            .map_err(|error| self.unusable(error))?;
        let text = str::from_utf8(&bytes).unwrap_or_default();
        let keys: Option<Vec<_>> = text
            .split_ascii_whitespace()
            .map(WrappingKey::parse)
            .collect();
        keys.filter(|keys| (1..=2).contains(&keys.len()))
            .ok_or_else(|| MasterKeyError::Malformed(self.path.clone()))
    }

    fn write(&self, keys: &[WrappingKey]) -> Result<(), MasterKeyError> {
        private::replace(&self.path, lines(keys).as_bytes()).map_err(|error| self.unusable(error))
    }

    fn unusable(&self, error: io::Error) -> MasterKeyError {
        MasterKeyError::File(self.path.clone(), error)
    }
}

/// A key in memory.
#[derive(Clone)]
pub(crate) struct WrappingKey {
    bytes: [u8; 32],
    cipher: XChaCha20Poly1305,
    check: Check,
}

impl WrappingKey {
    fn new(bytes: [u8; 32]) -> Self {
        let mut check = Sha256::new_with_prefix(b"photolog master key check v1");
        check.update(bytes);
        Self {
            cipher: XChaCha20Poly1305::new(&bytes.into()),
            check: check.finalize().into(),
            bytes,
        }
    }

    fn random() -> Result<Self, getrandom::Error> {
        random().map(Self::new)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self::new(bytes))
    }

    /// Nonce, ciphertext, tag. The result can be opened only under the same name.
    pub(crate) fn wrap(&self, name: &str, secret: &[u8]) -> Result<Vec<u8>, MasterKeyError> {
        let nonce: [u8; NONCE] = random()?;
        let payload = Payload {
            msg: secret,
            aad: name.as_bytes(),
        };
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| MasterKeyError::Unopened(name.to_owned()))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    fn unwrap(&self, name: &str, wrapped: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = wrapped.split_first_chunk::<NONCE>()?;
        let payload = Payload {
            msg: sealed,
            aad: name.as_bytes(),
        };
        self.cipher.decrypt(&XNonce::from(*nonce), payload).ok()
    }

    pub(crate) fn check(&self) -> &Check {
        &self.check
    }
}

/// The master key of an open store. The file is read again when the cached keys do not open a
/// secret, so that a rotation by another process needs no restart.
pub(crate) struct MasterKey {
    file: MasterKeyFile,
    keys: RwLock<Arc<[WrappingKey]>>,
}

impl MasterKey {
    /// Reads nothing until a key is needed.
    pub(crate) fn new(file: MasterKeyFile) -> Self {
        Self {
            file,
            keys: RwLock::new(Arc::new([])),
        }
    }

    /// The key for an installation that has none yet.
    pub(crate) fn first(&self) -> Result<WrappingKey, MasterKeyError> {
        if self.file.made_when_missing {
            self.file.create()?;
        }
        let keys = self.read_again()?;
        let missing = || MasterKeyError::Missing(self.file.path.clone());
        keys.first().cloned().ok_or_else(missing)
    }

    /// The key in use, found by the check value in the database.
    pub(crate) fn of_check(&self, check: &[u8]) -> Result<WrappingKey, MasterKeyError> {
        let find = |keys: &[WrappingKey]| keys.iter().find(|key| key.check == check).cloned();
        if let Some(known) = find(&self.known()) {
            return Ok(known);
        }
        find(&self.read_again()?).ok_or_else(|| MasterKeyError::Another(self.file.path.clone()))
    }

    /// Opens a secret.
    pub(crate) fn unwrap(&self, name: &str, wrapped: &[u8]) -> Result<Vec<u8>, StoreError> {
        let open = |keys: &[WrappingKey]| keys.iter().find_map(|key| key.unwrap(name, wrapped));
        if let Some(secret) = open(&self.known()) {
            return Ok(secret);
        }
        let opened = open(&self.read_again()?);
        Ok(opened.ok_or_else(|| MasterKeyError::Unopened(name.to_owned()))?)
    }

    /// Adds a next key to the file, unless one follows the key in use already. A key before it is
    /// left over from an earlier rotation.
    pub(crate) fn prepare(&self, check: &Check) -> Result<(), MasterKeyError> {
        match self.next(check) {
            Err(MasterKeyError::NotPrepared(_)) => {
                let used = self.of_check(check)?;
                self.file.write(&[used, WrappingKey::random()?])
            }
            next => next.map(drop),
        }
    }

    /// The key that follows the one in use.
    pub(crate) fn next(&self, check: &Check) -> Result<WrappingKey, MasterKeyError> {
        let keys = self.read_again()?;
        let place = keys.iter().position(|key| key.check == *check);
        let place = place.ok_or_else(|| MasterKeyError::Another(self.file.path.clone()))?;
        let next = keys.get(place + 1).cloned();
        next.ok_or_else(|| MasterKeyError::NotPrepared(self.file.path.clone()))
    }

    /// Removes every other key from the file: the end of a rotation.
    pub(crate) fn forget_others(&self, check: &Check) -> Result<(), MasterKeyError> {
        let used = self.of_check(check)?;
        if self.file.read()?.len() > 1 {
            self.file.write(std::slice::from_ref(&used))?;
        }
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new([used]);
        Ok(())
    }

    fn known(&self) -> Arc<[WrappingKey]> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.clone()
    }

    fn read_again(&self) -> Result<Arc<[WrappingKey]>, MasterKeyError> {
        let keys: Arc<[WrappingKey]> = self.file.read()?.into();
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys.clone();
        Ok(keys)
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "MasterKey({})", self.file.path.display())
    }
}

/// Random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

fn lines(keys: &[WrappingKey]) -> String {
    keys.iter()
        .map(|key| hex::encode(key.bytes) + "\n")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &tempfile::TempDir) -> MasterKeyFile {
        MasterKeyFile::in_data_folder(folder.path())
    }

    #[test]
    fn a_secret_opens_only_under_its_name_with_its_key_and_unchanged() {
        let key = WrappingKey::new([7; 32]);
        let wrapped = key.wrap("token_secret", b"a secret").unwrap();
        assert_eq!(key.unwrap("token_secret", &wrapped).unwrap(), b"a secret");
        assert!(key.unwrap("key/other", &wrapped).is_none());
        let other = WrappingKey::new([8; 32]);
        assert!(other.unwrap("token_secret", &wrapped).is_none());
        for at in 0..wrapped.len() {
            let mut changed = wrapped.clone();
            changed[at] ^= 1;
            assert!(key.unwrap("token_secret", &changed).is_none(), "{at}");
            assert!(key.unwrap("token_secret", &wrapped[..at]).is_none(), "{at}");
        }
        assert_ne!(key.wrap("token_secret", b"a secret").unwrap(), wrapped);
    }

    #[test]
    fn the_file_is_made_once_and_read_with_or_without_an_end_of_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder);
        assert!(matches!(file.read(), Err(MasterKeyError::Missing(_))));
        assert!(file.create().unwrap());
        let made = std::fs::read_to_string(file.path()).unwrap();
        assert!(!file.create().unwrap());
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), made);
        let key = file.read().unwrap();
        std::fs::write(file.path(), made.trim_end()).unwrap();
        assert_eq!(file.read().unwrap()[0].bytes, key[0].bytes);
    }

    #[test]
    fn anything_but_a_key_is_refused_without_being_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder);
        let key = "ab".repeat(32);
        let short = &key[1..];
        let three = format!("{key}\n{key}\n{key}\n");
        let long = "ab".repeat(4_000);
        for wrong in ["", "\n", short, "zz", three.as_str(), long.as_str()] {
            std::fs::write(file.path(), wrong).unwrap();
            let error = file.read().err().unwrap().to_string();
            assert!(error.contains("64 hexadecimal digits"), "{error}");
            assert!(!error.contains("abab"), "{error}");
        }
    }

    #[test]
    fn a_link_is_followed_only_where_the_operator_provides_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        std::fs::write(&target, "ab".repeat(32)).unwrap();
        let own = file(&folder);
        std::os::unix::fs::symlink(&target, own.path()).unwrap();
        assert!(matches!(own.read(), Err(MasterKeyError::File(..))));
        assert!(
            MasterKeyFile::provided(own.path().to_owned())
                .read()
                .is_ok()
        );
    }

    #[test]
    fn a_rotation_is_prepared_once_and_the_file_opens_everything_until_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder);
        file.create().unwrap();
        let first = file.read().unwrap();
        let master_key = MasterKey::new(file.clone());
        let old = &first[0].check;
        let unprepared = master_key.next(old).err().unwrap();
        assert!(matches!(unprepared, MasterKeyError::NotPrepared(_)));
        master_key.prepare(old).unwrap();
        let both = std::fs::read_to_string(file.path()).unwrap();
        master_key.prepare(old).unwrap();
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), both);

        let next = master_key.next(old).unwrap();
        let fresh = MasterKey::new(file.clone());
        for (name, key) in [("old", &first[0]), ("new", &next)] {
            let wrapped = key.wrap(name, b"a secret").unwrap();
            assert_eq!(fresh.unwrap(name, &wrapped).unwrap(), b"a secret");
        }
        master_key.forget_others(&next.check).unwrap();
        let left = file.read().unwrap();
        assert_eq!((left.len(), left[0].bytes), (1, next.bytes));
        // The next rotation after one that was interrupted at its end.
        std::fs::write(file.path(), both).unwrap();
        master_key.prepare(&next.check).unwrap();
        let keys = file.read().unwrap();
        assert_eq!((keys.len(), keys[0].bytes), (2, next.bytes));
    }
}

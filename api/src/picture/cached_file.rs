//! A cached rendition as a file: its bytes, then a digest of its name and bytes. So bytes that a
//! disk lost or mixed up are detected before they are served.

use sha2::{Digest as _, Sha256};

/// The ending of such files' names; files of earlier versions have no digest, and other names.
pub const ENDING: &str = ".sealed";

/// The length of the digest.
pub const DIGEST_BYTES: u32 = 32;

/// The digest that follows the bytes.
pub fn digest(name: &str, bytes: &[u8]) -> [u8; DIGEST_BYTES as usize] {
    let mut hasher = Sha256::new_with_prefix(name.as_bytes());
    // No name contains a zero byte, so the hash covers where the name ends.
    hasher.update([0]);
    hasher.update(bytes);
    hasher.finalize().into()
}

/// The bytes of a rendition from its file; `None` when the file is damaged.
pub fn open(name: &str, mut file: Vec<u8>) -> Option<Vec<u8>> {
    let (bytes, found) = file.split_last_chunk()?;
    if digest(name, bytes) != *found {
        return None;
    }
    file.truncate(file.len() - DIGEST_BYTES as usize);
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_opens_only_whole_and_under_its_name() {
        let bytes = b"picture".to_vec();
        let file = [bytes.as_slice(), &digest("a", &bytes)].concat();
        assert_eq!(open("a", file.clone()), Some(bytes));
        assert_eq!(open("b", file.clone()), None);
        for at in 0..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 1;
            assert_eq!(open("a", damaged), None, "{at}");
            assert_eq!(open("a", file[..at].to_vec()), None, "{at}");
        }
    }
}

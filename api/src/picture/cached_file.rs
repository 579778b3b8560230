//! A cached rendition as a file: its bytes, then a digest over its name and them. A disk that loses or
//! mixes up bytes is noticed before anybody sees them.

use sha2::{Digest as _, Sha256};

/// What the names of such files end in; files of earlier versions have no digest, and other names.
pub const ENDING: &str = ".sealed";

/// How long the digest is.
pub const DIGEST_BYTES: u32 = 32;

/// The digest that follows the bytes.
pub fn digest(name: &str, bytes: &[u8]) -> [u8; DIGEST_BYTES as usize] {
    let mut hasher = Sha256::new_with_prefix(name.as_bytes());
    // No name contains it, so where the name ends is part of what is hashed.
    hasher.update([0]);
    hasher.update(bytes);
    hasher.finalize().into()
}

/// The bytes of a rendition, out of its file; `None` when it is damaged.
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

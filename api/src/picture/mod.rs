//! Pictures: taken in, made into masters, rendered on demand.
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`pictures`] | where they are kept, and the queues before work on them |
//! | [`ingest`] | an uploaded file becomes an original, a master and a first rendition |
//! | [`renditions`], [`rendition_key`] | a rendition from memory, disk or the renderer; one render per key at a time |
//! | [`disk_cache`] | renditions as files, up to a size limit |
//! | [`cached_file`], [`cache_check`] | what is in such a file, and whether it is what was kept |
//! | [`pointers`] | which picture a public link shows now |
//! | [`media`] | the domain's words for the renderer |

pub mod cache_check;
pub mod cached_file;
pub mod disk_cache;
pub mod ingest;
pub mod media;
pub mod pictures;
pub mod pointers;
pub mod rendition_key;
pub mod renditions;

pub use disk_cache::cache_directory;
pub use media::{master_info, to_domain};
pub use pictures::{PictureLimits, Pictures};

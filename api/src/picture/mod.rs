//! Pictures: ingested, converted to masters, rendered on demand.
//!
//! | file | contents |
//! | --- | --- |
//! | [`pictures`] | the stores of pictures, and the queues for work on them |
//! | [`ingest`] | an uploaded file becomes an original, a master and a first rendition |
//! | [`renditions`], [`rendition_key`] | a rendition from memory, disk or the renderer; one render per key at a time |
//! | [`disk_cache`] | renditions as files, up to a size limit |
//! | [`cached_file`], [`cache_check`] | the format of such a file, and a check of all of them |
//! | [`pointers`] | the current picture of each public link, cached in memory |
//! | [`media`] | conversions between the domain's types and the renderer's |

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

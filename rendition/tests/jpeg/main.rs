//! The JPEG module from outside: against files that other encoders made, against other decoders,
//! and against files made to break it.
//!
//! The fixtures are a small drawing written by libjpeg-turbo's tools and by Pillow; beside each
//! `.jpg` lies, as `.ppm`, what libjpeg-turbo decodes it to.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests may panic like the tests themselves"
)]

mod decode;
mod encode;
mod hostile;
mod support;

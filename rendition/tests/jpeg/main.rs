//! The JPEG module from outside: against files of other encoders, against other decoders, and
//! against files made to break it.
//!
//! The fixtures are a small drawing written by libjpeg-turbo's tools and by Pillow; beside each
//! `.jpg` there is a `.ppm`, as decoded by libjpeg-turbo.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests may panic like the tests themselves"
)]

mod decode;
mod encode;
mod hostile;
mod support;

//! Photolog.
fn main() {}

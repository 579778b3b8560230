//! Photolog over HTTP.

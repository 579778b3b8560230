//! Events in, read models out.
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`runner`] | the loop: read the log, project, wait until it grows |
//! | [`image_view`] | the projection behind lists and public links |
//! | [`mod@verify`] | folds the whole log again and compares it with everything derived from it |
//!
//! A read model is a function of the log. A projection reads the log after its checkpoint and
//! changes rows and checkpoint in one transaction, so that each event counts exactly once, whatever
//! dies in between. What it does with an event is the domain's own `apply`.
//!
//! Start with [`run`], then `ImageView::advance`.

#![forbid(unsafe_code)]

pub mod image_view;
pub mod runner;
pub mod verify;

pub use image_view::ImageView;
pub use runner::{Projector, Status, run};
pub use verify::{Finding, Report, VerifyError, verify};

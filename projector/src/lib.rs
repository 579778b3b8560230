//! From events to read models and messages. Also the program `photolog-projector`, which does this
//! beside API nodes.
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`runner`] | the loops over the log: sequence, project, relay; in one process at a time |
//! | [`alone`] | a projector as a separate process |
//! | [`projection`] | the contract of a projection |
//! | [`mod@projections`] | all projections, one line each |
//! | [`follower`] | one projection following the log |
//! | [`image_view`] | the projection behind lists and public links; rebuilds it beside the one in use |
//! | [`relay`] | publishes the log to NATS JetStream |
//! | [`cloud_event`] | an event as subscribers receive it |
//! | `backoff` | pauses between attempts |
//! | [`settings`] | settings shared by the API and the projector |
//! | [`progress`] | progress of the projector, as metrics and for readiness |
//! | [`archive`] | backup into a folder, restore from it |
//! | `named_blobs` | the blobs that an event names |
//! | [`gc`] | removes blobs that no event names |
//! | [`mod@verify`] | folds the whole log again and compares it with everything derived from it |
//!
//! A read model is a function of the log. A projection reads the log after its checkpoint. The image
//! view changes rows and checkpoint in one transaction, so that each event is applied exactly once,
//! whatever fails in between. It applies events with the domain's own `apply`. A projection that keeps
//! its rows elsewhere moves the checkpoint after them, and gets some events twice after a crash.
//!
//! Start with [`Projector::run`], then [`Follower::advance`] and the image view's `apply`.

#![forbid(unsafe_code)]

pub mod alone;
pub mod archive;
pub(crate) mod backoff;
pub mod cloud_event;
pub mod follower;
pub mod gc;
pub mod image_view;
pub(crate) mod named_blobs;
pub mod progress;
pub mod projection;
pub mod projections;
pub mod relay;
pub mod runner;
pub mod settings;
pub mod verify;

pub use cloud_event::CloudEvent;
pub use follower::{Advance, Follower, Stall, Stalls};
pub use gc::{Collected, GcError, collect_garbage};
pub use image_view::ImageView;
pub use progress::Progress;
pub use projection::{Batch, Projection, ProjectionError, RebuildProgress, Rebuilt};
pub use projections::projections;
pub use relay::Relay;
pub use runner::Projector;
pub use verify::{Finding, Head, Kind, Report, VerifyError, verify, verify_backup};

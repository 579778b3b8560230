//! stub
#![allow(missing_docs)]
pub async fn run(_: photolog_store::Store, _: tokio::sync::watch::Receiver<bool>) {}

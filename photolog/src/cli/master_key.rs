//! `photolog master-key …`

use anyhow::Context;
use clap::Subcommand;
use photolog_store::{MasterKeyFile, Store};

use crate::installation::Place;
use crate::installation::find_store;
use crate::output::print;

/// What to do with the master key.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum MasterKeyAction {
    /// Create the file of --master-key-file, unless it exists
    Create,
    /// Add the next key to the file, before the file is copied to every node
    Prepare,
    /// Wrap every secret again with the next key, and remove the old key from the file
    Rotate,
}

impl MasterKeyAction {
    /// Runs the action.
    ///
    /// # Errors
    /// When the file cannot be used or the database fails.
    pub async fn run(self, place: &Place) -> anyhow::Result<()> {
        let file = match &place.database.master_key_file {
            Some(path) => MasterKeyFile::provided(path.clone()),
            None => place.database.master_key(&place.data_dir)?,
        };
        match self {
            Self::Create => {
                if place.database.master_key_file.is_none() {
                    place.database.is_there(&place.data_dir).await?;
                }
                create(&file)
            }
            Self::Prepare => {
                let store = find_store(place).await?;
                store.prepare_master_key().await?;
                store.close().await;
                print(format_args!(
                    "{} holds the next master key. Give the file to every node, then run \
                     `photolog master-key rotate` once",
                    file.path().display()
                ));
                Ok(())
            }
            Self::Rotate => {
                let store = find_store(place).await?;
                let own = place.database.master_key_file.is_none();
                let rotated = rotate(&store, &file, own).await;
                store.close().await;
                rotated
            }
        }
    }
}

fn create(file: &MasterKeyFile) -> anyhow::Result<()> {
    let done = if file.create()? {
        "is made"
    } else {
        "is there already"
    };
    print(format_args!(
        "{} {done}. Keep a copy apart from the backups: without it every key must be reissued",
        file.path().display()
    ));
    Ok(())
}

/// `own`: the key file belongs to this node alone, so no other node needs the next key first.
async fn rotate(store: &Store, file: &MasterKeyFile, own: bool) -> anyhow::Result<()> {
    if own {
        store.prepare_master_key().await?;
    }
    let secrets = store.rotate_master_key().await?;
    print(format_args!(
        "{secrets} secrets are wrapped by the next master key"
    ));
    store.forget_old_master_key().await.with_context(|| {
        format!(
            "the old key must still be taken out of {}: it is the first line",
            file.path().display()
        )
    })?;
    print(format_args!(
        "{} holds that key alone. Copies of the old one open backups from before, and nothing more",
        file.path().display()
    ));
    Ok(())
}

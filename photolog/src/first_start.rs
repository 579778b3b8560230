//! The first start: a demo account with one key, and instructions for using it.

use std::path::{Path, PathBuf};

use anyhow::Context;
use photolog_api::auth::secret::NewKey;
use photolog_api::operator::Operator;
use photolog_api::operator_commands::open_account;
use photolog_domain::{AccountId, Scope};
use photolog_store::{Store, private};
use serde_json::json;

use crate::installation::Place;
use crate::output::say;

/// Opens the demo account and prints how to use it.
///
/// # Errors
/// When the database fails, or the key cannot be saved.
pub async fn welcome(place: &Place, store: &Store, public_url: &str) -> anyhow::Result<()> {
    let (operator, name) = (Operator::default(), "demo".parse()?);
    let (account, new) = open_account(store, &operator, name, None, Scope::ALL).await?;
    let curl = keep_credentials(&place.data_dir, account, &new)?;
    say(&format!(
        "A demo account is open. Its key is in {}, which only you can read.

  account id  {account}
  key id      {}

Upload a picture, such as the one that comes with Photolog:

  curl -O {public_url}/sample.jpg
  curl -K {} -F image=@sample.jpg {public_url}/accounts/{account}/images

What to do next is at {public_url}/ in a browser, every route at {public_url}/docs
",
        place.data_dir.join("credentials.json").display(),
        new.key_id,
        curl.display()
    ));
    Ok(())
}

/// Saves the key for programs and for curl, and returns the path of curl's file. A secret on a
/// command line can be read by every user of the machine, and one printed to a terminal stays in
/// its scrollback.
fn keep_credentials(folder: &Path, account: AccountId, new: &NewKey) -> anyhow::Result<PathBuf> {
    let NewKey { key_id, secret, .. } = new;
    let credentials = json!({ "accountID": account, "keyID": key_id, "keySecret": secret });
    private::replace(
        &folder.join("credentials.json"),
        format!("{credentials:#}\n").as_bytes(),
    )
    .context("credentials.json cannot be written")?;
    let curl = folder.join("curl.conf");
    private::replace(&curl, format!("user = \"{key_id}:{secret}\"\n").as_bytes())
        .context("curl.conf cannot be written")?;
    Ok(curl)
}

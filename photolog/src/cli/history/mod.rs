//! `photolog history`: who did what to accounts, keys and images, in words.

mod words;

use std::collections::HashMap;

use anyhow::Context;
use clap::{Args, ValueEnum};
use cqrs_es::Aggregate;
use photolog_domain::{Account, AccountError, AccountId, Image, ImageError, ImageId, Name};
use photolog_store::{ActorNames, LogEntry, Store};
use serde_json::{Value, json};

use crate::cli::table::Table;
use crate::output::print;

/// The number of log entries read at once.
const BATCH: u32 = 500;

/// The maximum number of characters that a table shows of an event; JSON shows all of them.
const MOST_WORDS: usize = 300;

/// Which events to show, and how.
#[derive(Args, Clone, Debug)]
pub struct HistoryArguments {
    /// Only this account: its own events, and those of its images
    #[arg(long)]
    account: Option<AccountId>,

    /// Only this image
    #[arg(long)]
    image: Option<ImageId>,

    /// The format of the history
    #[arg(long, value_enum, default_value_t)]
    format: HistoryFormat,
}

/// The format of a history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum HistoryFormat {
    /// Columns with a header
    #[default]
    Table,
    /// An array of objects
    Json,
    /// One object per line
    Ndjson,
}

impl HistoryArguments {
    /// Prints the events, newest last.
    ///
    /// # Errors
    /// When the account or image does not exist, or the database fails.
    pub async fn run(self, store: &Store) -> anyhow::Result<()> {
        let account = self.account_to_read(store).await?;
        let mut writer = Writer::new(self.format);
        let mut after = 0;
        loop {
            let entries = match account {
                Some(account) => store.read_log_of(account, after, BATCH).await?,
                None => store.read_log(after, BATCH).await?,
            };
            let Some(last) = entries.last() else {
                break;
            };
            after = last.position;
            let names = names(store, &entries).await?;
            for entry in entries.iter().filter(|entry| self.wants(entry)) {
                writer.write(&Shown::of(entry, &names))?;
            }
            writer.flush();
        }
        writer.end();
        if !store.log_is_complete().await? {
            tracing::warn!(
                "the newest events have no place in the log yet: they are shown once a projector runs"
            );
        }
        Ok(())
    }

    /// The account whose log contains the events; `None` for all accounts.
    async fn account_to_read(&self, store: &Store) -> anyhow::Result<Option<AccountId>> {
        if let Some(account) = self.account {
            let loaded = store.load::<Account>(account.uuid()).await?;
            loaded.aggregate.state().ok_or(AccountError::NotFound)?;
        }
        let Some(image) = self.image else {
            return Ok(self.account);
        };
        let loaded = store.load::<Image>(image.uuid()).await?;
        let owner = loaded.aggregate.state().map(|state| state.account);
        let owner = owner.filter(|owner| self.account.is_none_or(|account| account == *owner));
        Ok(Some(owner.ok_or(ImageError::NotFound)?))
    }

    fn wants(&self, entry: &LogEntry) -> bool {
        self.image.is_none_or(|image| {
            entry.aggregate_type == Image::TYPE && entry.aggregate_id == image.to_string()
        })
    }
}

/// The names of the keys that caused these events.
async fn names(
    store: &Store,
    entries: &[LogEntry],
) -> anyhow::Result<HashMap<AccountId, ActorNames>> {
    let mut actors: HashMap<AccountId, Vec<&str>> = HashMap::new();
    for entry in entries {
        let of_account = actors.entry(entry.account).or_default();
        of_account.push(&entry.metadata.actor);
    }
    let mut names = HashMap::new();
    for (account, actors) in actors {
        names.insert(account, store.actor_names(account, actors).await?);
    }
    Ok(names)
}

/// An event as it is printed.
struct Shown<'a> {
    entry: &'a LogEntry,
    actor_name: Option<&'a Name>,
    what: String,
}

impl<'a> Shown<'a> {
    fn of(entry: &'a LogEntry, names: &'a HashMap<AccountId, ActorNames>) -> Self {
        let names = names.get(&entry.account);
        Self {
            entry,
            actor_name: names.and_then(|names| names.get(&entry.metadata.actor)),
            what: words::of(entry),
        }
    }

    fn cells(&self) -> [String; 4] {
        let actor = &self.entry.metadata.actor;
        let is_long = self.what.chars().count() > MOST_WORDS;
        let end = if is_long { "…" } else { "" };
        let what: String = self.what.chars().take(MOST_WORDS).collect();
        [
            self.entry.metadata.occurred_at.to_string(),
            match self.actor_name {
                Some(name) => format!("{name} ({actor})"),
                None => actor.clone(),
            },
            format!(
                "{} {}",
                self.entry.aggregate_type.to_lowercase(),
                self.entry.aggregate_id
            ),
            format!("{what}{end}"),
        ]
    }

    /// Omits the stored event, because events of old keys contain secrets.
    fn to_json(&self) -> Value {
        let (entry, metadata) = (self.entry, &self.entry.metadata);
        let image = (entry.aggregate_type == Image::TYPE).then_some(&entry.aggregate_id);
        json!({
            "position": entry.position,
            "at": metadata.occurred_at,
            "account": entry.account,
            "image": image,
            "sequence": entry.sequence,
            "type": entry.event_type,
            "what": self.what,
            "actor": metadata.actor,
            "actorName": self.actor_name,
            "dialect": metadata.dialect,
            "reason": metadata.reason,
            "requestID": metadata.request_id,
            "correlationID": metadata.correlation_id,
            "eventID": metadata.event_id,
        })
    }
}

/// Prints events one at a time.
enum Writer {
    Table(Table<4>),
    Json { has_begun: bool },
    Ndjson,
}

impl Writer {
    fn new(format: HistoryFormat) -> Self {
        match format {
            HistoryFormat::Table => Self::Table(Table::new(["TIME", "ACTOR", "OF", "WHAT"])),
            HistoryFormat::Json => Self::Json { has_begun: false },
            HistoryFormat::Ndjson => Self::Ndjson,
        }
    }

    fn write(&mut self, shown: &Shown<'_>) -> anyhow::Result<()> {
        let text = || serde_json::to_string(&shown.to_json()).context("the history");
        match self {
            Self::Table(table) => table.push(shown.cells()),
            Self::Json { has_begun } => {
                let before = if *has_begun { "," } else { "[" };
                *has_begun = true;
                print(format_args!("{before}{}", text()?));
            }
            Self::Ndjson => print(text()?),
        }
        Ok(())
    }

    fn flush(&mut self) {
        if let Self::Table(table) = self {
            table.print();
        }
    }

    fn end(mut self) {
        self.flush();
        match self {
            Self::Json { has_begun: true } => print("]"),
            Self::Json { has_begun: false } => print("[]"),
            Self::Table(_) | Self::Ndjson => {}
        }
    }
}

//! The log as a file: one event per line, in order.

use std::path::{Path, PathBuf};

use photolog_store::{ArchivedEvent, LogTail, Position, private};
use tokio::fs::File;
use tokio::io::{AsyncBufReadExt, AsyncSeekExt, AsyncWriteExt, BufReader, BufWriter, SeekFrom};

use super::{ArchiveError, at, on_disk};
use crate::named_blobs::NamedBlobs;

/// Reads the file line by line, and checks the chain.
pub(super) struct LogReader {
    path: PathBuf,
    file: BufReader<File>,
    line: Vec<u8>,
    /// The number of lines read.
    pub(super) lines: Position,
    /// The end of the log as read so far.
    pub(super) tail: LogTail,
    /// The number of bytes read.
    pub(super) length: u64,
}

impl LogReader {
    pub(super) async fn open(folder: &Path) -> Result<Self, ArchiveError> {
        let path = folder.join("log.ndjson");
        let opened = path.clone();
        let file = on_disk(move || private::open(&opened)).await;
        Ok(Self {
            file: BufReader::new(file.map_err(at(&path))?.into()),
            path,
            line: Vec::new(),
            lines: 0,
            tail: LogTail::default(),
            length: 0,
        })
    }

    /// The next event; `None` at the end, or at a truncated line.
    pub(super) async fn next(&mut self) -> Result<Option<ArchivedEvent>, ArchiveError> {
        let Some(event) = self.next_unchecked().await? else {
            return Ok(None);
        };
        let mut tail = self.tail;
        tail.advance(&event).map_err(|error| self.damaged(&error))?;
        self.tail = tail;
        self.length += self.line.len() as u64;
        Ok(Some(event))
    }

    /// The same, without a check of its position and hash.
    pub(super) async fn next_unchecked(&mut self) -> Result<Option<ArchivedEvent>, ArchiveError> {
        self.line.clear();
        let read = self.file.read_until(b'\n', &mut self.line).await;
        read.map_err(at(&self.path))?;
        if !self.line.ends_with(b"\n") {
            return Ok(None);
        }
        self.lines += 1;
        serde_json::from_slice(&self.line)
            .map(Some)
            .map_err(|error| self.damaged(&error))
    }

    /// At most `limit` of the next events, none beyond `last`.
    pub(super) async fn batch(
        &mut self,
        last: Position,
        limit: usize,
    ) -> Result<Vec<ArchivedEvent>, ArchiveError> {
        let mut events = Vec::new();
        while self.tail.position < last && events.len() < limit {
            let Some(event) = self.next().await? else {
                break;
            };
            events.push(event);
        }
        Ok(events)
    }

    fn damaged(&self, problem: &dyn std::fmt::Display) -> ArchiveError {
        ArchiveError::Line {
            path: self.path.clone(),
            line: self.lines,
            problem: problem.to_string(),
        }
    }
}

/// Appends to the file.
pub(super) struct LogWriter {
    path: PathBuf,
    file: BufWriter<File>,
    /// The end of the log in the file.
    pub(super) tail: LogTail,
    /// Every blob that an event in it names.
    pub(super) named: NamedBlobs,
}

impl LogWriter {
    /// Opens the file, creates it when missing, and drops any partial last line.
    pub(super) async fn open(folder: &Path) -> Result<Self, ArchiveError> {
        let path = folder.join("log.ndjson");
        let opened = path.clone();
        let file = on_disk(move || private::open_or_create(&opened)).await;
        let mut file = File::from(file.map_err(at(&path))?);
        let mut named = NamedBlobs::default();
        let mut reader = LogReader::open(folder).await?;
        while let Some(event) = reader.next().await? {
            named.take(&event)?;
        }
        file.set_len(reader.length).await.map_err(at(&path))?;
        file.seek(SeekFrom::End(0)).await.map_err(at(&path))?;
        Ok(Self {
            path,
            file: BufWriter::new(file),
            tail: reader.tail,
            named,
        })
    }

    pub(super) async fn append(&mut self, event: &ArchivedEvent) -> Result<(), ArchiveError> {
        self.tail.advance(event)?;
        self.named.take(event)?;
        let mut line = serde_json::to_vec(event)
            .map_err(std::io::Error::from)
            .map_err(at(&self.path))?;
        line.push(b'\n');
        self.file.write_all(&line).await.map_err(at(&self.path))
    }

    /// Makes the appended events durable.
    pub(super) async fn sync(&mut self) -> Result<(), ArchiveError> {
        self.file.flush().await.map_err(at(&self.path))?;
        self.file.get_ref().sync_all().await.map_err(at(&self.path))
    }
}

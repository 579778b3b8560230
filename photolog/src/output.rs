//! Standard output: the result of a command.

use std::io::{self, Write};

/// A line of a command's result. Where nobody reads it, the command ends, as others do by a signal;
/// where it cannot be written, with a sentence.
pub(crate) fn print(line: impl std::fmt::Display) {
    if let Err(error) = try_to_print(line) {
        let code = match error.kind() {
            io::ErrorKind::BrokenPipe => ENDED_BY_SIGPIPE,
            _ => {
                // Nothing more can be done when this fails too.
                let _ = writeln!(
                    io::stderr(),
                    "photolog: standard output cannot be written: {error}"
                );
                NOT_WRITTEN
            }
        };
        std::process::exit(code);
    }
}

/// What a shell calls the end by SIGPIPE.
const ENDED_BY_SIGPIPE: i32 = 128 + 13;

/// As `verify` ends that could not check.
const NOT_WRITTEN: i32 = 2;

/// A line that must have arrived.
pub(crate) fn try_to_print(line: impl std::fmt::Display) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush()
}

/// A line for the person at the terminal, if there is one.
pub(crate) fn say(text: &str) {
    if let Err(error) = try_to_print(text) {
        tracing::debug!(%error, "nobody reads standard output");
    }
}

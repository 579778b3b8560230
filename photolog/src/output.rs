//! Standard output: the result of a command.

use std::io::{self, Write};

/// Prints one line of a command's result. If the reader has closed the pipe, the command exits as
/// if by SIGPIPE; on any other error it exits with a message.
pub(crate) fn print(line: impl std::fmt::Display) {
    if let Err(error) = try_to_print(line) {
        let code = match error.kind() {
            io::ErrorKind::BrokenPipe => ENDED_BY_SIGPIPE,
            _ => {
                // If this fails too, nothing more can be done.
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

/// The exit code that a shell reports for SIGPIPE.
const ENDED_BY_SIGPIPE: i32 = 128 + 13;

/// The exit code of `verify` when it could not check.
const NOT_WRITTEN: i32 = 2;

/// Prints a line and reports whether it was written.
pub(crate) fn try_to_print(line: impl std::fmt::Display) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush()
}

/// Prints a line for the person at the terminal, if there is one.
pub(crate) fn say(text: &str) {
    if let Err(error) = try_to_print(text) {
        tracing::debug!(%error, "standard output is closed");
    }
}

//! A recording as a file, in the format that the file's name asks for.
//!
//! Next: `tasks.rs`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::recorder::{Recorder, Recording};
use super::{chrome, page};

impl Recorder {
    /// Writes what was recorded to a file, as a page for a browser, as JSON for Perfetto, or as text.
    ///
    /// # Errors
    ///
    /// If the file cannot be written, and if its name ends with none of `.html`, `.json` and `.txt`.
    pub fn save(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let format = Format::of(path.as_ref())?;
        let file = File::create(path)?;
        let mut out = BufWriter::new(file);
        self.recording().write(format, &mut out)?;
        out.flush()
    }
}

/// What a recording can be written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
    Html,
}

impl Format {
    /// By the end of the file's name.
    pub(crate) fn of(path: &Path) -> io::Result<Format> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("txt") => Ok(Format::Text),
            Some("json") => Ok(Format::Json),
            Some("html") => Ok(Format::Html),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the name must end with .html, .json or .txt",
            )),
        }
    }
}

impl Recording {
    pub(crate) fn write(&self, format: Format, out: &mut dyn Write) -> io::Result<()> {
        match format {
            Format::Text => self.write_text(out),
            Format::Json => chrome::write(self, out),
            Format::Html => page::write(self, out),
        }
    }

    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.dropped > 0 {
            writeln!(
                out,
                "{} older events were dropped. At that moment there were:",
                self.dropped
            )?;
        }
        for (index, (_, record)) in self.events.iter().enumerate() {
            if index == self.before_cut && self.dropped > 0 {
                writeln!(out, "The newest events:")?;
            }
            writeln!(out, "{record}")?;
        }
        Ok(())
    }
}

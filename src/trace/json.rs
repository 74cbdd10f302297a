//! JSON, as much of it as the trace needs.
//!
//! A string goes into a file that is read as JSON, and into a page that is read as HTML. So `<` is escaped too: no name
//! can end the page's `<script>`. Next: `chrome.rs`.

use std::fmt::{self, Display, Write};

/// A string in JSON, with its quotes.
pub(crate) struct Quoted<T>(pub(crate) T);

impl<T: Display> Display for Quoted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        write!(Escape(f), "{}", self.0)?;
        f.write_str("\"")
    }
}

struct Escape<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Escape<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for char in text.chars() {
            match char {
                '"' | '\\' => write!(self.0, "\\{char}")?,
                // The last two end a line in JavaScript.
                '\0'..' ' | '<' | '>' | '&' | '\u{7f}' | '\u{2028}' | '\u{2029}' => {
                    write!(self.0, "\\u{:04x}", char as u32)?;
                }
                _ => self.0.write_char(char)?,
            }
        }
        Ok(())
    }
}

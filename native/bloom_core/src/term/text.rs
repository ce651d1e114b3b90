//! Erlang terms as text, as `file:consult/1` reads them.

mod literals;

use std::borrow::Cow;

use super::{MAX_DEPTH, MAX_TERMS, Term, TermError};

/// Files larger than this are refused; a `.app` of thousands of modules has some hundred kilobytes.
pub(crate) const MAX_BYTES: usize = 16 << 20;

type Result<T> = std::result::Result<T, TermError>;

/// Reads the one term of a file, which ends with a full stop.
///
/// # Errors
/// [`TermError`] with the place of what is no term.
///
/// ```
/// use bloom_core::term::{Term, text};
/// let term = text::parse(b"%% a comment\n{release, {\"garden\", \"1.0.0\"}, []}.").unwrap();
/// assert_eq!(term.as_tuple().unwrap()[0], Term::Atom("release".into()));
/// ```
pub fn parse(input: &[u8]) -> Result<Term> {
    if input.len() > MAX_BYTES {
        return Err(TermError { what: "too large", at: MAX_BYTES });
    }
    let text = decode(input)?;
    let mut reader = Reader { text: &text, at: 0, terms_left: MAX_TERMS };
    let term = reader.term(0)?;
    reader.expect(".")?;
    reader.skip();
    if reader.at < text.len() { Err(reader.error("more than one term")) } else { Ok(term) }
}

/// UTF-8, unless a comment in the first two lines says `coding: latin-1` (`epp:read_encoding/1`).
fn decode(input: &[u8]) -> Result<Cow<'_, str>> {
    let says_latin1 = |line: &[u8]| {
        let line = String::from_utf8_lossy(line).to_ascii_lowercase();
        let coding = line.split_once("coding").map(|(_, coding)| coding.trim_start().trim_start_matches([':', '=']));
        line.starts_with('%') && coding.is_some_and(|coding| coding.trim_start().starts_with("latin-1"))
    };
    if input.split(|byte| *byte == b'\n').take(2).any(says_latin1) {
        return Ok(Cow::Owned(input.iter().map(|byte| char::from(*byte)).collect()));
    }
    let text = std::str::from_utf8(input);
    text.map(Cow::Borrowed).map_err(|error| TermError { what: "not UTF-8", at: error.valid_up_to() })
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    terms_left: usize,
}

impl<'a> Reader<'a> {
    fn error(&self, what: &'static str) -> TermError {
        TermError { what, at: self.at }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Result<char> {
        let next = self.peek().ok_or_else(|| self.error("unexpected end"))?;
        self.at += next.len_utf8();
        Ok(next)
    }

    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            if self.rest().starts_with('%') {
                self.at += self.rest().find('\n').unwrap_or(self.rest().len());
            } else {
                return;
            }
        }
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn expect(&mut self, token: &'static str) -> Result<()> {
        if self.take(token) { Ok(()) } else { Err(self.error("unexpected character")) }
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn term(&mut self, depth: usize) -> Result<Term> {
        if depth > MAX_DEPTH {
            return Err(self.error("nested too deep"));
        }
        self.terms_left = self.terms_left.checked_sub(1).ok_or_else(|| self.error("too many terms"))?;
        self.skip();
        match self.peek().ok_or_else(|| self.error("unexpected end"))? {
            '{' => self.tuple(depth),
            '[' => self.list(depth),
            '#' => self.map(depth),
            '<' => self.binary(),
            '"' => self.strings(),
            '\'' => Ok(Term::Atom(self.quoted('\'')?)),
            '$' => self.character(),
            '-' | '+' | '0'..='9' => self.number(),
            // Lower case of Latin-1, which is all that an atom may begin with.
            'a'..='z' | 'ß'..='ö' | 'ø'..='ÿ' => {
                Ok(Term::Atom(self.take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '@')).to_owned()))
            }
            _ => Err(self.error("unexpected character")),
        }
    }

    fn tuple(&mut self, depth: usize) -> Result<Term> {
        self.expect("{")?;
        let mut elements = Vec::new();
        if self.take("}") {
            return Ok(Term::Tuple(elements));
        }
        loop {
            elements.push(self.term(depth + 1)?);
            if self.take("}") {
                return Ok(Term::Tuple(elements));
            }
            self.expect(",")?;
        }
    }

    fn list(&mut self, depth: usize) -> Result<Term> {
        self.expect("[")?;
        let mut elements = Vec::new();
        if self.take("]") {
            return Ok(Term::List(elements));
        }
        loop {
            elements.push(self.term(depth + 1)?);
            if self.take("]") {
                return Ok(Term::List(elements));
            }
            if self.take("|") {
                let tail = self.term(depth + 1)?;
                self.expect("]")?;
                return Ok(match tail {
                    Term::List(tail) => Term::List(elements.into_iter().chain(tail).collect()),
                    _ => Term::Other,
                });
            }
            self.expect(",")?;
        }
    }

    fn map(&mut self, depth: usize) -> Result<Term> {
        self.expect("#")?;
        self.expect("{")?;
        let mut pairs = Vec::new();
        if self.take("}") {
            return Ok(Term::Map(pairs));
        }
        loop {
            let key = self.term(depth + 1)?;
            self.expect("=>")?;
            pairs.push((key, self.term(depth + 1)?));
            if self.take("}") {
                return Ok(Term::Map(pairs));
            }
            self.expect(",")?;
        }
    }
}

#[cfg(test)]
mod tests;

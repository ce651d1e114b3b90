//! Erlang terms as text, as `file:consult/1` reads them.

use super::{MAX_DEPTH, Term, TermError};

/// Files larger than this are refused; a `.app` of thousands of modules has some hundred kilobytes.
const MAX_BYTES: usize = 16 << 20;

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
    let text = std::str::from_utf8(input).map_err(|error| TermError { what: "not UTF-8", at: error.valid_up_to() })?;
    let mut reader = Reader { text, at: 0 };
    let term = reader.term(0)?;
    reader.expect(".")?;
    reader.skip();
    if reader.at < text.len() { Err(reader.error("more than one term")) } else { Ok(term) }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
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
        self.skip();
        match self.peek().ok_or_else(|| self.error("unexpected end"))? {
            '{' => Ok(Term::Tuple(self.sequence("{", "}", depth)?)),
            '[' => Ok(Term::List(self.sequence("[", "]", depth)?)),
            '#' => self.map(depth),
            '<' => self.binary(),
            '"' => self.strings(),
            '\'' => Ok(Term::Atom(self.quoted('\'')?)),
            '$' => self.character(),
            '-' | '+' | '0'..='9' => self.number(),
            'a'..='z' => Ok(Term::Atom(self.take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '@')).to_owned())),
            _ => Err(self.error("unexpected character")),
        }
    }

    fn sequence(&mut self, open: &'static str, close: &'static str, depth: usize) -> Result<Vec<Term>> {
        self.expect(open)?;
        let mut elements = Vec::new();
        if self.take(close) {
            return Ok(elements);
        }
        loop {
            elements.push(self.term(depth + 1)?);
            if self.take(close) {
                return Ok(elements);
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

    /// `<<"text">>`, `<<"text"/utf8>>` and `<<1,2,3>>`, which is all that `~tp` writes.
    fn binary(&mut self) -> Result<Term> {
        self.expect("<<")?;
        let mut bytes = Vec::new();
        if self.take(">>") {
            return Ok(Term::Binary(bytes));
        }
        loop {
            self.skip();
            if self.peek() == Some('"') {
                let text = self.quoted('"')?;
                if self.take("/utf8") {
                    bytes.extend_from_slice(text.as_bytes());
                } else {
                    for c in text.chars() {
                        bytes.push(u8::try_from(c).map_err(|_| self.error("a character above 255 in a binary"))?);
                    }
                }
            } else {
                match self.number()? {
                    Term::Integer(byte) => bytes.push(u8::try_from(byte).map_err(|_| self.error("not a byte"))?),
                    _ => return Err(self.error("not a byte")),
                }
            }
            if self.take(">>") {
                return Ok(Term::Binary(bytes));
            }
            self.expect(",")?;
        }
    }

    /// Strings beside each other are one.
    fn strings(&mut self) -> Result<Term> {
        let mut text = self.quoted('"')?;
        loop {
            self.skip();
            if self.peek() != Some('"') {
                return Ok(Term::String(text));
            }
            text.push_str(&self.quoted('"')?);
        }
    }

    fn quoted(&mut self, quote: char) -> Result<String> {
        self.next()?;
        let mut text = String::new();
        loop {
            match self.next()? {
                c if c == quote => return Ok(text),
                '\\' => text.extend(self.escape()?),
                c => text.push(c),
            }
        }
    }

    /// `None` for an escaped line end, which is nothing.
    fn escape(&mut self) -> Result<Option<char>> {
        let c = match self.next()? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'v' => '\u{b}',
            'f' => '\u{c}',
            'e' => '\u{1b}',
            's' => ' ',
            'd' => '\u{7f}',
            '0'..='7' => {
                self.at -= 1;
                let start = self.at;
                let digits = self.rest().bytes().take(3).take_while(|b| (b'0'..=b'7').contains(b)).count();
                self.at += digits;
                return self.code_point(start, 8);
            }
            'x' if self.peek() == Some('{') => {
                self.next()?;
                let start = self.at;
                self.take_while(|c| c.is_ascii_hexdigit());
                let c = self.code_point(start, 16)?;
                self.expect("}")?;
                return Ok(c);
            }
            'x' => {
                let start = self.at;
                self.at += self.rest().bytes().take(2).take_while(u8::is_ascii_hexdigit).count();
                return self.code_point(start, 16);
            }
            '^' => char::from(u8::try_from(self.next()?).map_err(|_| self.error("not a control character"))? & 31),
            '\n' => return Ok(None),
            c => c,
        };
        Ok(Some(c))
    }

    fn code_point(&self, start: usize, radix: u32) -> Result<Option<char>> {
        u32::from_str_radix(&self.text[start..self.at], radix)
            .ok()
            .and_then(char::from_u32)
            .map(Some)
            .ok_or_else(|| self.error("not a character"))
    }

    fn character(&mut self) -> Result<Term> {
        self.next()?;
        let c = match self.next()? {
            '\\' => self.escape()?.ok_or_else(|| self.error("not a character"))?,
            c => c,
        };
        Ok(Term::Integer(i64::from(u32::from(c))))
    }

    fn number(&mut self) -> Result<Term> {
        let negative = self.rest().starts_with('-');
        if negative || self.rest().starts_with('+') {
            self.next()?;
        }
        let digits = self.digits(10)?;
        let rest = self.rest();
        if rest.starts_with('#') {
            let radix = digits.parse().ok().filter(|radix| (2..=36).contains(radix));
            let radix = radix.ok_or_else(|| self.error("not a base"))?;
            self.next()?;
            let digits = self.digits(radix)?;
            return Ok(integer(&digits, radix, negative));
        }
        // A full stop behind a number ends the term unless a digit follows.
        if rest.starts_with('.') && rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
            return self.float(&digits, negative);
        }
        Ok(integer(&digits, 10, negative))
    }

    fn digits(&mut self, radix: u32) -> Result<String> {
        let digits: String = self.take_while(|c| c.is_digit(radix) || c == '_').chars().filter(|c| *c != '_').collect();
        if digits.is_empty() { Err(self.error("not a number")) } else { Ok(digits) }
    }

    fn float(&mut self, whole: &str, negative: bool) -> Result<Term> {
        self.next()?;
        let mut text = format!("{whole}.{}", self.digits(10)?);
        if self.rest().starts_with(['e', 'E']) {
            self.next()?;
            text.push('e');
            if self.rest().starts_with(['-', '+']) {
                text.push(self.next()?);
            }
            text.push_str(&self.digits(10)?);
        }
        let value: f64 = text.parse().map_err(|_| self.error("not a number"))?;
        Ok(Term::Float(if negative { -value } else { value }))
    }
}

fn integer(digits: &str, radix: u32, negative: bool) -> Term {
    match i64::from_str_radix(digits, radix) {
        Ok(value) => Term::Integer(if negative { -value } else { value }),
        Err(_) => Term::Other,
    }
}

#[cfg(test)]
mod tests;

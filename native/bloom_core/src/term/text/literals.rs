//! What terms as text are made of: strings, binaries, characters and numbers.

use super::{Reader, Result};
use crate::term::Term;

impl Reader<'_> {
    /// `<<"text">>`, `<<"text"/utf8>>` and `<<1,2,3>>`, which is all that `~tp` writes.
    pub(super) fn binary(&mut self) -> Result<Term> {
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
    pub(super) fn strings(&mut self) -> Result<Term> {
        let mut text = self.quoted('"')?;
        loop {
            self.skip();
            if self.peek() != Some('"') {
                return Ok(Term::String(text));
            }
            text.push_str(&self.quoted('"')?);
        }
    }

    pub(super) fn quoted(&mut self, quote: char) -> Result<String> {
        self.next()?;
        let mut text = String::new();
        loop {
            match self.next()? {
                c if c == quote => return Ok(text),
                '\\' => text.push(self.escape()?),
                c => text.push(c),
            }
        }
    }

    fn escape(&mut self) -> Result<char> {
        Ok(match self.next()? {
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
                self.code_point(start, 8)?
            }
            'x' if self.peek() == Some('{') => {
                self.next()?;
                let start = self.at;
                self.take_while(|c| c.is_ascii_hexdigit());
                let c = self.code_point(start, 16)?;
                self.expect("}")?;
                c
            }
            'x' => {
                let start = self.at;
                self.at += self.rest().bytes().take(2).take_while(u8::is_ascii_hexdigit).count();
                self.code_point(start, 16)?
            }
            '^' => char::from(u8::try_from(self.next()?).map_err(|_| self.error("not a control character"))? & 31),
            c => c,
        })
    }

    fn code_point(&self, start: usize, radix: u32) -> Result<char> {
        u32::from_str_radix(&self.text[start..self.at], radix)
            .ok()
            .and_then(char::from_u32)
            .ok_or_else(|| self.error("not a character"))
    }

    pub(super) fn character(&mut self) -> Result<Term> {
        self.next()?;
        let c = match self.next()? {
            '\\' => self.escape()?,
            c => c,
        };
        Ok(Term::Integer(i64::from(u32::from(c))))
    }

    pub(super) fn number(&mut self) -> Result<Term> {
        let negative = self.rest().starts_with('-');
        if negative || self.rest().starts_with('+') {
            self.next()?;
            self.skip();
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

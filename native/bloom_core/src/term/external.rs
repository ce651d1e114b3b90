//! The external term format, as far as the attributes of a beam need it (`erl_ext_dist` in ERTS' documentation).

use super::{MAX_DEPTH, MAX_TERMS, Term, TermError};

type Result<T> = std::result::Result<T, TermError>;

/// Reads a term in external format, with its version byte.
///
/// # Errors
/// [`TermError`] for truncated or unknown input. Nothing is allocated on the word of a length that the input does
/// not back.
pub fn parse(input: &[u8]) -> Result<Term> {
    let mut reader = Reader { input, at: 0, terms_left: MAX_TERMS };
    if reader.byte()? != 131 {
        return Err(reader.error("not the external term format"));
    }
    reader.term(0)
}

struct Reader<'a> {
    input: &'a [u8],
    at: usize,
    terms_left: usize,
}

impl<'a> Reader<'a> {
    fn error(&self, what: &'static str) -> TermError {
        TermError { what, at: self.at }
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.input.len());
        let end = end.ok_or_else(|| self.error("unexpected end"))?;
        let bytes = &self.input[self.at..end];
        self.at = end;
        Ok(bytes)
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.bytes(1)?[0])
    }

    fn size(&mut self, bytes: usize) -> Result<usize> {
        Ok(self.bytes(bytes)?.iter().fold(0, |size, byte| (size << 8) | usize::from(*byte)))
    }

    fn count(&mut self, terms: usize) -> Result<()> {
        self.terms_left = self.terms_left.checked_sub(terms).ok_or_else(|| self.error("too many terms"))?;
        Ok(())
    }

    fn term(&mut self, depth: usize) -> Result<Term> {
        if depth > MAX_DEPTH {
            return Err(self.error("nested too deep"));
        }
        self.count(1)?;
        Ok(match self.byte()? {
            97 => Term::Integer(i64::from(self.byte()?)),
            98 => {
                let bytes = self.bytes(4)?;
                Term::Integer(i64::from(i32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])))
            }
            70 => {
                let bytes: [u8; 8] = self.bytes(8)?.try_into().map_err(|_| self.error("unexpected end"))?;
                Term::Float(f64::from_be_bytes(bytes))
            }
            // Latin-1 atoms first, then UTF-8 ones, each with a long and a short length.
            100 => self.latin1_atom(2)?,
            115 => self.latin1_atom(1)?,
            118 => self.utf8_atom(2)?,
            119 => self.utf8_atom(1)?,
            104 => self.tuple(1, depth)?,
            105 => self.tuple(4, depth)?,
            106 => Term::List(Vec::new()),
            107 => {
                let length = self.size(2)?;
                self.count(length)?;
                Term::List(self.bytes(length)?.iter().map(|byte| Term::Integer(i64::from(*byte))).collect())
            }
            108 => {
                let length = self.size(4)?;
                let elements = self.elements(length, depth)?;
                if self.term(depth + 1)? == Term::List(Vec::new()) { Term::List(elements) } else { Term::Other }
            }
            109 => {
                let length = self.size(4)?;
                Term::Binary(self.bytes(length)?.to_vec())
            }
            110 => {
                let length = self.size(1)?;
                self.bytes(length + 1)?;
                Term::Other
            }
            // A bit string, or a large integer.
            77 | 111 => {
                let length = self.size(4)?;
                self.bytes(length + 1)?;
                Term::Other
            }
            // `fun Module:Function/Arity`, which an attribute of Elixir's may well hold.
            113 => {
                self.elements(3, depth)?;
                Term::Other
            }
            116 => {
                let length = self.size(4)?;
                let mut pairs = Vec::new();
                for _ in 0..length {
                    pairs.push((self.term(depth + 1)?, self.term(depth + 1)?));
                }
                Term::Map(pairs)
            }
            _ => return Err(self.error("a kind of term that attributes do not have")),
        })
    }

    fn latin1_atom(&mut self, length_bytes: usize) -> Result<Term> {
        let length = self.size(length_bytes)?;
        Ok(Term::Atom(self.bytes(length)?.iter().map(|byte| char::from(*byte)).collect()))
    }

    fn utf8_atom(&mut self, length_bytes: usize) -> Result<Term> {
        let length = self.size(length_bytes)?;
        let name = std::str::from_utf8(self.bytes(length)?).map_err(|_| self.error("not UTF-8"))?;
        Ok(Term::Atom(name.to_owned()))
    }

    fn tuple(&mut self, length_bytes: usize, depth: usize) -> Result<Term> {
        let length = self.size(length_bytes)?;
        Ok(Term::Tuple(self.elements(length, depth)?))
    }

    fn elements(&mut self, length: usize, depth: usize) -> Result<Vec<Term>> {
        let mut elements = Vec::new();
        for _ in 0..length {
            elements.push(self.term(depth + 1)?);
        }
        Ok(elements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `term_to_binary([{vsn,[1]},{behaviour,['Elixir.GenServer']},{x,<<"b">>,1.5,-1,#{}}])`.
    const SAMPLE: &[u8] = b"\x83\x6c\0\0\0\x03\x68\x02\x77\x03vsn\x6b\0\x01\x01\x68\x02\x77\x09behaviour\x6c\0\0\0\x01\
        \x77\x10Elixir.GenServer\x6a\x68\x05\x77\x01x\x6d\0\0\0\x01b\x46\x3f\xf8\0\0\0\0\0\0\x62\xff\xff\xff\xff\x74\0\0\0\0\x6a";

    #[test]
    fn reads_attributes() {
        let term = parse(SAMPLE).unwrap();
        assert_eq!(term.get("behaviour").unwrap().atoms(), ["Elixir.GenServer"]);
        assert_eq!(term.get("vsn").unwrap(), &Term::List(vec![Term::Integer(1)]));
        assert_eq!(term.as_list().unwrap()[2].as_tuple().unwrap()[2], Term::Float(1.5));
    }

    #[test]
    fn truncation_is_an_error_at_every_byte() {
        for length in 0..SAMPLE.len() {
            assert!(parse(&SAMPLE[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn lengths_and_depth_are_not_believed() {
        assert!(parse(b"\x83\x6c\xff\xff\xff\xff").is_err());
        assert!(parse(b"\x83\x6d\xff\xff\xff\xff").is_err());
        assert!(parse(&[&[0x83][..], &[0x68, 1].repeat(1000)].concat()).is_err());
    }

    #[test]
    fn more_terms_than_memory_should_hold_are_refused() {
        let list = |length: usize, element: &[u8]| {
            let count = u32::try_from(length).unwrap().to_be_bytes();
            [b"\x83\x6c", &count[..], &element.repeat(length), b"\x6a"].concat()
        };
        assert!(parse(&list(1000, b"\x6a")).is_ok());
        assert_eq!(parse(&list(MAX_TERMS, b"\x6a")).unwrap_err().what, "too many terms");
        let string = [b"\x6b\xff\xff", &*vec![0; 0xffff]].concat();
        assert_eq!(parse(&list(5, &string)).unwrap_err().what, "too many terms");
    }

    /// `term_to_binary([{handlers,[fun 'Elixir.String':upcase/1,<<1:3>>,1 bsl 80]},{vsn,[1]}])`.
    #[test]
    fn what_attributes_hold_and_nobody_asks_for_is_passed_over() {
        let term = parse(
            b"\x83\x6c\0\0\0\x02\x68\x02\x77\x08handlers\x6c\0\0\0\x03\x71\x77\x0dElixir.String\x77\x06upcase\x61\x01\
            \x4d\0\0\0\x01\x03\x20\x6e\x0b\0\0\0\0\0\0\0\0\0\0\0\x01\x6a\x68\x02\x77\x03vsn\x6b\0\x01\x01\x6a",
        );
        let term = term.unwrap();
        assert_eq!(term.get("handlers").unwrap(), &Term::List(vec![Term::Other, Term::Other, Term::Other]));
        assert_eq!(term.get("vsn").unwrap(), &Term::List(vec![Term::Integer(1)]));
    }
}

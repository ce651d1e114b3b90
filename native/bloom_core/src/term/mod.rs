//! Erlang terms from files, without a VM and without atoms that would live for ever.
//!
//! [`text`] reads what `file:consult/1` reads (`.rel`, `.app`, `.appup`, `RELEASES`), [`external`] the external term
//! format of beam chunks. Both bound depth and size, so that hostile input costs an error and nothing else.

pub mod external;
pub mod text;

/// Lists and tuples deeper than this are refused; release files reach about ten.
const MAX_DEPTH: usize = 128;
/// More terms than this in one are refused, as a byte of input can become 32 of memory; the largest `.app` files have
/// some thousand.
const MAX_TERMS: usize = 1 << 18;

/// An Erlang term.
#[derive(Debug, Clone, PartialEq)]
pub enum Term {
    /// An atom, by name.
    Atom(String),
    /// An integer that fits; larger ones are kept as [`Term::Other`].
    Integer(i64),
    /// A float.
    Float(f64),
    /// A binary.
    Binary(Vec<u8>),
    /// A list written as a string, or one of characters.
    String(String),
    /// A proper list.
    List(Vec<Term>),
    /// A tuple.
    Tuple(Vec<Term>),
    /// A map.
    Map(Vec<(Term, Term)>),
    /// Something that release files have no use for (a large integer, an improper list, …).
    Other,
}

/// Why something could not be read as a term.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}")]
pub struct TermError {
    /// What is wrong.
    pub what: &'static str,
    /// Where.
    pub at: usize,
}

impl Term {
    /// The name of an atom.
    #[must_use]
    pub fn as_atom(&self) -> Option<&str> {
        match self {
            Self::Atom(name) => Some(name),
            _ => None,
        }
    }

    /// The elements of a tuple.
    #[must_use]
    pub fn as_tuple(&self) -> Option<&[Term]> {
        match self {
            Self::Tuple(elements) => Some(elements),
            _ => None,
        }
    }

    /// The elements of a list; a string has none to offer, but the empty one is the empty list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Term]> {
        match self {
            Self::List(elements) => Some(elements),
            Self::String(text) if text.is_empty() => Some(&[]),
            _ => None,
        }
    }

    /// A string, whether it was written as one, as a list of characters, or as a binary.
    #[must_use]
    pub fn as_text(&self) -> Option<String> {
        match self {
            Self::String(text) => Some(text.clone()),
            Self::Binary(bytes) => String::from_utf8(bytes.clone()).ok(),
            Self::List(elements) => elements
                .iter()
                .map(|element| match element {
                    Self::Integer(code) => u32::try_from(*code).ok().and_then(char::from_u32),
                    _ => None,
                })
                .collect(),
            _ => None,
        }
    }

    /// The value of a key in a property list.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Term> {
        self.as_list()?.iter().find_map(|property| match property.as_tuple()? {
            [name, value] if name.as_atom() == Some(key) => Some(value),
            _ => None,
        })
    }

    /// The names in a list of atoms; anything else in it is passed over.
    #[must_use]
    pub fn atoms(&self) -> Vec<String> {
        self.as_list().unwrap_or_default().iter().filter_map(Term::as_atom).map(str::to_owned).collect()
    }

    /// Whether the atom stands anywhere in the term.
    #[must_use]
    pub fn mentions(&self, atom: &str) -> bool {
        match self {
            Self::Atom(name) => name == atom,
            Self::List(elements) | Self::Tuple(elements) => elements.iter().any(|element| element.mentions(atom)),
            Self::Map(pairs) => pairs.iter().any(|(key, value)| key.mentions(atom) || value.mentions(atom)),
            _ => false,
        }
    }
}

//! The instructions of a module, only as far as to find out whether it runs a function when it is loaded.

/// Instructions by opcode, starting with 1: how many operands each has (`genop.tab` of OTP 27; opcodes are never
/// given a second meaning).
const ARITIES: [u8; 183] = [
    1, 3, 0, 2, 3, 2, 2, 3, 2, 4, 5, 2, 3, 2, 3, 2, 1, 1, 0, 0, 0, 0, 2, 1, 1, 2, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 3,
    3, 3, 3, 3, 3, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 1, 2, 1, 2, 3, 3, 3, 3, 3, 2, 1, 1, 0, 1, 1, 3,
    2, 2, 2, 5, 5, 5, 4, 2, 1, 1, 2, 2, 5, 5, 5, 2, 1, 0, 1, 2, 2, 4, 4, 4, 4, 3, 1, 2, 1, 1, 1, 2, 6, 3, 5, 1, 2, 2,
    3, 5, 7, 7, 7, 5, 3, 2, 2, 5, 6, 2, 2, 2, 2, 1, 3, 4, 0, 8, 6, 2, 6, 5, 4, 5, 4, 5, 4, 3, 3, 3, 3, 3, 0, 1, 1, 7,
    1, 5, 5, 2, 3, 3, 4, 0, 0, 2, 2, 2, 3, 4, 3, 2, 2, 4, 3, 1, 2, 1, 1, 1, 6, 3, 0, 1, 5, 3, 2,
];
const ON_LOAD: u8 = 149;
/// Lists of operands lie one in another no deeper than this in compiled code.
const MAX_DEPTH: usize = 8;

/// Whether the code chunk has an `on_load` instruction. Code that cannot be followed, of a newer OTP say, has none.
pub(super) fn has_on_load(chunk: &[u8]) -> bool {
    let header = chunk.get(..4).map(|size| u32::from_be_bytes([size[0], size[1], size[2], size[3]]) as usize);
    let Some(mut code) = header.and_then(|size| chunk.get(4 + size..)) else { return false };

    while let Some((opcode, rest)) = code.split_first() {
        if *opcode == ON_LOAD {
            return true;
        }
        let Some(arity) = usize::from(*opcode).checked_sub(1).and_then(|index| ARITIES.get(index)) else {
            return false;
        };
        code = rest;
        for _ in 0..*arity {
            match skip_operand(code, 0) {
                Some(rest) => code = rest,
                None => return false,
            }
        }
    }
    false
}

/// One operand is a compact term: a tag in the low three bits, a value of varying length, for some tags more.
fn skip_operand(code: &[u8], depth: usize) -> Option<&[u8]> {
    if depth > MAX_DEPTH {
        return None;
    }
    let tag = code.first()? & 0b111;
    if tag != 7 {
        return Some(value(code)?.1);
    }

    match code[0] >> 4 {
        // A list: its length, then its elements.
        1 => {
            let (length, mut rest) = value(&code[1..])?;
            for _ in 0..length {
                rest = skip_operand(rest, depth + 1)?;
            }
            Some(rest)
        }
        // A floating point register, or a literal: one value.
        2 | 4 => Some(value(&code[1..])?.1),
        // An allocation list: its length, then pairs of a kind and a value.
        3 => {
            let (length, mut rest) = value(&code[1..])?;
            for _ in 0..length.checked_mul(2)? {
                rest = value(rest)?.1;
            }
            Some(rest)
        }
        // A register with a hint of its type.
        5 => skip_operand(&code[1..], depth + 1).and_then(|rest| Some(value(rest)?.1)),
        _ => None,
    }
}

fn value(code: &[u8]) -> Option<(usize, &[u8])> {
    let first = *code.first()?;
    if first & 0b1000 == 0 {
        return Some((usize::from(first >> 4), &code[1..]));
    }
    if first & 0b1_0000 == 0 {
        return Some((usize::from(first >> 5) << 8 | usize::from(*code.get(1)?), code.get(2..)?));
    }
    // Two to eight bytes follow, or nine and more, whose count is a value of its own. That one is never so long again:
    // following it anyway would take a call for each byte of a hostile chunk.
    let (length, rest) = match usize::from(first >> 5) {
        7 if code.get(1)? >> 5 == 7 && code[1] & 0b1_1000 == 0b1_1000 => return None,
        7 => value(&code[1..]).and_then(|(length, rest)| Some((length.checked_add(9)?, rest)))?,
        length => (length + 2, &code[1..]),
    };
    let bytes = rest.get(..length)?;
    let number = bytes.iter().fold(0_usize, |number, byte| number << 8 | usize::from(*byte));
    Some((number, &rest[length..]))
}

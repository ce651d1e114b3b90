//! Synthetic modules, to put into synthetic releases.

/// A module as a beam: what a plan looks at, and a word of code that tells versions apart.
#[derive(Clone, Default)]
pub struct Module {
    pub name: String,
    pub code: u32,
    pub behaviours: Vec<&'static str>,
    pub exports: Vec<(&'static str, u32)>,
    pub imports: Vec<(&'static str, &'static str, u32)>,
    pub implements: Option<&'static str>,
    pub names: Vec<&'static str>,
}

pub fn module(name: &str, code: u32) -> Module {
    Module { name: name.into(), code, ..Module::default() }
}

impl Module {
    pub fn behaviour(mut self, behaviour: &'static str) -> Self {
        self.behaviours.push(behaviour);
        self
    }

    pub fn exports(mut self, name: &'static str, arity: u32) -> Self {
        self.exports.push((name, arity));
        self
    }

    pub fn calls(mut self, module: &'static str, function: &'static str, arity: u32) -> Self {
        self.imports.push((module, function, arity));
        self
    }

    pub fn implements(mut self, protocol: &'static str) -> Self {
        self.implements = Some(protocol);
        self
    }

    pub fn names(mut self, atom: &'static str) -> Self {
        self.names.push(atom);
        self
    }

    /// The file of it.
    pub fn beam(&self) -> Vec<u8> {
        let mut atoms: Vec<&str> = vec![&self.name];
        let mut index = |atom: &'static str| -> u32 {
            let found = atoms.iter().position(|known| *known == atom);
            let at = found.unwrap_or_else(|| {
                atoms.push(atom);
                atoms.len() - 1
            });
            u32::try_from(at + 1).unwrap()
        };
        let imports: Vec<[u32; 3]> = self.imports.iter().map(|(m, f, a)| [index(m), index(f), *a]).collect();
        let exports: Vec<[u32; 3]> = self.exports.iter().map(|(f, a)| [index(f), *a, 0]).collect();
        for name in &self.names {
            index(name);
        }

        let mut table = u32::try_from(atoms.len()).unwrap().to_be_bytes().to_vec();
        for atom in atoms {
            table.push(u8::try_from(atom.len()).unwrap());
            table.extend_from_slice(atom.as_bytes());
        }
        let body = [
            chunk(*b"AtU8", &table),
            chunk(*b"Code", &words(&[16, 0, 0, 1, 1, self.code])),
            chunk(*b"ImpT", &triples(&imports)),
            chunk(*b"ExpT", &triples(&exports)),
            chunk(*b"Attr", &self.attributes()),
        ]
        .concat();
        [b"FOR1", &words(&[u32::try_from(body.len() + 4).unwrap()])[..], b"BEAM", &body].concat()
    }

    /// `[{behaviour,[…]}, …, {'__impl__',[{protocol,…}]}]` in the external term format.
    fn attributes(&self) -> Vec<u8> {
        let atom = |name: &str| [&[119, u8::try_from(name.len()).unwrap()], name.as_bytes()].concat();
        let list = |items: &[Vec<u8>]| {
            let count = words(&[u32::try_from(items.len()).unwrap()]);
            [&[108], &count[..], &items.concat(), &[106]].concat()
        };
        let pair = |key: Vec<u8>, value: Vec<u8>| [&[104, 2][..], &key, &value].concat();
        let mut properties: Vec<_> =
            self.behaviours.iter().map(|behaviour| pair(atom("behaviour"), list(&[atom(behaviour)]))).collect();
        properties.extend(
            self.implements.map(|protocol| pair(atom("__impl__"), list(&[pair(atom("protocol"), atom(protocol))]))),
        );
        [&[131][..], &list(&properties)].concat()
    }
}

fn chunk(name: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut chunk = [&name[..], &words(&[u32::try_from(data.len()).unwrap()]), data].concat();
    chunk.resize(chunk.len().next_multiple_of(4), 0);
    chunk
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn triples(rows: &[[u32; 3]]) -> Vec<u8> {
    let count = u32::try_from(rows.len()).unwrap();
    [words(&[count]), rows.iter().flat_map(|row| words(row)).collect()].concat()
}

//! The messages of the plugin `pgoutput`, version 1, as bytes: transactions, relations, and the keys of rows that changed. Pure;
//! whatever the bytes are, it ends with a message or an error.

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message<'m> {
    /// A transaction begins, whose commit has this position.
    Begin { commit: u64, transaction: u32 },
    /// It ends; the next one begins behind this position.
    Commit { end: u64 },
    /// What later messages call a table by.
    Relation(Relation<'m>),
    /// A row is new.
    Insert { relation: u32, new: Tuple<'m> },
    /// A row changed. The old one is there when its key changed, or when all of it identifies a row.
    Update { relation: u32, old: Option<Tuple<'m>>, new: Tuple<'m> },
    /// A row is gone.
    Delete { relation: u32, old: Tuple<'m> },
    /// All rows of tables are gone.
    Truncate { relations: Vec<u32> },
    /// Something that says nothing of rows.
    Other,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Relation<'m> {
    pub(super) id: u32,
    pub(super) schema: &'m str,
    pub(super) name: &'m str,
    pub(super) columns: Vec<Column<'m>>,
}

/// A column, and whether it identifies rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column<'m> {
    pub(super) identifies: bool,
    pub(super) name: &'m str,
}

/// The values of a row; none for nothing, and for a large value that has not changed.
pub(super) type Tuple<'m> = Vec<Option<&'m str>>;

/// Bytes that are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message of the replication is not of the form that pgoutput has")]
pub(super) struct NoMessage;

/// Reads a message.
pub(super) fn read(bytes: &[u8]) -> Result<Message<'_>, NoMessage> {
    let mut reader = Reader(bytes);
    Ok(match reader.byte()? {
        b'B' => {
            let commit = reader.long()?;
            reader.long()?;
            Message::Begin { commit, transaction: reader.int()? }
        }
        b'C' => {
            reader.byte()?;
            reader.long()?;
            Message::Commit { end: reader.long()? }
        }
        b'R' => Message::Relation(reader.relation()?),
        b'I' => {
            let relation = reader.int()?;
            reader.byte()?;
            Message::Insert { relation, new: reader.tuple()? }
        }
        b'U' => {
            let relation = reader.int()?;
            let old = match reader.byte()? {
                b'K' | b'O' => {
                    let old = reader.tuple()?;
                    reader.byte()?;
                    Some(old)
                }
                _ => None,
            };
            Message::Update { relation, old, new: reader.tuple()? }
        }
        b'D' => {
            let relation = reader.int()?;
            reader.byte()?;
            Message::Delete { relation, old: reader.tuple()? }
        }
        b'T' => {
            let count = reader.int()?;
            reader.byte()?;
            Message::Truncate { relations: (0..count).map(|_| reader.int()).collect::<Result<_, _>>()? }
        }
        b'O' | b'Y' | b'M' => Message::Other,
        _ => return Err(NoMessage),
    })
}

struct Reader<'m>(&'m [u8]);

impl<'m> Reader<'m> {
    fn take(&mut self, count: usize) -> Result<&'m [u8], NoMessage> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(NoMessage)?;
        self.0 = rest;
        Ok(taken)
    }

    fn sized<const N: usize>(&mut self) -> Result<[u8; N], NoMessage> {
        self.take(N)?.try_into().map_err(|_| NoMessage)
    }

    fn byte(&mut self) -> Result<u8, NoMessage> {
        let [byte] = self.sized()?;
        Ok(byte)
    }

    fn short(&mut self) -> Result<u16, NoMessage> {
        Ok(u16::from_be_bytes(self.sized()?))
    }

    fn int(&mut self) -> Result<u32, NoMessage> {
        Ok(u32::from_be_bytes(self.sized()?))
    }

    fn long(&mut self) -> Result<u64, NoMessage> {
        Ok(u64::from_be_bytes(self.sized()?))
    }

    /// A text that ends with a NUL.
    fn name(&mut self) -> Result<&'m str, NoMessage> {
        let end = self.0.iter().position(|byte| *byte == 0).ok_or(NoMessage)?;
        let name = self.take(end)?;
        self.byte()?;
        std::str::from_utf8(name).map_err(|_| NoMessage)
    }

    fn relation(&mut self) -> Result<Relation<'m>, NoMessage> {
        let (id, schema, name) = (self.int()?, self.name()?, self.name()?);
        self.byte()?;
        let count = self.short()?;
        let mut columns = Vec::new();
        for _ in 0..count {
            let identifies = self.byte()? & 1 == 1;
            columns.push(Column { identifies, name: self.name()? });
            // The type and its modifier.
            self.take(8)?;
        }
        Ok(Relation { id, schema, name, columns })
    }

    fn tuple(&mut self) -> Result<Tuple<'m>, NoMessage> {
        let count = self.short()?;
        let mut values = Vec::new();
        for _ in 0..count {
            values.push(match self.byte()? {
                b'n' | b'u' => None,
                b't' => {
                    let length = usize::try_from(self.int()?).map_err(|_| NoMessage)?;
                    Some(std::str::from_utf8(self.take(length)?).map_err(|_| NoMessage)?)
                }
                _ => return Err(NoMessage),
            });
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(hexadecimal: &str) -> Vec<u8> {
        let digits: Vec<u8> = hexadecimal.bytes().filter(u8::is_ascii_hexdigit).collect();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(byte).collect()
    }

    /// Written from the description of the protocol, for a table `public.people (id bigint PRIMARY KEY, name text)`. Those of a
    /// real server are read in the tests of this crate.
    #[test]
    fn messages_of_each_kind_are_read() {
        let begin = bytes("42 000000000155e2f8 0002a4b5d3c1f0e2 000002e6");
        assert_eq!(read(&begin), Ok(Message::Begin { commit: 0x0155_e2f8, transaction: 0x2e6 }));
        let commit = bytes("43 00 000000000155e2f8 000000000155e328 0002a4b5d3c1f0e2");
        assert_eq!(read(&commit), Ok(Message::Commit { end: 0x0155_e328 }));
        let relation = bytes(
            "52 00004001 7075626c696300 70656f706c6500 64 0002 01 696400 00000014 ffffffff 00 6e616d6500 00000019 ffffffff",
        );
        let columns =
            vec![Column { identifies: true, name: "id" }, Column { identifies: false, name: "name" }];
        let expected = Relation { id: 0x4001, schema: "public", name: "people", columns };
        assert_eq!(read(&relation), Ok(Message::Relation(expected)));
        let insert = bytes("49 00004001 4e 0002 74 00000001 31 74 00000003 416461");
        let new = vec![Some("1"), Some("Ada")];
        assert_eq!(read(&insert), Ok(Message::Insert { relation: 0x4001, new }));
        let update = bytes("55 00004001 4b 0002 74 00000001 31 6e 4e 0002 74 00000001 32 75");
        let (old, new) = (Some(vec![Some("1"), None]), vec![Some("2"), None]);
        assert_eq!(read(&update), Ok(Message::Update { relation: 0x4001, old, new }));
        let delete = bytes("44 00004001 4b 0002 74 00000001 32 6e");
        assert_eq!(read(&delete), Ok(Message::Delete { relation: 0x4001, old: vec![Some("2"), None] }));
        let truncate = bytes("54 00000001 00 00004001");
        assert_eq!(read(&truncate), Ok(Message::Truncate { relations: vec![0x4001] }));
        for whole in [begin, commit, relation, insert, update, delete, truncate] {
            for end in 0..whole.len().min(9) {
                assert_eq!(read(&whole[..end]), Err(NoMessage), "{whole:?} up to {end}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end_well(kind in prop::sample::select(b"BCRIUDTOYM?".to_vec()), rest in any::<Vec<u8>>()) {
            let mut bytes = vec![kind];
            bytes.extend(rest);
            drop(read(&bytes));
        }
    }
}
